"""Parsing of program structure and declarations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm.expressions import (
    CASTS,
    ExpressionReader,
)
from markaz.quantum.programs.openqasm.fastbody import fast_body
from markaz.quantum.programs.openqasm.lexer import Lexer, Source, clip

_INCLUDES: Final = frozenset({"qelib1.inc", "stdgates.inc"})
REFUSED: Final = {
    "cal": "calibration blocks (OpenPulse)",
    "defcal": "pulse calibrations (defcal)",
    "defcalgrammar": "pulse calibration grammars",
    "extern": "extern functions, whose code is not part of the program,",
    "array": "arrays",
    "complex": "complex numbers",
}


class DeclarationParser(ABC):
    """Takes declarations and definitions from a lexer.

    After each the lexer's current token is the statement's last one.
    """

    def __init__(self, source: Source, version: int) -> None:
        self.lexer = Lexer(source)
        self.source, self.version = source, version
        self._read = ExpressionReader(self.lexer, version).read
        self._reader = ExpressionReader(self.lexer, version)
        self._depth = 0

    @abstractmethod
    def _statement(self) -> s.Statement:
        """Read one statement."""

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
        if kind in REFUSED:
            self.source.unsupported(f"{REFUSED[kind]} are not supported", start)
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
        short = fast_body(lex.text, lex.end, params)
        if short is not None:
            lex.seek(short[1])
            return s.GateDefinition(
                start, name, params, qubits, short[0], lex.text[start : lex.end]
            )
        body = self._block()
        for inner in body:
            if not isinstance(inner, s.GateCall | s.Barrier | s.Delay | s.Ignored):
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
