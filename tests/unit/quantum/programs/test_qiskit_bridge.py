"""Every gate of Qiskit there and back, compared as unitaries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ClassicalRegister,
    Clbit,
    ControlledGate,
    ControlModifier,
    Gate,
    Instruction,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit import library as lib
from qiskit.quantum_info import (
    Operator,
    Pauli,
    SparsePauliOp,
    random_clifford,
    random_statevector,
    random_unitary,
)

from markaz.quantum.programs.circuit import Builder, Circuit, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.qiskit_bridge import from_qiskit, to_qiskit
from markaz.quantum.programs.reference import unitary
from markaz.quantum.programs.validate import validate
from markaz.quantum.programs.wire import encode


def standard() -> list[Gate]:
    """All standard gates with some angles, and with every state of their controls."""
    rng = np.random.default_rng(11)
    gates = []
    for name, gate in lib.get_standard_gate_name_mapping().items():
        if name in ("delay", "reset", "measure"):
            continue
        angles = rng.uniform(-3, 3, len(gate.params)).tolist()
        gates.append(gate.base_class(*angles))
        if isinstance(gate, ControlledGate):
            states = range(2**gate.num_ctrl_qubits - 1)
            gates += [gate.base_class(*angles, ctrl_state=state) for state in states]
    return gates


def composed() -> list[Any]:
    """Gates that are taken over through their definitions, or as pooled ones."""
    u = [random_unitary(2**n, seed=n) for n in range(1, 4)]
    return [
        lib.MCXGate(5),
        lib.MCXGate(5, ctrl_state=3),
        lib.MCPhaseGate(0.7, 4),
        lib.MCPhaseGate(0.7, 3, ctrl_state=2),
        lib.RZGate(0.3).control(3, annotated=False),
        lib.HGate().control(2, annotated=False),
        lib.HGate().control(2, annotated=True),
        lib.ZGate().control(4, annotated=False),
        lib.SwapGate().control(2, annotated=False, ctrl_state=1),
        lib.TGate().control(3, annotated=False),
        lib.SdgGate().control(2, annotated=False, ctrl_state=0),
        lib.UGate(1, 2, 3).control(1, annotated=False),
        *(lib.UnitaryGate(m) for m in u),
        lib.UnitaryGate(u[1]).control(1),
        lib.StatePreparation([0.6, 0, 0, 0.8j]).inverse(),
        lib.DiagonalGate([1, 1j, -1, 1]),
        lib.PermutationGate([1, 2, 0]),
        lib.LinearFunction([[1, 1], [0, 1]]),
        lib.PauliGate("XYZ"),
        lib.PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"], [0.2, 0.5]), 0.3),
        lib.PauliProductRotationGate(Pauli("XYZ"), 0.3),
        lib.QFTGate(4),
        lib.MSGate(3, 0.2),
        lib.RVGate(1, 2, 3),
        lib.UCRYGate([0.1, 0.2]),
        lib.HamiltonianGate(np.array([[1, 2], [2, 0]]), 0.3),
        lib.MCMTGate(lib.XGate(), 3, 2),
        lib.FullAdderGate(2),
        lib.OrGate(2),
    ]


def wrapped(op: Any) -> QuantumCircuit:
    qc = QuantumCircuit(max(op.num_qubits, 1))
    qc.append(op, range(op.num_qubits))
    return qc


def imported(qc: QuantumCircuit, limits: Limits = DEFAULT) -> Circuit:
    """The circuit, with every rule checked."""
    circuit = from_qiskit(qc, limits)
    validate(circuit, DEFAULT)
    return circuit


@pytest.mark.parametrize("op", standard() + composed(), ids=lambda g: f"{g.name}-{g.num_qubits}")
def test_unitaries_agree_there_and_back(op: Any) -> None:
    qc = wrapped(op)
    circuit = imported(qc)
    # Qiskit's operator of an evolution is the exact one, what runs is its definition.
    evolution = isinstance(op, lib.PauliEvolutionGate)
    want = Operator(qc.decompose() if evolution else qc).data
    np.testing.assert_allclose(unitary(circuit), want, atol=1e-9)
    np.testing.assert_allclose(Operator(to_qiskit(circuit)).data, want, atol=1e-9)


ANNOTATED = [
    (lib.RXGate(0.3), [ControlModifier(2, 1), InverseModifier()]),
    (lib.SGate(), [PowerModifier(3)]),
    (lib.CXGate(), [ControlModifier(1), PowerModifier(2)]),
    (random_clifford(2, seed=1), [InverseModifier()]),
    (random_clifford(2, seed=2), [ControlModifier(1, 0)]),
]


@pytest.mark.parametrize(("base", "modifiers"), ANNOTATED, ids=range(len(ANNOTATED)))
def test_annotated_operations(base: Any, modifiers: list[Any]) -> None:
    matrix = Operator(base)
    for m in modifiers:
        if isinstance(m, InverseModifier):
            matrix = matrix.adjoint()
        elif isinstance(m, PowerModifier):
            matrix = matrix.power(m.power)
        else:
            gate = lib.UnitaryGate(matrix)
            matrix = Operator(gate.control(m.num_ctrl_qubits, ctrl_state=m.ctrl_state))
    circuit = imported(wrapped(AnnotatedOperation(base, modifiers)))
    got, want = unitary(circuit), matrix.data
    phase = got[0, 0] / want[0, 0] if abs(want[0, 0]) > 1e-6 else 1
    if isinstance(modifiers[-1], ControlModifier):
        assert abs(phase - 1) < 1e-9 or not isinstance(base, Gate)
    assert Operator(got).equiv(Operator(want)) or isinstance(modifiers[-1], ControlModifier)


def test_cliffords_are_taken_over() -> None:
    clifford = random_clifford(3, seed=5)
    assert Operator(unitary(imported(wrapped(clifford)))).equiv(Operator(clifford))


def test_plain_gates_are_taken_over_one_by_one() -> None:
    for gate in TABLE.values():
        if gate.num_qubits:
            circuit = imported(to_qiskit(_single(gate.op)))
            assert encode(circuit) == encode(_single(gate.op)), gate.name


def _single(op: Op) -> Circuit:
    b = Builder()
    b.qreg("q", 3)
    gate = TABLE[op]
    b.gate(op, [2, 0, 1][: gate.num_qubits], [0.1, 0.2, 0.3, 0.4][: gate.num_params])
    return b.build()


def test_pooled_gates_of_every_size_come_back() -> None:
    for count in range(1, 7):
        b = Builder()
        b.qreg("q", 6)
        b.gate(Op.MCX, range(count))
        b.gate(Op.MCP, range(count), [0.4])
        circuit = b.build()
        back = imported(to_qiskit(circuit))
        np.testing.assert_allclose(unitary(back), unitary(circuit), atol=1e-12)
        if count > 4:
            assert back.op.tolist() == [Op.MCX, Op.MCP]


def test_random_circuits_agree() -> None:
    rng = np.random.default_rng(3)
    names = [n for n, g in lib.get_standard_gate_name_mapping().items() if g.num_clbits == 0]
    for _ in range(20):
        qc = QuantumCircuit(4, global_phase=rng.uniform(0, 6))
        for name in rng.choice([n for n in names if n not in ("delay", "reset")], 20):
            gate = lib.get_standard_gate_name_mapping()[name]
            qubits = rng.permutation(4)[: gate.num_qubits].tolist()
            qc.append(gate.base_class(*rng.uniform(-3, 3, len(gate.params)).tolist()), qubits)
        np.testing.assert_allclose(unitary(imported(qc)), Operator(qc).data, atol=1e-9)


def test_nested_definitions_carry_phases_angles_and_qubits() -> None:
    inner = QuantumCircuit(2, global_phase=0.3, name="inner")
    inner.cx(1, 0)
    inner.rz(0.2, 1)
    inner.append(lib.MCXGate(1), [0, 1])
    outer = QuantumCircuit(4, global_phase=0.1, name="outer")
    outer.append(inner.to_gate(), [2, 0])
    outer.append(lib.MCXGate(3).inverse(), [3, 1, 0, 2])
    outer.append(inner.to_gate().control(1, annotated=False), [3, 1, 2])
    qc = QuantumCircuit(5, global_phase=-0.7)
    for order in ([4, 0, 2, 1], [0, 1, 2, 3]):
        qc.append(outer.to_gate(), order)
        qc.append(outer.to_gate().inverse(), order[::-1])
    np.testing.assert_allclose(unitary(imported(qc)), Operator(qc).data, atol=1e-9)


def _stacked(levels: int, calls: int) -> QuantumCircuit:
    """Gates that each call the one before; Qiskit's own ``to_gate`` would copy them all."""
    gate: Gate = lib.XGate()
    for level in range(levels):
        body = QuantumCircuit(1)
        for _ in range(calls):
            body.append(gate, [0], copy=False)
        gate = Gate(f"g{level}", 1, [])
        gate.definition = body
    qc = QuantumCircuit(1)
    qc.append(gate, [0], copy=False)
    return qc


