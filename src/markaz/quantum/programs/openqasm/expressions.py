"""Expressions, read into postfix order without recursion.

An operator stack (Dijkstra's shunting yard) instead of recursive descent: strangers'
brackets must not become our call stack, and sums of 100,000 terms are ordinary.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm.lexer import Lexer, clip


class Item(NamedTuple):
    """One step of a postfix expression.

    ``code``: "number", "name", "bits" (text of a bit string), "hardware", "duration",
    "binary", "unary", "call" (name, arguments), "cast" (type, arguments), "index"
    (arguments), "set" (members), "range" (which of three parts are given), "measure".
    """

    code: str
    value: Any
    offset: int


Rpn = list[Item]

_BINARY: Final = {
    "**": 14,
    "*": 12,
    "/": 12,
    "%": 12,
    "+": 11,
    "-": 11,
    "<<": 10,
    ">>": 10,
    "<": 9,
    "<=": 9,
    ">": 9,
    ">=": 9,
    "==": 8,
    "!=": 8,
    "&": 7,
    "^": 6,
    "|": 5,
    "&&": 4,
    "||": 3,
    "++": 2,
}
_UNARY: Final = 13
_PREFIX: Final = frozenset("-+!~")
_CLOSE: Final = {"call": ")", "paren": ")", "cast": ")", "width": "]", "index": "]", "set": "}"}
_CLOSERS: Final = frozenset(")]}")
CASTS: Final = frozenset({"int", "uint", "float", "angle", "bool", "bit"})
_MAX_DIGITS: Final = 1000


class _Frame:
    """An open bracket: what closes it, and its parts so far."""

    __slots__ = ("count", "kind", "name", "offset", "parts")

    def __init__(self, kind: str, name: str, offset: int, count: int) -> None:
        self.kind, self.name, self.offset, self.count = kind, name, offset, count
        self.parts: list[bool] = []


class _Operator(NamedTuple):
    precedence: int
    code: str
    symbol: str
    offset: int


class ExpressionReader:
    """Reads expressions from a lexer; OpenQASM 2 has fewer operators (``^`` is a power)."""

    def __init__(self, lexer: Lexer, version: int) -> None:
        self._lex, self._source, self._version = lexer, lexer.source, version
        self._limit = lexer.source.limits.nesting
        self._out: Rpn = []
        self._stack: list[_Frame | _Operator] = []
        self._open = 0

    def read(self) -> Rpn:
        """The expression at the current token, which becomes the one after it."""
        self._out, self._stack, self._open = [], [], 0
        operand = True
        lex = self._lex
        while True:
            if operand:
                operand = self._operand()
            elif lex.kind == lx.SYMBOL and lex.value in _BINARY:
                self._binary()
                operand = True
            elif lex.kind == lx.SYMBOL and (self._open or lex.value == "["):
                outcome = self._punctuation()
                if outcome is None:
                    break
                operand = outcome
            else:
                break
        self._flush()
        if self._stack:
            frame = self._stack[-1]
            assert isinstance(frame, _Frame)
            self._source.parse(f"expected '{_CLOSE[frame.kind]}', found {lex.found()}", lex.start)
        return self._out

    def read_range(self) -> Rpn:
        """``[a:b]`` or ``[a:s:b]`` of a for loop; the current token is the ``[``."""
        start = self._lex.start
        self._lex.require("[")
        self._out = [Item("name", "", start)]
        self._stack, self._open = [], 0
        self._push_frame("index", "")
        operand = True
        while self._open:
            if operand:
                operand = self._operand()
            elif self._lex.kind == lx.SYMBOL and self._lex.value in _BINARY:
                self._binary()
                operand = True
            else:
                outcome = self._punctuation() if self._lex.kind == lx.SYMBOL else None
                if outcome is None:
                    self._source.parse(f"expected ']', found {self._lex.found()}", self._lex.start)
                operand = outcome
        return self._out[1:-1]

    # -- operands -----------------------------------------------------------------

    def _operand(self) -> bool:
        """Take one token where a value must stand; returns whether one is still due."""
        lex = self._lex
        kind, value, start = lex.kind, lex.value, lex.start
        if kind == lx.NAME:
            return self._name(value, start)
        if kind == lx.SYMBOL:
            return self._opening(value, start)
        if kind == lx.NUMBER:
            self._out.append(Item("number", self._number(value, start), start))
        elif kind == lx.STRING and self._version != 2:
            self._out.append(Item("bits", self._bit_string(value[1:-1], start), start))
        elif kind == lx.HARDWARE and self._version != 2:
            self._out.append(Item("hardware", int(value[1:12]), start))
        elif kind == lx.DURATION and self._version != 2:
            self._out.append(Item("duration", value, start))
        else:
            self._source.parse(f"expected a value, found {lex.found()}", start)
        lex.advance()
        return False

    def _name(self, value: str, start: int) -> bool:
        lex = self._lex
        lex.advance()
        if value == "measure" and self._version != 2:
            self._push(_Operator(_UNARY, "measure", value, start))
            return True
        if value in CASTS and self._version != 2:
            return self._cast(value, start)
        if lex.kind == lx.SYMBOL and lex.value == "(":
            self._push_frame("call", value)
            return True
        self._out.append(Item("name", value, start))
        return False

    def _cast(self, value: str, start: int) -> bool:
        if self._lex.at("["):
            self._push_frame("width", value)
        else:
            self._lex.require("(")
            self._push_frame("cast", value)
        return True

    def _opening(self, value: str, start: int) -> bool:
        if value in _PREFIX:
            self._lex.advance()
            self._push(_Operator(_UNARY, "unary", value, start))
            return True
        if value == "(":
            self._push_frame("paren", "")
            return True
        if value == "{" and self._version != 2:
            self._push_frame("set", "")
            return True
        frame = self._stack[-1] if self._stack else None
        if isinstance(frame, _Frame):
            if value == ":" and frame.kind == "index":
                self._part(frame, given=False)
                return True
            if value == _CLOSE[frame.kind] and (
                (frame.parts and frame.kind == "index")
                or (not frame.count and frame.kind in ("call", "set"))
            ):
                self._close(frame, given=False)
                return False
        self._source.parse(f"expected a value, found {self._lex.found()}", start)

    def _number(self, text: str, start: int) -> int | float:
        digits = text.replace("_", "")
        if digits[1:2] in ("x", "X", "o", "O", "b", "B"):
            if len(digits) < 3:
                self._source.parse(f"'{clip(text)}' has no digits", start)
            if len(digits) > _MAX_DIGITS:
                self._source.limit(f"a number of {len(digits)} digits is too long", start)
            return int(digits, 0)
        if digits.isdecimal() and self._version != 2:
            if len(digits) > _MAX_DIGITS:
                self._source.limit(f"a number of {len(digits)} digits is too long", start)
            return int(digits)
        if digits.isdecimal() and len(digits) < 16:
            return int(digits)
        return float(digits)

    def _bit_string(self, text: str, start: int) -> str:
        digits = text.replace("_", "")
        if not digits or digits.strip("01"):
            self._source.parse(f"'{clip(text)}' is not a bit string", start)
        if len(digits) > self._source.limits.clbits:
            self._source.limit(f"a bit string of {len(digits)} bits is too long", start)
        return digits

    # -- operators and brackets ---------------------------------------------------

    def _push(self, entry: _Frame | _Operator) -> None:
        self._open += 1
        if self._open > self._limit:
            self._source.limit(
                f"an expression is nested more than {self._limit} deep", entry.offset
            )
        self._stack.append(entry)

    def _push_frame(self, kind: str, name: str, count: int = 0) -> None:
        self._push(_Frame(kind, name, self._lex.start, count))
        self._lex.advance()

    def _binary(self) -> None:
        lex = self._lex
        symbol, start = lex.value, lex.start
        if self._version == 2 and symbol == "^":
            symbol = "**"
        precedence = _BINARY[symbol]
        self._flush(precedence if symbol == "**" else precedence - 1)
        self._stack.append(_Operator(precedence, "binary", symbol, start))
        lex.advance()

    def _flush(self, above: int = 0) -> None:
        """Emit operators that bind tighter than ``above``, up to the open bracket."""
        stack, out = self._stack, self._out
        while stack:
            top = stack[-1]
            if isinstance(top, _Frame) or top.precedence <= above:
                return
            stack.pop()
            if top.code != "binary":
                self._open -= 1
            out.append(Item(top.code, top.symbol, top.offset))

    def _punctuation(self) -> bool | None:
        """Handle a bracket, comma or colon after a value.

        Returns whether a value is due next, None when the expression ends here.
        """
        lex = self._lex
        symbol = lex.value
        if symbol == "[":
            self._push_frame("index", "")
            return True
        self._flush()
        frame = self._stack[-1] if self._stack else None
        if not isinstance(frame, _Frame):
            return None
        if symbol == ":" and frame.kind == "index":
            self._part(frame, given=True)
            return True
        if symbol == "," and frame.kind in ("call", "set", "index"):
            self._argument(frame, given=True)
            lex.advance()
            return True
        if symbol == _CLOSE[frame.kind]:
            return self._close(frame, given=True)
        if symbol in _CLOSERS or symbol == ",":
            self._source.parse(f"expected '{_CLOSE[frame.kind]}', found '{symbol}'", lex.start)
        return None

    def _part(self, frame: _Frame, given: bool) -> None:
        frame.parts.append(given)
        if len(frame.parts) > 2:
            self._source.parse("a range has at most three parts", self._lex.start)
        self._lex.advance()

    def _argument(self, frame: _Frame, given: bool) -> None:
        if frame.parts:
            self._out.append(Item("range", (*frame.parts, given), frame.offset))
            frame.parts = []
        frame.count += 1

    def _close(self, frame: _Frame, given: bool) -> bool:
        """Close a bracket; returns whether a value is due (after a cast's width)."""
        if given or frame.parts:
            self._argument(frame, given)
        self._stack.pop()
        self._open -= 1
        self._lex.advance()
        if frame.kind == "width":
            self._lex.require("(")
            self._push_frame("cast", frame.name, 1)
            return True
        if frame.kind == "cast":
            self._out.append(Item("cast", (frame.name, frame.count), frame.offset))
        elif frame.kind == "call":
            self._out.append(Item("call", (frame.name, frame.count), frame.offset))
        elif frame.kind in ("index", "set"):
            self._out.append(Item(frame.kind, frame.count, frame.offset))
        return False
