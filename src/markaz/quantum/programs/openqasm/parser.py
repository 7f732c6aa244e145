"""Statements: from tokens to the tuples of ``syntax``."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.expressions import (
    CASTS,
    ExpressionReader,
    Item,
    Rpn,
)
from markaz.quantum.programs.openqasm.lexer import Lexer, Source, clip

_INCLUDES: Final = frozenset({"qelib1.inc", "stdgates.inc"})
_MODIFIERS: Final = frozenset({"ctrl", "negctrl", "inv", "pow"})
_ASSIGNMENTS: Final = frozenset(
    {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**="}
)
_REFUSED: Final = {
    "cal": "calibration blocks (OpenPulse)",
    "defcal": "pulse calibrations (defcal)",
    "defcalgrammar": "pulse calibration grammars",
    "extern": "extern functions: their code is not part of the program",
    "array": "arrays",
    "complex": "complex numbers",
}


class Parser:
    """One statement at a time, so that the caller can take plain gate lists faster.

    After each the lexer's current token is the statement's last one.
    """

    def __init__(self, source: Source, version: int) -> None:
        self.lexer = Lexer(source)
        self.source, self.version = source, version
        self._read = ExpressionReader(self.lexer, version).read
        self._reader = ExpressionReader(self.lexer, version)
        self._depth = 0
        self._table = self._COMMON if version == 2 else {**self._COMMON, **self._ONLY_3}

    def statement(self) -> s.Statement:
        """The statement at the lexer's current token; it ends at ``lexer.end``."""
        return self._statement()

    def _statement(self) -> s.Statement:
        lex = self.lexer
        if lex.kind == lx.NAME:
            method = self._table.get(lex.value)
            if method is not None:
                return method(self)
            if self.version == 3 and lex.value in _REFUSED:
                self.source.unsupported(f"{_REFUSED[lex.value]} are not supported", lex.start)
            return self._named()
        if self.version == 3:
            if lex.at("@") or lex.at("#"):
                return self._line()
            if lex.at("{"):
                return s.Scope(lex.start, self._block())
        if lex.at(";"):
            return s.Ignored(lex.start)
        self.source.parse(f"expected a statement, found {lex.found()}", lex.start)

    def _end(self) -> None:
        self.lexer.require(";")

    # -- program structure ----------------------------------------------------------

    def _header(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        if self.lexer.kind != lx.NUMBER:
            self.source.parse("expected a version number", self.lexer.start)
        self.lexer.advance()
        self._end()
        return s.Ignored(start)

    def _include(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        lex.advance()
        if lex.kind != lx.STRING:
            self.source.parse(f"expected a file name, found {lex.found()}", lex.start)
        if lex.value[1:-1] not in _INCLUDES:
            self.source.unsupported(
                f"include {clip(lex.value)}: only qelib1.inc and stdgates.inc can be included",
                lex.start,
            )
        lex.advance()
        self._end()
        return s.Ignored(start)

    def _line(self) -> s.Statement:
        """A pragma, or an annotation of the next statement: neither says what happens."""
        start = self.lexer.start
        self.lexer.skip_line()
        return s.Ignored(start)

    def _deeper(self, offset: int) -> None:
        self._depth += 1
        if self._depth > self.source.limits.nesting:
            self.source.limit(
                f"blocks are nested more than {self.source.limits.nesting} deep", offset
            )

    def _block(self) -> s.Block:
        """``{ … }``; the current token is the brace, in the end the closing one."""
        lex = self.lexer
        start = lex.start
        self._deeper(start)
        lex.expect("{")
        body: list[s.Statement] = []
        while not lex.at("}"):
            if lex.kind == lx.END:
                self.source.parse("the block that starts here is never closed", start)
            body.append(self._statement())
            lex.advance()
        self._depth -= 1
        return tuple(body)

    def _body(self) -> s.Block:
        """A block or a single statement."""
        if self.lexer.at("{"):
            return self._block()
        self._deeper(self.lexer.start)
        body = (self._statement(),)
        self._depth -= 1
        return body

    # -- declarations ---------------------------------------------------------------

    def _register(self) -> s.Statement:
        """``qreg q[3];`` or ``creg c[3];``, in both versions."""
        lex = self.lexer
        start, kind = lex.start, "qubit" if lex.value == "qreg" else "bit"
        lex.advance()
        name = lex.name("a register name")
        width = None
        if self.version == 2 or lex.at("["):
            lex.expect("[")
            width = self._read()
            lex.expect("]")
        self._end()
        return s.Declare(start, s.Type(kind, width, start), name, None)

    def _type(self) -> s.Type:
        lex = self.lexer
        start = lex.start
        kind = lex.name("a type")
        if kind in _REFUSED:
            self.source.unsupported(f"{_REFUSED[kind]} are not supported", start)
        if kind not in CASTS and kind not in ("qubit", "duration", "stretch"):
            self.source.parse(f"'{clip(kind)}' is not a type", start)
        width = None
        if lex.accept("["):
            width = self._read()
            lex.expect("]")
        return s.Type(kind, width, start)

    def _declaration(self) -> s.Statement:
        lex = self.lexer
        start, mode = lex.start, ""
        if lex.value in ("const", "input", "output"):
            mode = lex.value
            lex.advance()
        type_ = self._type()
        if not mode and lex.at("(") and type_.kind in CASTS:
            self.source.parse("a value alone is not a statement", start)
        name = lex.name("a name")
        init = None
        if lex.accept("="):
            init = self._read()
        elif mode == "const":
            self.source.parse(f"constant '{clip(name)}' has no value", lex.start)
        self._end()
        return s.Declare(start, type_, name, init, mode)

    def _alias(self) -> s.Statement:
        start = self.lexer.start
        self.lexer.advance()
        name = self.lexer.name("a name")
        self.lexer.expect("=")
        value = self._read()
        self._end()
        return s.Alias(start, name, value)

    def _names(self, end: tuple[str, ...]) -> tuple[str, ...]:
        names: list[str] = []
        while not (self.lexer.kind == lx.SYMBOL and self.lexer.value in end):
            names.append(self.lexer.name("a name"))
            if not self.lexer.accept(","):
                break
        return tuple(names)

    def _gate(self) -> s.Statement:
        lex = self.lexer
        start, opaque = lex.start, lex.value == "opaque"
        lex.advance()
        name = lex.name("a gate name")
        params: tuple[str, ...] = ()
        if lex.accept("("):
            params = self._names((")",))
            lex.expect(")")
        qubits = self._names(("{", ";"))
        for names in (params, qubits):
            if len(set(names)) < len(names):
                self.source.parse(f"gate '{clip(name)}' has two arguments of one name", start)
        if opaque:
            self._end()
            return s.GateDefinition(start, name, params, qubits, None, "")
        lex.require("{")
        body = self._block()
        for inner in body:
            if not isinstance(inner, s.GateCall | s.Barrier | s.Ignored):
                kind = "parse" if isinstance(inner, s.Measure | s.Reset) else "unsupported"
                self.source.fail(kind, "a gate body holds only gates", inner.offset)
        calls = tuple(x for x in body if isinstance(x, s.GateCall | s.Barrier))
        return s.GateDefinition(start, name, params, qubits, calls, lex.text[start : lex.end])

    def _subroutine(self) -> s.Statement:
        lex = self.lexer
        start = lex.start
        lex.advance()
        name = lex.name("a subroutine name")
        lex.expect("(")
        arguments: list[tuple[s.Type, str]] = []
        while not lex.at(")"):
            arguments.append(self._argument())
            if not lex.accept(","):
                break
        lex.expect(")")
        returns = self._type() if lex.accept("->") else None
        lex.require("{")
        return s.Subroutine(start, name, tuple(arguments), returns, self._block())

    def _argument(self) -> tuple[s.Type, str]:
        lex = self.lexer
        start = lex.start
        if lex.value not in ("qreg", "creg"):
            return self._type(), lex.name("an argument name")
        kind = "qubit" if lex.value == "qreg" else "bit"
        lex.advance()
        name = lex.name("an argument name")
        lex.expect("[")
        width = self._read()
        lex.expect("]")
        return s.Type(kind, width, start), name

    # -- what happens to qubits -----------------------------------------------------

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
        self._read()
        lex.expect("]")
        if not lex.at(";"):
            self._operands()
        self._end()
        return s.Ignored(start)

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
        while lex.kind == lx.NAME and lex.value in _MODIFIERS:
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

    # -- control flow ---------------------------------------------------------------

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

    _COMMON: ClassVar[dict[str, Callable[[Parser], s.Statement]]] = {
        "OPENQASM": _header,
        "include": _include,
        "qreg": _register,
        "creg": _register,
        "gate": _gate,
        "opaque": _gate,
        "measure": _measure,
        "reset": _reset,
        "barrier": _barrier,
        "if": _if,
    }
    _ONLY_3: ClassVar[dict[str, Callable[[Parser], s.Statement]]] = {
        **dict.fromkeys(
            ("const", "input", "output", "qubit", "duration", "stretch", *CASTS), _declaration
        ),
        **dict.fromkeys(_MODIFIERS, _modified),
        **dict.fromkeys(("break", "continue", "end"), _jump),
        "let": _alias,
        "def": _subroutine,
        "delay": _delay,
        "box": _box,
        "nop": _nop,
        "pragma": _line,
        "while": _while,
        "for": _for,
        "switch": _switch,
        "return": _return,
    }