def test_definitions_that_double_are_counted_before_they_are_copied() -> None:
    qc = _stacked(40, 2)
    with pytest.raises(ProgramError, match="at most 100000") as caught:
        from_qiskit(qc, Limits(gates=100_000))
    assert caught.value.kind == "limit-size"


def test_definitions_nested_too_deeply() -> None:
    qc = _stacked(150, 1)
    assert imported(qc).op.tolist() == [Op.X]
    with pytest.raises(ProgramError, match="nested") as caught:
        from_qiskit(qc, Limits(nesting=100))
    assert caught.value.kind == "limit-size"


def test_measurements_resets_barriers_and_delays() -> None:
    qc = QuantumCircuit(3, 2)
    qc.initialize("01", [0, 2])
    qc.delay(100, 1)
    qc.barrier(2, 0)
    qc.reset(1)
    qc.measure([2, 0], [0, 1])
    circuit = imported(qc)
    assert circuit.measurements() == [(2, 0), (0, 1)]
    assert circuit.op.tolist().count(Op.RESET) == 3
    barrier = circuit.op.tolist().index(Op.BARRIER)
    assert circuit.operands(barrier) == [2, 0]
    back = to_qiskit(circuit)
    assert dict(back.count_ops())["measure"] == 2
    assert encode(from_qiskit(back)) == encode(circuit)


