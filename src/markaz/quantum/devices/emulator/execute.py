"""Run a compiled circuit on an emulated device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.emulator.blocks import course_of
from markaz.quantum.devices.emulator.lower import lower
from markaz.quantum.devices.emulator.schedule import timed
from markaz.quantum.devices.emulator.truth import MODEL_VERSION, Truth, commitment, truth_at
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.noisy.run import Limits, Outcome, run
from markaz.quantum.simulate.noisy.run_script import run_script
from markaz.quantum.simulate.result import Result, strings, tally
from markaz.quantum.simulate.versions import versions

EMULATED: Final = "EMULATED"


@dataclass(slots=True)
class EmulatedResult(Result):
    """A result of an emulated device, which says so.

    ``model_version``: of the emulator's physics; ``truth``: commitment to the hidden truth
    that the run met; ``accuracy``: what the methods that were used leave out;
    ``duration_ns``: of one shot.
    """

    emulated: str = EMULATED
    model_version: str = MODEL_VERSION
    truth: str = ""
    accuracy: str = ""
    duration_ns: float = 0.0

    def to_json(self, program_hash: str | None = None) -> dict[str, Any]:
        """The contracted keys, and the emulator's own."""
        # No super() without arguments: slots make dataclass build the class twice.
        return Result.to_json(self, program_hash) | {
            "emulated": self.emulated,
            "model_version": self.model_version,
            "truth": self.truth,
            "accuracy": self.accuracy,
            "duration_ns": self.duration_ns,
        }


def execute(
    model: DeviceModel,
    seed: int,
    at_us: int,
    recalibrated_us: int,
    circuit: Circuit,
    *,
    shots: int,
    run_seed: int,
    time_limit: float = 60.0,
    memory_limit: int = 4 << 30,
    memory: bool = False,
    method: str = "auto",
    threads: int | None = None,
) -> EmulatedResult:
    """Run a circuit in native gates on physical qubits, as the device is at ``at_us``.

    ``seed`` makes the device's hidden truth, ``recalibrated_us`` is when it was last
    retuned (µs UTC), ``run_seed`` draws the shots: the same arguments give the same bits.
    ``time_limit`` in seconds, ``memory_limit`` in bytes; ``method`` is ``auto`` or a name
    of ``simulate.noisy.run.METHODS``.

    Raises ProgramError ``unsupported`` for a circuit that the device cannot execute,
    ``limit-time``, ``limit-memory`` and ``engine``; ValueError for a bad option.
    """
    started = time.monotonic()
    truth = truth_at(model, seed, at_us, recalibrated_us)
    return execute_under(
        model, truth, circuit, shots=shots, run_seed=run_seed, time_limit=time_limit,
        memory_limit=memory_limit, memory=memory, method=method, threads=threads,
        bond=commitment(model, seed, truth), started=started,
    )  # fmt: skip


def execute_under(
    model: DeviceModel,
    truth: Truth,
    circuit: Circuit,
    *,
    shots: int,
    run_seed: int,
    time_limit: float = 60.0,
    memory_limit: int = 4 << 30,
    memory: bool = False,
    method: str = "auto",
    threads: int | None = None,
    bond: str = "",
    started: float | None = None,
) -> EmulatedResult:
    """As ``execute``, with the hidden truth in hand; ``bond`` is its commitment."""
    begun = time.monotonic() if started is None else started
    if not 1 <= shots <= model.max_shots:
        raise ValueError(f"shots must be from 1 to {model.max_shots}, not {shots}")
    if not 0 <= run_seed < 1 << 63:
        raise ValueError(f"run_seed must be from 0 to 2^63 - 1, not {run_seed}")
    ready = (_branching if circuit.is_dynamic else _straight)(circuit, model, truth)
    planned = time.monotonic()
    limits = Limits(begun + time_limit, time_limit, memory_limit, threads or _threads())
    outcome, duration = ready(shots, run_seed, limits, method)
    shown, registers = _visible(circuit, outcome.bits)
    done = time.monotonic()
    return EmulatedResult(
        shots=shots,
        seed=run_seed,
        num_qubits=circuit.num_qubits,
        num_clbits=len(shown),
        registers=registers,
        measured=circuit.measured,
        plan=outcome.plan,
        seconds={"parse": 0.0, "plan": planned - begun, "run": done - planned,
                 "total": done - begun},
        circuit=circuit,
        counts=tally(shown),
        memory=strings(shown) if memory else None,
        fidelity=outcome.fidelity,
        engines=versions(("numpy", "numba", "stim")),
        truth=bond,
        accuracy=outcome.accuracy,
        duration_ns=duration,
    )  # fmt: skip


_Ready = Callable[[int, int, Limits, str], tuple[Outcome, float]]


def _straight(circuit: Circuit, model: DeviceModel, truth: Truth) -> _Ready:
    """A circuit that measures at its end: all shots do the same."""
    rows = timed(circuit, model)
    program, clbits = lower(rows, model, truth)
    duration = max((row.start + row.duration for row in rows), default=0.0)

    def go(shots: int, seed: int, limits: Limits, method: str) -> tuple[Outcome, float]:
        outcome = run(program, shots, seed, limits, method)
        bits = np.zeros((shots, circuit.num_clbits), np.uint8)
        bits[:, clbits] = outcome.bits
        return replace(outcome, bits=bits), duration

    return go


def _branching(circuit: Circuit, model: DeviceModel, truth: Truth) -> _Ready:
    """A circuit in which what happens depends on outcomes; its duration is the longest shot's."""
    course = course_of(circuit, model, truth)
    script = course.script

    def go(shots: int, seed: int, limits: Limits, method: str) -> tuple[Outcome, float]:
        return run_script(script, shots, seed, limits, method), course.longest

    return go


def _threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _visible(
    circuit: Circuit, bits: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], tuple[tuple[str, int], ...]]:
    """Bits of the visible registers, shape (bits, shots), and the registers."""
    seen = [r for r in circuit.cregs if not r.hidden]
    rows = [i for r in seen for i in range(r.offset, r.offset + r.size)]
    return np.ascontiguousarray(bits.T[rows]), tuple((r.name, r.size) for r in seen)
