"""Plain lists of gates, taken column by column instead of statement by statement.

A run of statements of the form ``name(parameters) q[i],q[j];`` is split by one regular
expression; names, parameter texts and operand texts are then looked up in tables that
remember what each distinct text means. Whatever is not of that form, or does not fit,
is left to the parser, which reports errors with their place.
"""

from __future__ import annotations

import math
import re
import struct
from itertools import islice
from typing import Final

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import lexer as lx
from markaz.quantum.programs.openqasm.evaluate import Evaluator
from markaz.quantum.programs.openqasm.expressions import ExpressionReader, Item, Rpn
from markaz.quantum.programs.openqasm.gatedefs import Gate, Opaque, WellKnown
from markaz.quantum.programs.openqasm.interpreter import Interpreter
from markaz.quantum.programs.openqasm.literals import simple_number
from markaz.quantum.programs.openqasm.rows import POOLED_CODES, plain
from markaz.quantum.programs.openqasm.scopes import Entry, Variable
from markaz.quantum.programs.openqasm.stdgates import NATIVE
from markaz.quantum.programs.openqasm.syntax import Declare, Type
from markaz.quantum.programs.openqasm.values import Bits, Number, Qubits, Symbolic, is_function

_PLACE: Final = r"[^\W\d]\w*+\s*+\[\s*+[0-9]++\s*+\]"


def _statement(group: str) -> str:
    """A gate, measurement or reset on single qubits; ``group`` opens its three groups."""
    return (
        rf"\s*+(?!(?:[qc]reg|barrier|return)\b){group}[^\W\d]\w*+)\s*+"
        rf"(?:\({group}(?:[^();]++|\([^();]*+\))*)\)\s*+)?"
        rf"{group}{_PLACE}(?:\s*+,\s*+{_PLACE})*(?:\s*+->\s*+{_PLACE})?)\s*+;"
    )


_STATEMENT = re.compile(_statement("("))
_RUN = re.compile(f"(?:{_statement('(?:')})+").match
# Name, parameters and the rest: enough where _RUN has matched.
_SPLIT = re.compile(r"([^\W\d]\w*+)\s*+(?:\(((?:[^();]++|\([^();]*+\))*)\)\s*+)?([^;]++);").findall
_MEASURE = re.compile(rf"\s*+({_PLACE})\s*+=\s*+measure\s++({_PLACE})\s*+;")
_BARRIER = re.compile(rf"\s*+barrier\s++({_PLACE}(?:\s*+,\s*+{_PLACE})*)\s*+;").match
_REGISTER = re.compile(
    r"(?:([qc])reg\s++([^\W\d]\w*+)\s*+\[\s*+([0-9]{1,9}+)\s*+\]"
    r"|(qubit|bit)\s*+\[\s*+([0-9]{1,9}+)\s*+\]\s*+([^\W\d]\w*+))\s*+;"
).match
_PARTS = re.compile(r"([^\W\d]\w*+)\s*+\[\s*+([0-9]++)").findall

_U2: Final = 200
_CALL: Final = 201
_BAD: Final = 255
_CALL_ROWS: Final = 32  # a table gate that is no single operation is fewer of them
_INTO: Final = 100  # added to the number of qubits where there is a "->"
_MEASURE_CODE: Final = int(Op.MEASURE)
_ROW = struct.Struct("=3i").pack
_ANGLES = [struct.Struct(f"={n}d{32 - 8 * n}x").pack for n in range(5)]
_AUX = struct.Struct("=i").pack
_NO_AUX: Final = _AUX(-1)
_SMALL, _LARGE = 128, 1 << 18  # characters looked at in one go


