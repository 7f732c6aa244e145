"""Names and what they stand for while a program is carried out."""

from __future__ import annotations

from markaz.quantum.programs.openqasm.syntax import Subroutine
from markaz.quantum.programs.openqasm.values import Bits, Value


class Variable:
    """A classical variable: a known ``value`` until measurements decide, then ``bits``.

    ``offset`` is the place of its declaration. ``width`` None: as wide as needed.
    """

    __slots__ = ("bits", "constant", "kind", "name", "offset", "value", "width")

    def __init__(
        self, name: str, kind: str, width: int | None, offset: int, value: Value | None = None
    ) -> None:
        self.name, self.kind, self.width, self.offset = name, kind, width, offset
        self.value, self.constant = value, False
        self.bits: Bits | None = None

    @property
    def size(self) -> int:
        """Bits that the variable takes once measurements decide its value."""
        return 1 if self.kind == "bool" else self.width or 32


class Function:
    """A subroutine with a lower bound of what one call adds."""

    __slots__ = ("definition", "gates", "iterations", "running")

    def __init__(self, definition: Subroutine, gates: int, iterations: int) -> None:
        self.definition, self.gates, self.iterations = definition, gates, iterations
        self.running = False


Entry = Value | Variable | Function


class Scopes:
    """A stack of name tables; a subroutine sees its own and what is fixed outside."""

    def __init__(self) -> None:
        self.tables: list[dict[str, Entry]] = [{}]
        self._floor = 0

    @property
    def top(self) -> dict[str, Entry]:
        """The table of the whole program."""
        return self.tables[0]

    @property
    def is_global(self) -> bool:
        """Whether declarations are the whole program's."""
        return len(self.tables) == 1

    def find(self, name: str) -> Entry | None:
        """What ``name`` stands for here."""
        for table in reversed(self.tables[self._floor :]):
            if name in table:
                return table[name]
        entry = self.tables[0].get(name) if self._floor else None
        if isinstance(entry, Variable) and not entry.constant:
            return None
        return entry

    def push(self, table: dict[str, Entry] | None = None) -> None:
        """Open a block."""
        self.tables.append({} if table is None else table)

    def pop(self) -> None:
        """Leave a block."""
        self.tables.pop()

    def enter(self, table: dict[str, Entry]) -> int:
        """Open a subroutine; returns what ``leave`` needs."""
        floor, self._floor = self._floor, len(self.tables)
        self.tables.append(table)
        return floor

    def leave(self, floor: int) -> None:
        """Leave a subroutine."""
        del self.tables[self._floor :]
        self._floor = floor
