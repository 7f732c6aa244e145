"""The sparse-state engine against the reference simulator, interpreted and compiled."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.simulate import jit
from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.engines.sparse import SparseEngine, probe
from markaz.quantum.simulate.micro import lowered
from markaz.quantum.simulate.states_sparse import SparseState, find
from tests.native_circuits import (
    GATES,
    assert_drawn,
    counts_of,
    joined,
    marginal,
    pauli_values,
    prepared,
    random_gates,
    random_paulis,
)

ENGINE = SparseEngine()


FORMS = ("interpreted", "compiled")


def use(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = form == "compiled"
    monkeypatch.setattr(jit.Kernel, "worth_it", lambda *_: compiled)
    monkeypatch.setattr(jit.Kernel, "patience", lambda _: 20 if compiled else jit.NEVER)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    use(request.param, monkeypatch)
    return str(request.param)


def ghz(num_qubits: int) -> Circuit:
    b = Builder()
    b.qreg("q", num_qubits)
    b.gate(Op.H, [0])
    for q in range(1, num_qubits):
        b.gate(Op.CX, [q - 1, q])
    return b.build()


def adder(bits: int, a: int, c: int) -> Circuit:
    """Cuccaro's ripple-carry adder (arXiv:quant-ph/0410184): b += a, carry in the last."""
    b = Builder()
    b.qreg("q", 2 * bits + 2)
    qa = [1 + 2 * i for i in range(bits)]
    qb = [2 + 2 * i for i in range(bits)]
    for i in range(bits):
        for value, qubit in ((a, qa[i]), (c, qb[i])):
            if value >> i & 1:
                b.gate(Op.X, [qubit])
    carry = [0, *qa]
    for i in range(bits):
        b.gate(Op.CX, [qa[i], qb[i]])
        b.gate(Op.CX, [qa[i], carry[i]])
        b.gate(Op.CCX, [carry[i], qb[i], qa[i]])
    b.gate(Op.CX, [qa[-1], 2 * bits + 1])
    for i in reversed(range(bits)):
        b.gate(Op.CCX, [carry[i], qb[i], qa[i]])
        b.gate(Op.CX, [qa[i], carry[i]])
        b.gate(Op.CX, [carry[i], qb[i]])
    return b.build()


@pytest.mark.parametrize("op", GATES)
def test_every_gate_in_either_form(op: Op, form: str) -> None:
    for seed in range(3):
        circuit = prepared(op, 4, seed)
        assert np.abs(ENGINE.statevector(circuit) - amplitudes(circuit)).max() < 1e-14


@pytest.mark.parametrize("num_qubits", [1, 2, 3, 6])
def test_random_circuits_have_exact_amplitudes(num_qubits: int, form: str) -> None:
    for seed in range(6):
        circuit = random_gates(num_qubits, 50, seed)
        assert np.abs(ENGINE.statevector(circuit) - amplitudes(circuit)).max() < 1e-13


def test_forms_draw_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = random_gates(7, 60, 1)
    drawn = []
    for name in FORMS:
        use(name, monkeypatch)
        drawn.append(counts_of(ENGINE.sample(circuit, range(7), 300, seed=5)))
    assert drawn[0] == drawn[1]


def test_a_register_across_words(form: str) -> None:
    samples = ENGINE.sample(ghz(1000), [0, 62, 63, 64, 999], 1000, seed=3)
    assert_drawn(counts_of(samples), {"00000": 0.5, "11111": 0.5}, 1000)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (12345678901, 987654321), (2**40 - 1, 1)])
def test_an_adder_adds(a: int, b: int, form: str) -> None:
    circuit = adder(40, a, b)
    samples = ENGINE.sample(circuit, [2 + 2 * i for i in range(40)] + [81], 10, seed=1)
    assert counts_of(samples) == {format(a + b, "041b"): 10}


def test_an_adder_adds_in_superposition(form: str) -> None:
    b = Builder()
    b.qreg("q", 82)
    for i in range(6):
        b.gate(Op.H, [1 + 2 * i])
    circuit = joined(b.build(), adder(40, 0, 2**40 - 1))
    assert probe(circuit) == 64
    samples = ENGINE.sample(circuit, [2 + 2 * i for i in range(40)] + [81], 4000, seed=1)
    exact = {format(2**40 - 1 + a, "041b"): 1 / 64 for a in range(64)}
    assert_drawn(counts_of(samples), exact, 4000)


def test_samples_follow_the_distribution_of_the_asked_qubits() -> None:
    circuit = random_gates(5, 40, 3)
    exact = np.abs(amplitudes(circuit)) ** 2
    for qubits in ([0, 1, 2, 3, 4], [4, 1], [2]):
        samples = ENGINE.sample(circuit, qubits, 20_000, seed=7)
        assert_drawn(counts_of(samples), marginal(exact, qubits), 20_000)


def test_expectation_values(form: str) -> None:
    circuit, paulis = random_gates(5, 40, 6), random_paulis(5, 20, 6)
    found = ENGINE.expectations(circuit, paulis)
    assert np.abs(found.values - pauli_values(circuit, paulis)).max() < 1e-13


def test_expectation_values_across_words() -> None:
    n = 130
    parity = [Pauli(tuple((q, letter) for q in range(n))) for letter in "XYZ"]
    pairs = [Pauli(((0, "Z"), (129, "Z"))), Pauli(((64, "Z"),))]
    found = ENGINE.expectations(ghz(n), parity + pairs).values
    assert found.tolist() == pytest.approx([1, -1, 1, 1, 0])  # Y^n = i^n (XZ)^n, n = 2 mod 4


def test_cancelling_amplitudes_leave_no_states(form: str) -> None:
    b = Builder()
    b.qreg("q", 6)
    for _ in range(10):
        for q in range(6):
            b.gate(Op.H, [q])
        b.gate(Op.CZ, [0, 1])
        b.gate(Op.CZ, [0, 1])
    state = SparseState(6, 1 << 10, 1 << 20)
    state.apply(lowered(b.build(), engine="test"))
    assert len(state) == 1


def test_limits_refuse_at_the_same_gate_in_either_form(form: str) -> None:
    b = Builder()
    b.qreg("q", 40)
    for q in range(39):
        b.gate(Op.H, [q])
        b.gate(Op.CX, [q, q + 1])
    circuit = b.build()
    with pytest.raises(EngineRefusal, match=r"^more than 1024 basis states at gate 21$"):
        probe(circuit, max_states=1024)
    with pytest.raises(
        EngineRefusal, match=r"^more work than allowed for basis states at gate 15$"
    ):
        probe(circuit, max_work=500)
    assert probe(ghz(40), max_states=2, max_work=100) == 2


def test_refusals_name_the_reason() -> None:
    with pytest.raises(EngineRefusal, match="amplitudes of up to 24 qubits"):
        ENGINE.statevector(ghz(25))
    b = Builder()
    b.qreg("q", 1)
    b.creg("c", 1)
    b.measure(0, 0)
    with pytest.raises(EngineRefusal, match="gates only, not MEASURE"):
        ENGINE.sample(b.build(), [0], 10, seed=1)


def test_rows_are_found_among_rows() -> None:
    keys = np.array([[5, 1], [0, 2], [7, 7]])
    wanted = np.array([[7, 7], [5, 2], [5, 1], [0, 2]])
    assert find(keys, wanted).tolist() == [2, -1, 0, 1]
