"""Random circuits and exact answers for them, for tests of engines and simplifications."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Gate, Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.programs.transform import remove_measurements

if TYPE_CHECKING:
    from markaz.quantum.simulate.simplify import Simplified

STYLES: dict[str, Callable[[Gate], bool]] = {
    "any": lambda gate: True,
    "discrete": lambda gate: True,
    "clifford": lambda gate: bool(gate.flags & Flag.CLIFFORD),
    "classical": lambda gate: bool(gate.flags & Flag.MONOMIAL) or gate.op is Op.H,
}


def random_circuit(
    rng: np.random.Generator,
    qubits: int,
    gates: int,
    style: str = "any",
    *,
    ops: Sequence[Op] = (),
    measured: int | None = None,
    basis: bool = False,
) -> Circuit:
    """A random circuit with a random selection of qubits measured at the end.

    ``style``: "any" gate and angle, "discrete" angles (multiples of pi/4), "clifford", or
    "classical" (basis-state permutations, phases and Hadamards). ``ops`` narrows the gates;
    ``measured`` fixes how many qubits are measured; with ``basis`` each qubit starts in a
    random one of 0, 1, +, -.
    """
    builder = Builder()
    builder.qreg("q", qubits)
    builder.creg("c", qubits)
    choice = [g for o, g in TABLE.items() if STYLES[style](g) and (not ops or o in ops)]
    for qubit in range(qubits if basis else 0):
        for op, wanted in zip((Op.X, Op.H), rng.integers(0, 2, 2), strict=True):
            if wanted:
                builder.gate(op, [qubit])
    for _ in range(gates):
        _add_random(rng, builder, choice[rng.integers(len(choice))], style == "any")
    count = int(rng.integers(1, qubits + 1)) if measured is None else measured
    for bit, qubit in enumerate(rng.permutation(qubits)[:count]):
        builder.measure(int(qubit), bit)
    return builder.build()


def _add_random(rng: np.random.Generator, builder: Builder, gate: Gate, free: bool) -> None:
    n = builder.num_qubits
    width = gate.num_qubits or int(rng.integers(1, n + 1))
    if width > n:
        return
    steps = rng.integers(-8, 9, gate.num_params) * (math.pi / 4)
    angles = rng.uniform(-7, 7, gate.num_params) if free else steps
    qubits = [int(q) for q in rng.choice(n, width, replace=False)]
    builder.gate(gate.op, qubits, [float(a) for a in angles])


def exact_probabilities(circuit: Circuit) -> NDArray[np.float64]:
    """Probability of each value of all classical bits of a static circuit,
    shape (2**num_clbits,)."""
    weights = np.abs(amplitudes(remove_measurements(circuit))) ** 2
    index = np.arange(len(weights))
    value = np.zeros(len(weights), np.int64)
    for qubit, bit in circuit.measurements():
        value |= ((index >> qubit) & 1) << bit
    return np.bincount(value, weights, minlength=1 << circuit.num_clbits).astype(np.float64)


def simplified_probabilities(simplified: Simplified, num_clbits: int) -> NDArray[np.float64]:
    """Probability of each value of all classical bits that a simplified circuit stands for,
    shape (2**num_clbits,); enumerates all 2**num_wires outcomes."""
    outcomes = np.arange(1 << simplified.num_wires)
    bits = np.array([(outcomes >> w) & 1 for w in range(simplified.num_wires)], np.uint8)
    weights: NDArray[np.floating] = np.ones(len(outcomes))
    drawn: set[int] = set()
    for part in simplified.parts:
        local = sum(bits[w].astype(np.int64) << j for j, w in enumerate(part.wires.tolist()))
        weights = weights * (np.abs(amplitudes(part.circuit)) ** 2)[local]
        drawn.update(part.wires.tolist())
    pairs = zip(simplified.single_wires, simplified.single_probabilities, strict=True)
    for wire, one in pairs:
        weights *= np.where(bits[wire], one, 1 - one)
        drawn.add(int(wire))
    for wire in set(range(simplified.num_wires)) - drawn:
        weights *= bits[wire] == 0
    simplified.logic.apply(bits)
    value = np.zeros(len(outcomes), np.int64)
    for bit, wire in zip(simplified.output_bits, simplified.output_wires, strict=True):
        value |= bits[wire].astype(np.int64) << int(bit)
    return np.bincount(value, weights, minlength=1 << num_clbits).astype(np.float64)