class _Angles(dict[str, bytes]):
    """Parameter texts as the circuit's bytes; ``numbers`` None for what the parser must see."""

    def __init__(self, evaluator: Evaluator, top: dict[str, Entry], version: int) -> None:
        super().__init__()
        self.numbers: dict[str, tuple[Number, ...] | None] = {}
        self.counts: dict[str, int] = {}
        self.symbolic: set[str] = set()
        self._evaluator, self._top, self._version = evaluator, top, version

    def __missing__(self, text: str) -> bytes:
        if "p" in text or "n" in text or "_" in text or not text.isascii():
            return self._general(text)  # pi; what only Python takes for a number: nan, 1_0
        try:
            numbers = tuple(map(float, text.split(",")))
        except ValueError:
            return self._general(text)
        if len(numbers) > 4 or not sum(map(abs, numbers)) < math.inf:
            return self._general(text)
        self.numbers[text] = numbers
        self.counts[text] = len(numbers)
        packed = self[text] = _ANGLES[len(numbers)](*numbers)
        return packed

    def _general(self, text: str) -> bytes:
        values = self._multiples_of_pi(text)
        if values is None:
            values = self._parsed(text)
            if values is not None and any(isinstance(x, Symbolic) for x in values):
                self.symbolic.add(text)
        self.numbers[text] = values
        self.counts[text] = -1 if values is None else len(values)
        packed = self[text] = _ANGLES[4](*plain(values or ())[:4])
        return packed

    @staticmethod
    def _multiples_of_pi(text: str) -> tuple[Number, ...] | None:
        numbers: list[Number] = []
        for part in text.split(","):
            number = simple_number(part)
            if number is None or not math.isfinite(number):
                return None
            numbers.append(number)
        return tuple(numbers)

    def _parsed(self, text: str) -> tuple[Number, ...] | None:
        source = lx.Source(text, self._evaluator.source.limits)
        lexer = lx.Lexer(source)
        reader = ExpressionReader(lexer, self._version)
        numbers: list[Number] = []
        try:
            lexer.advance()
            while lexer.kind != lx.END:
                rpn = reader.read()
                if not self._is_fixed(rpn):
                    return None
                numbers.append(self._evaluator.number(rpn))
                if lexer.kind != lx.END:
                    lexer.expect(",")
        except ProgramError:
            return None  # the parser will meet it again, with its place in the program
        return tuple(numbers)

    def _is_fixed(self, rpn: Rpn) -> bool:
        """Whether the expression means the same wherever it stands."""
        for item in rpn:
            if item.code in ("measure", "hardware"):
                return False
            if item.code == "call" and not is_function(item.value[0]):
                return False
            if item.code == "name":
                entry = self._top.get(item.value)
                if isinstance(entry, Variable) and not entry.constant:
                    return False
        return True


class _Elements(dict[str, int]):
    """Numbers of ``name[i]``, a qubit or a classical bit; -1 where there is none."""

    def __init__(self, top: dict[str, Entry], kind: type[Qubits | Bits]) -> None:
        super().__init__()
        self._top, self._kind = top, kind

    def __missing__(self, text: str) -> int:
        name, _, digits = text.strip().partition("[")
        digits = digits[:-1]
        if not (name.isidentifier() and digits.isdigit() and digits.isascii()):
            name, digits = _PARTS(text)[0]  # blanks inside
        entry = self._top.get(name)
        number = -1
        if isinstance(entry, self._kind) and not entry.single and len(digits) < 10:
            at = int(digits)
            number = entry.at[at] if at < len(entry.at) else -1
        self[text] = number
        return number


class _Places(dict[str, bytes]):
    """Operand texts as the circuit's bytes, with qubits and, after ``->``, a bit."""

    def __init__(self, top: dict[str, Entry]) -> None:
        super().__init__()
        self.wires: dict[str, tuple[int, ...]] = {}
        self.counts: dict[str, int] = {}
        self.aux: dict[str, bytes] = {}
        self._qubits, self._bits = _Elements(top, Qubits), _Elements(top, Bits)

    def __missing__(self, text: str) -> bytes:
        qubits, arrow, bit = text.partition("->")
        wires = tuple(map(self._qubits.__getitem__, qubits.split(",")))
        good = -1 not in wires and len(set(wires)) == len(wires)
        count = len(wires) if good else -1
        if arrow:
            target = self._bits[bit]
            self.aux[text] = _AUX(target)
            count = count + _INTO if count > 0 <= target else -1
        self.wires[text], self.counts[text] = wires, count
        packed = self[text] = _ROW(*(*wires, -1, -1)[:3])
        return packed


