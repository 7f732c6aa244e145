"""OpenQASM 2 and 3, read into a flat circuit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.openqasm import compiled
from markaz.quantum.programs.openqasm.fastpath import FastPath
from markaz.quantum.programs.openqasm.interpreter import Interpreter
from markaz.quantum.programs.openqasm.lexer import BLANK, END, Source, clip
from markaz.quantum.programs.openqasm.parser import Parser
from markaz.quantum.programs.openqasm.reading import Reading

if TYPE_CHECKING:
    from markaz.quantum.programs.openqasm.kernelpath import KernelPath

__all__ = ["read_openqasm", "version_of"]

_HEADER = re.compile(rf"{BLANK}OPENQASM\b{BLANK}([0-9]+)(?:\.[0-9]+)?({BLANK};)?").match
_LATE_HEADER = r"^[ \t]*+OPENQASM\s++([0-9]++)(?:\.[0-9]++)?\s*+;"
_INCLUDE = re.compile(r"\s*+include\s*+\"(?:qelib1|stdgates)\.inc\"\s*+;").match
_NOTHING = re.compile(rf"(?:{BLANK};)*{BLANK}").match
_SIGNS_OF_3 = (
    r"\bstdgates\.inc\b|^[ \t]*+(?:(?:const|input|output|let|def|for)\s|(?:while|switch|box)\b"
    r"|(?:ctrl|negctrl|gphase)\b|inv[ \t]*+@|pow[ \t]*+\(|(?:qubit|bit|int|uint|float|angle|bool)"
    r"(?:[ \t]++|[ \t]*+\[[^\]\n]*+\][ \t]*+)[^\W\d])"
)


def version_of(source: Source) -> tuple[int, int]:
    """(2 or 3, where statements begin): by the header, wherever it stands, else by the
    words that a program uses.

    Raises ProgramError ``unsupported`` for any other version.
    """
    text = source.text
    start = 1 if text.startswith("\ufeff") else 0
    first = _HEADER(text, start)
    match = first or re.search(_LATE_HEADER, text, re.MULTILINE)
    if match is not None:
        version = match[1].lstrip("0")
        if version not in ("2", "3"):
            source.unsupported(f"OpenQASM version {clip(match[1])}", match.start(1))
        return int(version), first.end() if first and first[2] else start
    return 3 if re.search(_SIGNS_OF_3, text, re.MULTILINE) else 2, start


def read_openqasm(text: str, limits: Limits = DEFAULT) -> Circuit:
    """The circuit that an OpenQASM program describes, without implicit measurement.

    Gates that the program defines are expanded, loops with known bounds unrolled and
    subroutines put in; what depends on measurements becomes control flow. Raises
    ProgramError of kind ``parse``, ``unsupported`` or ``limit-size`` with line and column.
    """
    source = Source(text, limits)
    if len(text) > limits.source_bytes:
        source.limit(f"the program has more than {limits.source_bytes} characters", 0)
    run = compiled.reader()
    if run is not None:
        from markaz.quantum.programs.openqasm.whole import read_whole  # noqa: PLC0415 - loaded

        if (circuit := read_whole(text, limits, run)) is not None:
            return circuit
    version, start = version_of(source)
    program = Interpreter(source, version)
    parser = Parser(source, version)
    try:
        with Reading():
            _carry_out(program, parser, start)
    except RecursionError:
        source.limit("the program is nested too deep", parser.lexer.start)
    return program.emitter.builder.build()


def _carry_out(program: Interpreter, parser: Parser, at: int) -> None:
    lexer, fast, kernel = parser.lexer, FastPath(program), _kernel_path(program, parser)
    if include := _INCLUDE(lexer.text, at):
        at = include.end()
    while True:
        at = _after_blank(lexer.text, at)
        taken = fast.registers(at)
        if kernel is not None and taken == at < len(lexer.text):
            taken = kernel.take(at)
            if taken == at:
                kernel.replay()
        if taken == at:
            taken = fast.take(at)
        if taken > at:
            at = taken
            continue
        lexer.seek(at)
        if lexer.kind == END:
            break
        statement = parser.statement()
        at = lexer.end
        if program.execute(statement) == "end":
            break
    program.finish(at)


def _kernel_path(program: Interpreter, parser: Parser) -> KernelPath | None:
    run = compiled.reader()
    if run is None:
        return None
    from markaz.quantum.programs.openqasm.kernelpath import kernel_path  # noqa: PLC0415 - loaded

    return kernel_path(program, parser, run)


def _after_blank(text: str, at: int) -> int:
    match = _NOTHING(text, at)
    return match.end() if match else at
