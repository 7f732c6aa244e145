"""Simplification is exact: the joint distribution of the measured bits never changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.expect import lay_out
from markaz.quantum.simulate.simplify import driver, simplify
from markaz.quantum.simulate.simplify.kernel_round import join
from markaz.quantum.simulate.simplify.outcome import ClassicalLogic
from markaz.testing.circuits import (
    STYLES,
    exact_probabilities,
    random_circuit,
    simplified_probabilities,
)

TOLERANCE = 1e-9


def difference(circuit: Circuit) -> float:
    left = exact_probabilities(circuit)
    right = simplified_probabilities(simplify(circuit), circuit.num_clbits)
    return float(np.abs(left - right).max())


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every pass use its compiled kernel, however small the circuit."""
    driver.warm_kernels()
    monkeypatch.setattr(driver.simplify_gates, "worth_it", lambda work: True)


@pytest.mark.parametrize("style", STYLES)
def test_random_circuits_keep_their_distribution(style: str) -> None:
    rng = np.random.default_rng([17, list(STYLES).index(style)])

    worst = max(
        difference(random_circuit(rng, int(rng.integers(1, 6)), int(rng.integers(0, 40)), style))
        for _ in range(250)
    )

    assert worst < TOLERANCE


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("style", STYLES)
def test_compiled_passes_keep_the_distribution(style: str) -> None:
    rng = np.random.default_rng([23, list(STYLES).index(style)])

    worst = max(
        difference(random_circuit(rng, int(rng.integers(1, 6)), int(rng.integers(0, 120)), style))
        for _ in range(150)
    )

    assert worst < TOLERANCE


@pytest.mark.parametrize("op", TABLE)
def test_every_gate_meets_every_kind_of_state(op: Op) -> None:
    rng = np.random.default_rng([29, int(op)])
    before = (Op.X, Op.H, Op.S, Op.SX, Op.RY, Op.CX, op)

    worst = max(
        difference(random_circuit(rng, 4, 10, ("any", "discrete")[i % 2], ops=before))
        for i in range(24)
    )

    assert worst < TOLERANCE


def built(qubits: int, *gates: tuple[Op, tuple[int, ...], tuple[float, ...]]) -> Circuit:
    builder = Builder()
    builder.qreg("q", qubits)
    builder.creg("c", qubits)
    for op, operands, params in gates:
        builder.gate(op, operands, params)
    for q in range(qubits):
        builder.measure(q, q)
    return builder.build()


def test_arithmetic_on_basis_states_needs_no_simulation() -> None:
    circuit = built(3, (Op.X, (0,), ()), (Op.CX, (0, 1), ()), (Op.CCX, (0, 1, 2), ()))

    done = simplify(circuit)

    assert (done.parts, list(done.single_wires)) == ((), [])
    assert simplified_probabilities(done, 3)[0b111] == 1.0


def test_ghz_becomes_one_coin_and_classical_logic() -> None:
    n = 100
    chain = [(Op.CX, (q, q + 1), ()) for q in range(n - 1)]

    done = simplify(built(n, (Op.H, (0,), ()), *chain))

    assert done.parts == ()
    assert list(done.single_probabilities) == [pytest.approx(0.5, abs=1e-15)]
    bits = done.assemble([], 64, n, np.random.default_rng(1))
    assert np.array_equal(bits, np.repeat(bits[:1], n, axis=0))


def test_swaps_become_labels() -> None:
    circuit = built(3, (Op.RY, (0,), (1.0,)), (Op.SWAP, (0, 2), ()), (Op.SWAP, (2, 1), ()))

    done = simplify(circuit)

    assert done.parts == ()
    expected = math.sin(0.5) ** 2
    assert simplified_probabilities(done, 3)[0b010] == pytest.approx(expected, abs=1e-12)


def test_phase_estimation_of_an_eigenstate_unentangles() -> None:
    circuit = built(
        2, (Op.X, (1,), ()), (Op.H, (0,), ()), (Op.CP, (0, 1), (math.pi,)), (Op.H, (0,), ())
    )

    done = simplify(circuit)

    assert done.parts == ()
    assert simplified_probabilities(done, 2)[0b11] == pytest.approx(1.0, abs=1e-12)


def test_inverse_pairs_cancel() -> None:
    base = [(Op.H, (0,), ()), (Op.CX, (0, 1), ()), (Op.H, (0,), ()), (Op.RY, (1,), (0.3,))]
    pairs = [
        (Op.CX, (0, 1), ()),
        (Op.CX, (0, 1), ()),
        (Op.RXX, (0, 1), (0.4,)),
        (Op.RXX, (1, 0), (-0.4,)),
        (Op.T, (0,), ()),
        (Op.TDG, (0,), ()),
    ]
    tail = [(Op.CH, (0, 1), ()), (Op.CH, (1, 0), ())]

    with_pairs = simplify(built(2, *base, *pairs, *tail))
    without = simplify(built(2, *base, *tail))

    assert with_pairs.gates_after == without.gates_after


def test_only_the_light_cone_is_kept() -> None:
    n = 30
    layers = [(Op.RY, (q,), (0.4,)) for q in range(n)]
    layers += [(Op.CRX, (q, q + 1), (0.7,)) for q in range(n - 1)]
    builder = Builder()
    builder.qreg("q", n)
    builder.creg("c", 1)
    for op, operands, params in layers:
        builder.gate(op, operands, params)
    builder.measure(1, 0)

    done = simplify(builder.build())

    assert [len(p.wires) for p in done.parts] == [2]


