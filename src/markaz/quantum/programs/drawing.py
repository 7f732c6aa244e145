"""A circuit as a drawing (SVG) and in words.

Wires run from left to right, whatever the page around them does; long circuits go on in a
further row of wires. No font, style or script from elsewhere, black on white: it can be
printed, and stands in a page as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.export_names import angle
from markaz.quantum.programs.gates import LAST_GATE, TABLE, Op

COLUMNS: Final = 20  # in one row of wires
MOST_OPERATIONS: Final = 2000  # drawn; a drawing says how many it leaves out
CELL, ROW, LEFT, TOP = 52, 36, 64, 22  # pixels
_BOX, _DOT, _RING = 13, 4, 9  # half height of a box, radii
_BLOCKS: Final = {Op.IF: "if", Op.ELSE: "else", Op.WHILE: "while", Op.END: "end"}
_LEAVES: Final = {Op.BREAK: "break", Op.CONTINUE: "continue", Op.ASSIGN: "set"}


@dataclass(slots=True)
class _Mark:
    """One operation in the drawing: its column, rows of its operands, and its look."""

    column: int
    rows: list[int]
    op: Op
    label: str
    note: str = ""
    controls: int = 0


@dataclass(slots=True)
class _Sheet:
    names: list[str]
    marks: list[_Mark] = field(default_factory=list)
    columns: int = 0
    left_out: int = 0


def draw(circuit: Circuit, title: str = "") -> str:
    """The circuit as one ``<svg>`` element, readable in print.

    Only the qubits that something acts on have a wire. ``title`` is its name for screen
    readers; ``describe`` is the text to put beside it.
    """
    sheet = _laid_out(circuit)
    systems = max(1, math.ceil(sheet.columns / COLUMNS))
    across = min(max(sheet.columns, 1), COLUMNS)
    deep = ROW * max(len(sheet.names), 1) + TOP
    width, height = LEFT + across * CELL + 12, systems * deep + (TOP if sheet.left_out else 6)
    name = escape(title or f"Circuit on {len(sheet.names)} qubits", quote=True)
    body = [line for k in range(systems) for line in _system(sheet, k, k * deep)]
    if sheet.left_out:
        text = f"and {sheet.left_out} more operations"
        body.append(_text(LEFT, systems * deep + 10, text, 11, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{name}" direction="ltr" '
        f'font-family="sans-serif" fill="#000" stroke="none"><title>{name}</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(body)}</svg>'
    )


def describe(circuit: Circuit, most: int = MOST_OPERATIONS) -> str:
    """The circuit in words: an operation a line, in order of time."""
    names = _bit_names(circuit)
    unbound = {i for i, _, _ in circuit.symbolic}
    lines: list[str] = []
    for i in range(min(len(circuit), most)):
        op = Op(int(circuit.op[i]))
        if op == Op.BARRIER:
            continue
        label, note = _words(circuit, i, op, names, i in unbound)
        on = "" if op >= Op.IF else " " + ", ".join(f"q{q}" for q in circuit.operands(i))
        lines.append(f"{len(lines) + 1}. {label}{f'({note})' if note else ''}{on}")
        if op == Op.MEASURE:
            lines[-1] = f"{len(lines)}. measure{on} into {note}"
    if len(circuit) > most:
        lines.append(f"and {len(circuit) - most} more operations")
    return "\n".join(lines) + "\n"


def _laid_out(circuit: Circuit) -> _Sheet:
    """Every operation in the first column where all wires that it crosses are free."""
    shown = min(len(circuit), MOST_OPERATIONS)
    wires = sorted({q for i in range(shown) for q in _acts_on(circuit, i)})
    row_of = {q: r for r, q in enumerate(wires)}
    sheet = _Sheet([f"q{q}" for q in wires], left_out=len(circuit) - shown)
    free = [0] * max(len(wires), 1)
    names = _bit_names(circuit)
    unbound = {i for i, _, _ in circuit.symbolic}
    for i in range(shown):
        op = Op(int(circuit.op[i]))
        rows = [row_of[q] for q in _qubits(circuit, i) if q in row_of]
        rows = rows if op < Op.IF else list(range(len(wires)))
        if not rows:
            continue
        low, high = min(rows), max(rows)
        column = max(free[low : high + 1])
        label, note = _words(circuit, i, op, names, i in unbound)
        gate = TABLE.get(op)
        controls = 0 if gate is None else gate.controls % max(len(rows), 1)
        sheet.marks.append(_Mark(column, rows, op, label, note, controls))
        free[low : high + 1] = [column + 1] * (high + 1 - low)
        sheet.columns = max(sheet.columns, column + 1)
    return sheet


def _qubits(circuit: Circuit, i: int) -> list[int]:
    return [] if circuit.op[i] >= Op.IF else circuit.operands(i)


def _acts_on(circuit: Circuit, i: int) -> list[int]:
    return [] if circuit.op[i] == Op.BARRIER else _qubits(circuit, i)


def _bit_names(circuit: Circuit) -> dict[int, str]:
    return {
        r.offset + k: f"{r.name}[{k}]" if r.size > 1 else r.name
        for r in circuit.cregs
        for k in range(r.size)
    }


def _words(
    circuit: Circuit, i: int, op: Op, bits: dict[int, str], unbound: bool
) -> tuple[str, str]:
    """Name of an operation, and its angles or classical bit."""
    if op in _BLOCKS or op in _LEAVES:
        return (_BLOCKS.get(op) or _LEAVES[op]), ""
    if op == Op.MEASURE:
        return "M", bits.get(int(circuit.aux[i]), f"bit {circuit.aux[i]}")
    if op > LAST_GATE:
        return op.name.lower(), ""
    gate = TABLE[op]
    values = circuit.params[i, : gate.num_params].tolist()
    return gate.name, ", ".join(_angle(v) for v in values) if not unbound else "parameter"


def _angle(value: float) -> str:
    """A multiple of pi where it is one, else three decimals."""
    exact = angle(value)
    return exact.replace("pi", "π").replace("*", "") if "pi" in exact else f"{value:.3g}"


def _system(sheet: _Sheet, k: int, top: int) -> Iterator[str]:
    """Row ``k`` of wires with its part of the operations."""
    first, last = k * COLUMNS, min((k + 1) * COLUMNS, max(sheet.columns, 1))
    end = LEFT + (last - first) * CELL + 4
    for r, name in enumerate(sheet.names):
        y = _y(r, top)
        yield f'<path d="M{LEFT - 6} {y}H{end}" stroke="#000"/>'
        yield _text(LEFT - 12, y + 4, name, 12, "end")
    for mark in sheet.marks:
        if first <= mark.column < last:
            yield from _mark(mark, LEFT + (mark.column - first) * CELL + CELL // 2, top)


def _y(row: int, top: int) -> int:
    return top + TOP + row * ROW


def _mark(mark: _Mark, x: int, top: int) -> Iterator[str]:
    ys = [_y(r, top) for r in mark.rows]
    if mark.op == Op.BARRIER:
        yield _line(x, min(ys) - 14, max(ys) + 14, 'stroke-dasharray="3 3"')
        return
    if mark.op >= Op.IF:
        yield _line(x, min(ys) - 14, max(ys) + 14, 'stroke-width="2"')
        yield _text(x + 3, min(ys) - 6, mark.label, 11, "start")
        return
    if len(ys) > 1:
        yield _line(x, min(ys), max(ys), "")
    if mark.op in (Op.CZ, Op.CCZ, Op.MCP, Op.CP):
        yield from (_dot(x, y) for y in ys)
        if mark.note:
            yield _text(x + 6, max(ys) - 5, mark.note, 9, "start")
        return
    yield from (_dot(x, y) for y in ys[: mark.controls])
    yield from _targets(mark, x, ys[mark.controls :])


def _targets(mark: _Mark, x: int, ys: list[int]) -> Iterator[str]:
    """What stands on the qubits that are not controls."""
    if mark.op in (Op.CX, Op.CCX, Op.MCX) and len(ys) == 1:
        y = ys[0]
        yield f'<circle cx="{x}" cy="{y}" r="{_RING}" fill="#fff" stroke="#000"/>'
        yield f'<path d="M{x - _RING} {y}H{x + _RING}M{x} {y - _RING}V{y + _RING}" stroke="#000"/>'
        return
    if mark.op in (Op.SWAP, Op.CSWAP):
        for y in ys[-2:]:
            yield f'<path d="M{x - 6} {y - 6}l12 12m0 -12l-12 12" stroke="#000"/>'
        return
    base = TABLE[mark.op].base if mark.op <= LAST_GATE and mark.controls else None
    label = (TABLE[base].name if base is not None else mark.label).upper()
    for k, y in enumerate(ys):
        yield f'<rect x="{x - 22}" y="{y - _BOX}" width="44" height="{2 * _BOX}" fill="#fff" stroke="#000"/>'  # noqa: E501
        name = label if len(ys) == 1 else f"{label}·{k}"
        yield _text(x, y + (-1 if mark.note else 4), name, 11, "middle")
        if mark.note:
            yield _text(x, y + 10, mark.note, 8 if len(mark.note) <= 9 else 5, "middle")


def _line(x: int, low: int, high: int, style: str) -> str:
    return f'<path d="M{x} {low}V{high}" stroke="#000" {style}/>'


def _dot(x: int, y: int) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{_DOT}"/>'


def _text(x: int, y: int, text: str, size: int, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
