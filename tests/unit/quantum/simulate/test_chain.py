"""Circuits on a line: gates on neighbours only, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op, matrix
from markaz.quantum.programs.reference import amplitudes, apply
from markaz.quantum.simulate import chain
from markaz.quantum.simulate.chain import KEPT, Chain, chained, line_work
from markaz.quantum.simulate.engines import registry
from markaz.quantum.simulate.kernels_route import multiply, route
from tests.absent import absent

SMALL = tuple(op for op, gate in TABLE.items() if gate.num_qubits in (1, 2))
WIDE = (*SMALL, Op.CCX, Op.CCZ, Op.CSWAP, Op.RCCX)


@pytest.fixture(params=["interpreted", "compiled"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for kernel in (route, multiply):
        run = kernel.py if request.param == "interpreted" else kernel.fast
        monkeypatch.setattr(kernel, "pick", lambda _, run=run: run)
    return str(request.param)


def scattered(qubits: int, gates: int, seed: int, ops: tuple[Op, ...] = SMALL) -> Circuit:
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", qubits)
    for _ in range(gates):
        op = ops[rng.integers(len(ops))]
        places = [int(q) for q in rng.permutation(qubits)[: TABLE[op].num_qubits]]
        b.gate(op, places, list(rng.uniform(-3, 3, TABLE[op].num_params)))
    return b.build()


def state(found: Chain, qubits: int) -> np.ndarray:
    """Amplitudes with every qubit back at its own place."""
    psi = np.zeros(1 << qubits, complex)
    psi[0] = 1
    for place, unitary in found.alone:
        psi = apply(psi, unitary, [place])
    for site, block in zip(found.sites, found.blocks, strict=True):
        psi = apply(psi, block, [site, site + 1])
    index = np.arange(1 << qubits)
    moved = sum(((index >> q) & 1) << found.place[q] for q in range(qubits))
    return psi[moved]


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ops", [SMALL, WIDE])
def test_the_chain_is_the_circuit_up_to_its_phase(seed: int, ops: tuple[Op, ...]) -> None:
    circuit = scattered(7, 150, seed, ops)
    found = chained(circuit)
    assert found is not None
    assert sorted(found.place) == list(range(7))
    assert all(0 <= site < 6 for site in found.sites)
    assert abs(np.vdot(state(found, 7), amplitudes(circuit))) == pytest.approx(1, abs=1e-11)


def test_diagonal_gates_are_taken_in_the_order_that_suits(form: str) -> None:
    """A quantum Fourier transform needs each pair to meet once, whatever its gates' order."""
    n = 12
    b = Builder()
    b.qreg("q", n)
    for target in range(n):
        b.gate(Op.H, [target])
        for control in range(target + 1, n):
            b.gate(Op.CP, [control, target], [np.pi / 2 ** (control - target)])
    circuit = b.build()
    found = chained(circuit)
    assert found is not None
    assert line_work(circuit) > 500
    assert len(found.sites) <= n * (n - 1) // 2 + n
    assert abs(np.vdot(state(found, n), amplitudes(circuit))) == pytest.approx(1, abs=1e-11)


def test_both_forms_choose_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = scattered(9, 200, 5)
    found = []
    for name in ("py", "fast"):
        for kernel in (route, multiply):
            monkeypatch.setattr(kernel, "pick", lambda _, k=kernel, n=name: getattr(k, n))
        found.append(chained(circuit))
    one, other = found
    assert one is not None and other is not None
    assert (one.sites, one.place) == (other.sites, other.place)
    assert np.abs(one.blocks - other.blocks).max() < 1e-13


def test_gates_that_keep_basis_states_are_those_that_commute_with_z() -> None:
    z = np.diag([1, -1])
    rng = np.random.default_rng(1)
    for op in SMALL:
        gate = TABLE[op]
        unitary = np.array(matrix(op, tuple(rng.uniform(1, 2, gate.num_params))))
        for slot in range(gate.num_qubits):
            wide = np.kron(np.eye(1 << (gate.num_qubits - slot - 1)), np.kron(z, np.eye(1 << slot)))
            commutes = bool(np.abs(wide @ unitary - unitary @ wide).max() < 1e-12)
            if KEPT[op, slot]:
                assert commutes, (op, slot)
            elif Flag.DIAGONAL in gate.flags:
                assert not commutes, (op, slot)


def test_nothing_is_done_where_it_would_not_pay() -> None:
    near = Builder()
    near.qreg("q", 4)
    for _ in range(40):
        for q in (0, 1, 2):
            near.gate(Op.CX, [q, q + 1])
    assert line_work(near.build()) == 120
    assert chained(near.build()) is None
    for _ in range(40):
        for q in (0, 1, 2):
            near.gate(Op.CX, [q, q + 1])
            near.gate(Op.H, [q])
    assert line_work(near.build()) == 240 > chain.LEAST_WORK
    assert chained(near.build()) is None


def test_gates_on_many_qubits_are_left_to_the_library() -> None:
    b = Builder()
    b.qreg("q", 9)
    for _ in range(40):
        b.gate(Op.CX, [0, 8])
    b.gate(Op.MCX, list(range(6)))
    assert line_work(b.build()) == 0
    assert chained(b.build()) is None


@pytest.mark.parametrize("key", ["qevedo:mps", "prism:mps"])
def test_engines_measure_qubits_where_they_have_ended(key: str) -> None:
    engine = registry.engines().get(key)
    if engine is None:
        absent(f"{key} is not installed")
    half = scattered(8, 60, 3, (Op.H, Op.T, Op.CX, Op.RZZ, Op.CP, Op.RX))
    b = Builder()
    b.qreg("q", 8)
    for q in (1, 2, 6):
        b.gate(Op.X, [q])
    rows = list(zip(half.op.tolist(), half.qubits.tolist(), half.params.tolist(), strict=True))
    for sign, part in ((1, rows), (-1, rows[::-1])):
        for code, wires, params in part:
            op, qubits = Op(code), [q for q in wires if q >= 0]
            inverse = Op.TDG if op == Op.T and sign < 0 else op
            b.gate(inverse, qubits, [sign * x for x in params[: TABLE[op].num_params]])
    circuit = b.build()
    assert chained(circuit) is not None

    found = engine.sample(circuit, [6, 0, 1, 7, 2], 20, 1)

    assert found.shots == 20
    assert (found.bits == [1, 0, 1, 0, 1]).all()
    assert found.fidelity > 1 - 1e-9
