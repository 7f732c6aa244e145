"""The structure of a QPY file, checked before Qiskit sees it.

Qiskit's reader takes an instruction's name for any attribute of ``qiskit.circuit.library``
and calls it with the file's parameters, and it believes sizes. So this walks the file along
the published format (``qiskit.qpy`` module documentation, versions 13 to 18): every name
must be that of a gate or instruction, every size must fit into the file, nesting and counts
are limited. Nothing is built and Qiskit is not imported.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Final, NoReturn

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.qpy_names import CONTROLLED, NAMES, SIZED

MAGIC: Final = b"QISKIT"
VERSIONS: Final = (13, 18)
MAX_DEFINITIONS: Final = 20_000  # each takes Qiskit's reader some 0.1 ms

_FILE: Final = struct.Struct("!6s4BQcc")
_CIRCUIT: Final = struct.Struct("!HcHIIQIQI")
_REGISTER: Final = struct.Struct("!cBIHB")
_VARIABLE: Final = struct.Struct("!16scHc")
_STATE: Final = struct.Struct("!IQ")
_DEFINITION: Final = struct.Struct("!HcIIBQIIQ")
_INSTRUCTION: Final = struct.Struct("!HHHIIBHqII")
_VALUE: Final = struct.Struct("!cQ")
_VECTOR: Final = struct.Struct("!HQ16sQ")
_VECTOR_ROW: Final = struct.Struct("!HQ16s")
_PAIR: Final = struct.Struct("!QQ")
_SYMBOL: Final = struct.Struct("!ccQ")
_BYTE: Final = struct.Struct("!B")
_U16: Final = struct.Struct("!H")
_U32: Final = struct.Struct("!I")
_U64: Final = struct.Struct("!Q")
_LAYOUT: Final = struct.Struct("!BiiiIi")
_LAYOUT_ITEM: Final = struct.Struct("!ii")

_EVOLUTION: Final = "###PauliEvolutionGate_"
_EXPRESSION_CONDITION, _ANNOTATED = 2, 0x80

_NPY_HEADER: Final = re.compile(
    rb"\s*\{'descr': '[<>|=]?([biufcS?])(\d+)', 'fortran_order': (?:True|False), "
    rb"'shape': \(([\d, ]*)\), ?\}\s*"
)


def scan(data: bytes, limits: Limits, programs: int = 1) -> None:
    """Raise ProgramError unless ``data`` is a well-formed QPY file of ``programs`` circuits,
    which are within ``limits`` together.

    ``parse`` for a damaged file, ``unsupported`` for other versions, several programs and
    names that are no instruction, ``limit-size`` beyond the limits.
    """
    _Scanner(data, limits).file(programs)


def _damaged(what: str) -> NoReturn:
    raise ProgramError("parse", f"the QPY file is damaged: {what}")


class _Scanner:
    """Walks one file; ``_at`` is the next byte, ``_end`` the first that is not to be read."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._at, self._end = 0, len(data)
        self._version = 0
        self._operations = self._definitions = self._depth = 0

    def file(self, wanted: int) -> None:
        """The file header and its ``wanted`` circuits."""
        if self._data[:6] != MAGIC:
            raise ProgramError("parse", "not a QPY file: it does not start with QISKIT")
        _, self._version, *_, programs, symbols, kind = self._take(_FILE, "header")
        first, last = VERSIONS
        if not first <= self._version <= last:
            message = f"QPY version {self._version}; versions {first} to {last} are read"
            raise ProgramError("unsupported", message)
        if kind != b"q":
            raise ProgramError("unsupported", "the QPY file holds no circuit")
        if programs != wanted:
            message = f"the QPY file holds {programs} circuits; {wanted} to this one, please"
            raise ProgramError("unsupported", message)
        if symbols not in (b"p", b"e"):
            _damaged("symbol encoding")
        offsets = self._offsets(wanted) if self._version >= 16 else []
        for number in range(wanted):
            if offsets and offsets[number] != self._at:
                _damaged("a circuit is not where the header says")
            self._circuit()

    def _offsets(self, count: int) -> list[int]:
        self._count("circuits", count, self._limits.definitions, _U64.size)
        return [self._take(_U64, "offset")[0] for _ in range(count)]

    def _take(self, form: struct.Struct, what: str) -> tuple[Any, ...]:
        at = self._at
        self._skip(form.size, what)
        return form.unpack_from(self._data, at)

    def _skip(self, size: int, what: str) -> None:
        if size > self._end - self._at:
            _damaged(f"{what} ends behind the end")
        self._at += size

    def _text(self, size: int, what: str) -> str:
        at = self._at
        self._skip(size, what)
        try:
            return self._data[at : self._at].decode()
        except UnicodeDecodeError:
            _damaged(f"{what} is not UTF-8")

    def _count(self, what: str, count: int, most: int, smallest: int) -> None:
        """Refuse a count beyond its limit, or of more items than the rest could hold."""
        if count > most:
            raise ProgramError("limit-size", f"{count} {what}; at most {most}")
        if count * smallest > self._end - self._at:
            _damaged(f"{count} {what} do not fit into it")

    def _deeper(self) -> None:
        self._depth += 1
        most = self._limits.nesting
        if self._depth > most:
            raise ProgramError("limit-size", f"more than {most} nested definitions or blocks")

    def _part(self, size: int, what: str) -> int:
        """Confine reading to the next ``size`` bytes; returns the end to go back to."""
        outer = self._end
        if size > outer - self._at:
            _damaged(f"{what} ends behind the end")
        self._end = self._at + size
        return outer

    def _leave(self, outer: int) -> None:
        self._at, self._end = self._end, outer

    def _circuit(self) -> None:
        self._deeper()
        limits = self._limits
        name, phase, phase_size, qubits, clbits, metadata, registers, instructions, variables = (
            self._take(_CIRCUIT, "circuit header")
        )
        self._count("qubits", qubits, limits.qubits, 0)
        self._count("classical bits", clbits, limits.clbits, 0)
        self._skip(name, "circuit name")
        self._value(phase, phase_size)
        self._skip(metadata, "metadata")
        self._count("registers", registers, limits.qubits + limits.clbits, _REGISTER.size)
        for _ in range(registers):
            self._register()
        self._count("variables", variables, limits.clbits, _VARIABLE.size)
        for _ in range(variables):
            self._variable()
        if self._version >= 15:
            self._annotation_states()
        if self._version >= 18:
            self._vector_table()
        custom = self._custom_definitions()
        self._operations += instructions
        self._count("operations", self._operations, limits.gates, 0)
        self._count("operations", instructions, limits.gates, _INSTRUCTION.size)
        for _ in range(instructions):
            self._instruction(custom, with_bits=True)
        self._trailer()
        self._depth -= 1

    def _register(self) -> None:
        _, _, size, name, _ = self._take(_REGISTER, "register")
        self._count("bits in a register", size, self._limits.qubits + self._limits.clbits, 0)
        index_size = 8
        if self._version >= 18:  # a run of neighbouring bits gives its first one only
            (run,) = self._take(_BYTE, "register")
            size, index_size = (1 if run else size), 4
        self._skip(name + index_size * size, "register")

    def _variable(self) -> None:
        _, _, name, kind = self._take(_VARIABLE, "variable")
        if kind == b"u":
            (width,) = self._take(_U32, "variable")
            self._count("bits in a variable", width, self._limits.clbits, 0)
        self._skip(name, "variable name")

    def _annotation_states(self) -> None:
        (count,) = self._take(_U32, "annotations")
        if count:
            raise ProgramError("unsupported", "annotations in QPY files are not supported")

    def _vector_table(self) -> None:
        (count,) = self._take(_U16, "parameter vectors")
        for _ in range(count):
            name, size, _ = self._take(_VECTOR_ROW, "parameter vector")
            self._count("elements of a parameter vector", size, self._limits.parameters, 0)
            self._skip(name, "parameter vector")

    def _custom_definitions(self) -> frozenset[str]:
        (count,) = self._take(_U64, "definitions")
        self._definitions += count
        most = min(self._limits.definitions, MAX_DEFINITIONS)
        self._count("definitions", self._definitions, most, 0)
        self._count("definitions", count, most, _DEFINITION.size)
        bases: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            name, base = self._definition()
            bases[name] = base
        self._base_gates(bases)
        return frozenset(bases)

    def _definition(self) -> tuple[str, tuple[int, int]]:
        """Its name, and where its base gate lies (start, end)."""
        name_size, _, qubits, clbits, given, size, controls, _, base_size = self._take(
            _DEFINITION, "definition"
        )
        name = self._text(name_size, "name of a definition")
        self._count("qubits", qubits, self._limits.qubits, 0)
        self._count("qubits", controls, self._limits.qubits, 0)
        self._count("classical bits", clbits, self._limits.clbits, 0)
        outer = self._part(size, f"the definition of {name!r}")
        if given and not name.startswith(_EVOLUTION):
            self._circuit()
        self._leave(outer)
        start = self._at
        self._skip(base_size, f"the base gate of {name!r}")
        return name, (start, self._at)

    def _base_gates(self, bases: dict[str, tuple[int, int]]) -> None:
        """Base gates may name later definitions, but no chain of them may come back."""
        names = frozenset(bases)
        after = self._at, self._end
        next_of: dict[str, str] = {}
        for name, (start, end) in bases.items():
            if start < end:
                self._at, self._end = start, end
                self._deeper()
                next_of[name] = self._instruction(names, with_bits=False)
                self._depth -= 1
        self._at, self._end = after
        _refuse_cycles(next_of, self._limits.nesting)

    def _instruction(self, custom: frozenset[str], with_bits: bool) -> str:
        name_size, label, params, qargs, cargs, extras, register, _, controls, _ = self._take(
            _INSTRUCTION, "instruction"
        )
        name = self._text(name_size, "name of an instruction")
        if name not in NAMES and name not in custom:
            message = f"the instruction {name[:60]!r} is none that a QPY file may name"
            raise ProgramError("unsupported", message)
        self._skip(label, "label")
        self._count("operands", qargs + cargs, self._limits.qubits + self._limits.clbits, 0)
        if name in CONTROLLED:
            self._count(f"control qubits of {name}", controls, max(qargs, 64), 0)
        if extras & 3 == _EXPRESSION_CONDITION:
            self._typed_value()
        else:
            self._skip(register if extras & 3 else 0, "condition")
        self._skip(5 * (qargs + cargs) if with_bits else 0, "operands")
        for _ in range(params):
            self._parameter(name, qargs)
        if extras & _ANNOTATED:
            raise ProgramError("unsupported", "annotations in QPY files are not supported")
        return name

    def _parameter(self, name: str, qargs: int) -> None:
        at = self._at
        kind, _ = self._typed_value()
        if name in SIZED and kind in (b"i", b"f", b"c"):
            raw = self._data[at + _VALUE.size : self._at]
            self._sized(name, kind, raw, qargs)

    def _sized(self, name: str, kind: bytes, raw: bytes, qargs: int) -> None:
        """Whole numbers that size a definition may not go beyond the gate's own states."""
        order = "!" if self._version >= 18 else "<"
        if kind == b"i" and len(raw) == 8:
            (value,) = struct.unpack(order + "q", raw)
            if abs(value).bit_length() > max(qargs, 1) + 1:
                message = f"{name} with the parameter {value} on {qargs} qubits"
                raise ProgramError("limit-size", message)

    def _typed_value(self) -> tuple[bytes, int]:
        kind, size = self._take(_VALUE, "parameter")
        self._value(kind, size)
        return kind, size

    def _value(self, kind: bytes, size: int) -> None:
        """The inside of a parameter, where something in it sizes what is built."""
        outer = self._part(size, "parameter")
        if kind == b"q":
            self._circuit()
        elif kind == b"t":
            self._tuple()
        elif kind == b"n":
            self._array()
        elif kind == b"v":
            self._vector()
        elif kind == b"e":
            self._expression()
        self._leave(outer)

    def _tuple(self) -> None:
        self._deeper()
        (count,) = self._take(_U64, "tuple")
        self._count("items in a tuple", count, self._limits.gates, _VALUE.size)
        for _ in range(count):
            self._typed_value()
        self._depth -= 1

    def _array(self) -> None:
        """A NumPy array: its shape must be that of the bytes which follow."""
        raw = self._data[self._at : self._end]
        if raw[:6] != b"\x93NUMPY" or len(raw) < 12 or raw[6] not in (1, 2, 3):
            _damaged("an array without NumPy's header")
        wide = raw[6] > 1
        size = int.from_bytes(raw[8 : 12 if wide else 10], "little")
        start = (12 if wide else 10) + size
        header = _NPY_HEADER.fullmatch(raw[12 if wide else 10 : start])
        if header is None:
            _damaged("an array's header")
        count = math.prod(int(n) for n in header[3].split(b",") if n.strip())
        if count * int(header[2]) != len(raw) - start:
            _damaged("an array's shape is not that of its data")

    def _vector(self) -> None:
        if self._version >= 18:
            self._skip(10, "parameter vector")
            return
        name, size, _, index = self._take(_VECTOR, "parameter vector")
        self._count("elements of a parameter vector", size, self._limits.parameters, 0)
        if index >= size:
            _damaged("an element outside its parameter vector")
        self._skip(name, "parameter vector")

    def _expression(self) -> None:
        """A parameter expression: operations, then the symbols that occur in it."""
        symbols, size = self._take(_PAIR, "parameter expression")
        self._skip(size, "parameter expression")
        self._count("symbols", symbols, self._limits.parameters, _SYMBOL.size)
        for _ in range(symbols):
            symbol, kind, value_size = self._take(_SYMBOL, "symbol")
            if symbol == b"v":
                self._vector()
            elif symbol == b"p":
                (name,) = self._take(_U16, "symbol")
                self._skip(16 + name, "symbol")
            else:
                raise ProgramError("unsupported", "a parameter expression of expressions")
            if value_size:  # none: the symbol stands for itself
                self._value(kind, value_size)

    def _trailer(self) -> None:
        if self._version < 18:
            (calibrations,) = self._take(_U16, "calibrations")
            if calibrations:
                raise ProgramError("unsupported", "pulse calibrations are not supported")
        _, *sizes, extra, _ = self._take(_LAYOUT, "layout")
        self._count("registers", extra, self._limits.qubits, _REGISTER.size)
        for _ in range(extra):
            self._register()
        initial, inputs, final = (max(n, 0) for n in sizes)
        self._count("layout entries", initial, self._limits.qubits, 8)
        for _ in range(initial):
            _, name = self._take(_LAYOUT_ITEM, "layout")
            self._skip(max(name, 0), "layout")
        self._skip(4 * (inputs + final), "layout")


def _refuse_cycles(next_of: dict[str, str], nesting: int) -> None:
    """No chain of names may be longer than ``nesting``, as one with a cycle is."""
    length: dict[str, int] = {}
    for start in next_of:
        chain: list[str] = []
        name = start
        while name in next_of and name not in length and len(chain) <= nesting:
            chain.append(name)
            name = next_of[name]
        total = length.get(name, 0) + len(chain)
        if total > nesting:
            raise ProgramError("limit-size", f"more than {nesting} nested base gates")
        for k, passed in enumerate(reversed(chain), 1):
            length[passed] = total - len(chain) + k
