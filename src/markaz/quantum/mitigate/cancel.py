"""Probabilistic error cancellation: the inverse of the two-qubit gates' noise, sampled.

K. Temme, S. Bravyi, J. Gambetta, Phys. Rev. Lett. 119, 180509 (2017); the noise of each
twirled gate is learned as a Pauli channel from repeated gates in the same batch (A. Erhard et
al., Nat. Commun. 10, 5347 (2019)). Which Pauli follows which gate has to be drawn before the
noise is known: it is drawn from what the sheet says, and each sample is weighted afterwards by
what was learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.mitigate.canary import FROM_Z
from markaz.quantum.mitigate.observe import measured, outcomes
from markaz.quantum.mitigate.twirl import twirls
from markaz.quantum.mitigate.weave import Loom, Pattern, pair_gates, weave
from markaz.quantum.programs.circuit import Circuit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Edge = tuple[int, int]

DEPTHS = (2, 16)  # repetitions of a gate in the circuits that learn its noise
LEARN_COPIES = 8
LEAST_FIDELITY = 0.5  # of a Pauli under one gate; anything lower is read as this
SHEET_MARGIN = 1.5  # the sheet's error is taken this many times, pulses beside it
BASES = tuple((a, b) for a in (1, 2, 3) for b in (1, 2, 3))


def _commutes() -> Floats:
    """1 where two products of Paulis commute, -1 where they do not, (16, 16)."""
    one = np.ones((4, 4))
    for a in range(1, 4):
        for b in range(1, 4):
            one[a, b] = 1.0 if a == b else -1.0
    number = np.arange(16)
    low, high = number & 3, number >> 2
    result: Floats = one[np.ix_(low, low)] * one[np.ix_(high, high)]
    return result


_SIGNS = _commutes()


def inverse_weights(fidelities: Floats) -> Floats:
    """Quasi-probabilities (16,) of the Paulis whose mixture undoes a Pauli channel that
    multiplies Pauli ``k`` by ``fidelities[k]``, (16,)."""
    result: Floats = _SIGNS @ (1 / fidelities) / 16
    return result


def sheet_weights(fabric: Fabric, edge: Edge) -> Floats:
    """The same for a depolarising channel with the sheet's error."""
    a, b = edge
    error = SHEET_MARGIN * (1 - np.exp(-fabric.pair_cost[a, b]))
    error += fabric.pulse_error[a] + fabric.pulse_error[b]
    kept = max(LEAST_FIDELITY, 1 - error * 4 / 3)
    return inverse_weights(np.array([1.0] + [kept] * 15))


def overhead(circuit: Circuit, fabric: Fabric) -> float:
    """Factor by which the variance grows, from the sheet."""
    total = 1.0
    for i in pair_gates(circuit).tolist():
        a, b = circuit.operands(i)
        total *= float(np.abs(sheet_weights(fabric, (a, b))).sum()) ** 2
    return total


def draw(
    circuit: Circuit, samples: int, fabric: Fabric, generator: np.random.Generator
) -> tuple[Ints, Floats]:
    """Number of the Pauli that follows each two-qubit gate, (samples, gates), and the
    probability with which each was drawn."""
    gates = pair_gates(circuit).tolist()
    chosen = np.zeros((samples, len(gates)), np.int64)
    chance = np.ones((samples, len(gates)))
    for n, i in enumerate(gates):
        a, b = circuit.operands(i)
        size = np.abs(sheet_weights(fabric, (a, b)))
        share = size / size.sum()
        chosen[:, n] = generator.choice(16, size=samples, p=share)
        chance[:, n] = share[chosen[:, n]]
    return chosen, chance


def edges_of(circuit: Circuit) -> list[Edge]:
    """Pairs of qubits that a two-qubit gate acts on, each once."""
    found = {tuple(circuit.operands(i)): None for i in pair_gates(circuit).tolist()}
    return [(a, b) for a, b in found if (b, a) not in found or a < b]


def coloured(edges: Sequence[Edge]) -> list[list[Edge]]:
    """The pairs in classes that share no qubit."""
    classes: list[list[Edge]] = []
    for edge in edges:
        for members in classes:
            if all(set(edge).isdisjoint(m) for m in members):
                members.append(edge)
                break
        else:
            classes.append([edge])
    return classes


