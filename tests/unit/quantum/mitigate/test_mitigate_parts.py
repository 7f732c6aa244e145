"""Readout correction, extrapolation, cancellation and canaries, each alone."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.fabric import fabric_of
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.mitigate import cancel
from markaz.quantum.mitigate.canary import twin
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.extrapolate import repeats, to_zero
from markaz.quantum.mitigate.observe import outcomes, terms_of
from markaz.quantum.mitigate.paulis import PAULIS, is_clifford
from markaz.quantum.mitigate.readout import (
    Confusion,
    calibration_circuits,
    confusion,
    factors,
    nearest_probabilities,
    quasi,
)
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.gates import Op
from tests.compile_check import random_circuit, state

INDUS = load_shipped("indus")
FABRIC = fabric_of(INDUS, None)


def test_confusion_from_counts() -> None:
    counts = [{"00": 90, "01": 8, "10": 2}, {"11": 80, "10": 15, "01": 5}]
    found = confusion((7, 3), counts)
    np.testing.assert_allclose(found.up, [8.5 / 101, 2.5 / 101])  # bit 0 is qubit 7
    np.testing.assert_allclose(found.down, [15.5 / 101, 5.5 / 101])
    assert found.shots == 100
    with pytest.raises(MitigationError) as refused:
        confusion((7, 3), [{"00": 50, "01": 50}, {"11": 50, "10": 50}])
    assert refused.value.message.startswith("what qubit 7 reads hardly depends on its state")


def test_factors_undo_the_confusion_exactly() -> None:
    found = Confusion((0, 1), np.array([0.02, 0.2]), np.array([0.1, 0.05]), 100)
    table = factors(found, (1, 0))
    for row, q in zip(table, (1, 0), strict=True):
        up, down = found.up[q], found.down[q]
        assert row[0] * (1 - up) + row[1] * up == pytest.approx(1)
        assert row[0] * down + row[1] * (1 - down) == pytest.approx(-1)
    assert factors(None, (1, 0)).tolist() == [[1, -1], [1, -1]]


def test_quasi_probabilities_undo_the_confusion() -> None:
    found = Confusion((0, 1, 2), np.array([0.02, 0.1, 0.03]), np.array([0.08, 0.05, 0.2]), 100)
    true = np.array([0.5, 0.1, 0.0, 0.05, 0.0, 0.15, 0.0, 0.2])
    one = [np.array([[1 - u, d], [u, 1 - d]]) for u, d in zip(found.up, found.down, strict=True)]
    read = np.kron(np.kron(one[2], one[1]), one[0]) @ true
    counts = {format(k, "03b"): round(1e9 * p) for k, p in enumerate(read)}
    made = quasi(counts, (0, 1, 2), found, (0, 1, 2))
    for k in range(8):
        assert made.values[format(k, "03b")] == pytest.approx(true[k], abs=1e-6)
    assert sum(made.nearest.values()) == pytest.approx(1)
    assert max(made.standard_errors.values()) < 1e-4


def test_too_many_outcomes_are_refused() -> None:
    found = Confusion(tuple(range(12)), np.full(12, 0.01), np.full(12, 0.01), 100)
    counts = {format(k, "012b"): 1 for k in range(2001)}
    with pytest.raises(MitigationError) as refused:
        quasi(counts, range(12), found, tuple(range(12)))
    assert refused.value.message == ("2001 different outcomes; more than 2000 cannot be corrected")


def test_nearest_probabilities() -> None:
    np.testing.assert_allclose(nearest_probabilities(np.array([0.7, 0.5, -0.2])), [0.6, 0.4, 0])
    np.testing.assert_allclose(nearest_probabilities(np.array([0.25, 0.75])), [0.25, 0.75])


def test_calibration_circuits_prepare_zero_and_one() -> None:
    like = compile(random_circuit(3, 5, 1), INDUS).circuit
    zero, one = calibration_circuits(like, (3, 9), FABRIC)
    assert zero.op.tolist() == [Op.MEASURE] * 2
    assert one.op.tolist() == [Op.SX] * 4 + [Op.MEASURE] * 2
    assert one.measurements() == [(3, 0), (9, 1)]


def test_outcomes_pick_bits_from_the_right() -> None:
    bits, number = outcomes({"1100": 3, "0001": 4}, (0, 3))
    assert bits.tolist() == [[0, 1], [1, 0]]
    assert number.tolist() == [3, 4]


@pytest.mark.parametrize(("gates", "factor"), [(7, 1.0), (7, 2.0), (10, 1.5), (4, 3.0), (3, 5.0)])
def test_repeats_reach_the_factor(gates: int, factor: float) -> None:
    found = repeats(gates, factor, np.random.default_rng(1))
    assert np.all(found % 2 == 1)
    assert abs(found.sum() / gates - factor) <= 1 / gates + 1e-9
    assert found.max() - found.min() <= 2


def test_extrapolation_finds_the_models_it_assumes() -> None:
    x = np.array([1.0, 2.0, 3.0])
    errors = np.full((3, 2), 0.001)
    decay = np.stack([0.8 * np.exp(-0.3 * x), -0.5 * np.exp(-0.1 * x)], axis=1)
    made, gap = to_zero(x, decay, errors, "auto")
    np.testing.assert_allclose(made, [0.8, -0.5], atol=1e-9)
    assert np.all(gap > 0)
    line = np.stack([0.6 - 0.1 * x, 0.1 - 0.1 * x], axis=1)
    np.testing.assert_allclose(to_zero(x, line, errors, "linear")[0], [0.6, 0.1])
    # The second changes its sign, so that its logarithm means nothing.
    assert to_zero(x, line, errors, "auto")[0][1] == pytest.approx(0.1)
    cubic = (1 - 0.2 * x + 0.05 * x**2)[:, None]
    np.testing.assert_allclose(to_zero(x, cubic, errors[:, :1], "richardson")[0], [1.0])
    # Growing with the noise is no decay.
    growing = np.stack([0.3 * np.exp(0.2 * x)], axis=1)
    made, gap = to_zero(x, growing, errors[:, :1], "auto")
    assert gap.tolist() == [0.0]


def test_the_inverse_of_a_pauli_channel_undoes_it() -> None:
    g = np.random.default_rng(2)
    chance = np.concatenate([[0.9], g.dirichlet(np.ones(15)) * 0.1])
    fidelities = cancel._SIGNS @ chance
    weights = cancel.inverse_weights(fidelities)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose((cancel._SIGNS @ weights) * fidelities, np.ones(16))
    products = [np.kron(b, a) for b in PAULIS for a in PAULIS]
    signs = [[1 if np.allclose(p @ q, q @ p) else -1 for q in products] for p in products]
    assert cancel._SIGNS.tolist() == signs


def test_pairs_of_one_class_share_no_qubit() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (5, 0), (3, 4)]
    classes = cancel.coloured(edges)
    assert sorted(e for c in classes for e in c) == sorted(edges)
    for members in classes:
        qubits = [q for e in members for q in e]
        assert len(set(qubits)) == len(qubits)


@pytest.mark.parametrize("seed", range(5))
def test_the_twin_is_clifford_and_has_the_stated_answers(seed: int) -> None:
    compiled = compile(random_circuit(4, 30, seed), INDUS)
    bare = compiled.circuit
    sums = [PauliSum.of("XYZX"), PauliSum.of("ZZII"), PauliSum.of("IIXX"), PauliSum.of("YIIY")]
    terms = terms_of(sums, compiled)
    made, answers = twin(bare, terms.paulis, FABRIC)
    assert answers[0][0] == 0
    assert len(answers) >= 1
    gates = [i for i in range(len(made)) if made.op[i] < Op.MEASURE]
    assert all(is_clifford(int(made.op[i]), tuple(made.params[i].tolist())) for i in gates)
    twos = lambda c: [tuple(r) for r in c.qubits[c.op == Op.CZ, :2].tolist()]  # noqa: E731
    assert twos(made) == twos(bare)
    for t, value in answers:
        assert expectation(made, terms.paulis[t]) == pytest.approx(value)


def expectation(circuit, letters) -> float:  # type: ignore[no-untyped-def]
    from markaz.quantum.programs.transform import relabel

    used = sorted({*(q for i in range(len(circuit)) for q in circuit.operands(i)), *letters})
    mapping = np.full(circuit.num_qubits, -1)
    mapping[used] = np.arange(len(used))
    vector = state(relabel(circuit, mapping, len(used)))
    full = np.eye(1)
    for q in used:
        full = np.kron(PAULIS["IXYZ".index(letters.get(q, "I"))], full)
    return float(np.vdot(vector, full @ vector).real)


def test_observables_follow_the_layout_and_unused_qubits_are_zero() -> None:
    from markaz.quantum.programs.intake import load
    from markaz.quantum.programs.transform import remove_measurements

    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[4]; h q[1]; cx q[1],q[3];'
    compiled = compile(remove_measurements(load(text)), INDUS)
    a, b = compiled.end[1], compiled.end[3]
    terms = terms_of([PauliSum.of("2*Z0 Z1 + 3*X0 X3 - Z2 + X1 X3"), PauliSum.of("Z1")], compiled)
    assert terms.paulis == ({a: "Z"}, {}, {a: "X", b: "X"})
    assert terms.weights.tolist() == [[2, -1, 1], [1, 0, 0]]
    assert [g.terms for g in terms.groups] == [(0,), (2,)]
