"""Dynamic circuits for MQT Core: unitary blocks under a condition on one bit or register."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.feed import segments

Feed = Callable[[Circuit, Any], None]  # appends the gates of a circuit
Part = tuple[int, Circuit | None]


def append_dynamic(circuit: Circuit, target: Any, feed: Feed) -> None:
    """All operations of a dynamic circuit into a ``QuantumComputation`` without classical
    bits. EngineRefusal for loops, assignments, nested conditions, and anything but gates
    under a condition."""
    registers = {
        (r.offset, r.size): target.add_classical_register(r.size, f"c{k}")
        for k, r in enumerate(circuit.cregs)
    }
    parts = segments(circuit)
    for i, gates in parts:
        op = Op(int(circuit.op[i]))
        if gates is not None:
            feed(gates, target)
        elif op == Op.MEASURE:
            target.measure(int(circuit.qubits[i, 0]), int(circuit.aux[i]))
        elif op == Op.RESET:
            target.reset(int(circuit.qubits[i, 0]))
        elif op == Op.IF:
            test = _test(circuit.exprs[circuit.aux[i]], registers)
            target.append(_branch(circuit, parts, test, feed))
        elif op != Op.BARRIER:
            raise EngineRefusal(f"ddsim: {op.name} in a dynamic circuit")


def _branch(
    circuit: Circuit, parts: Iterator[Part], test: tuple[Any, int, bool], feed: Feed
) -> Any:
    """An IfElseOperation of the block that ``parts`` is about to enter."""
    from mqt.core.ir import operations

    control, value, negated = test
    then, otherwise = _bodies(circuit, parts, feed)
    if negated:
        then, otherwise = otherwise, then
    if then is None:  # the library wants a then-part
        then = operations.StandardOperation(0, operations.OpType.i)
    if not isinstance(control, int):
        return operations.IfElseOperation(then, otherwise, control, value)
    if value not in (0, 1):
        raise EngineRefusal(f"ddsim: one bit compared with {value}")
    return operations.IfElseOperation(then, otherwise, control, bool(value))


def _bodies(circuit: Circuit, parts: Iterator[Part], feed: Feed) -> tuple[Any, Any]:
    """The then- and the else-part as one operation each, None where empty."""
    bodies: list[Any] = [None]
    for i, gates in parts:
        op = Op(int(circuit.op[i]))
        if gates is not None:
            bodies[-1] = _as_operation(circuit, gates, feed)
        elif op == Op.ELSE:
            bodies.append(None)
        elif op == Op.END:
            return bodies[0], bodies[1] if len(bodies) > 1 else None
        elif op != Op.BARRIER:
            raise EngineRefusal(f"ddsim: {op.name} under a condition")
    raise ValueError("unclosed block")


def _as_operation(circuit: Circuit, gates: Circuit, feed: Feed) -> Any:
    from mqt.core.ir import QuantumComputation

    scratch = QuantumComputation(circuit.num_qubits, 0)
    feed(gates, scratch)
    return scratch.to_operation()


def _test(expr: Any, registers: dict[tuple[int, int], Any]) -> tuple[Any, int, bool]:
    """(bit or register, expected value, negated) of a condition."""
    if expr[0] == "not":
        control, value, negated = _test(expr[1], registers)
        return control, value, not negated
    if expr[0] == "bits":
        return (*_control(expr, registers), 0, True)
    if expr[0] in ("eq", "ne") and expr[1][0] == "bits" and expr[2][0] == "const":
        return (*_control(expr[1], registers), int(expr[2][1]), expr[0] == "ne")
    raise EngineRefusal(f"ddsim: a condition with {expr[0]}")


def _control(expr: Any, registers: dict[tuple[int, int], Any]) -> tuple[Any]:
    """The bit or register that ``("bits", offset, size)`` names."""
    _, offset, size = expr
    if size == 1:
        return (int(offset),)
    if (offset, size) not in registers:
        raise EngineRefusal("ddsim: a condition on a part of a register")
    return (registers[offset, size],)
