"""Tokens of OpenQASM 2 and 3, taken from the text one at a time."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import Limits

END: Final = 0
NAME: Final = 1
DURATION: Final = 2
NUMBER: Final = 3
STRING: Final = 4
HARDWARE: Final = 5
SYMBOL: Final = 6

# Only single characters repeat possessively: Python before 3.11.5 loses its place when a group
# that repeats so fails half way (CPython issue 106052).
BLANK: Final = r"(?:\s++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*\*/)*"
_NUMBER: Final = (
    r"0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++"
    r"|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][-+]?[0-9]++)?"
)
_TOKEN = re.compile(
    BLANK
    + r"(?:([^\W\d]\w*+)"
    + rf"|((?:{_NUMBER})\s?(?:dt|ns|us|[µμ]s|ms|s)\b)"
    + rf"|({_NUMBER})"
    + r"|(\"[^\"\n]*+\"|'[^'\n]*+')"
    + r"|(\$[0-9]++)"
    + r"|(?!/\*)(\*\*=|<<=|>>=|->|\+\+|\*\*|<<|>>|&&|\|\||[-=!<>+*/%&|^~]="
    + r"|[-+*/%<>=!&|^~(){}\[\];:,.@#])"
    + r"|\Z)"
).match
_BLANK = re.compile(BLANK).match
_LINE = re.compile(r"[^\n]*+").match


def clip(text: str) -> str:
    """``text`` as it may stand in a message: short, without control characters."""
    short = text if len(text) <= 40 else text[:40] + "…"
    return "".join(c if c.isprintable() else "?" for c in short)


class Source:
    """The program text with the limits that it is read under."""

    __slots__ = ("limits", "text")

    def __init__(self, text: str, limits: Limits) -> None:
        self.text, self.limits = text, limits

    def fail(self, kind: str, message: str, offset: int) -> NoReturn:
        """Raise ProgramError at ``offset``, a character index into the text."""
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        raise ProgramError(kind, message, line, column)

    def parse(self, message: str, offset: int) -> NoReturn:
        """Raise a ``parse`` error."""
        self.fail("parse", message, offset)

    def unsupported(self, message: str, offset: int) -> NoReturn:
        """Raise an ``unsupported`` error."""
        self.fail("unsupported", message, offset)

    def limit(self, message: str, offset: int) -> NoReturn:
        """Raise a ``limit-size`` error."""
        self.fail("limit-size", message, offset)


class Lexer:
    """The current token: ``kind``, ``value``, and its place ``start`` to ``end``."""

    __slots__ = ("end", "kind", "source", "start", "text", "value")

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        self.kind, self.value, self.start, self.end = END, "", 0, 0

    def seek(self, offset: int) -> None:
        """Make the token at or after ``offset`` the current one."""
        self.end = offset
        self.advance()

    def advance(self) -> None:
        """Go to the next token; at the end of the text ``kind`` is END."""
        match = _TOKEN(self.text, self.end)
        if match is None:
            self._refuse()
        group = match.lastindex
        if group is None:
            self.kind, self.value, self.start = END, "", len(self.text)
        else:
            self.kind, self.value, self.start = group, match[group], match.start(group)
        self.end = match.end()

    def _refuse(self) -> NoReturn:
        blank = _BLANK(self.text, self.end)
        at = blank.end() if blank else self.end
        if self.text.startswith("/*", at):
            self.source.parse("the comment that starts here is never closed", at)
        if self.text[at] in "\"'":
            self.source.parse("the string that starts here is never closed", at)
        self.source.parse(f"unexpected character {self.text[at]!r}", at)

    def skip_line(self) -> str:
        """Go to the first token of the next line; returns the rest of this one."""
        match = _LINE(self.text, self.start)
        end = match.end() if match else self.end
        skipped, self.end = self.text[self.start : end], end
        return skipped

    def next_is(self, word: str) -> bool:
        """Whether the token after the current one is the name ``word``."""
        match = _TOKEN(self.text, self.end)
        return match is not None and match.lastindex == NAME and match[NAME] == word

    def at(self, symbol: str) -> bool:
        """Whether the current token is ``symbol``."""
        return self.kind == SYMBOL and self.value == symbol

    def expect(self, symbol: str) -> None:
        """Step over ``symbol``; anything else is a parse error."""
        self.require(symbol)
        self.advance()

    def require(self, symbol: str) -> None:
        """Check that the current token is ``symbol``."""
        if self.kind != SYMBOL or self.value != symbol:
            self.source.parse(f"expected '{symbol}', found {self.found()}", self.start)

    def accept(self, symbol: str) -> bool:
        """Step over ``symbol`` if it is the current token."""
        if self.kind == SYMBOL and self.value == symbol:
            self.advance()
            return True
        return False

    def name(self, what: str) -> str:
        """Step over a name and return it."""
        if self.kind != NAME:
            self.source.parse(f"expected {what}, found {self.found()}", self.start)
        value = self.value
        self.advance()
        return value

    def found(self) -> str:
        """The current token as a message names it."""
        return "the end of the program" if self.kind == END else f"'{clip(self.value)}'"
