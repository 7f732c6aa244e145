"""A lower bound of what a block adds, so that explosions are refused before the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.analysis import Assigned, acts, blocks_of, names_in
from markaz.quantum.programs.openqasm.dynamic import is_runtime
from markaz.quantum.programs.openqasm.expressions import Rpn
from markaz.quantum.programs.openqasm.gatedefs import GateTable
from markaz.quantum.programs.openqasm.scopes import Function, Scopes, Variable
from markaz.quantum.programs.openqasm.values import Bits, BitString, Picks, Span, Value

_PLENTY = 10**9  # more iterations than any limit allows
_CAP = 10**30  # counts beyond this are all the same


class Weight(NamedTuple):
    """Operations and iterations (calls count as one)."""

    gates: int = 0
    iterations: int = 0

    def plus(self, other: Weight, times: int = 1) -> Weight:
        """The sum, ``other`` taken ``times``."""
        return Weight(
            min(self.gates + times * other.gates, _CAP),
            min(self.iterations + times * other.iterations, _CAP),
        )


def loop_range(values: Value) -> range | tuple[int, ...] | None:
    """What a loop runs over, None for what is not a set of whole numbers."""
    if isinstance(values, Span) and values.start is not None and values.stop is not None:
        return range(values.start, values.stop + (1 if values.step > 0 else -1), values.step)
    return values.items if isinstance(values, Picks) else None


def loop_length(values: Value) -> int:
    """Iterations of a loop over ``values``; 0 for what cannot be looped over."""
    items = loop_range(values)
    if isinstance(items, range):
        step = items.step
        return max(0, (items.stop - items.start + step - (1 if step > 0 else -1)) // step)
    if items is not None:
        return len(items)
    if isinstance(values, Bits):
        return len(values.at)
    return values.width if isinstance(values, BitString) else 0


class Scales:
    """Weighs blocks in the scope where they stand."""

    def __init__(self, gates: GateTable, scopes: Scopes, value: Callable[[Rpn], Value]) -> None:
        self._gates, self._scopes, self._value = gates, scopes, value
        self._looks = 20_000  # rounds looked at one by one, in all

    def block(self, block: s.Block, unknown: frozenset[str]) -> Weight:
        """Lower bound for ``block``; names in ``unknown`` have no value yet."""
        return self._block(block, unknown | Assigned().names((block,)))

    def _block(self, block: s.Block, unknown: frozenset[str]) -> Weight:
        unknown |= {x.name for x in block if isinstance(x, s.Declare | s.Alias)}
        total = Weight()
        for statement in block:
            total = total.plus(self._statement(statement, unknown))
        return total

    def _statement(self, statement: s.Statement, unknown: frozenset[str]) -> Weight:
        if isinstance(statement, s.GateCall):
            gate = self._gates.get(statement.name)
            return Weight(gate.size if gate else 0)
        if isinstance(statement, s.Measure | s.Reset | s.Barrier | s.Delay):
            return Weight(1)
        if isinstance(statement, s.Call | s.Assign | s.Declare | s.Return):
            return self._calls(statement)
        return self._with_blocks(statement, unknown)

    def _with_blocks(self, statement: s.Statement, unknown: frozenset[str]) -> Weight:
        if isinstance(statement, s.For):
            return self._loop(statement, unknown)
        if isinstance(statement, s.If):
            return self._if(statement, unknown)
        return self._some_branch(statement, unknown)

    def _some_branch(self, statement: s.Statement, unknown: frozenset[str]) -> Weight:
        weights = [self._block(b, unknown) for b in blocks_of(statement)]
        if isinstance(statement, s.While) or not weights:
            return Weight()
        return min(weights)

    def _loop(self, loop: s.For, unknown: frozenset[str]) -> Weight:
        values = self._quiet(loop.values, unknown)
        times = 0 if values is None else loop_length(values)
        if not times:
            return Weight()
        decides = any(isinstance(x, s.For) and loop.name in names_in(x.values) for x in loop.body)
        items = None if values is None else loop_range(values)
        if decides and items is not None and loop.name not in unknown:
            return self._rounds(loop, items, unknown)
        once = self._block(loop.body, unknown | {loop.name}).plus(Weight(0, 1))
        return Weight().plus(once, times)

    def _rounds(
        self, loop: s.For, items: range | tuple[int, ...], unknown: frozenset[str]
    ) -> Weight:
        """The sum over the rounds of a loop whose variable bounds inner loops."""
        total = Weight()
        for item in items:
            if self._looks <= 0 or total.iterations > _PLENTY:
                break
            self._looks -= 1
            variable = Variable(loop.name, "int", None, loop.offset, item)
            self._scopes.push({loop.name: variable})
            total = total.plus(self._block(loop.body, unknown)).plus(Weight(0, 1))
            self._scopes.pop()
        return total

    def _if(self, statement: s.If, unknown: frozenset[str]) -> Weight:
        condition = self._quiet(statement.condition, unknown)
        if condition is not None and is_runtime(condition):
            both = self._block(statement.then, unknown)
            return both.plus(self._block(statement.otherwise, unknown)).plus(Weight(2))
        if isinstance(condition, int | float):
            return self._block(statement.then if condition else statement.otherwise, unknown)
        return self._some_branch(statement, unknown)

    def _calls(self, statement: s.Call | s.Assign | s.Declare | s.Return) -> Weight:
        rpn = statement.init if isinstance(statement, s.Declare) else statement.value
        total = Weight()
        for item in rpn or ():
            entry = self._scopes.find(item.value[0]) if item.code == "call" else None
            if isinstance(entry, Function):
                total = total.plus(Weight(entry.gates, entry.iterations + 1))
        return total

    def _quiet(self, rpn: Rpn, unknown: frozenset[str]) -> Value | None:
        """The value of an expression where that is known and without effect."""
        if acts(rpn) or not unknown.isdisjoint(names_in(rpn)):
            return None
        try:
            return self._value(rpn)
        except ProgramError:
            return None
