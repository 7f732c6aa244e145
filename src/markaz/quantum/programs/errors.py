"""What can go wrong between a file and its result, as the user will read it."""

from __future__ import annotations

from typing import Final

KINDS: Final = (
    "file",
    "parse",
    "unsupported",
    "limit-size",
    "limit-time",
    "limit-memory",
    "engine",
    "internal",
)


class ProgramError(Exception):
    """A program could not be opened or run.

    Attributes: ``kind`` is one of KINDS, ``message`` one sentence for the person who
    handed the program in, ``line`` and ``column`` (1-based) where that is known.
    """

    def __init__(
        self, kind: str, message: str, line: int | None = None, column: int | None = None
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown error kind {kind!r}")
        self.kind, self.message, self.line, self.column = kind, message, line, column
        super().__init__(str(self))

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.message}"

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None, int | None]]:
        return ProgramError, (self.kind, self.message, self.line, self.column)
