"""Gates that a program defines: sizes are counted first, bodies are expanded on use."""

from __future__ import annotations

import math
import re
from typing import Any, Final, NamedTuple

from markaz.quantum.programs.openqasm.evaluate import Evaluator
from markaz.quantum.programs.openqasm.expressions import Rpn
from markaz.quantum.programs.openqasm.lexer import Source, clip
from markaz.quantum.programs.openqasm.modifiers import apply
from markaz.quantum.programs.openqasm.rows import BARRIER, Packed, Row, Rows, Wires, pack
from markaz.quantum.programs.openqasm.stdgates import (
    NATIVE,
    STANDARD,
    WELL_KNOWN,
    WELL_KNOWN_NAMES,
    standard_rows,
)
from markaz.quantum.programs.openqasm.syntax import Barrier, GateCall, GateDefinition, Modifier
from markaz.quantum.programs.openqasm.values import Number, Symbolic, ValueProblem, total

PACKED_ROWS: Final = 4096  # larger gates are appended piece by piece
_KEPT_ROWS: Final = 200_000  # rows that one gate keeps expanded
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*|\s+")


class Item(NamedTuple):
    """One line of a body: ``gate`` None for a barrier; ``ready`` is its only row where that
    does not depend on the parameters."""

    gate: Gate | None
    params: tuple[Rpn, ...]
    wires: Wires
    modifiers: tuple[Modifier, ...]
    offset: int
    ready: Row | None = None


class Gate:
    """What a name stands for. ``num_qubits`` < 0: at least that many."""

    __slots__ = ("depth", "name", "num_params", "num_qubits", "size")

    def __init__(self, name: str, num_params: int, num_qubits: int) -> None:
        self.name, self.num_params, self.num_qubits = name, num_params, num_qubits
        self.size, self.depth = 1, 0

    def takes(self, qubits: int) -> bool:
        """Whether the gate can act on that many qubits."""
        return qubits == self.num_qubits or (self.num_qubits < 0 and qubits >= -self.num_qubits)

    def rows(self, params: tuple[Number, ...], count: int) -> Rows:
        """The operations on wires 0 to ``count`` - 1."""
        return standard_rows(self.name, params, count)


class WellKnown(Gate):
    """A defined gate whose body is the usual one of a gate that the table has."""

    __slots__ = ("op", "phase")

    def __init__(self, name: str, num_params: int, num_qubits: int, op: int, phase: float) -> None:
        super().__init__(name, num_params, num_qubits)
        self.op, self.phase = op, phase

    def rows(self, params: tuple[Number, ...], count: int) -> Rows:
        """One operation, with the phase of the written body."""
        return Rows([(self.op, tuple(range(count)), params)], self.phase)


class Opaque(Gate):
    """A declared gate without a body; only its use is an error."""

    __slots__ = ()


class Phase(Gate):
    """``gphase``: no qubits, one phase."""

    __slots__ = ()

    def rows(self, params: tuple[Number, ...], count: int) -> Rows:
        """No operation, only a phase."""
        return Rows([], params[0])


class Defined(Gate):
    """A gate with a body in the program."""

    __slots__ = ("_kept", "_values", "items", "param_names")

    def __init__(self, name: str, params: tuple[str, ...], qubits: int, values: Evaluator) -> None:
        super().__init__(name, len(params), qubits)
        self.param_names, self._values = params, values
        self.items: list[Item] = []
        self._kept: dict[tuple[Number, ...], Packed] = {}

    def rows(self, params: tuple[Number, ...], count: int) -> Rows:
        """The body with ``params`` put in."""
        out: list[Row] = []
        phase: Number = 0.0
        for item in self.items:
            if item.ready is not None:
                out.append(item.ready)
                continue
            inner = self.expand(item, params)
            wires = item.wires
            out += [(op, tuple([wires[w] for w in on]), p) for op, on, p in inner.rows]
            phase = total(phase, inner.phase)
            self._values.budget.spend(len(inner.rows) + 1)
        self._values.budget.spend(len(self.items))
        return Rows(out, phase)

    def expand(self, item: Item, params: tuple[Number, ...]) -> Rows:
        """One line of the body on wires 0, 1, …"""
        if item.gate is None:
            return Rows([(BARRIER, tuple(range(len(item.wires))), ())])
        values, modifiers = self.arguments(item, params)
        self._values.budget.spend(len(modifiers))
        return modified(item.gate, values, modifiers, len(item.wires))

    def arguments(
        self, item: Item, params: tuple[Number, ...]
    ) -> tuple[tuple[Number, ...], list[tuple[str, float]]]:
        """The numbers that a line of the body hands on, for its gate and modifiers."""
        if not item.params and not item.modifiers:
            return (), []
        names = dict(zip(self.param_names, params, strict=True))
        values = tuple(self._values.number(p, names) for p in item.params)
        modifiers = [(m.kind, modifier_argument(self._values, m, names)) for m in item.modifiers]
        return values, modifiers

    def packed(self, params: tuple[Number, ...]) -> Packed:
        """The expanded body, kept for the next use with the same parameters."""
        found = self._kept.get(params)
        if found is None:
            if len(self._kept) * self.size > _KEPT_ROWS:
                self._kept.clear()
            found = self._kept[params] = pack(self.rows(params, self.num_qubits))
        return found


