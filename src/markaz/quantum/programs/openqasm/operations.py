"""Parsing of what happens to qubits, and of assignments and calls."""

from __future__ import annotations

from typing import Final

from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.declarations import DeclarationParser
from markaz.quantum.programs.openqasm.expressions import Item, Rpn
from markaz.quantum.programs.openqasm.lexer import clip

MODIFIERS: Final = frozenset({"ctrl", "negctrl", "inv", "pow"})
_ASSIGNMENTS: Final = frozenset(
    {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**="}
)


class OperationParser(DeclarationParser):
    """Takes gates, measurements, assignments and the like."""

    def _operands(self) -> tuple[Rpn, ...]:
        operands = [self._read()]
        while self.lexer.accept(","):
            operands.append(self._read())
        return tuple(operands)

    def _measure(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        lex.advance()
        operand, target = self._read(), None
        if self.version == 2:
            lex.require("->")
        if lex.accept("->"):
            target = self._read()
        self._end()
        return s.Measure(start, operand, target)

    def _reset(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        operand = self._read()
        self._end()
        return s.Reset(start, operand)

    def _barrier(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        operands = () if self.lexer.at(";") else self._operands()
        self._end()
        return s.Barrier(start, operands)

    def _delay(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        lex.advance()
        lex.expect("[")
        length = self._read()
        lex.expect("]")
        operands = () if lex.at(";") else self._operands()
        self._end()
        return s.Delay(start, length, operands)

    def _box(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        if self.lexer.accept("["):
            self._read()
            self.lexer.expect("]")
        self.lexer.require("{")
        return s.Scope(start, self._block())

    def _nop(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        if not self.lexer.at(";"):
            self._operands()
        self._end()
        return s.Ignored(start)

    def _modified(self) -> s.Statement:
        lex = self.lexer
        modifiers: list[s.Modifier] = []
        while lex.kind == lx.NAME and lex.value in MODIFIERS:
            kind, start, argument = lex.value, lex.start, None
            lex.advance()
            if lex.accept("("):
                argument = self._read()
                lex.expect(")")
            if (kind == "pow") != (argument is not None) and kind in ("pow", "inv"):
                self.source.parse(f"'{kind}' takes another number of arguments", start)
            lex.expect("@")
            modifiers.append(s.Modifier(kind, argument, start))
            if len(modifiers) > self.source.limits.nesting:
                self.source.limit("too many gate modifiers", start)
        start = lex.start
        name = lex.name("a gate name")
        return self._call_rest(start, name, tuple(modifiers))

    def _named(self) -> s.Statement:
        """A gate, an assignment or a subroutine call."""
        lex = self.lexer
        start, name = lex.start, lex.value
        lex.advance()
        if self.version == 3 and lex.kind == lx.SYMBOL:
            if lex.value in _ASSIGNMENTS:
                return self._assignment(start, [Item("name", name, start)])
            if lex.value == "[":
                lex.seek(start)
                return self._assignment(start, self._read())
        return self._call_rest(start, name, ())

    def _assignment(self, start: int, target: Rpn) -> s.Statement:
        lex = self.lexer
        if lex.kind != lx.SYMBOL or lex.value not in _ASSIGNMENTS:
            self.source.parse(f"expected '=', found {lex.found()}", lex.start)
        symbol = lex.value[:-1]
        lex.advance()
        value = self._read()
        self._end()
        return s.Assign(start, target, symbol, value)

    def _call_rest(self, start: int, name: str, modifiers: tuple[s.Modifier, ...]) -> s.Statement:
        lex = self.lexer
        params: tuple[Rpn, ...] = ()
        called = lex.accept("(")
        if called:
            if not lex.at(")"):
                params = self._operands()
            lex.expect(")")
        if lex.at("["):
            self.source.unsupported("gates of a given duration are not supported", lex.start)
        if lex.at(";"):
            if name == "gphase" and called and self.version == 3:
                return s.GateCall(start, name, params, (), modifiers)
            if called and self.version == 3 and not modifiers:
                items = [item for part in params for item in part]
                return s.Call(start, [*items, Item("call", (name, len(params)), start)])
            self.source.parse(f"'{clip(name)}' is applied to nothing", start)
        operands = self._operands()
        self._end()
        return s.GateCall(start, name, params, operands, modifiers)