def learning_circuits(
    circuit: Circuit, fabric: Fabric, generator: np.random.Generator
) -> list[Circuit]:
    """For each class of pairs, basis and depth, LEARN_COPIES twirled circuits."""
    ops = {tuple(circuit.operands(i)): i for i in pair_gates(circuit).tolist()}
    found: list[Circuit] = []
    for members in coloured(edges_of(circuit)):
        for bases in BASES:
            for depth in DEPTHS:
                rows = [ops[e] if e in ops else ops[e[::-1]] for e in members]
                found += _ladder(circuit, rows, bases, depth, fabric, generator)
    return found


def _ladder(
    circuit: Circuit,
    rows: Sequence[int],
    bases: tuple[int, int],
    depth: int,
    fabric: Fabric,
    generator: np.random.Generator,
) -> list[Circuit]:
    """Prepare Pauli eigenstates, repeat the gates, measure the same Paulis."""
    loom = Loom(circuit.num_qubits, 1, fabric)
    qubits = [q for i in rows for q in circuit.operands(i)]
    letters = {q: bases[k % 2] for k, q in enumerate(qubits)}
    for q in qubits:
        loom.turn(q, FROM_Z[letters[q]])
    for i in rows:
        loom.write(int(circuit.op[i]), tuple(circuit.operands(i)))
    for q in qubits:
        loom.flush(q)
    ladder = loom.finish(circuit)[0]
    ladder = _reordered(ladder, len(rows))
    ladder = measured(ladder, qubits)
    counts = np.full(len(rows), depth)
    before, after = twirls(ladder, counts, LEARN_COPIES, generator)
    back = {q: FROM_Z[c].conj().T for q, c in letters.items() if c != 3}
    pattern = Pattern(counts, before, after, None, back)
    return weave(ladder, LEARN_COPIES, fabric, pattern).finish(ladder)


def _reordered(circuit: Circuit, pairs: int) -> Circuit:
    """The preparation, which was written after the gates, before them."""
    order = np.concatenate([np.arange(pairs, len(circuit)), np.arange(pairs)])
    return circuit.with_arrays(
        op=circuit.op[order], qubits=circuit.qubits[order], params=circuit.params[order],
        aux=circuit.aux[order],
    )  # fmt: skip


def learned(circuit: Circuit, counts: Sequence[Mapping[str, int]]) -> dict[Edge, Floats]:
    """Fidelities (16,) of the Paulis under each pair's gate, from the counts of
    ``learning_circuits``. A Pauli and its image under the gate cannot be told apart; both
    get the geometric mean."""
    found: dict[Edge, Floats] = {}
    at = 0
    for members in coloured(edges_of(circuit)):
        sums = np.zeros((len(members), len(DEPTHS), 16))
        seen = np.zeros(16)
        for bases in BASES:
            numbers = (bases[0], bases[1] << 2, bases[0] + (bases[1] << 2))
            seen[list(numbers)] += 1
            for d in range(len(DEPTHS)):
                batch = counts[at : at + LEARN_COPIES]
                at += LEARN_COPIES
                for k in range(len(members)):
                    sums[k, d, list(numbers)] += _means(batch, 2 * k)
        for k, edge in enumerate(members):
            value = np.maximum(sums[k] / np.maximum(seen, 1), 1e-3)
            ratio = value[1] / value[0]
            fidelity = np.clip(ratio ** (1 / (DEPTHS[1] - DEPTHS[0])), LEAST_FIDELITY, 1.0)
            fidelity[0] = 1.0
            found[edge] = fidelity
    return found


def _means(batch: Sequence[Mapping[str, int]], first: int) -> list[float]:
    """Means of Z on one qubit of a pair, on the other, and on both, over the copies."""
    rows = []
    for counts in batch:
        bits, number = outcomes(dict(counts), (first, first + 1))
        sign = 1.0 - 2.0 * bits
        three = np.stack([sign[:, 0], sign[:, 1], sign[:, 0] * sign[:, 1]])
        rows.append((three * number).sum(axis=1) / number.sum())
    return np.mean(rows, axis=0).tolist()  # type: ignore[no-any-return]


def sample_weights(
    circuit: Circuit, fidelities: Mapping[Edge, Floats], chosen: Ints, chance: Floats
) -> Floats:
    """Weight (samples,) of each sample, signs included."""
    total = np.ones(len(chosen))
    for n, i in enumerate(pair_gates(circuit).tolist()):
        a, b = circuit.operands(i)
        if (a, b) in fidelities:
            wanted = inverse_weights(fidelities[(a, b)])
        else:  # learned with its qubits the other way round
            wanted = inverse_weights(fidelities[(b, a)].reshape(4, 4).T.ravel())
        total *= wanted[chosen[:, n]] / chance[:, n]
    return total
