"""Qiskit's control flow as IF, WHILE and ASSIGN; used by ``qiskit_import``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qiskit.circuit import (
    CASE_DEFAULT,
    BoxOp,
    BreakLoopOp,
    CircuitInstruction,
    ClassicalRegister,
    Clbit,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Parameter,
    QuantumCircuit,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from markaz.quantum.programs.circuit import Builder, Expr, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.qiskit_exprs import classical, condition, read_bits, unsupported, width

if TYPE_CHECKING:
    from markaz.quantum.programs.qiskit_import import Importer, Scope

_TRUE: Expr = ("const", 1)


class ControlImporter:
    """Appends control flow to the importer's builder.

    A ``for`` loop is unrolled. If it can be left early, each turn is a WHILE that runs once:
    ``continue`` leaves it, ``break`` sets a hidden bit first that skips the other turns.
    """

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._variables: dict[Any, Register] = {}
        self._left: list[Register | None] = []  # per enclosing loop: its hidden bit, if unrolled
        self._handlers: dict[type, Callable[[Any, CircuitInstruction, Scope], None]] = {
            IfElseOp: self._if_else,
            WhileLoopOp: self._while,
            ForLoopOp: self._for,
            SwitchCaseOp: self._switch,
            BoxOp: self._box,
        }

    @property
    def _builder(self) -> Builder:
        return self._importer.builder

    def declare(self, circuit: QuantumCircuit) -> None:
        """Hidden bits for the circuit's variables. Inputs have no value: ``unsupported``."""
        if not circuit.num_vars:
            return
        for var in circuit.iter_input_vars():
            raise unsupported(f"the input variable {var.name!r} has no value")
        for var in circuit.iter_declared_vars():
            if var not in self._variables:
                self._variables[var] = self._hidden(var.name, width(var.type))

    def _hidden(self, name: str, size: int) -> Register:
        return self._builder.creg(name, size, hidden=True)

    def append(self, op: Any, inst: CircuitInstruction, scope: Scope) -> None:
        """Append a control-flow operation."""
        for kind, handler in self._handlers.items():
            if isinstance(op, kind):
                handler(op, inst, scope)
                return
        raise unsupported(f"the control-flow operation {op.name!r} is not supported")

    def store(self, op: Store, inst: CircuitInstruction, scope: Scope) -> None:
        """Append an assignment."""
        locate = self._locator(scope)
        value = classical(op.rvalue, locate)
        target = op.lvalue
        if isinstance(target, expr.Index):
            if not isinstance(target.index, expr.Value):
                raise unsupported("an assignment to a bit whose index is computed")
            where = self._bits_of(target.target, scope)[int(target.index.value) :][:1]
        else:
            where = self._bits_of(target, scope)
        self._assign(where, value)

    def _assign(self, where: Sequence[int], value: Expr) -> None:
        if not where:
            raise unsupported("an assignment to a bit that does not exist")
        if list(where) != list(range(where[0], where[0] + len(where))):
            raise unsupported("an assignment to a register whose bits are not neighbours")
        self._builder.assign(where[0], len(where), value)

    def _bits_of(self, target: Any, scope: Scope) -> list[int]:
        if not isinstance(target, expr.Var):
            raise unsupported("an assignment to what is neither variable, bit nor register")
        return self._locator(scope)(target if target.standalone else target.var)

    def _locator(self, scope: Scope) -> Callable[[Any], list[int]]:
        def locate(target: Any) -> list[int]:
            if isinstance(target, expr.Var):
                if target not in self._variables:
                    raise unsupported(f"the variable {target.name!r} is not declared")
                r = self._variables[target]
                return list(range(r.offset, r.offset + r.size))
            bits = [target] if isinstance(target, Clbit) else target
            return [scope.clbits[bit] for bit in bits]

        return locate

    def _body(self, body: QuantumCircuit, inst: CircuitInstruction, scope: Scope) -> None:
        from markaz.quantum.programs.qiskit_import import Scope  # noqa: PLC0415 - circular

        qubits = [scope.qubits[q] for q in inst.qubits]
        clbits = [scope.clbits[c] for c in inst.clbits]
        inner = Scope(body, qubits, clbits, scope.depth + 1)
        # Registers in conditions name bits of the outer circuit, which a body may lack.
        inner.clbits = scope.clbits | inner.clbits
        self._importer.walk(body, inner)

    def _box(self, op: BoxOp, inst: CircuitInstruction, scope: Scope) -> None:
        self._body(op.blocks[0], inst, scope)

    def _if_else(self, op: IfElseOp, inst: CircuitInstruction, scope: Scope) -> None:
        self._builder.control(Op.IF, condition(op.condition, self._locator(scope)))
        self._body(op.blocks[0], inst, scope)
        if len(op.blocks) > 1:
            self._builder.control(Op.ELSE)
            self._body(op.blocks[1], inst, scope)
        self._builder.control(Op.END)

    def _while(self, op: WhileLoopOp, inst: CircuitInstruction, scope: Scope) -> None:
        self._builder.control(Op.WHILE, condition(op.condition, self._locator(scope)))
        self._left.append(None)
        self._body(op.blocks[0], inst, scope)
        self._left.pop()
        self._builder.control(Op.END)

    def _switch(self, op: SwitchCaseOp, inst: CircuitInstruction, scope: Scope) -> None:
        """IF … ELSE IF …; the target is not written between the tests."""
        locate = self._locator(scope)
        plain = isinstance(op.target, (Clbit, ClassicalRegister))
        value = read_bits(locate(op.target)) if plain else classical(op.target, locate)
        opened = 0
        for labels, body in op.cases_specifier():
            if CASE_DEFAULT not in labels:
                self._builder.control(Op.IF, _any_of(value, labels))
                opened += 1
            self._body(body, inst, scope)
            if CASE_DEFAULT in labels:
                break
            self._builder.control(Op.ELSE)
        for _ in range(opened):
            self._builder.control(Op.END)

    def _for(self, op: ForLoopOp, inst: CircuitInstruction, scope: Scope) -> None:
        values, parameter, body = op.params
        limits = self._importer.limits
        if _unrolled(op) + len(self._builder.ops) > min(limits.gates, limits.iterations):
            raise ProgramError("limit-size", f"loops of more than {limits.iterations} steps")
        left = self._hidden("left_loop", 1) if _leaves_early(body) else None
        if left:
            self._builder.assign(left.offset, 1, ("const", 0))
        self._left.append(left)
        for value in values:
            if left:
                self._builder.control(Op.IF, ("not", ("bits", left.offset, 1)))
                self._builder.control(Op.WHILE, _TRUE)
            self._turn(parameter, int(value), body, inst, scope)
            if left:
                self._builder.control(Op.BREAK)
                self._builder.control(Op.END)
                self._builder.control(Op.END)
        self._left.pop()

    def _turn(
        self,
        parameter: Any,
        value: int,
        body: QuantumCircuit,
        inst: CircuitInstruction,
        scope: Scope,
    ) -> None:
        loops = self._importer.loops
        if isinstance(parameter, expr.Var):
            if parameter not in self._variables:
                self._variables[parameter] = self._hidden(parameter.name, width(parameter.type))
            r = self._variables[parameter]
            self._builder.assign(r.offset, r.size, ("const", value))
        elif isinstance(parameter, Parameter):
            loops[parameter] = float(value)
        self._body(body, inst, scope)
        if isinstance(parameter, Parameter):
            del loops[parameter]

    def leave(self, op: BreakLoopOp, inst: CircuitInstruction, scope: Scope) -> None:
        """Append a break."""
        left = self._innermost("break")
        if left:
            self._builder.assign(left.offset, 1, _TRUE)
        self._builder.control(Op.BREAK)

    def proceed(self, op: ContinueLoopOp, inst: CircuitInstruction, scope: Scope) -> None:
        """Append a continue."""
        self._builder.control(Op.BREAK if self._innermost("continue") else Op.CONTINUE)

    def _innermost(self, what: str) -> Register | None:
        if not self._left:
            raise ProgramError("parse", f"a {what} outside a loop")
        return self._left[-1]


