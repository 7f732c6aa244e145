"""Noisy sampling on emulated devices, against Aer with the same channels in the same run.

    python -m benchmarks.noisy [--qubits 20] [--shots 4096] [--aer-shots 4] [--mps] [--seed S]

Aer runs few shots, because each takes seconds (give it a multiple of the cores), and its time is
scaled. Its settings are tried one after the other and the quickest counts. It is
given the emulator's own channels, and once more, as a favour, a poorer model: Pauli errors of
gates only, without crosstalk, idle times and coherent errors.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from markaz.quantum.api import warm
from markaz.quantum.devices.emulator.execute import execute_under
from markaz.quantum.devices.emulator.lower import lower
from markaz.quantum.devices.emulator.schedule import timed
from markaz.quantum.devices.emulator.truth import Truth, truth_at
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.noisy.program import NoisyProgram

HALF = np.pi / 2
HOUR_US = 3_600_000_000
AT = 1_763_800_000_000_000
SETTINGS = (
    ("statevector", "single"),
    ("statevector", "double"),
)
MPS = ("matrix_product_state", "double")  # minutes a shot where qubits are well entangled


def patterns(model: DeviceModel, qubits: list[int]) -> list[list[tuple[int, int]]]:
    """Working couplers between ``qubits``, in groups without a common qubit."""
    groups: list[list[tuple[int, int]]] = []
    for pair in model.live_couplers:
        if set(pair) <= set(qubits):
            free = (g for g in groups if not any(set(pair) & set(p) for p in g))
            group = next(free, None)
            groups.append([pair]) if group is None else group.append(pair)
    return groups


def layered(
    model: DeviceModel, qubits: list[int], depth: int, rng: np.random.Generator, *, clifford: bool
) -> Circuit:
    """Layers of quarter turns about random axes and of CZ in turn, then measurements."""
    builder = Builder()
    builder.qreg("q", model.num_qubits)
    builder.creg("c", len(qubits))
    groups = patterns(model, qubits)
    for layer in range(depth):
        if layer % 2:
            for pair in groups[layer // 2 % len(groups)]:
                builder.gate(Op.CZ, pair)
            continue
        for qubit in qubits:
            phi = HALF * rng.integers(4) if clifford else 2 * np.pi * rng.random()
            builder.gate(Op.U, [qubit], [HALF, phi - HALF, HALF - phi])
        builder.barrier(qubits)
    for bit, qubit in enumerate(qubits):
        builder.measure(qubit, bit)
    return builder.build()


def same_channels(p: NoisyProgram) -> Any:
    """The program as a Qiskit circuit with Aer's error instructions."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Kraus
    from qiskit_aer.noise import depolarizing_error, pauli_error

    circuit = QuantumCircuit(p.num_qubits, p.num_qubits)
    for s in range(p.num_steps):
        for q in np.flatnonzero(p.z[s]).tolist():
            circuit.rz(p.z[s, q], q)
        for k in np.flatnonzero(p.pair_step == s).tolist():
            circuit.rzz(p.pair_angle[k], *p.pairs[k].tolist())
        for q in range(p.num_qubits):
            if p.decay[s, q]:
                # Qiskit's own channel: Aer 0.18 calls some of its own "empty" at 20 qubits.
                kept, lost = np.sqrt(1 - p.decay[s, q]), np.sqrt(p.decay[s, q])
                relaxation = Kraus([np.diag([1, kept]), np.array([[0, lost], [0, 0]])])
                circuit.append(relaxation.to_instruction(), [q])
            if p.dephase[s, q]:
                phases = pauli_error([("Z", p.dephase[s, q]), ("I", 1 - p.dephase[s, q])])
                circuit.append(phases.to_instruction(), [q])
        for k in np.flatnonzero(p.error_step == s).tolist():
            error = depolarizing_error(p.error[k] * 16 / 15, 2)
            circuit.append(error.to_instruction(), p.error_pairs[k].tolist())
        for q in np.flatnonzero(p.has_turn[s]).tolist():
            circuit.r(p.turn[s, q], p.axis[s, q], q)
            circuit.append(depolarizing_error(p.flip[s, q] * 4 / 3, 1).to_instruction(), [q])
    circuit.measure(range(p.num_qubits), range(p.num_qubits))
    return circuit