def test_independent_parts_are_split() -> None:
    gates = []
    for a in (0, 2, 4):
        gates += [
            (Op.RY, (a,), (0.3,)),
            (Op.RY, (a + 1,), (0.5,)),
            (Op.CH, (a, a + 1), ()),
            (Op.CH, (a + 1, a), ()),
        ]

    done = simplify(built(6, *gates))

    assert [list(p.wires) for p in done.parts] == [[0, 1], [2, 3], [4, 5]]


def wide_gates_in_a_later_part() -> Circuit:
    turns = [(Op.RY, (q,), (0.3 + q / 5,)) for q in range(7)]
    pairs = [(Op.CH, (0, 2), ()), (Op.CH, (2, 0), ())]
    wide = [(Op.MCP, (6, 3, 5, 4), (1.1,)), *turns[3:], (Op.MCX, (3, 4, 6, 5), ()), *turns[3:]]
    return built(7, *turns, *pairs, *wide)


def test_wide_gates_keep_their_qubits_in_a_later_part() -> None:
    circuit = wide_gates_in_a_later_part()

    assert [list(p.wires) for p in simplify(circuit).parts] == [[0, 2], [3, 4, 5, 6]]
    assert difference(circuit) < TOLERANCE


@pytest.mark.usefixtures("compiled")
def test_compiled_wide_gates_keep_their_qubits_in_a_later_part() -> None:
    assert difference(wide_gates_in_a_later_part()) < TOLERANCE


def test_a_label_moved_in_the_second_round_moves_earlier_logic() -> None:
    # The control of the exchange is seen to be 1 only after the pair on it has cancelled.
    turn = ((Op.RY, (3,), (0.7,)), (Op.RY, (4,), (0.4,)), (Op.CRX, (3, 4), (0.9,)))
    undone = ((Op.CRX, (3, 4), (-0.9,)), (Op.RY, (4,), (-0.4,)), (Op.RY, (3,), (-0.7,)))
    inner = ((Op.H, (0,), ()), (Op.CRX, (0, 3), (0.3,)), (Op.CRX, (0, 3), (-0.3,)))
    circuit = built(
        5,
        *((Op.RY, (0,), (1.0,)), (Op.RY, (1,), (0.5,)), (Op.X, (3,), ())),
        *(*turn, *inner, *undone),
        *((Op.CSWAP, (3, 0, 1), ()), (Op.CX, (0, 2), ())),
    )

    assert difference(circuit) < TOLERANCE


def test_steps_are_told_in_words() -> None:
    circuit = built(3, (Op.X, (0,), ()), (Op.H, (1,), ()), (Op.CX, (1, 2), ()))

    assert simplify(circuit).steps == (
        "3 gates became 0",
        "2 classical gates moved behind the measurement",
        "1 qubit sampled by hand",
    )


def pauli_value(state: np.ndarray, pauli: Pauli) -> float:
    matrices = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}
    n = int(np.log2(len(state)))
    moved = state.reshape([2] * n)
    for qubit, factor in pauli.factors:
        axis = n - 1 - qubit
        moved = np.moveaxis(np.tensordot(matrices[factor], moved, (1, axis)), 0, axis)
    return float(np.vdot(state, moved.reshape(-1)).real)


@pytest.mark.parametrize("style", STYLES)
def test_expectation_values_survive_simplification(style: str) -> None:
    rng = np.random.default_rng([31, list(STYLES).index(style)])

    for _ in range(60):
        n = int(rng.integers(1, 6))
        circuit = random_circuit(rng, n, int(rng.integers(0, 30)), style)
        letters = rng.choice(list("IXYZZ"), (4, n))
        paulis = [
            Pauli(tuple((q, str(f)) for q, f in enumerate(row) if f != "I")) for row in letters
        ]
        layout = lay_out(circuit, paulis)
        states = [amplitudes(p.part.circuit) for p in layout.pieces]
        got = [
            0.0
            if f is None
            else math.prod(pauli_value(states[i], layout.pieces[i].paulis[j]) for i, j in f)
            for f in layout.factors
        ]
        state = amplitudes(remove_measurements(circuit))
        want = [pauli_value(state, p) for p in paulis]
        assert got == pytest.approx(want, abs=TOLERANCE)


@pytest.mark.parametrize("fast", [False, True])
def test_classical_logic_of_a_second_round_comes_first(fast: bool) -> None:
    kinds = (np.uint8, np.int32, np.int32)

    def flat(*rows: list[int]) -> list[Any]:
        given = zip(rows, kinds, strict=True)
        return [np.array(row, kind) if fast else row for row, kind in given]

    # Wires of the first round are called 3, 2, 1, 0 by the second.
    wire = np.array([3, 2, 1, 0], np.int32) if fast else [3, 2, 1, 0]
    later = flat([Op.MCX], [0, 4, -1], [0, 1, 2, 3])
    for earlier, outcome in (
        (flat([Op.X], [1, -1, -1], [7]), [1, 1, 1, 1]),
        (flat([Op.CX], [3, 1, -1], [7]), [1, 1, 1, 1]),
        (flat([Op.CX], [3, 2, -1], [7]), [0, 0, 0, 1]),
    ):
        bits = np.array([[0], [0], [1], [1]], np.uint8)
        out = flat([0] * 2, [0] * 6, [0] * 5)
        (join.fast if fast else join.py)(*earlier, *later, wire, *out)
        ClassicalLogic(*map(np.array, out, kinds)).apply(bits)
        assert bits[:, 0].tolist() == outcome
