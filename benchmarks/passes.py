"""Cost of simplification a gate, at up to a million gates, and of describing a circuit.

python -m benchmarks.passes [--gates 1000000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.suite import held_out_set, select

MICROSECONDS_A_GATE = 10.0
DESCRIBE_MS = 5.0
ORDINARY = 5_000  # gates of an ordinary circuit


def _builder(qubits: int) -> Any:
    from markaz.quantum.programs.circuit import Builder

    builder = Builder()
    builder.qreg("q", qubits)
    builder.creg("c", qubits)
    return builder


def _finish(builder: Any) -> Any:
    for q in range(builder.num_qubits):
        builder.measure(q, q)
    return builder.build()


def generic(gates: int, rng: np.random.Generator) -> Any:
    """Rotations and CX between random qubits: nothing simplifies."""
    from markaz.quantum.programs.gates import Op

    builder = _builder(50)
    for a, b in rng.integers(0, 50, (gates // 2, 2)).tolist():
        builder.gate(Op.RY, [a], [0.1 + a])
        builder.gate(Op.CX, [a, (a + 1 + b % 49) % 50])
    return _finish(builder)


def reversible(gates: int, rng: np.random.Generator) -> Any:
    """Toffoli logic on basis states: everything simplifies."""
    from markaz.quantum.programs.gates import Op

    builder = _builder(100)
    for a, b, c in rng.integers(0, 33, (gates, 3)).tolist():
        builder.gate(Op.CCX, [3 * a, 3 * b + 1, 3 * c + 2])
    return _finish(builder)


def clifford(gates: int, rng: np.random.Generator) -> Any:
    """Clifford gates between neighbours."""
    from markaz.quantum.programs.gates import Op

    builder = _builder(200)
    kinds = (Op.H, Op.S, Op.X, Op.SDG)
    for a, b in rng.integers(0, 199, (gates // 2, 2)).tolist():
        builder.gate(kinds[b % 4], [b])
        builder.gate(Op.CX, [a, a + 1])
    return _finish(builder)


def cancelling(gates: int, rng: np.random.Generator) -> Any:
    """A circuit and its inverse: everything cancels, from the middle outwards."""
    from markaz.quantum.programs.gates import Op

    builder, undo = _builder(50), []
    for a, b in rng.integers(0, 49, (gates // 4, 2)).tolist():
        builder.gate(Op.RX, [b], [0.3])
        builder.gate(Op.CZ, [a, a + 1])
        undo += [(Op.RX, [b], [-0.3]), (Op.CZ, [a, a + 1], [])]
    for op, qubits, params in reversed(undo):
        builder.gate(op, qubits, params)
    return _finish(builder)


KINDS: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "generic": generic,
    "reversible": reversible,
    "clifford": clifford,
    "cancelling": cancelling,
}


def timed(work: Callable[[], Any]) -> float:
    """Median seconds of three calls, of this thread's processor: other programs have no part
    in them."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return median(times)


def simplify_rows(largest: int) -> list[tuple[str, int, float, float]]:
    """(kind, gates, seconds, microseconds a gate) for three sizes each."""
    from markaz.quantum.simulate.simplify import simplify

    rows = []
    for kind, make in KINDS.items():
        simplify(make(100, np.random.default_rng(1)))
        for gates in (largest // 100, largest // 10, largest):
            circuit = make(gates, np.random.default_rng(2))
            seconds = timed(lambda c=circuit: simplify(c))  # type: ignore[misc]
            rows.append((kind, len(circuit), seconds, 1e6 * seconds / len(circuit)))
    return rows


def describe_rows() -> list[tuple[str, int, float]]:
    """(circuit, gates, milliseconds) of describing the components of ordinary circuits, and
    a random one of all kinds of gates."""
    from markaz.quantum.programs.intake import load
    from markaz.quantum.programs.transform import remove_measurements
    from markaz.quantum.simulate.facts import describe
    from markaz.quantum.simulate.settle import settle
    from markaz.quantum.simulate.simplify import simplify
    from markaz.testing.circuits import random_circuit

    mixed = remove_measurements(random_circuit(np.random.default_rng(1), 100, ORDINARY))
    rows = [("random, 100 qubits", len(mixed), 1e3 * timed(lambda: describe(mixed)))]
    for item in select(held_out_set(1), None, 60, 1):
        circuit = settle(load(item.text))
        if circuit.is_dynamic or len(circuit) > ORDINARY:
            continue
        parts = [p.circuit for p in simplify(circuit).parts]
        seconds = timed(lambda p=parts: [describe(c) for c in p])  # type: ignore[misc]
        rows.append((item.name, sum(len(c) for c in parts), 1e3 * seconds))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--gates", type=int, default=1_000_000)
    args = parser.parse_args()
    rows = simplify_rows(args.gates)
    print(report.table(("circuit", "gates", "seconds", "us a gate"), rows) + "\n")
    found = sorted(describe_rows(), key=lambda r: -r[2])
    print(report.table(("slowest to describe", "gates", "ms"), found[:8]) + "\n")
    worst = max(r[3] for r in rows if r[1] >= args.gates)
    print(report.verdict("simplification, microseconds a gate", worst, MICROSECONDS_A_GATE))
    share = [r[2] for r in found]
    print(report.verdict("describing, median milliseconds", median(share), DESCRIBE_MS))
    print(report.verdict("describing, largest milliseconds", max(share), DESCRIBE_MS))


if __name__ == "__main__":
    main()