def test_state_preparation() -> None:
    state = random_statevector(8, seed=4)
    qc = QuantumCircuit(3)
    qc.prepare_state(state, [2, 0, 1])
    want = QuantumCircuit(3)
    want.append(lib.StatePreparation(state), [2, 0, 1])
    np.testing.assert_allclose(unitary(imported(qc)), Operator(want).data, atol=1e-9)


def test_registers_keep_names_and_places() -> None:
    qc = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "b"))
    qc.add_register(ClassicalRegister(1, "x"), ClassicalRegister(3, "y"))
    circuit = imported(qc)
    assert circuit.qregs == (Register("a", 2, 0), Register("b", 1, 2))
    assert circuit.cregs == (Register("x", 1, 0), Register("y", 3, 1))
    back = to_qiskit(circuit)
    assert [(r.name, r.size) for r in back.qregs + back.cregs] == [
        ("a", 2),
        ("b", 1),
        ("x", 1),
        ("y", 3),
    ]


def test_bits_in_several_registers_or_none_are_shown_once() -> None:
    bits = [Clbit() for _ in range(6)]
    qubits = [Qubit(), Qubit()]
    whole = ClassicalRegister(name="whole", bits=bits[1:4])
    part = ClassicalRegister(name="part", bits=bits[2:4])
    apart = ClassicalRegister(name="apart", bits=[bits[5], bits[0]])
    taken = ClassicalRegister(name="loose1", bits=[bits[4]])
    qc = QuantumCircuit(qubits, bits, whole, part, apart, taken)
    circuit = imported(qc)
    assert circuit.cregs == (
        Register("loose0", 1, 0),
        Register("whole", 3, 1),
        Register("loose1", 1, 4),
        Register("loose2", 1, 5),
    )
    assert circuit.qregs == ()
    assert to_qiskit(circuit).num_qubits == 2