def _ready(gate: Gate, params: tuple[Rpn, ...], wires: Wires) -> Row | None:
    """The row of one of the table's own gates with fixed numbers."""
    if type(gate) is not Gate or gate.name not in NATIVE or gate.name in ("u2", "cu3"):
        return None
    numbers = []
    for rpn in params:
        if len(rpn) > 1 or rpn[0].code != "number" or not abs(rpn[0].value) < math.inf:
            return None
        numbers.append(float(rpn[0].value))
    return NATIVE[gate.name][0], wires, tuple(numbers)


def modified(
    gate: Gate, params: tuple[Number, ...], modifiers: list[tuple[str, float]], count: int
) -> Rows:
    """``gate`` under ``modifiers`` (outermost first) on ``count`` qubits in all."""
    controls = sum(int(x) for kind, x in modifiers if kind in ("ctrl", "negctrl"))
    if modifiers and gate.size > PACKED_ROWS * 100:
        raise ValueProblem("limit-size", f"a modified gate of {gate.size} operations")
    return apply(gate.rows(params, count - controls), modifiers)


def modifier_argument(
    values: Evaluator, modifier: Modifier, local: dict[str, Any] | None = None
) -> float:
    """The number of controls or the exponent; a parse error when it is neither."""
    if modifier.argument is None:
        return 1.0
    number = values.number(modifier.argument, local)
    at = modifier.argument[0].offset
    source = values.source
    if isinstance(number, Symbolic):
        source.unsupported("a gate modifier cannot depend on an unbound parameter", at)
    if modifier.kind in ("ctrl", "negctrl") and not (number.is_integer() and number >= 1):
        source.parse("the number of controls must be a whole number of at least 1", at)
    if abs(number) > source.limits.gates:
        source.limit(f"{modifier.kind}({number:.6g}) is too large", at)
    return number