def poorer(p: NoisyProgram) -> Any:
    """Gates as they were meant, with Pauli errors only."""
    from qiskit import QuantumCircuit
    from qiskit_aer.noise import depolarizing_error

    circuit = QuantumCircuit(p.num_qubits, p.num_qubits)
    for s in range(p.num_steps):
        for k in np.flatnonzero(p.error_step == s).tolist():
            pair = p.error_pairs[k].tolist()
            circuit.cz(*pair)
            circuit.append(depolarizing_error(p.error[k] * 16 / 15, 2).to_instruction(), pair)
        for q in np.flatnonzero(p.has_turn[s]).tolist():
            circuit.r(p.ideal_turn[s, q], p.axis[s, q], q)
            circuit.append(depolarizing_error(p.flip[s, q] * 4 / 3, 1).to_instruction(), [q])
    circuit.measure(range(p.num_qubits), range(p.num_qubits))
    return circuit


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def aer_seconds(circuit: Any, shots: int, few: int, setting: tuple[str, str], seed: int) -> float:
    """Time of Aer for ``shots``, scaled from a run with few, which it spreads over the cores."""
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(method=setting[0], precision=setting[1])
    started = time.perf_counter()
    result = simulator.run(circuit, shots=few, seed_simulator=seed).result()
    if not result.success:
        raise RuntimeError(f"Aer: {result.status}")
    return (time.perf_counter() - started) / few * shots


def against_aer(args: argparse.Namespace, rng: np.random.Generator) -> None:
    """The figure on indus."""
    model = load_shipped("indus")
    truth = truth_at(model, args.seed, AT + 4 * HOUR_US, AT)
    circuit = layered(model, list(range(args.qubits)), args.depth, rng, clifford=False)
    result = []
    ours = seconds(lambda: result.append(run(model, truth, circuit, args)))
    plan = result[0].plan
    print(f"indus, {args.qubits} qubits, depth {args.depth}, {args.shots} shots, seed {args.seed}")
    print(f"  markaz   {ours:9.2f} s   {plan.engine}, {plan.parts[0].facts['errors a shot']} "
          f"errors a shot, predicted {plan.predicted_seconds:.2f} s")  # fmt: skip
    program, _ = lower(timed(circuit, model), model, truth)
    for title, made in (("same channels", same_channels(program)), ("poorer", poorer(program))):
        for setting in (*SETTINGS, MPS) if args.mps else SETTINGS:
            theirs = aer_seconds(made, args.shots, args.aer_shots, setting, args.seed)
            print(f"  Aer      {theirs:9.2f} s   {title}, {' '.join(setting)}; "
                  f"ratio {ours / theirs:.4f}", flush=True)  # fmt: skip


def run(model: DeviceModel, truth: Truth, circuit: Circuit, args: argparse.Namespace) -> Any:
    """One run on the emulator."""
    return execute_under(
        model, truth, circuit, shots=args.shots, run_seed=args.seed, time_limit=3600.0
    )


def twirled(args: argparse.Namespace, rng: np.random.Generator) -> None:
    """The figure on karakoram."""
    model = load_shipped("karakoram")
    truth = truth_at(model, args.seed, AT + 4 * HOUR_US, AT)
    circuit = layered(model, list(range(66)), 10, rng, clifford=True)
    times = [seconds(lambda: run(model, truth, circuit, args)) for _ in range(5)]
    print(f"karakoram, 66 qubits, depth 10, Clifford, twirled, {args.shots} shots: "
          f"first {times[0]:.3f} s, median {np.median(times):.3f} s")  # fmt: skip


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--shots", type=int, default=4096)
    parser.add_argument("--aer-shots", type=int, default=4)
    parser.add_argument("--mps", action="store_true", help="try Aer's MPS too")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    args = parser.parse_args()
    warm([])
    small = argparse.Namespace(**{**vars(args), "shots": 64})
    rng = np.random.default_rng(args.seed)
    indus = load_shipped("indus")
    run(indus, truth_at(indus, 1, AT, AT),
        layered(indus, list(range(20))[:9], 4, rng, clifford=False), small)  # fmt: skip
    twirled(args, rng)
    against_aer(args, rng)


if __name__ == "__main__":
    main()