class FastPath:
    """Takes what it can of a program, from a position on."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._program = interpreter
        self._text = interpreter.source.text
        self._builder = interpreter.emitter.builder
        top = interpreter.scopes.top
        self._angles = _Angles(interpreter.values, top, interpreter.version)
        self._places = _Places(top)
        self._codes: dict[tuple[str, int, int], int] = {}
        self._defined = 0
        self._window = _LARGE

    def take(self, start: int) -> int:
        """Carry out statements from ``start``; where the first other one begins."""
        if len(self._program.gates.defined) != self._defined:
            self._defined = len(self._program.gates.defined)
            self._codes.clear()
        for way in (self._gates, self._measurements, self._barrier):
            if (end := way(start)) > start:
                return end
        return start

    def registers(self, start: int) -> int:
        """Carry out a register declaration at ``start``; where the next statement begins."""
        match = _REGISTER(self._text, start)
        if match is None or (match[4] and self._program.version == 2):
            return start
        letter, name_2, size_2, word, size_3, name_3 = match.groups()
        kind, name = word or ("qubit" if letter == "q" else "bit"), name_2 or name_3
        self._declare(kind, name, int(size_2 or size_3), start)
        return match.end()

    def _declare(self, kind: str, name: str, size: int, start: int) -> None:
        """The short way where nothing is wrong with the size."""
        program = self._program
        limits = program.source.limits
        if kind == "qubit" and 1 <= size <= limits.qubits and not program.physical:
            program.new_qubits(name, size, False, start)
        elif kind == "bit" and 1 <= size <= limits.clbits:
            first = program.new_bits(name, size, start, hidden=False)
            program.declare(name, Bits(range(first, first + size)), start)
        else:
            type_ = Type(kind, [Item("number", size, start)], start)
            program.execute(Declare(start, type_, name, None))

    def _gates(self, start: int) -> int:
        match = _RUN(self._text, start, start + self._window)
        if match is None:
            self._window = _LARGE  # perhaps the statement is longer than the window
            return start
        end = match.end()
        found = _SPLIT(self._text, start, end)
        names, texts, places = zip(*found, strict=True)
        angles = list(map(self._angles.__getitem__, texts))
        wires = list(map(self._places.__getitem__, places))
        codes = self._codes_of(names, texts, places)
        good = self._good(codes, names)
        if good < len(codes):
            end = self._end_of(start, good)
            self._window = _SMALL
        else:
            self._window = min(self._window * 4, _LARGE)
        self._append(codes[:good], names, texts, places, angles[:good], wires[:good], start)
        return end

    def _codes_of(
        self, names: tuple[str, ...], texts: tuple[str, ...], places: tuple[str, ...]
    ) -> bytes:
        """A code for each statement; by name alone where no name is used in two ways."""
        params, qubits = self._angles.counts.__getitem__, self._places.counts.__getitem__
        kinds = set(zip(names, map(params, texts), map(qubits, places), strict=True))
        by_name: dict[str, int] = {}
        for kind in kinds:
            if kind not in self._codes:
                self._codes[kind] = self._code(*kind)
            by_name[kind[0]] = self._codes[kind]
        if len(by_name) == len(kinds):
            return bytes(map(by_name.__getitem__, names))
        each = zip(names, map(params, texts), map(qubits, places), strict=True)
        return bytes(map(self._codes.__getitem__, each))

    def _good(self, codes: bytes, names: tuple[str, ...]) -> int:
        """How many statements can be taken: up to the first bad one, within the limit."""
        bad = codes.find(_BAD)
        most = len(codes) if bad < 0 else bad
        room = self._program.source.limits.gates - len(self._builder.ops)
        if _CALL not in codes:
            return min(most, room)
        for i in range(most):
            gate = self._program.gates.get(names[i]) if codes[i] == _CALL else None
            room -= 1 if gate is None else max(gate.size, _CALL_ROWS)
            if room < 0:
                return i
        return most

    def _end_of(self, start: int, count: int) -> int:
        """Where statement number ``count`` from ``start`` on begins."""
        for match in islice(_STATEMENT.finditer(self._text, start), count):
            start = match.end()
        return start

    def _code(self, name: str, params: int, qubits: int) -> int:
        """How a statement of this shape is taken: an operation code, or one of ours."""
        if params < 0 or qubits < 0:
            return _BAD
        if name == "measure":
            return _MEASURE_CODE if (params, qubits) == (0, _INTO + 1) else _BAD
        if name == "reset":
            return int(Op.RESET) if (params, qubits) == (0, 1) else _BAD
        gate = self._program.gates.get(name)
        if gate is None or isinstance(gate, Opaque):
            return _BAD
        if params != gate.num_params or qubits >= _INTO or not gate.takes(qubits):
            return _BAD
        return self._gate_code(gate)

    @staticmethod
    def _gate_code(gate: Gate) -> int:
        if isinstance(gate, WellKnown) and gate.op not in POOLED_CODES and gate.phase == 0.0:
            return gate.op
        if type(gate) is Gate:
            if gate.name == "u2":
                return _U2
            if gate.name in NATIVE:
                return NATIVE[gate.name][0]
        return _CALL

    def _append(
        self,
        codes: bytes,
        names: tuple[str, ...],
        texts: tuple[str, ...],
        places: tuple[str, ...],
        angles: list[bytes],
        wires: list[bytes],
        start: int,
    ) -> None:
        b = self._builder
        aux = [_NO_AUX] * len(codes)
        if _MEASURE_CODE in codes:
            aux = [self._places.aux.get(p, _NO_AUX) for p in places[: len(codes)]]
        if _U2 in codes:
            codes = self._turn_u2(codes, texts, angles)
        offsets: list[int] = []
        if _CALL in codes:
            found = islice(_STATEMENT.finditer(self._text, start), len(codes))
            offsets = [m.start(1) for m in found]
        at = 0
        while at < len(codes):
            call = codes.find(_CALL, at)
            stop = len(codes) if call < 0 else call
            if self._angles.symbolic:
                self._unbound(texts, at, stop)
            b.ops += codes[at:stop]
            b.qs.frombytes(b"".join(wires[at:stop]))
            b.ps.frombytes(b"".join(angles[at:stop]))
            b.aux.frombytes(b"".join(aux[at:stop]))
            if call >= 0:
                self._call(names[call], texts[call], places[call], offsets[call])
            at = stop + 1

    def _turn_u2(self, codes: bytes, texts: tuple[str, ...], angles: list[bytes]) -> bytes:
        """Make U of u2; an unbound parameter would change its slot, which a call sees to."""
        turned = bytearray(codes)
        for i, code in enumerate(codes):
            if code == _U2:
                values = self._angles.numbers[texts[i]]
                assert values is not None
                angles[i] = _ANGLES[4](math.pi / 2, *plain(values)[:3])
                turned[i] = _CALL if texts[i] in self._angles.symbolic else int(Op.U)
        return bytes(turned)

    def _unbound(self, texts: tuple[str, ...], at: int, stop: int) -> None:
        first = len(self._builder.ops) - at
        for i in (i for i in range(at, stop) if texts[i] in self._angles.symbolic):
            for slot, value in enumerate(self._angles.numbers[texts[i]] or ()):
                if isinstance(value, Symbolic):
                    self._builder.symbolic.append((first + i, slot, value.expr))

    def _call(self, name: str, text: str, place: str, offset: int) -> None:
        gate, values = self._program.gates.get(name), self._angles.numbers[text]
        assert gate is not None and values is not None
        self._program.emitter.gate(gate, values, [], self._places.wires[place], offset)

    def _measurements(self, start: int) -> int:
        """``c[i] = measure q[j];``, one after the other."""
        b, most = self._builder, self._program.source.limits.gates
        scan = _MEASURE.match
        while match := scan(self._text, start):
            place = f"{match[2]} -> {match[1]}"
            packed = self._places[place]
            if self._places.counts[place] != _INTO + 1 or len(b.ops) >= most:
                return start
            b.ops.append(_MEASURE_CODE)
            b.qs.frombytes(packed)
            b.ps.frombytes(self._angles[""])
            b.aux.frombytes(self._places.aux[place])
            start = match.end()
        return start

    def _barrier(self, start: int) -> int:
        match = _BARRIER(self._text, start)
        if match is None or not self._places[match[1]] or self._places.counts[match[1]] < 0:
            return start
        self._program.emitter.barrier(self._places.wires[match[1]], start)
        return match.end()