def test_export_of_gaps_shared_qubits_and_equal_names() -> None:
    b = Builder(num_qubits=4, num_clbits=3)
    b.qregs += [Register("q", 2, 1), Register("alias", 1, 2)]
    b.cregs += [Register("q", 1, 0), Register("v", 1, 2, True)]
    qc = to_qiskit(b.build())
    assert [(r.name, [qc.find_bit(x).index for x in r]) for r in qc.qregs] == [
        ("q", [1, 2]),
        ("alias", [2]),
    ]
    assert [r.name for r in qc.cregs] == ["q_0", "v"]
    assert (qc.num_qubits, qc.num_clbits) == (4, 3)


def test_parameters_keep_their_order_and_meaning() -> None:
    v, t = ParameterVector("v", 11), Parameter("θ")
    qc = QuantumCircuit(2, global_phase=t)
    qc.rx(2 * v[10] - t.sin() / 3, 0)
    qc.u(t, -v[2], t**2, 1)
    qc.append(lib.U2Gate(t, 0.5), [0])
    qc.append(lib.MCPhaseGate(abs(t), 1), [0, 1])
    sub = QuantumCircuit(1, name="sub")
    sub.ry(v[2] + 1, 0)
    sub.p(0.25, 0)
    qc.append(sub.to_gate(), [1])
    circuit = imported(qc)
    assert circuit.parameters == tuple(p.name for p in qc.parameters) == ("v[2]", "v[10]", "θ")
    values = dict(zip(circuit.parameters, (0.3, -0.8, 1.1), strict=True))
    want = Operator(qc.assign_parameters([0.3, -0.8, 1.1]))
    assert Operator(unitary(bind(circuit, values))).equiv(want)
    back = to_qiskit(circuit)
    assert [p.name for p in back.parameters] == list(circuit.parameters)
    assert Operator(back.assign_parameters([0.3, -0.8, 1.1])).equiv(want)


def test_angle_expressions_agree_with_qiskit() -> None:
    rng = np.random.default_rng(8)
    symbols = [Parameter("a"), Parameter("b"), *ParameterVector("v", 2)]
    numbers = {"a": 0.7, "b": 0.3, "v[0]": 0.9, "v[1]": 1.3}
    checked = 0
    for _ in range(300):
        try:  # Qiskit itself finds out that it divides by a - a
            angle = _random_angle(rng, symbols, int(rng.integers(1, 6)))
            want = angle.bind({p: numbers[p.name] for p in angle.parameters}).numeric()
        except ZeroDivisionError:
            continue
        if isinstance(want, complex) or not math.isfinite(want):
            continue
        qc = QuantumCircuit(1)
        qc.rx(angle, 0)
        circuit = imported(qc)
        given = {p: numbers[p] for p in circuit.parameters}
        assert bind(circuit, given).params[0, 0] == pytest.approx(want, rel=1e-9, abs=1e-9)
        again = imported(to_qiskit(circuit))
        given = {p: numbers[p] for p in again.parameters}
        assert bind(again, given).params[0, 0] == pytest.approx(want, rel=1e-9, abs=1e-9)
        checked += 1
    assert checked > 200


