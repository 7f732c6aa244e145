"""Qiskit's control flow and classical expressions, against Aer and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import (
    ClassicalRegister,
    Clbit,
    Parameter,
    QuantumRegister,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr, types

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.classical import evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.qiskit_bridge import from_qiskit, to_qiskit
from markaz.quantum.programs.reference import distribution
from markaz.quantum.programs.validate import validate

SHOTS = 4000


def empty() -> QuantumCircuit:
    return QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(3, "a"), ClassicalRegister(4, "b")
    )


def if_else() -> QuantumCircuit:
    qc = empty()
    qc.h([0, 1])
    qc.measure([0, 1], [0, 1])
    with qc.if_test((qc.cregs[0], 2)) as otherwise:
        qc.x(2)
    with otherwise, qc.if_test((qc.clbits[0], 1)):
        qc.ry(1.1, 2)
    qc.measure(2, 6)
    return qc


def switch() -> QuantumCircuit:
    qc = empty()
    qc.h([0, 1])
    qc.measure([0, 1], [0, 1])
    with qc.switch(qc.cregs[0]) as case:
        with case(0):
            qc.x(2)
        with case(1, 3):
            qc.ry(0.7, 2)
        with case(case.DEFAULT):
            qc.h(2)
    qc.measure(2, 4)
    with qc.switch(qc.clbits[4]) as case, case(True):
        qc.x(1)
    qc.measure(1, 3)
    return qc


def loop_with_break() -> QuantumCircuit:
    qc = empty()
    with qc.for_loop(range(4), Parameter("i")) as i:
        qc.rx(i * 0.3, 0)
        qc.measure(0, 0)
        with qc.if_test((qc.clbits[0], 1)):
            qc.break_loop()
        qc.ry(0.4, 1)
    qc.measure(1, 1)
    return qc


def loop_with_continue() -> QuantumCircuit:
    qc = empty()
    with qc.for_loop((3, 1, 2)) as i:
        qc.ry(i * 0.5, 0)
        qc.measure(0, 0)
        with qc.if_test((qc.clbits[0], 1)):
            qc.x(0)
            qc.continue_loop()
        qc.ry(0.8, 1)
    qc.measure(1, 1)
    return qc


def loops_in_loops() -> QuantumCircuit:
    qc = empty()
    with qc.for_loop(range(2)) as i:
        with qc.for_loop(range(1, 3)) as j:
            qc.ry(0.3 * i + 0.2 * j, 0)
            qc.measure(0, 0)
            with qc.if_test((qc.clbits[0], 1)):
                qc.break_loop()
        qc.cry(0.5 + i, 0, 1)
    qc.measure(1, 1)
    return qc


def repeat_until_success() -> QuantumCircuit:
    qc = empty()
    qc.h(0)
    qc.measure(0, 0)
    with qc.while_loop((qc.clbits[0], 0)):
        qc.ry(2.2, 0)
        qc.measure(0, 0)
        qc.ry(0.3, 1)
        with qc.if_test((qc.clbits[1], 0)):
            qc.measure(1, 1)
            with qc.if_test((qc.clbits[1], 1)):
                qc.break_loop()
    qc.measure(0, 2)
    return qc


def conditions() -> QuantumCircuit:
    qc = empty()
    qc.h([0, 1, 2])
    qc.measure([0, 1, 2], [0, 1, 2])
    a = qc.cregs[0]
    tests = [
        expr.less(a, 3),
        expr.logic_or(expr.greater_equal(a, 6), expr.logic_not(qc.clbits[0])),
        expr.not_equal(expr.bit_xor(a, 5), 3),
        expr.equal(expr.bit_and(a, expr.bit_not(expr.lift(1, types.Uint(3)))), 2),
    ]
    for k, test in enumerate(tests):
        with qc.if_test(test):
            qc.reset(0)
            qc.x(0)
            qc.measure(0, 3 + k)
    return qc


def instruction_with_bits() -> QuantumCircuit:
    body = QuantumCircuit(1, 1)
    body.ry(0.9, 0)
    body.measure(0, 0)
    qc = QuantumCircuit(2, 2)
    qc.append(body.to_instruction(), [1], [0])
    qc.append(body.to_instruction(), [0], [1])
    return qc


PROGRAMS: list[Callable[[], QuantumCircuit]] = [
    if_else,
    switch,
    loop_with_break,
    loop_with_continue,
    loops_in_loops,
    repeat_until_success,
    conditions,
    instruction_with_bits,
]


def imported(qc: QuantumCircuit) -> Circuit:
    circuit = from_qiskit(qc)
    validate(circuit, DEFAULT)
    return circuit


def assert_counts(qc: QuantumCircuit, probabilities: dict[str, float], visible: int) -> None:
    """Aer's counts within six standard deviations of every exact probability (a false
    alarm in less than one of 10^7 runs, and the seed is fixed)."""
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(method="statevector", seed_simulator=5)
    done = simulator.run(transpile(qc, simulator, optimization_level=0), shots=SHOTS).result()
    counts: dict[str, int] = {}
    for bits, n in done.get_counts().items():
        shown = bits.replace(" ", "")[-visible:]
        counts[shown] = counts.get(shown, 0) + n
    assert set(counts) <= set(probabilities)
    for bits, p in probabilities.items():
        spread = 6 * math.sqrt(SHOTS * p * (1 - p)) + 1e-6
        assert abs(counts.get(bits, 0) - SHOTS * p) <= spread, bits


@pytest.mark.parametrize("program", PROGRAMS)
def test_control_flow_there_and_back_agrees_with_aer(program: Callable[[], QuantumCircuit]) -> None:
    qc = program()
    circuit = imported(qc)
    exact = distribution(circuit)
    assert sum(exact.values()) == pytest.approx(1)
    assert_counts(qc, exact, qc.num_clbits)
    back = to_qiskit(circuit)
    assert_counts(back, exact, qc.num_clbits)
    if not any(r.hidden for r in circuit.cregs):
        assert distribution(imported(back)) == pytest.approx(exact)


def test_hidden_bits_are_not_shown() -> None:
    circuit = imported(loop_with_break())
    hidden = [r for r in circuit.cregs if r.hidden]
    assert [r.size for r in hidden] == [1]
    assert circuit.visible_clbits == 7


def test_boxes_are_opened() -> None:
    qc = QuantumCircuit(2)
    with qc.box():
        qc.h(0)
        qc.cx(0, 1)
    assert imported(qc).op.tolist() == [Op.H, Op.CX]


def test_loops_over_nothing_and_without_a_parameter() -> None:
    qc = QuantumCircuit(1)
    with qc.for_loop(range(0)):
        qc.x(0)
    with qc.for_loop(range(3)):
        qc.h(0)
    assert imported(qc).op.tolist() == [Op.H] * 3


def test_loop_parameters_reach_definitions() -> None:
    angle = Parameter("angle")
    sub = QuantumCircuit(1, name="sub")
    sub.rx(angle, 0)
    qc = QuantumCircuit(1)
    with qc.for_loop((1, 2, 5)) as i:
        gate = sub.to_gate({angle: i * 0.5})
        qc.append(gate, [0])
    assert imported(qc).params[:, 0].tolist() == [0.5, 1.0, 2.5]


def test_conditions_on_scattered_registers() -> None:
    bits = [Clbit() for _ in range(4)]
    scattered = ClassicalRegister(name="r", bits=[bits[3], bits[0], bits[1]])
    qc = QuantumCircuit(QuantumRegister(1, "q"), bits, scattered)
    with qc.if_test((scattered, 3)):
        qc.x(0)
    circuit = imported(qc)
    truth = [evaluate(circuit.exprs[0], [v & 1, v >> 1 & 1, 0, v >> 2 & 1]) for v in range(8)]
    # as (bit 3, bit 0, bit 1), lowest first: 3 is bits 3 and 0 set, bit 1 not
    assert [v for v in range(8) if truth[v]] == [0b101]
    assert evaluate(imported(to_qiskit(circuit)).exprs[0], [1, 0, 1, 1]) == 1


def _value_after(qc: QuantumCircuit) -> int:
    """The classical bits of a circuit without any randomness, as a number."""
    (bits,) = distribution(imported(qc))
    return int(bits, 2)


def test_variables_and_stores() -> None:
    for a in range(8):
        qc = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(3, "a"))
        b = ClassicalRegister(4, "b")
        qc.add_register(b)
        qc.store(qc.cregs[0], expr.lift(a, types.Uint(3)))
        v = qc.add_var("v", expr.lift(5, types.Uint(4)))
        qc.store(v, expr.add(v, expr.cast(qc.cregs[0], types.Uint(4))))
        w = qc.add_var("w", expr.less(v, 9))
        with qc.if_test(expr.logic_and(w, expr.index(v, 1))):
            qc.store(b, expr.bit_xor(v, expr.lift(9, types.Uint(4))))
        with qc.if_test(expr.logic_not(w)):
            qc.store(b, expr.bit_not(v))
        total = 5 + a
        want = total ^ 9 if total < 9 and total & 2 else 0
        want = want if total < 9 else ~total & 15
        assert _value_after(qc) == a + 8 * want


ARITHMETIC = [
    (expr.add, lambda x, y: x + y),
    (expr.sub, lambda x, y: x - y),
    (expr.mul, lambda x, y: x * y),
    (expr.div, lambda x, y: x // y),
    (expr.bit_and, lambda x, y: x & y),
    (expr.bit_or, lambda x, y: x | y),
    (expr.bit_xor, lambda x, y: x ^ y),
    (expr.shift_left, lambda x, y: x << y),
    (expr.shift_right, lambda x, y: x >> y),
    (expr.equal, lambda x, y: x == y),
    (expr.less_equal, lambda x, y: x <= y),
    (expr.greater, lambda x, y: x > y),
]


@pytest.mark.parametrize(("build", "meaning"), ARITHMETIC, ids=lambda f: f.__name__)
def test_arithmetic_keeps_to_its_width(
    build: Callable[..., expr.Expr], meaning: Callable[[int, int], int]
) -> None:
    for x, y in ((5, 3), (12, 1), (15, 15), (3, 7), (0, 2)):
        qc = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(4, "r"))
        node = build(expr.lift(x, types.Uint(4)), expr.lift(y, types.Uint(4)))
        if isinstance(node.type, types.Bool):
            node = expr.cast(node, types.Uint(4))
        qc.store(qc.cregs[0], node)
        assert _value_after(qc) == meaning(x, y) % 16
        back = to_qiskit(imported(qc))
        assert _value_after(back) == meaning(x, y) % 16


def test_casts_and_single_bits() -> None:
    qc = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(4, "r"))
    r = qc.cregs[0]
    qc.store(r, expr.bit_not(expr.lift(2, types.Uint(4))))
    qc.store(expr.index(r, 0), expr.logic_not(qc.clbits[0]))
    qc.store(expr.lift(qc.clbits[3]), expr.cast(expr.lift(0, types.Uint(2)), types.Bool()))
    assert _value_after(qc) == 0b0100
    assert _value_after(to_qiskit(imported(qc))) == 0b0100


def test_export_of_slices_and_partial_assignments() -> None:
    b = Builder()
    b.qreg("q", 1)
    b.creg("c", 6)
    b.assign(0, 6, ("const", 0b101100))
    b.assign(0, 2, ("bits", 3, 2))
    b.assign(5, 1, ("eq", ("bits", 1, 3), ("const", 6)))
    circuit = b.build()
    assert list(distribution(circuit)) == ["101101"]
    assert list(distribution(imported(to_qiskit(circuit)))) == ["101101"]


@pytest.mark.parametrize(
    "value",
    [
        ("eq", ("sub", ("bits", 0, 2), ("const", 1)), ("const", 0)),
        ("mod", ("bits", 0, 2), ("const", 3)),
        ("pow", ("bits", 0, 2), ("const", 3)),
        ("eq", ("neg", ("bits", 0, 2)), ("const", 0)),
        ("eq", ("bits", 0, 2), ("const", -1)),
        ("shl", ("bits", 0, 2), ("bits", 0, 2)),
    ],
    ids=lambda v: v[0],
)
def test_what_qiskit_cannot_say(value: tuple[object, ...]) -> None:
    b = Builder(num_qubits=1, num_clbits=2)
    b.control(Op.IF, value)  # type: ignore[arg-type]
    b.control(Op.END)
    with pytest.raises(ProgramError) as caught:
        to_qiskit(b.build())
    assert caught.value.kind == "unsupported"


def test_an_assignment_that_reads_what_it_writes_is_not_split() -> None:
    b = Builder(num_qubits=1)
    b.creg("c", 4)
    b.assign(0, 2, ("bits", 1, 2))
    with pytest.raises(ProgramError, match="whole registers"):
        to_qiskit(b.build())


def _for(indices: range, body: QuantumCircuit) -> QuantumCircuit:
    qc = QuantumCircuit(1)
    qc.for_loop(indices, None, body, [0], [])
    return qc


@pytest.mark.parametrize("stop", [10**9, 10**18])
def test_long_loops_are_refused_without_walking_them(stop: int) -> None:
    body = QuantumCircuit(1)
    body.x(0)
    qc = _for(range(stop), body)
    with pytest.raises(ProgramError, match="loops of more than 10000000 steps") as caught:
        from_qiskit(qc)
    assert caught.value.kind == "limit-size"


def test_loops_in_loops_are_multiplied() -> None:
    body = QuantumCircuit(1)
    body.x(0)
    for _ in range(3):
        body = _for(range(100), body)
    with pytest.raises(ProgramError, match="100000 steps"):
        from_qiskit(body, Limits(gates=100_000, iterations=100_000))


def test_inputs_floats_and_durations_are_refused() -> None:
    qc = QuantumCircuit(1, inputs=[expr.Var.new("x", types.Uint(3))])
    with pytest.raises(ProgramError, match="input variable 'x' has no value"):
        from_qiskit(qc)
    qc = QuantumCircuit(1)
    qc.add_var("f", expr.lift(1.5))
    with pytest.raises(ProgramError, match=r"not supported|only integers"):
        from_qiskit(qc)


def test_break_outside_a_loop() -> None:
    body = QuantumCircuit(1)
    from qiskit.circuit import BreakLoopOp

    body.append(BreakLoopOp(1, 0), [0])
    with pytest.raises(ProgramError, match="break outside a loop"):
        from_qiskit(body)


def test_while_with_its_own_bits() -> None:
    body = QuantumCircuit(1, 1)
    body.ry(1.0, 0)
    body.measure(0, 0)
    qc = QuantumCircuit(2, 2)
    qc.append(WhileLoopOp((qc.clbits[1], 0), body), [1], [1])
    circuit = imported(qc)
    assert circuit.measurements() == [(1, 1)]
    assert circuit.exprs == (("eq", ("bits", 1, 1), ("const", 0)),)
    assert distribution(circuit) == pytest.approx({"10": 1.0}, abs=1e-9)
