"""Control flow: known branches and loops are followed, measured ones are lowered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.analysis import acts, ends_program, has_jump, names_in
from markaz.quantum.programs.openqasm.expressions import Rpn
from markaz.quantum.programs.openqasm.scopes import Entry, Variable
from markaz.quantum.programs.openqasm.subroutines import Subroutines
from markaz.quantum.programs.openqasm.values import Bits, BitString, Value
from markaz.quantum.programs.openqasm.weight import loop_length, loop_range

_PHYSICAL = re.compile(r"\$([0-9]{1,11})")
_THROUGH = frozenset({"return", "dead", "end"})  # ways to leave that leave loops too
_ROUND = 8  # budget of a round of a known ``while``: one that only counts is no program
_TRUE: Expr = ("const", 1)


class Loop(NamedTuple):
    """A loop being carried out. ``kind``: "known" (unrolled), "while" (an operation) or
    "once" (unrolled, each round in a WHILE of its own, so that it can be left)."""

    kind: str
    level: int
    done: int = -1


class Control(Subroutines):
    """The statements that decide what is carried out."""

    def highest_physical(self) -> int:
        """The highest number of a physical qubit in the text."""
        return max(int(m[1]) for m in _PHYSICAL.finditer(self.source.text))

    def flow(self, statement: s.Statement) -> str:
        """Carry out a control statement; the answer is as for ``execute``."""
        if isinstance(statement, s.If):
            return self._if(statement)
        if isinstance(statement, s.For):
            return self._for(statement)
        if isinstance(statement, s.While):
            return self._while(statement)
        if isinstance(statement, s.Switch):
            return self._switch(statement)
        return self._leave(statement)

    def _leave(self, statement: s.Statement) -> str:
        if isinstance(statement, s.Scope):
            return self.block(statement.body)
        if isinstance(statement, s.Return):
            return self.leave_function(statement)
        assert isinstance(statement, s.Jump)
        return self._end(statement) if statement.kind == "end" else self._jump(statement)

    def block(self, block: s.Block, table: dict[str, Entry] | None = None) -> str:
        """Carry out a block in a scope of its own."""
        self.scopes.push(table)
        leaving = ""
        for statement in block:
            leaving = self.execute(statement)
            if leaving:
                break
        self.scopes.pop()
        return leaving

    def _inside(self, block: s.Block, offset: int, table: dict[str, Entry] | None = None) -> str:
        """A block that may or may not be passed."""
        self.dynamic += 1
        if self.dynamic > self.source.limits.nesting:
            self.source.limit("measured blocks are nested too deep", offset)
        self.emitter.fixed = False
        leaving = self.block(block, table)
        self.dynamic -= 1
        self.emitter.fixed = self.dynamic == 0
        return leaving

    def _operation(self, op: Op, offset: int, expr: Expr | None = None) -> None:
        self.emitter.room(1, offset)
        self.emitter.builder.control(op, expr)

    def _prepare(self, blocks: tuple[s.Block, ...], offset: int) -> None:
        """Give bits to the variables that ``blocks`` assign to, before they may."""
        for name in sorted(self.assigned.names(blocks)):
            entry = self.scopes.find(name)
            if isinstance(entry, Variable) and not entry.constant:
                self.materialise(entry, offset)

    def _condition(self, rpn: Rpn) -> bool | Expr:
        """A condition: decided, or an expression."""
        value = self.values.value(rpn)
        if dynamic.is_runtime(value):
            return self.guarded(rpn[0].offset, lambda: dynamic.truth(value)).expr
        if isinstance(value, BitString):
            return value.value != 0
        if isinstance(value, int | float):
            return bool(value)
        self.source.parse("a condition must be a number or bits", rpn[0].offset)

    # -- if and switch ----------------------------------------------------------------

    def _if(self, statement: s.If) -> str:
        condition = self._condition(statement.condition)
        if isinstance(condition, bool):
            return self.block(statement.then if condition else statement.otherwise)
        self._wrap_for_end(statement)
        self._prepare((statement.then, statement.otherwise), statement.offset)
        self._branches(condition, statement.then, statement.otherwise, statement.offset)
        return ""

    def _branches(self, condition: Expr, then: s.Block, otherwise: s.Block, offset: int) -> None:
        self._operation(Op.IF, offset, condition)
        self._inside(then, offset)
        if otherwise:
            self._operation(Op.ELSE, offset)
            self._inside(otherwise, offset)
        self._operation(Op.END, offset)

    def _switch(self, statement: s.Switch) -> str:
        target = self.values.value(statement.target)
        tests = [
            (self._matches(target, labels, statement.offset), body)
            for labels, body in statement.cases
        ]
        if not dynamic.is_runtime(target):
            chosen = next((body for test, body in tests if test is True), statement.default)
            return self.block(chosen)
        self._wrap_for_end(statement)
        self._prepare((*(body for _, body in tests), statement.default), statement.offset)
        self._chain(tests, statement)
        return ""

    def _matches(self, target: Value, labels: tuple[Rpn, ...], offset: int) -> bool | Expr:
        """Whether ``target`` is one of the labels."""
        found: list[v.Runtime] = []
        for label in labels:
            value = self.values.value(label)
            value = value.value if isinstance(value, BitString) else value
            if not isinstance(value, int):
                self.source.parse("a case must be a constant whole number", label[0].offset)
            if dynamic.is_runtime(target):
                found.append(self._equal(target, value, offset))
            elif (target.value if isinstance(target, BitString) else target) == value:
                return True
        if not found:
            return False
        test = found[0]
        for other in found[1:]:
            test = self.guarded(offset, lambda a=test, b=other: dynamic.binary("||", a, b))  # type: ignore[misc]
        return test.expr

    def _equal(self, target: Value, label: int, offset: int) -> v.Runtime:
        return self.guarded(offset, lambda: dynamic.binary("==", target, label))

    def _chain(self, tests: list[tuple[bool | Expr, s.Block]], statement: s.Switch) -> None:
        """IF, ELSE IF, …: no case is tried after one has matched."""
        offset = statement.offset
        level = self.dynamic
        for test, body in tests:
            assert not isinstance(test, bool)
            self._operation(Op.IF, offset, test)
            self._inside(body, offset)
            self._operation(Op.ELSE, offset)
            self.dynamic += 1
        self.dynamic -= bool(tests)
        self._inside(statement.default, offset)
        self.dynamic = level
        self.emitter.fixed = level == 0
        for _ in tests:
            self._operation(Op.END, offset)

    # -- loops ------------------------------------------------------------------------

    def _for(self, loop: s.For) -> str:
        values = self.values.value(loop.values)
        items = self._items(values, loop)
        self._count(loop_length(values), loop)
        if not loop.body:
            return ""
        if self.jumps.inside(loop.body, self._is_measured):
            self._prepare((loop.body,), loop.offset)
            return self._rounds_to_leave(items, loop)
        self.loops.append(Loop("known", self.dynamic))
        leaving = ""
        for item in items:
            leaving = self.block(loop.body, {loop.name: self._loop_value(item, loop)})
            if leaving and leaving != "continue":
                break
        self.loops.pop()
        return leaving if leaving in _THROUGH else ""

    def _items(self, values: Value, loop: s.For) -> Iterable[Value]:
        if isinstance(values, Bits):
            return [Bits((i,), True) for i in values.at]
        if isinstance(values, BitString):
            return [bool(values.value >> i & 1) for i in range(values.width)]
        items = loop_range(values)
        if items is None:
            self.source.unsupported(
                "a loop runs over a constant range or set, or over bits", loop.offset
            )
        return items

    def _loop_value(self, item: Value, loop: s.For) -> Entry:
        if isinstance(item, Bits):
            return item
        return Variable(loop.name, "int", None, loop.offset, item)

    def _count(self, times: int, loop: s.For) -> None:
        """Refuse loops that together would run too often, the outermost by its weight."""
        self.iterations += times
        most = self.source.limits.iterations
        if not self.loops and self.iterations <= most:
            self.check_weight((loop,), loop.offset)
        if self.iterations > most:
            self.source.limit(f"loops run more than {most} times", loop.offset)

    def _is_measured(self, name: str) -> bool:
        entry = self.scopes.find(name)
        return isinstance(entry, Bits) or (isinstance(entry, Variable) and entry.bits is not None)

    def _rounds_to_leave(self, items: Iterable[Value], loop: s.For) -> str:
        """Rounds of a loop that a measurement may end."""
        done = self.hidden("done", "done", 1, loop.offset)
        self.assign_bits(done, 1, ("const", 0), loop.offset)
        self.loops.append(Loop("once", self.dynamic, done))
        for item in items:
            self._operation(Op.WHILE, loop.offset, ("not", ("bits", done, 1)))
            table = {loop.name: self._loop_value(item, loop)}
            if not self._inside(loop.body, loop.offset, table):
                self._operation(Op.BREAK, loop.offset)
            self._operation(Op.END, loop.offset)
        self.loops.pop()
        return ""

    def _while(self, loop: s.While) -> str:
        if self.jumps.inside(loop.body, self._is_measured):
            self._prepare((loop.body,), loop.offset)
            self._measured_while(self._condition(loop.condition), loop)
            return ""
        self.loops.append(Loop("known", self.dynamic))
        leaving = ""
        while leaving in ("", "continue"):
            condition = self._condition(loop.condition)
            if condition is False:
                leaving = ""
                break
            if condition is not True:
                self._measured_while(condition, loop)
                leaving = ""
                break
            leaving = self._known_round(loop)
        self.loops.pop()
        return leaving if leaving in _THROUGH else ""

    def _known_round(self, loop: s.While) -> str:
        self.iterations += 1
        self.guarded(loop.offset, lambda: self.values.budget.spend(_ROUND))
        if self.iterations > self.source.limits.iterations or self._never_ends(loop):
            self.source.limit("the loop never ends, or runs too often", loop.offset)
        return self.block(loop.body)

    def _never_ends(self, loop: s.While) -> bool:
        """Whether a condition that holds now can neither change nor be left."""
        names = names_in(loop.condition)
        return not (
            acts(loop.condition)
            or has_jump(loop.body)
            or ends_program(loop)
            or self.in_function
            or names & self.assigned.names((loop.body,))
        )

    def _measured_while(self, condition: bool | Expr, loop: s.While) -> None:
        if acts(loop.condition):
            self.source.unsupported(
                "a loop condition that measures or calls a subroutine", loop.offset
            )
        self._prepare((loop.body,), loop.offset)
        again = self._condition(loop.condition)
        expr = _TRUE if again is True else (("const", 0) if again is False else again)
        self._operation(Op.WHILE, loop.offset, expr)
        self.loops.append(Loop("while", self.dynamic))
        self._inside(loop.body, loop.offset)
        self.loops.pop()
        self._operation(Op.END, loop.offset)

    # -- leaving ----------------------------------------------------------------------

    def _jump(self, statement: s.Jump) -> str:
        if not self.loops:
            self.source.parse(f"'{statement.kind}' outside a loop", statement.offset)
        loop = self.loops[-1]
        if loop.kind == "known":
            if loop.level != self.dynamic:
                self.source.unsupported(
                    f"'{statement.kind}' that depends on a measurement in this loop",
                    statement.offset,
                )
            return statement.kind
        if loop.kind == "while":
            op = Op.BREAK if statement.kind == "break" else Op.CONTINUE
            self._operation(op, statement.offset)
            return "dead"
        if statement.kind == "break":
            self.assign_bits(loop.done, 1, _TRUE, statement.offset)
        self._operation(Op.BREAK, statement.offset)
        return "dead"

    def _wrap_for_end(self, statement: s.If | s.Switch) -> None:
        """Put the rest of the program into a WHILE that a measured ``end`` can leave."""
        outside = self.dynamic == 0 and self.scopes.is_global and not self.wrapped
        if outside and ends_program(statement):
            self._operation(Op.WHILE, statement.offset, _TRUE)
            self.wrapped = True

    def _end(self, statement: s.Jump) -> str:
        if self.dynamic == 0 and not self.in_function:
            return "end"
        if not self.wrapped or any(x.kind != "known" for x in self.loops) or self.in_function:
            self.source.unsupported(
                "'end' inside a loop or subroutine that depends on a measurement",
                statement.offset,
            )
        self._operation(Op.BREAK, statement.offset)
        return "dead"

    def finish(self, offset: int) -> None:
        """Close what ``end`` needed open."""
        if self.wrapped:
            self._operation(Op.BREAK, offset)
            self._operation(Op.END, offset)
