"""Bounds on the treewidth: known graphs, exact values of small ones, limits, the explanation."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from markaz.quantum.api import explain
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate import treewidth
from markaz.quantum.simulate.treewidth import MOST_QUBITS, interactions, treewidth_bound

Pairs = list[tuple[int, int]]


def circuit_of(n: int, groups: list[tuple[int, ...]]) -> Circuit:
    """A gate on each group of qubits."""
    b = Builder()
    b.qreg("q", n)
    for group in groups:
        op = {2: Op.RZZ, 3: Op.CCX}.get(len(group), Op.MCX)
        b.gate(op, group, [0.3] * TABLE[op].num_params)
    return b.build()


def line(n: int) -> Pairs:
    return [(i, i + 1) for i in range(n - 1)]


def grid(rows: int, columns: int) -> Pairs:
    across = [
        (r * columns + c, r * columns + c + 1) for r in range(rows) for c in range(columns - 1)
    ]
    down = [
        (r * columns + c, r * columns + columns + c)
        for r in range(rows - 1)
        for c in range(columns)
    ]
    return across + down


def exact(n: int, pairs: Pairs) -> int:
    """The least width over all orders of elimination."""
    best = n - 1
    for order in permutations(range(n)):
        near = [{b for p in pairs if a in p for b in p if b != a} for a in range(n)]
        width = 0
        for v in order:
            width = max(width, len(near[v]))
            if width >= best:
                break
            for a in near[v]:
                near[a] = (near[a] | near[v]) - {a, v}
        best = min(best, width)
    return best


@pytest.mark.parametrize(
    ("n", "groups", "width"),
    [
        (3, [], 0),
        (2, [(0, 1)], 1),
        (50, line(50), 1),
        (50, [(0, i) for i in range(1, 50)], 1),
        (50, [*line(50), (49, 0)], 2),
        (36, grid(6, 6), 6),
        (12, list(combinations(range(12), 2)), 11),
        (9, [(0, 1, 2), (2, 3, 4)], 2),
        (9, [(0, 1, 2, 3, 4), (4, 5)], 4),
    ],
)
def test_known_graphs(n: int, groups: list[tuple[int, ...]], width: int) -> None:
    assert treewidth_bound(circuit_of(n, groups)) == width


@pytest.mark.parametrize("seed", range(12))
def test_never_below_the_exact_value_and_seldom_above(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [p for p in combinations(range(6), 2) if rng.random() < 0.45]
    bound = treewidth_bound(circuit_of(6, list(pairs)))
    assert bound == exact(6, pairs)


def test_gates_of_any_width_join_all_their_qubits() -> None:
    near = interactions(circuit_of(7, [(3, 1), (0, 1, 2), (2, 4, 5, 6)]))
    assert near == [{1, 2}, {0, 2, 3}, {0, 1, 4, 5, 6}, {1}, {2, 5, 6}, {2, 4, 6}, {2, 4, 5}]


def test_what_is_left_bounds_it_when_the_steps_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treewidth, "MOST_STEPS", 12)
    assert treewidth_bound(circuit_of(9, grid(3, 3))) == 5


@pytest.mark.parametrize(
    "circuit",
    [
        circuit_of(MOST_QUBITS + 1, line(3)),
        circuit_of(300, list(combinations(range(210), 2))),
        circuit_of(300, [tuple(range(150))]),
    ],
    ids=["qubits", "pairs", "wide gate"],
)
def test_what_would_take_long_is_not_looked_at(circuit: Circuit) -> None:
    assert treewidth_bound(circuit) is None


def test_an_explanation_has_it_where_it_is_asked_for() -> None:
    b = Builder()
    b.qreg("q", 12)
    for q in range(12):
        b.gate(Op.RX, [q], [0.3 + q])
    for a, c in [*line(12), (11, 0)]:
        b.gate(Op.RZZ, [a, c], [0.4])
        b.gate(Op.RX, [a], [0.2])
    circuit = b.build()

    assert explain(circuit, treewidth=True).facts["treewidth"] == 2
    assert "treewidth" not in explain(circuit).facts


def test_circuits_with_feedback_have_it_too() -> None:
    b = Builder()
    b.qreg("q", 4)
    b.creg("c", 1)
    b.gate(Op.CRX, [0, 1], [0.3])
    b.gate(Op.CRX, [1, 2], [0.3])
    b.measure(0, 0)
    b.control(Op.WHILE, ("bits", 0, 1))
    b.gate(Op.CRX, [0, 2], [0.3])
    b.measure(0, 0)
    b.control(Op.END)

    assert explain(b.build(), treewidth=True).facts == {
        "qubits": 4, "gates": 7, "dynamic": True, "treewidth": 2,
    }  # fmt: skip