def _random_angle(rng: np.random.Generator, symbols: list[Any], depth: int) -> Any:
    x: Any = symbols[rng.integers(len(symbols))]
    for _ in range(depth):
        y: Any = symbols[rng.integers(len(symbols))] if rng.random() < 0.5 else rng.random() + 0.5
        way = int(rng.integers(12))
        if way < 7:
            x = (x + y, x - y, y - x, x * y, x / y, y / x, -x)[way]
        else:
            x = (x.sin, x.cos, x.abs, x.arctan, x.conjugate)[way - 7]()
    return x


def test_replaced_and_bound_parameters() -> None:
    a, b = Parameter("a"), Parameter("b")
    qc = QuantumCircuit(1)
    qc.rx((a * 2).subs({a: b + 1}), 0)
    qc.rx(a + 0.5, 0)
    qc.assign_parameters({a: 0.25}, inplace=True)
    circuit = imported(qc)
    assert circuit.parameters == ("b",)
    assert bind(circuit, {"b": 1.0}).params[:, 0].tolist() == [4.0, 0.75]


def test_functions_that_only_we_have() -> None:
    for name in ("sqrt", "asin", "acos", "tan", "exp", "log"):
        b = Builder(num_qubits=1)
        b.gate(Op.RX, [0], [math.nan])
        inner: Any = ("mul", ("param", "x"), ("const", 0.5))
        b.symbolic.append((0, 0, ("add", (name, inner), (name, ("const", 0.25)))))
        b.parameters.append("x")
        circuit = b.build()
        again = from_qiskit(to_qiskit(circuit))
        want = bind(circuit, {"x": 0.6}).params[0, 0]
        assert bind(again, {"x": 0.6}).params[0, 0] == pytest.approx(want)
    b.symbolic[0] = (0, 0, ("mod", ("param", "x"), ("const", 1.0)))
    with pytest.raises(ProgramError, match="'mod'"):
        to_qiskit(b.build())


@pytest.mark.parametrize("angle", [math.nan, math.inf, -math.inf])
def test_angles_must_be_finite(angle: float) -> None:
    for gate in (lib.RXGate(angle), lib.GlobalPhaseGate(angle), lib.MCPhaseGate(angle, 3)):
        with pytest.raises(ProgramError, match="finite") as caught:
            from_qiskit(wrapped(gate))
        assert caught.value.kind == "parse"


@pytest.mark.parametrize(
    ("op", "kind", "text"),
    [
        (Gate("mystery", 2, []), "unsupported", "'mystery' has no definition"),
        (Gate("x", 1, []), "unsupported", "'x' has no definition"),
        (Instruction("save_state", 2, 0, []), "unsupported", "save_state"),
        (lib.UnitaryGate(np.eye(128)), "limit-size", "7 qubits; at most 6"),
        (lib.RXGate(Parameter("a").sign()), "unsupported", "sign"),
    ],
    ids=["opaque", "imitation", "save", "matrix", "sign"],
)
def test_what_has_no_counterpart(op: Any, kind: str, text: str) -> None:
    with pytest.raises(ProgramError, match=text) as caught:
        from_qiskit(wrapped(op))
    assert caught.value.kind == kind


def test_gates_that_imitate_names_are_taken_by_their_definition() -> None:
    body = QuantumCircuit(1)
    body.h(0)
    fake = Gate("x", 1, [])
    fake.definition = body
    assert imported(wrapped(fake)).op.tolist() == [Op.H]


@pytest.mark.parametrize(
    ("qc", "limits"),
    [
        (QuantumCircuit(5), Limits(qubits=4)),
        (QuantumCircuit(1, 5), Limits(clbits=4)),
        (wrapped(lib.QFTGate(6)), Limits(gates=10)),
    ],
)
def test_limits_are_kept(qc: QuantumCircuit, limits: Limits) -> None:
    with pytest.raises(ProgramError) as caught:
        from_qiskit(qc, limits)
    assert caught.value.kind == "limit-size"
