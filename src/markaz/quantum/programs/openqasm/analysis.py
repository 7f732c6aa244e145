"""What a block will do, found out without carrying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.expressions import Rpn

_JUMPS = ("break", "continue")


def names_in(rpn: Rpn) -> set[str]:
    """Names that an expression mentions."""
    return {item.value for item in rpn if item.code == "name"}


def acts(rpn: Rpn) -> bool:
    """Whether an expression measures or calls, and so does more than have a value."""
    return any(item.code in ("measure", "call") for item in rpn)


def blocks_of(statement: s.Statement) -> tuple[s.Block, ...]:
    """The blocks directly inside a statement."""
    if isinstance(statement, s.If):
        return statement.then, statement.otherwise
    if isinstance(statement, s.While | s.For | s.Scope):
        return (statement.body,)
    if isinstance(statement, s.Switch):
        return (*(body for _, body in statement.cases), statement.default)
    return ()


class Assigned:
    """Finds what blocks assign to; remembers it, for blocks are asked about at each level."""

    def __init__(self) -> None:
        self._known: dict[int, frozenset[str]] = {}

    def names(self, blocks: tuple[s.Block, ...]) -> set[str]:
        """Names from outside ``blocks`` that they may assign to."""
        found: set[str] = set()
        for block in blocks:
            own: set[str] = set()
            for statement in block:
                if isinstance(statement, s.Declare | s.Alias):
                    own.add(statement.name)
                found |= self._inside(statement) - own
        return found

    def _inside(self, statement: s.Statement) -> frozenset[str] | set[str]:
        blocks = blocks_of(statement)
        if not blocks:
            return _targets(statement)
        if statement.offset not in self._known:
            inner = {statement.name} if isinstance(statement, s.For) else set()
            self._known[statement.offset] = frozenset(self.names(blocks) - inner)
        return self._known[statement.offset]


def _targets(statement: s.Statement) -> set[str]:
    if isinstance(statement, s.Assign):
        return {statement.target[0].value}
    if isinstance(statement, s.Measure) and statement.target:
        return {statement.target[0].value}
    return set()


def ends_program(statement: s.Statement) -> bool:
    """Whether ``end`` stands somewhere inside."""
    if isinstance(statement, s.Jump):
        return statement.kind == "end"
    return any(ends_program(x) for block in blocks_of(statement) for x in block)


def has_jump(body: s.Block) -> bool:
    """Whether the loop around ``body`` has a ``break`` or ``continue`` of its own."""
    for statement in body:
        if isinstance(statement, s.Jump):
            if statement.kind in _JUMPS:
                return True
        elif not isinstance(statement, s.While | s.For) and any(
            has_jump(block) for block in blocks_of(statement)
        ):
            return True
    return False


class MeasuredJumps:
    """Whether a jump depends on a measurement; a program gets so much thought, no more."""

    def __init__(self) -> None:
        self._steps = 200_000

    def inside(self, body: s.Block, measured: Callable[[str], bool]) -> bool:
        """Whether a ``break`` or ``continue`` of the loop around ``body`` may depend on a
        measurement, where ``measured`` says which names do already."""
        if not has_jump(body):
            return False
        tainted: set[str] = set()

        def depends(rpn: Rpn) -> bool:
            return acts(rpn) or any(n in tainted or measured(n) for n in names_in(rpn))

        while self._steps > 0:
            before = len(tainted)
            found: list[tuple[str, str, bool]] = []
            for step in _walk(body, depends, False, True):
                found.append(step)
                self._steps -= 1
                if self._steps <= 0:
                    return True
            tainted |= {name for kind, name, yes in found if kind == "name" and yes}
            if len(tainted) == before:
                return any(kind == "jump" and yes for kind, _, yes in found)
        return True


def _walk(
    block: s.Block, depends: Callable[[Rpn], bool], under: bool, own: bool
) -> Iterator[tuple[str, str, bool]]:
    """Jumps of this loop and assigned names, each with whether it depends on a
    measurement. ``own`` is False inside inner loops."""
    for statement in block:
        if isinstance(statement, s.Jump) and own and statement.kind in _JUMPS:
            yield "jump", statement.kind, under
        elif isinstance(statement, s.Assign):
            yield "name", statement.target[0].value, under or depends(statement.value)
        elif isinstance(statement, s.Declare) and statement.init is not None:
            yield "name", statement.name, under or depends(statement.init)
        elif isinstance(statement, s.Measure):
            for name in _targets(statement):
                yield "name", name, True
        else:
            yield "other", "", False
        inside = under or any(depends(c) for c in _conditions(statement))
        keep = own and not isinstance(statement, s.While | s.For)
        for inner in blocks_of(statement):
            yield from _walk(inner, depends, inside, keep)


def _conditions(statement: s.Statement) -> tuple[Rpn, ...]:
    if isinstance(statement, s.If | s.While):
        return (statement.condition,)
    return (statement.target,) if isinstance(statement, s.Switch) else ()
