"""Statements: from tokens to the tuples of ``syntax``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.declarations import REFUSED, DeclarationParser
from markaz.quantum.programs.openqasm.expressions import CASTS, Rpn
from markaz.quantum.programs.openqasm.lexer import Source
from markaz.quantum.programs.openqasm.operations import MODIFIERS, OperationParser


class Parser(OperationParser):
    """One statement at a time, so that the caller can take plain gate lists faster.

    After ``statement`` the lexer's current token is the statement's last one.
    """

    def __init__(self, source: Source, version: int) -> None:
        super().__init__(source, version)
        self._table = self._COMMON if version == 2 else self._ALL

    def statement(self) -> s.Statement:
        """The statement at the lexer's current token; it ends at ``lexer.end``."""
        return self._statement()

    def _statement(self) -> s.Statement:
        lex = self.lexer
        if lex.kind == lx.NAME:
            method = self._table.get(lex.value)
            if method is not None:
                return method(self)
            if self.version == 3 and lex.value in REFUSED:
                self.source.unsupported(f"{REFUSED[lex.value]} are not supported", lex.start)
            return self._named()
        if self.version == 3:
            if lex.at("@") or lex.at("#"):
                return self._line()
            if lex.at("{"):
                return s.Scope(lex.start, self._block())
        if lex.at(";"):
            return s.Ignored(lex.start)
        self.source.parse(f"expected a statement, found {lex.found()}", lex.start)

    def _condition(self) -> Rpn:
        self.lexer.advance()
        self.lexer.expect("(")
        condition = self._read()
        self.lexer.expect(")")
        return condition

    def _if(self) -> s.Statement:
        """``if``; a chain of ``else if`` is read in a loop, for it can be long."""
        lex = self.lexer
        arms: list[tuple[int, Rpn, s.Block]] = []
        otherwise: s.Block = ()
        while True:
            start = lex.start
            condition = self._condition()
            arms.append((start, condition, self._body()))
            if self.version == 2 or not lex.next_is("else"):
                break
            lex.advance()
            lex.advance()
            if not (lex.kind == lx.NAME and lex.value == "if"):
                otherwise = self._body()
                break
            if self._depth + len(arms) > self.source.limits.nesting:
                self.source.limit("too many 'else if'", lex.start)
        for start, condition, then in reversed(arms):
            statement = s.If(start, condition, then, otherwise)
            otherwise = (statement,)
        return statement

    def _while(self) -> s.Statement:
        start = self.lexer.start
        condition = self._condition()
        return s.While(start, condition, self._body())

    def _for(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        lex.advance()
        if lex.kind == lx.NAME and not lex.next_is("in"):
            self._type()
        name = lex.name("a loop variable")
        if lex.name("'in'") != "in":
            self.source.parse("expected 'in'", lex.start)
        values = self._reader.read_range() if lex.at("[") else self._read()
        return s.For(start, name, values, self._body())

    def _switch(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        target = self._condition()
        lex.expect("{")
        cases: list[tuple[tuple[Rpn, ...], s.Block]] = []
        default: s.Block = ()
        while not lex.at("}"):
            word = lex.name("'case' or 'default'")
            if word not in ("case", "default"):
                self.source.parse("expected 'case' or 'default'", lex.start)
            labels = self._operands() if word == "case" else ()
            lex.require("{")
            body = self._block()
            lex.advance()
            if word == "default":
                default = body
            else:
                cases.append((labels, body))
        if self._depth + len(cases) > self.source.limits.nesting:
            self.source.limit("a switch with too many cases", start)
        return s.Switch(start, target, tuple(cases), default)

    def _jump(self) -> s.Statement:
        start, kind = self.lexer.start, self.lexer.value
        self.lexer.advance()
        self._end()
        return s.Jump(start, kind)

    def _return(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        value = None if self.lexer.at(";") else self._read()
        self._end()
        return s.Return(start, value)

    _COMMON: ClassVar[dict[str, Callable[[Any], s.Statement]]] = {
        "OPENQASM": DeclarationParser._header,
        "include": DeclarationParser._include,
        "qreg": DeclarationParser._register,
        "creg": DeclarationParser._register,
        "gate": DeclarationParser._gate,
        "opaque": DeclarationParser._gate,
        "measure": OperationParser._measure,
        "reset": OperationParser._reset,
        "barrier": OperationParser._barrier,
        "if": _if,
    }
    _ONLY_3: ClassVar[dict[str, Callable[[Any], s.Statement]]] = {
        **dict.fromkeys(
            ("const", "input", "output", "qubit", "duration", "stretch", *CASTS),
            DeclarationParser._declaration,
        ),
        **dict.fromkeys(MODIFIERS, OperationParser._modified),
        **dict.fromkeys(("break", "continue", "end"), _jump),
        "let": DeclarationParser._alias,
        "def": DeclarationParser._subroutine,
        "delay": OperationParser._delay,
        "box": OperationParser._box,
        "nop": OperationParser._nop,
        "pragma": DeclarationParser._line,
        "while": _while,
        "for": _for,
        "switch": _switch,
        "return": _return,
    }
    _ALL: ClassVar[dict[str, Callable[[Any], s.Statement]]] = {**_COMMON, **_ONLY_3}
