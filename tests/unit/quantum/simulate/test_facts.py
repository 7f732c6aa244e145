"""Facts are what they say, and their bounds are bounds."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.programs.transform import remove_measurements, select
from markaz.quantum.simulate import survey
from markaz.quantum.simulate.facts import Facts, _edges, describe, line_order, reordered
from markaz.quantum.simulate.jit import Kernel
from markaz.quantum.simulate.kernel_facts import survey_gates
from markaz.testing.circuits import random_circuit


def gates(qubits: int, *rows: tuple[Op, tuple[int, ...]]) -> Circuit:
    builder = Builder()
    builder.qreg("q", qubits)
    for op, operands in rows:
        builder.gate(op, operands, [0.3] * 4)
    return builder.build()


def test_counts_of_a_small_circuit() -> None:
    circuit = gates(
        4, (Op.H, (0,)), (Op.CX, (0, 1)), (Op.T, (1,)), (Op.CP, (1, 2)), (Op.CCX, (0, 1, 3))
    )

    assert describe(circuit) == Facts(
        qubits=4,
        gates=5,
        entangling=3,
        non_clifford=3,
        branching=1,
        diagonal=2,
        widest=3,
        bond=2,
        bond_work=8 + 8 + (8 + 64 + 8),
        rotations=1,
    )


@pytest.mark.parametrize(
    ("op", "angle", "rotations"),
    [
        *((Op.RZ, np.pi / 4, 0), (Op.RX, -1.75 * np.pi, 0), (Op.RZ, np.pi / 8, 1)),
        *((Op.CP, np.pi / 2, 0), (Op.CP, np.pi / 4, 1), (Op.CRY, np.pi, 0)),
        *((Op.RZZ, 0.3, 1), (Op.RZZ, 6.25 * np.pi, 0), (Op.T, 0.3, 0)),
    ],
)
def test_rotations_are_those_that_no_clifford_and_t_gates_make(
    op: Op, angle: float, rotations: int
) -> None:
    b = Builder()
    b.qreg("q", 2)
    b.gate(op, [0, 1][: TABLE[op].num_qubits], [angle])
    b.gate(Op.T, [0])
    assert describe(b.build()).rotations == rotations


RANKS_OF_ONE = frozenset(op for op in TABLE if survey.RANK[op] < 2)


@pytest.mark.parametrize("ops", [None, RANKS_OF_ONE], ids=["all", "no swaps"])
@pytest.mark.parametrize("seed", range(12))
def test_all_forms_of_the_survey_agree(
    seed: int, ops: frozenset[Op] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "LOT", 40)
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    circuit = remove_measurements(random_circuit(rng, n, 40 * (seed + 1)))
    if ops is not None:
        circuit = select(circuit, np.flatnonzero(np.isin(circuit.op, list(ops))))
    place = rng.permutation(n).astype(np.int32)

    (loop, work), *others = [
        form(circuit, place) for form in (survey._interpreted, survey._compiled, survey.by_arrays)
    ]

    for counts, other in others:
        assert counts == loop
        assert other == pytest.approx(work, rel=1e-12)


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_the_survey_counts_every_gate_in_arrays_as_in_a_loop(op: Op) -> None:
    operands = (3, 0, 5, 1)[: TABLE[op].num_qubits or 4]
    circuit = gates(6, *[(op, operands)] * 3)
    place = np.arange(6, dtype=np.int32)

    assert survey.by_arrays(circuit, place) == survey._interpreted(circuit, place)


def test_many_gates_are_counted_in_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    for name in ("by_arrays", "_interpreted", "_compiled"):
        form = getattr(survey, name)
        monkeypatch.setattr(survey, name, lambda *a, f=form, n=name: used.append(n) or f(*a))
    monkeypatch.setattr(survey, "FEW_CROSSINGS", 400)
    for ready, count in ((False, 70), (False, 71), (True, 200), (True, 201)):
        monkeypatch.setattr(survey, "survey_gates", Kernel(survey_gates.function))
        if ready:
            monkeypatch.setattr(survey.survey_gates, "_ready", ready)
        describe(gates(2, *[(Op.H, (0,))] * count))

    assert used == ["_interpreted", "by_arrays", "_compiled", "by_arrays"]


def test_pairs_are_those_that_gates_join() -> None:
    circuit = gates(
        *(9, (Op.H, (8,)), (Op.CX, (3, 1)), (Op.CX, (3, 1)), (Op.CX, (1, 3))),
        *((Op.CCX, (0, 4, 2)), (Op.MCX, (7, 5, 6, 1)), (Op.MCP, (2, 8)), (Op.MCX, (5,))),
    )

    found = _edges(circuit)

    assert found.tolist() == [[0, 2], [0, 4], [1, 3], [2, 8], [3, 1], [7, 1], [7, 5], [7, 6]]


def test_an_order_that_is_no_better_is_left_alone() -> None:
    line = [(Op.CRX, (q, q + 1)) for q in range(19)]

    assert describe(gates(20, *line * 6)).order is None


def test_clifford_circuits_are_known() -> None:
    assert describe(gates(2, (Op.H, (0,)), (Op.CZ, (0, 1)), (Op.ISWAP, (0, 1)))).clifford


def test_pooled_gates_count_all_their_qubits() -> None:
    assert describe(gates(6, (Op.MCX, (0, 2, 3, 5)))).widest == 4


@pytest.mark.parametrize("seed", range(20))
def test_bond_bounds_every_schmidt_rank(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = remove_measurements(random_circuit(rng, 6, int(rng.integers(1, 14))))
    state = amplitudes(circuit)

    ranks = [
        np.linalg.matrix_rank(state.reshape(1 << (6 - cut), 1 << cut), tol=1e-9)
        for cut in range(1, 6)
    ]

    assert max(ranks) <= 2 ** describe(circuit).bond


@pytest.mark.parametrize("seed", range(20))
def test_branching_bounds_the_nonzero_amplitudes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = remove_measurements(random_circuit(rng, 6, 12, "classical"))

    nonzero = np.count_nonzero(np.abs(amplitudes(circuit)) > 1e-12)

    assert nonzero <= 2 ** describe(circuit).branching


def test_a_scrambled_line_is_put_back_in_order() -> None:
    n = 20
    place = np.random.default_rng(3).permutation(n)
    line = [(Op.CRX, (int(place[i]), int(place[i + 1]))) for i in range(n - 1)]
    circuit = gates(n, *line, *line, *line)

    found = describe(circuit)

    assert (found.bond, found.order) == (3, line_order([pair for _, pair in line], n))


def test_reordering_moves_qubits_and_nothing_else() -> None:
    circuit = remove_measurements(random_circuit(np.random.default_rng(5), 4, 20))
    order = (2, 0, 3, 1)

    moved = amplitudes(reordered(circuit, order)).reshape([2] * 4)

    # axis k of a reshaped state is qubit 3 - k; place i holds qubit order[i]
    expected = np.transpose(amplitudes(circuit).reshape([2] * 4), [3 - q for q in order[::-1]])
    assert moved == pytest.approx(expected, abs=1e-12)