class GateTable:
    """The gates of one program by name."""

    def __init__(self, source: Source, version: int, values: Evaluator) -> None:
        self._source, self._values = source, values
        self.defined: dict[str, Gate] = {}
        self._standard: dict[str, Gate] = {}
        if version == 3:
            self._standard["gphase"] = Phase("gphase", 1, 0)

    def get(self, name: str) -> Gate | None:
        """The gate of that name, the program's own first."""
        return self.defined.get(name) or self._standard.get(name) or self._library(name)

    def _library(self, name: str) -> Gate | None:
        if name in NATIVE:
            _, params, qubits = NATIVE[name]
        elif name in STANDARD:
            params, qubits, _ = STANDARD[name]
        else:
            return None
        return self._standard.setdefault(name, Gate(name, params, qubits))

    def find(self, name: str, offset: int) -> Gate:
        """The gate of that name; a parse error where there is none."""
        gate = self.get(name)
        if gate is None:
            self._source.parse(f"gate '{clip(name)}' is not defined", offset)
        if isinstance(gate, Opaque):
            self._source.unsupported(
                f"gate '{clip(name)}' is opaque: the program does not say what it does", offset
            )
        return gate

    def check(self, gate: Gate, params: int, qubits: int, offset: int) -> None:
        """Refuse a call with the wrong number of parameters or qubits."""
        if params != gate.num_params:
            self._source.parse(
                f"gate '{clip(gate.name)}' takes {gate.num_params} parameters, not {params}", offset
            )
        if not gate.takes(qubits):
            least = "at least " if gate.num_qubits < 0 else ""
            self._source.parse(
                f"gate '{clip(gate.name)}' takes {least}{abs(gate.num_qubits)} qubits, "
                f"not {qubits}",
                offset,
            )

    def define(self, definition: GateDefinition) -> None:
        """Take in a definition; the last line of defence against doubling is its size."""
        name, offset = definition.name, definition.offset
        if not isinstance(self.defined.get(name), Opaque | None):
            self._source.parse(f"gate '{clip(name)}' is defined twice", offset)
        if len(self.defined) >= self._source.limits.definitions:
            self._source.limit(f"more than {len(self.defined)} definitions", offset)
        if definition.body is None:
            if self.get(name) is None:
                self.defined[name] = Opaque(name, len(definition.params), len(definition.qubits))
            return
        gate = self._well_known(definition)
        self.defined[name] = gate or self._with_body(definition, definition.body)

    def _with_body(
        self, definition: GateDefinition, body: tuple[GateCall | Barrier, ...]
    ) -> Defined:
        gate = Defined(definition.name, definition.params, len(definition.qubits), self._values)
        wires = {q: i for i, q in enumerate(definition.qubits)}
        size = 0
        for line in body:
            item = self._item(line, wires)
            gate.items.append(item)
            size += self._weight(item, definition.params)
            if item.gate is not None:
                gate.depth = max(gate.depth, item.gate.depth + 1)
        if gate.depth > self._source.limits.nesting:
            self._source.limit(
                f"gate definitions are nested more than {self._source.limits.nesting} deep",
                definition.offset,
            )
        gate.size = max(1, size)
        return gate

    def _weight(self, item: Item, formal: tuple[str, ...]) -> int:
        """Operations of a line of a body; powers that depend on a parameter count once."""
        if item.gate is None:
            return 1
        weight = item.gate.size
        for m in item.modifiers:
            if m.kind == "pow" and m.argument is not None:
                if any(x.code == "name" and x.value in formal for x in m.argument):
                    continue
                exponent = modifier_argument(self._values, m)
                weight *= max(1, int(abs(exponent)))
        return weight

    def _item(self, line: GateCall | Barrier, wires: dict[str, int]) -> Item:
        if isinstance(line, Barrier):
            on = self._wires(line.operands, wires) if line.operands else tuple(wires.values())
            return Item(None, (), tuple(dict.fromkeys(on)), (), line.offset)
        gate = self.find(line.name, line.offset)
        on = self._wires(line.operands, wires)
        extra = 0
        for m in line.modifiers:
            if m.kind in ("ctrl", "negctrl"):
                extra += int(modifier_argument(self._values, m))
        self.check(gate, len(line.params), len(on) - extra, line.offset)
        if len(set(on)) < len(on):
            self._source.parse(
                f"gate '{clip(line.name)}' is applied to the same qubit twice", line.offset
            )
        ready = None if line.modifiers else _ready(gate, line.params, on)
        return Item(gate, line.params, on, line.modifiers, line.offset, ready)

    def _wires(self, operands: tuple[Rpn, ...], wires: dict[str, int]) -> Wires:
        found: list[int] = []
        for operand in operands:
            first = operand[0]
            if len(operand) > 1 or first.code != "name" or first.value not in wires:
                self._source.parse(
                    "in a gate body, gates act on the gate's own qubits", first.offset
                )
            found.append(wires[first.value])
        return tuple(found)

    def _well_known(self, definition: GateDefinition) -> Gate | None:
        """The table's own gate where the body is, word for word, the usual one."""
        if definition.name not in WELL_KNOWN_NAMES or len(definition.text) > 2000:
            return None
        lines = definition.body or ()
        if any(isinstance(x, GateCall) and x.name in self.defined for x in lines):
            return None
        key = (definition.name, _canonical(definition))
        if key not in WELL_KNOWN:
            return None
        op, phase = WELL_KNOWN[key]
        params, qubits = len(definition.params), len(definition.qubits)
        return WellKnown(definition.name, params, qubits, int(op), phase)


def _canonical(definition: GateDefinition) -> str:
    """The body with arguments renamed a0, a1, …, b0, b1, … and no needless space."""
    names = {p: f"a{i}" for i, p in enumerate(definition.params)}
    names |= {q: f"b{i}" for i, q in enumerate(definition.qubits)}
    text = _COMMENT.sub(" ", definition.text)
    body = text.partition("{")[2].rpartition("}")[0]
    words = _WORD.sub(lambda m: names.get(m[0], m[0]) if m[0].strip() else " ", body).strip()
    return re.sub(r" ?([;,()]) ?", r"\1", words)
