"""Run and explain programs: the quantum floor's front door."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

from markaz.quantum.observables import ObservableError, PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.parameters import bind
from markaz.quantum.simulate.exact import COUNTS, WANTED, run_exact
from markaz.quantum.simulate.execute import Budget
from markaz.quantum.simulate.expect import plan_values, run_values
from markaz.quantum.simulate.pipeline import Job, plan_job, run_job
from markaz.quantum.simulate.result import Plan, Result

MAX_SHOTS = 100_000_000
SEED_BITS = 63
_AVAILABLE = re.compile(rb"^MemAvailable:\s+(\d+) kB", re.MULTILINE)


def default_memory_limit() -> int:
    """Bytes that leave the machine usable: 80 % of what is free now."""
    try:
        meminfo = os.open("/proc/meminfo", os.O_RDONLY)
        try:
            found = _AVAILABLE.search(os.read(meminfo, 4096))
        finally:
            os.close(meminfo)
    except OSError:
        found = None
    return int(int(found[1]) * 1024 * 0.8) if found else 4 << 30


def _checked_shots(shots: int, wanted: bool) -> int:
    if isinstance(shots, bool) or not isinstance(shots, int):
        raise TypeError(f"shots must be a whole number, not {shots!r}")
    if not (1 if wanted else 0) <= shots <= MAX_SHOTS:
        raise ValueError(f"shots must be from 1 to {MAX_SHOTS}, not {shots}")
    return shots


def _checked_seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbits(SEED_BITS)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << SEED_BITS:
        raise ValueError(f"seed must be a whole number from 0 to 2^{SEED_BITS} - 1, not {seed!r}")
    return seed


def _bound(circuit: Circuit, values: Mapping[str, float] | None) -> Circuit:
    if not circuit.parameters and not values:
        return circuit
    return bind(circuit, values or {})


def _observables(
    observables: Sequence[str | PauliSum] | None, num_qubits: int
) -> tuple[PauliSum, ...] | None:
    if observables is None:
        return None
    try:
        sums = tuple(PauliSum.of(o) for o in observables)
        for each in sums:
            each.check_width(num_qubits)
    except ObservableError as error:
        raise ProgramError("parse", str(error)) from error
    return sums


@cache
def _processors() -> int:
    """Asked of the system once: that takes longer than to read a small program."""
    return os.cpu_count() or 1


def _job(program: Any, started: float, options: Mapping[str, Any]) -> Job:
    seconds = options["time_limit"]
    if not seconds > 0:
        raise ValueError(f"time_limit must be positive, not {seconds!r}")
    if options["wanted"] not in WANTED:
        raise ValueError(f"wanted must be one of {', '.join(WANTED)}, not {options['wanted']!r}")
    if options["wanted"] != COUNTS and options["observables"] is not None:
        raise ValueError(f"{options['wanted']} and observables are asked for in runs of their own")
    memory = options["memory_limit"] or default_memory_limit()
    circuit = load(
        program,
        fmt=options["fmt"],
        guarded=options["guarded"],
        time_limit=seconds,
        memory_limit=options["memory_limit"],
    )
    parsed = time.monotonic()
    circuit = _bound(circuit, options["parameters"])
    observables = _observables(options["observables"], circuit.num_qubits)
    return Job(
        circuit=circuit,
        shots=_checked_shots(options["shots"], observables is None),
        seed=_checked_seed(options["seed"]),
        budget=Budget(
            deadline=started + seconds,
            seconds=seconds,
            memory=memory,
            threads=options["threads"] or _processors(),
            min_fidelity=options["min_fidelity"],
            progress=options["progress"],
        ),
        engine=options["engine"],
        without=tuple(options["without"]),
        observables=observables,
        memory=options["memory"],
        replay=options["replay"],
        started=started,
        parse_seconds=parsed - started,
        wanted=options["wanted"],
    )


def run(
    program: Circuit | str | bytes | os.PathLike[str] | Any,
    *,
    shots: int = 1024,
    seed: int | None = None,
    engine: str = "auto",
    without: Collection[str] = (),
    time_limit: float = 60.0,
    memory_limit: int | None = None,
    observables: Sequence[str | PauliSum] | None = None,
    parameters: Mapping[str, float] | None = None,
    memory: bool = False,
    guarded: bool = False,
    wanted: str = COUNTS,
    replay: Mapping[str, Any] | None = None,
    threads: int | None = None,
    min_fidelity: float = 1.0,
    progress: Callable[[str], None] | None = None,
    fmt: str | None = None,
) -> Result:
    """Simulate a program and return its counts, or its expectation values.

    ``program`` is a Circuit, a Qiskit QuantumCircuit, program text, QPY bytes or a path.
    ``time_limit`` (seconds) runs from opening the program to the result; ``memory_limit``
    in bytes. ``engine`` is ``auto`` or a key from ``markaz engines``; ``without`` names
    libraries to leave out. With ``observables`` values take the place of counts and final
    measurements are ignored. ``wanted`` is ``counts``, ``probabilities`` (exact, of all
    outcomes that can occur) or ``statevector`` (final measurements ignored), see
    ``simulate.exact`` for their sizes. ``min_fidelity`` below 1 allows an approximate state.
    ``replay`` takes the JSON of an earlier result: same plan, same seed, same counts.
    ``guarded`` opens the program in a confined child process, for strangers' input.

    Raises ProgramError (see ``programs.errors.KINDS``), ValueError for a bad option.
    """
    options = {k: v for k, v in locals().items() if k != "program"}
    started = time.monotonic()
    job = _job(program, started, options)
    if wanted != COUNTS:
        return run_exact(job)
    return run_job(job) if observables is None else run_values(job)


def explain(
    program: Circuit | str | bytes | os.PathLike[str] | Any,
    *,
    shots: int = 1024,
    engine: str = "auto",
    without: Collection[str] = (),
    time_limit: float = 60.0,
    memory_limit: int | None = None,
    observables: Sequence[str | PauliSum] | None = None,
    parameters: Mapping[str, float] | None = None,
    guarded: bool = False,
    fmt: str | None = None,
    treewidth: bool = False,
) -> Plan:
    """The plan for a program, with every engine considered; runs nothing.

    With ``treewidth`` the facts of each part, where no observables are given, have an upper
    bound on the treewidth of its interaction graph (see ``simulate.treewidth``).
    """
    options = {k: v for k, v in locals().items() if k not in ("program", "treewidth")}
    options |= {
        "seed": 0,
        "memory": False,
        "wanted": COUNTS,
        "replay": None,
        "threads": None,
        "min_fidelity": 1.0,
        "progress": None,
    }
    started = time.monotonic()
    job = _job(program, started, options)
    if observables is not None:
        return plan_values(job)
    return plan_job(job, treewidth=treewidth)


def warm(engines: Collection[str] | None = None) -> None:
    """Load compiled kernels and engine libraries now, here and in the engine child, so that
    the next run does not pay for them; for servers and benchmarks."""
    # Loads numba and every engine, which nothing else here may.
    from markaz.quantum.simulate.warm import warm_up  # noqa: PLC0415

    warm_up(engines)


__all__ = ["ProgramError", "explain", "run", "warm"]
