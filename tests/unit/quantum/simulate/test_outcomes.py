"""Outcomes put together from coins, classical logic and parts, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from markaz.quantum import run
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.simulate import pipeline
from markaz.quantum.simulate.engines.registry import get
from markaz.quantum.simulate.result import strings, tally
from markaz.quantum.simulate.simplify import outcome, simplify
from markaz.quantum.simulate.simplify.outcome import side_by_side

SHOTS = 40_000
FIVE_SIGMA = 5.0  # false alarm below 6e-7 for each comparison


def within(found: float, share: float, shots: int) -> bool:
    return abs(found - share * shots) <= FIVE_SIGMA * math.sqrt(shots * share * (1 - share)) + 1e-9


@pytest.mark.parametrize("width", [1, 5, 52, 53, 80])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts_are_those_of_counting_one_by_one(width: int, weighted: bool) -> None:
    rng = np.random.default_rng([width, weighted])
    bits = rng.integers(0, 2, (width, 200), np.uint8)
    bits[:, 100:] = bits[:, :100]
    weights = rng.integers(1, 9, 200) if weighted else None
    expected: Counter[str] = Counter()
    for column, weight in zip(bits.T, [1] * 200 if weights is None else weights, strict=True):
        expected["".join(str(b) for b in column[::-1])] += int(weight)

    found = tally(bits, weights)

    assert found == dict(expected)
    assert list(found) == sorted(found)


def test_no_bits_give_empty_strings() -> None:
    assert strings(np.zeros((0, 3), np.uint8)) == ["", "", ""]
    assert tally(np.zeros((0, 7), np.uint8)) == {"": 7}
    assert tally(np.zeros((3, 0), np.uint8)) == {}


def test_coins_are_independent_and_have_their_probabilities() -> None:
    ones = np.array([0.5, 0.2, 0.5, 1.0, 0.0])

    bits = outcome.toss(ones, SHOTS, np.random.default_rng(3))

    assert bits.shape == (5, SHOTS)
    assert all(within(row.sum(), p, SHOTS) for row, p in zip(bits, ones, strict=True))
    assert within((bits[0] & bits[2]).sum(), 0.25, SHOTS)
    assert within((bits[0] & bits[1]).sum(), 0.1, SHOTS)


def test_the_joint_distribution_of_coins() -> None:
    found = outcome.joint(np.array([0.1, 0.25]))

    assert found == pytest.approx([0.9 * 0.75, 0.1 * 0.75, 0.9 * 0.25, 0.1 * 0.25])


def coins(qubits: int) -> Circuit:
    """Each even qubit a coin of its own, copied to the odd one next to it."""
    builder = Builder()
    builder.qreg("q", qubits)
    builder.creg("c", qubits)
    for q in range(0, qubits, 2):
        builder.gate(Op.RY, [q], [0.4 + q])
        builder.gate(Op.CX, [q, q + 1])
    for q in range(qubits):
        builder.measure(q, q)
    return builder.build()


@pytest.mark.parametrize("few", [True, False])
def test_coins_drawn_together_or_shot_by_shot(few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "FEW", 8 if few else 0)

    counts = run(coins(8), shots=SHOTS, seed=4).counts

    assert counts is not None
    assert sum(counts.values()) == SHOTS
    assert all(key[0::2] == key[1::2] for key in counts)
    for q in range(0, 8, 2):
        ones = sum(n for key, n in counts.items() if key[7 - q] == "1")
        assert within(ones, math.sin((0.4 + q) / 2) ** 2, SHOTS)


def test_memory_of_coins_agrees_with_their_counts() -> None:
    result = run(coins(6), shots=500, seed=9, memory=True)

    assert result.memory is not None
    assert len(set(result.memory[:20])) > 1  # in random order
    assert Counter(result.memory) == result.counts


def clifford_blocks(rng: np.random.Generator, sizes: Sequence[int]) -> Circuit:
    """Independent random Clifford circuits, all qubits measured."""
    b = Builder()
    b.qreg("q", sum(sizes))
    b.creg("c", sum(sizes))
    start = 0
    for size in sizes:
        for _ in range(6 * size):
            one, two = (start + rng.permutation(size)[:2]).tolist()
            b.gate((Op.H, Op.S, Op.SX)[rng.integers(3)], [one])
            b.gate((Op.CX, Op.CZ)[rng.integers(2)], [one, two])
        start += size
    for q in range(sum(sizes)):
        b.measure(q, q)
    return b.build()


def test_components_side_by_side_are_their_product() -> None:
    circuit = clifford_blocks(np.random.default_rng(3), (3, 2, 4))
    parts = simplify(circuit).parts
    assert len(parts) > 1

    whole = side_by_side(parts)

    product = np.ones(1)
    for part in parts:  # a later component has the higher bits
        product = np.kron(np.abs(amplitudes(part.circuit)) ** 2, product)
    assert np.abs(amplitudes(whole.circuit)) ** 2 == pytest.approx(product, abs=1e-12)
    assert whole.wires.tolist() == [w for p in parts for w in p.wires.tolist()]
    asked = [int(p.wires[a]) for p in parts for a in p.asked]
    assert [int(whole.wires[a]) for a in whole.asked] == asked


def test_many_clifford_components_are_sampled_in_one_call() -> None:
    circuit = clifford_blocks(np.random.default_rng(4), (3, 4, 3, 4, 3))
    get("stim:stabilizer").load()

    found = run(circuit, shots=300, seed=5)

    assert len(simplify(circuit).parts) >= 4
    assert len(found.plan.parts) == 1
    possible = run(circuit, wanted="probabilities").probabilities or {}
    assert set(found.counts or {}) <= set(possible)
    assert run(circuit, shots=300, seed=5, replay=found.to_json()).counts == found.counts


def test_components_that_were_sampled_apart_are_replayed_apart() -> None:
    circuit = clifford_blocks(np.random.default_rng(4), (3, 4, 3, 4, 3))
    apart = run(circuit, shots=300, seed=5, without=["stim"])

    again = run(circuit, shots=300, seed=5, replay=apart.to_json())

    assert len(apart.plan.parts) == len(simplify(circuit).parts)
    assert again.counts == apart.counts
