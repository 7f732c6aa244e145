"""Observables are read exactly, and what cannot be read is named."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markaz.quantum.observables import ObservableError, PauliSum, parse, parse_lines
from markaz.quantum.simulate.engines.base import Pauli
from tests.absent import library

LETTER = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0, -1.0]),
    "0": np.diag([1.0, 0.0]),
    "1": np.diag([0.0, 1.0]),
    "+": np.full((2, 2), 0.5),
    "-": np.array([[0.5, -0.5], [-0.5, 0.5]]),
    "r": np.array([[0.5, -0.5j], [0.5j, 0.5]]),
    "l": np.array([[0.5, 0.5j], [-0.5j, 0.5]]),
}


def dense(label: str) -> np.ndarray:
    matrix = np.eye(1)
    for letter in label:  # the leftmost letter is the highest qubit
        matrix = np.kron(matrix, LETTER[letter])
    return matrix


def matrix_of(observable: PauliSum, qubits: int) -> np.ndarray:
    total = np.zeros((2**qubits, 2**qubits), complex)
    for coefficient, pauli in observable.terms:
        letters = dict(pauli.factors)
        label = "".join(letters.get(q, "I") for q in reversed(range(qubits)))
        total += coefficient * dense(label)
    return total


def terms(text: str) -> dict[tuple[tuple[int, str], ...], float]:
    return {p.factors: c for c, p in parse(text).terms}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZZ", {((0, "Z"), (1, "Z")): 1.0}),
        ("ZX", {((0, "X"), (1, "Z")): 1.0}),
        ("II", {(): 1.0}),
        ("-X", {((0, "X"),): -1.0}),
        ("- -X", {((0, "X"),): 1.0}),
        ("+ -2*X", {((0, "X"),): -2.0}),
        ("\N{MINUS SIGN}2 X", {((0, "X"),): -2.0}),
        ("2*3 * X", {((0, "X"),): 6.0}),
        ("1e-3*Z - .5 Z", {((0, "Z"),): -0.499}),
        ("ZZ+XX-YY", {
            ((0, "Z"), (1, "Z")): 1.0,
            ((0, "X"), (1, "X")): 1.0,
            ((0, "Y"), (1, "Y")): -1.0,
        }),
        ("ZZ + 0.5*XI - 2 IY", {
            ((0, "Z"), (1, "Z")): 1.0,
            ((1, "X"),): 0.5,
            ((0, "Y"),): -2.0,
        }),
        ("0.5*Z0 Z3", {((0, "Z"), (3, "Z")): 0.5}),
        ("Z3*Z0", {((0, "Z"), (3, "Z")): 1.0}),
        ("X10 - 2 I0", {((10, "X"),): 1.0, (): -2.0}),
        ("X - X", {((0, "X"),): 0.0}),
        ("0", {(): 0.5, ((0, "Z"),): 0.5}),
        ("2 1", {(): 1.0, ((0, "Z"),): -1.0}),
        ("r0 - l0", {(): 0.0, ((0, "Y"),): 1.0}),
        ("[Z1]", {((1, "Z"),): 0.5, ((0, "Z"), (1, "Z")): -0.5}),
        ("Z1", {((1, "Z"),): 1.0}),
        ("4*[+-]", {
            (): 1.0, ((1, "X"),): 1.0, ((0, "X"),): -1.0, ((0, "X"), (1, "X")): -1.0,
        }),
    ],
)  # fmt: skip
def test_text_is_read(text: str, expected: dict[tuple[tuple[int, str], ...], float]) -> None:
    assert terms(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an observable needs at least one term"),
        ("   ", "an observable needs at least one term"),
        ("+", "term '+' has a sign and nothing after it (projector letters + and - need "
              "square brackets: [+-])"),
        ("ZZ -", "term '-' has a sign and nothing after it (projector letters + and - need "
                 "square brackets: [+-])"),
        ("ZZ + X", "labels 'ZZ' and 'X' have 2 and 1 letters; all labels of an observable must "
                   "be as wide as the circuit"),
        ("0.5ZZ", "term '0.5ZZ': '.' is not one of I X Y Z 0 1 + - r l (write * between a "
                  "coefficient and its label)"),
        ("zz", "term 'zz': 'z' is not one of I X Y Z 0 1 + - r l (did you mean 'ZZ'?)"),
        ("X + Q", "term '+ Q': 'Q' is not one of I X Y Z 0 1 + - r l"),
        ("1j*X", "term '1j*X': '1j' is not of the form Z3"),
        ("X01", "term 'X01': write [X01] for a label of 3 qubits, or X1 for one qubit"),
        ("Z0 X0", "term 'Z0 X0' names qubit 0 twice"),
        ("2", "term '2' has no Pauli label"),
        ("2*", "term '2*' has no Pauli label"),
        ("*Z", "term '*Z' has no Pauli label"),
        ("ZZ + Z0", "'ZZ + Z0' mixes labels and the form Z3; use one of them"),
        ("1e999*Z", "term '1e999*Z': the coefficient is not finite"),
        ("[]", "term '[]' has an empty label"),
        ("ZZ XX", "term 'ZZ XX': 'ZZ' is not of the form Z3"),
        ("Z;", "cannot read ';'"),
        ("0" * 40, "term Z0 has 40 projector letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(ObservableError) as caught:
        parse(text)
    if text.startswith("000"):
        assert str(caught.value).endswith(
            "has 40 projector letters; their expansion would have 2^40 terms"
        )
    else:
        assert str(caught.value) == message


def test_dense_labels_know_their_width_and_sparse_ones_do_not() -> None:
    assert parse("ZZI").num_qubits == 3
    assert parse("Z0 Z2").num_qubits is None


def test_width_is_checked_against_the_circuit() -> None:
    parse("ZZ").check_width(2)
    parse("Z1").check_width(2)
    with pytest.raises(ObservableError, match="2 letters a label, but the circuit has 3 qubits"):
        parse("ZZ").check_width(3)
    with pytest.raises(ObservableError, match="term Z5: the circuit has only 5 qubits"):
        parse("Z5").check_width(5)


def test_lines_of_a_file() -> None:
    text = "# energies\nZZ\n\n XX + YY  # exchange\n"
    assert parse_lines(text) == [parse("ZZ"), parse("XX + YY")]
    with pytest.raises(ObservableError, match=r"^line 3: term 'Q'"):
        parse_lines("ZZ\n\nQ\n")


@given(st.text(alphabet="IXYZ01+-rl", min_size=1, max_size=5))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_projectors_expand_to_the_operator_they_name(label: str) -> None:
    found = parse(f"0.5*[{label}]")
    assert found.num_qubits == len(label)
    assert np.allclose(matrix_of(found, len(label)), 0.5 * dense(label))


@given(
    st.lists(
        st.tuples(
            st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-6),
            st.text(alphabet="IXYZ", min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_every_way_in_gives_the_same_operator(pairs: list[tuple[float, str]]) -> None:
    text = " + ".join(f"{c!r} * {label}" for c, label in pairs)
    from_text = parse(text)
    assert PauliSum.of([(label, c) for c, label in pairs]) == from_text
    expected = sum((c * dense(label) for c, label in pairs), np.zeros((8, 8)))
    assert np.allclose(matrix_of(from_text, 3), expected)


@given(st.text(max_size=30))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        found = parse(text)
    except ObservableError as error:
        assert str(error)
    else:
        assert all(math.isfinite(c) for c in found.coefficients)


def test_qiskit_operators() -> None:
    info = library("qiskit.quantum_info")
    expected = PauliSum(((0.5, Pauli(((0, "X"), (1, "Z")))), (-1.0, Pauli(()))), 2)
    assert PauliSum.of(info.SparsePauliOp(["ZX", "II"], [0.5, -1.0])) == expected
    assert PauliSum.of({"ZX": 0.5, "II": -1.0}) == expected
    assert PauliSum.of([("XZ", [0, 1], 0.5), ("", [], -1.0)]).terms == expected.terms
    assert PauliSum.of(info.Pauli("-ZX")) == PauliSum(((-1.0, Pauli(((0, "X"), (1, "Z")))),), 2)
    assert PauliSum.of(expected) is expected


def test_a_sparse_observable_of_qiskit_is_expanded() -> None:
    info = library("qiskit.quantum_info")
    for letters in itertools.islice(itertools.product("XZ01+-rl", repeat=2), 0, 64, 7):
        label = "".join(letters)
        found = PauliSum.of(info.SparseObservable.from_list([(label, 2.0)]))
        assert np.allclose(matrix_of(found, 2), 2 * dense(label))


@pytest.mark.parametrize(
    "value", [{"Z": 1j}, [("Z", 1j)], {"Z": math.nan}, {}, [], [("Z",)], [("ZZ", [0], 1.0)]]
)
def test_values_that_are_no_observable(value: object) -> None:
    with pytest.raises(ObservableError):
        PauliSum.of(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"XX": "a"}, "term XX: coefficient 'a' is no number"),
        ({"XX": None}, "term XX: coefficient None is no number"),
        ({"XX": 10**400}, "term XX: the coefficient is not finite"),
        ([("XX", [0, 1], math.inf)], "term XX: the coefficient is not finite"),
        ([("XX", ["a", 1], 1.0)], "term 'XX': ['a', 1] is no list of qubits"),
        ([("XX", 3, 1.0)], "term 'XX': 3 is no list of qubits"),
        ([("XX", [0.5, 1], 1.0)], "term 'XX': [0.5, 1] is no list of qubits"),
        ([("XX", [1, 1], 1.0)], "term 'XX' needs 2 different qubits"),
        ("1e308*Z0 + 1e308*Z0", "term Z0: the coefficients add up to infinity"),
        ("Z1234567890", "term 'Z1234567890': no circuit has a qubit 1234567890"),
    ],
)
def test_numbers_that_are_none_are_named(value: object, message: str) -> None:
    with pytest.raises(ObservableError) as caught:
        PauliSum.of(value)
    assert str(caught.value) == message


LONG = 30_000


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Z" + "9" * LONG, "no circuit has a qubit 999"),
        ("9" * LONG + "*Z0", "the coefficient is not finite"),
        ("W" * LONG, "'W' is not one of I X Y Z"),
        ("x" * LONG, "did you mean 'XXX"),
        ("Z0 " * LONG, "names qubit 0 twice"),
        (f"{'X' * LONG} + X", f"have {LONG} and 1 letters"),
        ({"+" * LONG: 1.0}, f"has {LONG} projector letters"),
        ({"X" * LONG: "a"}, "coefficient 'a' is no number"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_long_terms_are_refused_in_few_words(value: object, message: str) -> None:
    with pytest.raises(ObservableError) as caught:
        PauliSum.of(value)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_term_on_many_qubits_is_read_in_one_pass() -> None:
    # Comparing each qubit with each other would take minutes.
    text = " ".join(f"Z{q}" for q in range(LONG))
    assert len(PauliSum.of(text).paulis[0].factors) == LONG


def test_an_imaginary_pauli_of_qiskit_is_refused() -> None:
    info = library("qiskit.quantum_info")
    with pytest.raises(ObservableError, match="term ZZ: coefficient 1j is not real"):
        PauliSum.of(info.Pauli("iZZ"))


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="cannot read a float as an observable"):
        PauliSum.of(3.0)


def test_shown_as_a_sum() -> None:
    assert str(parse("ZZ - 0.5*XI + 2 II")) == "Z0 Z1 - 0.5*X1 + 2*I"
    assert str(parse("-Z")) == "-Z0"
