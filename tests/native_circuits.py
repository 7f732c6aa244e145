"""Random circuits over every operation, and how samples are judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op, matrix
from markaz.quantum.programs.reference import amplitudes, apply
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.samples import Samples

GATES = tuple(TABLE)
CLIFFORD = tuple(op for op, gate in TABLE.items() if gate.flags & Flag.CLIFFORD)

# Chance that one correct sample fails ``assert_drawn``. The suites of this floor call it
# fewer than 1000 times, so that one of them fails by chance with probability 1e-6 at most.
FALSE_ALARM = 1e-9


def add_gate(b: Builder, op: Op, rng: np.random.Generator) -> None:
    """A gate on random qubits of the builder, if it has enough of them."""
    gate = TABLE[op]
    size = gate.num_qubits or int(rng.integers(1, b.num_qubits + 1))
    if size <= b.num_qubits:
        qubits = [int(q) for q in rng.permutation(b.num_qubits)[:size]]
        b.gate(op, qubits, list(rng.uniform(-7, 7, gate.num_params)))


def random_gates(num_qubits: int, gates: int, seed: int, ops: Sequence[Op] = GATES) -> Circuit:
    """A random circuit of gates with a global phase."""
    rng = np.random.default_rng(seed)
    b = Builder(global_phase=float(rng.uniform(-3, 3)))
    b.qreg("q", num_qubits)
    for _ in range(gates):
        add_gate(b, ops[rng.integers(len(ops))], rng)
    return b.build()


def prepared(op: Op, num_qubits: int, seed: int) -> Circuit:
    """A random product state, and then one gate."""
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", num_qubits)
    for q in range(num_qubits):
        b.gate(Op.U, [q], list(rng.uniform(-3, 3, 3)))
    add_gate(b, op, rng)
    return b.build()


def joined(*parts: Circuit) -> Circuit:
    """Circuits without pooled gates on the same qubits, one after the other."""
    return parts[0].with_arrays(
        op=np.concatenate([p.op for p in parts]),
        qubits=np.concatenate([p.qubits for p in parts]),
        params=np.concatenate([p.params for p in parts]),
        aux=np.concatenate([p.aux for p in parts]),
    )


def random_dynamic(num_qubits: int, blocks: int, seed: int, ops: Sequence[Op] = GATES) -> Circuit:
    """Gates, measurements, resets, assignments, barriers and nested ifs on three bits."""
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", num_qubits)
    b.creg("c", 3)
    _random_block(b, blocks, 0, rng, ops)
    for q in range(min(num_qubits, 3)):
        b.measure(q, q)
    return b.build()


def _random_block(
    b: Builder, size: int, depth: int, rng: np.random.Generator, ops: Sequence[Op]
) -> None:
    for _ in range(size):
        kind = rng.choice(6, p=[0.55, 0.15, 0.1, 0.05, 0.05, 0.1])
        if kind == 0:
            add_gate(b, ops[rng.integers(len(ops))], rng)
        elif kind == 1:
            b.measure(int(rng.integers(b.num_qubits)), int(rng.integers(3)))
        elif kind == 2:
            b.reset(int(rng.integers(b.num_qubits)))
        elif kind == 3:
            b.assign(0, 2, ("add", ("bits", 0, 3), ("const", 1)))
        elif kind == 4:
            b.barrier(range(b.num_qubits))
        elif depth < 2:
            b.control(Op.IF, ("eq", ("bits", 0, 2), ("const", int(rng.integers(3)))))
            _random_block(b, 3, depth + 1, rng, ops)
            if rng.random() < 0.5:
                b.control(Op.ELSE)
                _random_block(b, 2, depth + 1, rng, ops)
            b.control(Op.END)


def random_paulis(num_qubits: int, count: int, seed: int) -> list[Pauli]:
    """Random Pauli strings, the identity possibly among them."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("IXYZ"), (count, num_qubits))
    return [
        Pauli(tuple((q, str(letter)) for q, letter in enumerate(row) if letter != "I"))
        for row in letters
    ]


def pauli_values(circuit: Circuit, paulis: Iterable[Pauli]) -> list[float]:
    """Expectation values by matrices on the reference's amplitudes."""
    psi = amplitudes(circuit)
    values = []
    for pauli in paulis:
        image = psi[:, None]
        for q, letter in pauli.factors:
            image = apply(image, np.array(matrix(Op[letter]), complex), [q])
        values.append(float(np.vdot(psi, image[:, 0]).real))
    return values


def counts_of(samples: Samples) -> dict[str, int]:
    """Shots by bit string, last column on the left."""
    weights = samples.weights if samples.weights is not None else [1] * len(samples.bits)
    counts: dict[str, int] = {}
    for row, weight in zip(samples.bits.tolist(), weights, strict=True):
        key = "".join(map(str, reversed(row)))
        counts[key] = counts.get(key, 0) + int(weight)
    return counts


def marginal(probabilities: np.ndarray, qubits: Sequence[int]) -> dict[str, float]:
    """Distribution of ``qubits`` (the last on the left) under basis-state probabilities."""
    found: dict[str, float] = {}
    for state, p in enumerate(probabilities.tolist()):
        key = "".join(str(state >> q & 1) for q in reversed(qubits))
        found[key] = found.get(key, 0.0) + p
    return found


def assert_drawn(counts: Mapping[str, int], exact: Mapping[str, float], shots: int) -> None:
    """Each count lies within Bernstein's bound of its mean.

    For a binomial X of mean m and variance v, P(|X - m| >= t) <= 2 exp(-t^2 / (2v + 2t/3));
    FALSE_ALARM is shared out over the outcomes.
    """
    assert sum(counts.values()) == shots
    assert [key for key in counts if exact.get(key, 0.0) < 1e-12] == []
    log = math.log(2 * len(exact) / FALSE_ALARM)
    for key, p in exact.items():
        t = log / 3 + math.sqrt(log * log / 9 + 2 * log * shots * p * (1 - p))
        assert abs(counts.get(key, 0) - shots * p) <= t, (key, counts.get(key, 0), shots * p)