def _any_of(value: Expr, labels: Sequence[Any]) -> Expr:
    tests: list[Expr] = [("eq", value, ("const", int(label))) for label in labels]
    while len(tests) > 1:
        pairs: list[Expr] = [("lor", a, b) for a, b in zip(tests[::2], tests[1::2], strict=False)]
        tests = pairs + tests[2 * len(pairs) :]
    return tests[0] if tests else ("const", 0)


def _leaves_early(body: QuantumCircuit) -> bool:
    """Whether a break or continue of this very loop is in the body."""
    return any(
        inst.name in ("break_loop", "continue_loop")
        or (
            inst.name in ("if_else", "switch_case", "box")
            and any(map(_leaves_early, getattr(inst.operation, "blocks", ())))
        )
        for inst in body.data
    )


def _unrolled(op: ForLoopOp) -> int:
    """Iterations and operations of a loop, those of the loops in it included."""
    values, _, body = op.params
    try:
        count = len(values)
    except OverflowError:  # of a range with more than 2**63 elements
        return sys.maxsize
    return count * (1 + _written_out(body))


def _written_out(body: QuantumCircuit) -> int:
    total = len(body.data)
    for inst in body.data:
        if inst.is_control_flow():
            op = inst.operation
            loop = isinstance(op, ForLoopOp)
            total += _unrolled(op) if loop else sum(map(_written_out, op.blocks))
    return total
