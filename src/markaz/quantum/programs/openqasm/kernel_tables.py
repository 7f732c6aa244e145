"""The tables that the compiled reader looks gates and registers up in, and their places."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.formulas import Formula, Line, Lines, lines_of
from markaz.quantum.programs.openqasm.gatedefs import Gate, WellKnown
from markaz.quantum.programs.openqasm.kernel_tokens import (
    SHORT,
    Floats,
    Ints,
    enter,
    slot_of,
)
from markaz.quantum.programs.openqasm.literals import simple_number
from markaz.quantum.programs.openqasm.rows import Budget
from markaz.quantum.programs.openqasm.stdgates import NATIVE, STANDARD, WELL_KNOWN

WORDS: Final = {
    "measure": k.MEASURE,
    "reset": k.RESET,
    "barrier": k.BARRIER,
    "if": k.IF,
    "gate": k.GATE,
    **dict.fromkeys(
        (
            *("OPENQASM", "include", "qreg", "creg", "opaque", "const", "input", "output"),
            *("qubit", "duration", "stretch", "int", "uint", "float", "angle", "bool", "bit"),
            *("ctrl", "negctrl", "inv", "pow", "break", "continue", "end", "let", "def"),
            *("delay", "box", "nop", "pragma", "while", "for", "switch", "return", "cal"),
            *("defcal", "extern", "array", "complex", "else", "gphase", "true", "false"),
        ),
        k.OTHER,
    ),
}
_MANY: Final = {
    "mcx": (k.MANY_X, 0),
    "mcx_gray": (k.MANY_X, 0),
    "mcp": (k.MANY_PHASE, 1),
    "mcphase": (k.MANY_PHASE, 1),
    "mcu1": (k.MANY_PHASE, 1),
}
_SPARE_GATES: Final = 16
_SPARE_LINES: Final = 96
_MOST_LINES: Final = 1 << 18
_MODELS: Final = 512
_CALL: Final = re.compile(r"(\w+)(?:\(([^)]*)\))? ?([\w,]+);")
_SOME, _FEW = 8, 64  # definitions; tables for up to so many are kept
# Parts to copy: where, columns, and which of the numbers ``_copy`` counts says how many rows.
_HEAD: Final = (
    (k.NAMES_AT, k.NAME_COLUMNS, 5),
    (k.GATES_AT, k.GATE_COLUMNS, 0),
    (k.PHASES_AT, 1, 0),
    (k.CODE_AT, 1, 6),
    (k.MODELS_AT, 1, 7),
    (k.CONSTANTS_AT, 1, 4),
)
_LINES: Final = ((k.LINES_AT, k.LINE_COLUMNS, 1), (k.NUMBERS_AT, 4, 1), (k.WIRES_AT, 1, 2))
_REAL: Final = frozenset({k.PHASES_AT, k.CONSTANTS_AT, k.NUMBERS_AT})
_MOST_NAMES: Final = 1 << 20
REGISTERS: Final = 16  # at first
REGISTER_PLACES: Final = 4  # in the table of their names, for each; their rows follow it
QUBITS: Final = 64  # that are looked for twice in a call, at first


class Used(NamedTuple):
    """How much of the parts that the tables fill is used."""

    gates: int = 0
    lines: int = 0
    wires: int = 0
    code: int = 0
    constants: int = 0


class Tables(NamedTuple):
    """The reader's two arrays (see ``kernel_layout``) and what of them is used."""

    m: Ints
    f: Floats
    used: Used
    names: int  # places for names


class Sizes(NamedTuple):
    """Rows of each part."""

    names: int
    gates: int
    lines: int
    rows: int = 0
    pool: int = 0
    conditions: int = 0
    log: int = 1


def laid_out(sizes: Sizes) -> Tables:
    """Empty tables of these sizes."""
    references = 2 * sizes.conditions
    parts = (
        # Names know the places of gates: what comes before those must not change in size.
        (k.NAMES_AT, k.NAMES_ROOM, k.NAME_COLUMNS, sizes.names),
        (k.GATES_AT, k.GATES_ROOM, k.GATE_COLUMNS, sizes.gates),
        (k.CODE_AT, 0, 1, k.CODE_ROOM),
        (k.MODELS_AT, 0, 1, _MODELS),
        (k.REGISTERS_AT, 0, k.NAME_COLUMNS, (REGISTER_PLACES + 1) * REGISTERS),
        (k.SEEN_AT, 0, 1, QUBITS),
        (k.LINES_AT, k.LINES_ROOM, k.LINE_COLUMNS, sizes.lines),
        (k.WIRES_AT, k.WIRES_ROOM, 1, 3 * sizes.lines),
        (k.OPERANDS_AT, 0, k.OPERAND_COLUMNS, k.MOST_OPERANDS),
        (k.ON_AT, 0, 1, k.MOST_OPERANDS),
        (k.FORMAL_AT, 0, k.FORMAL_COLUMNS, k.MOST_OPERANDS),
        (k.CONDITIONS_AT, k.CONDITIONS_ROOM, k.CONDITION_COLUMNS, sizes.conditions),
        (k.REFERENCES_AT, k.REFERENCES_ROOM, 2, references),
        (k.LOG_AT, k.LOG_ROOM, 1, sizes.log),
        (k.ROWS_AT, k.ROWS_ROOM, k.ROW_COLUMNS, sizes.rows),
        (k.POOL_AT, k.POOL_ROOM, 1, sizes.pool),
    )
    state, end = [0] * k.STATES, k.STATES
    for at, room, columns, rows in parts:
        state[at], end = end, end + columns * rows
        if room:
            state[room] = rows
    reals = k.REALS
    for at, count in (
        (k.PHASES_AT, sizes.gates),  # first, as gates know their place of it
        (k.CONSTANTS_AT, k.CODE_ROOM),
        (k.NUMBERS_AT, 4 * sizes.lines),
        (k.ANGLES_AT, 4 * sizes.rows),
    ):
        state[at], reals = reals, reals + count
    m = np.empty(end, np.int64)
    state[k.REGISTERS_ROOM] = REGISTER_PLACES * REGISTERS
    m[: k.STATES] = state
    return Tables(m, np.empty(reals), Used(), sizes.names)


def _simple(tables: Tables, kind: int, op: int, params: int, qubits: int) -> tuple[Tables, int]:
    m, used = tables.m, tables.used
    at = int(m[k.GATES_AT]) + k.GATE_COLUMNS * used.gates
    phase = int(m[k.PHASES_AT]) + used.gates
    m[at : at + k.GATE_COLUMNS] = (kind, op, params, qubits, 0, 1, 1, 0, 0, 1, 0, phase, 0)
    tables.f[phase] = 0.0
    return tables._replace(used=used._replace(gates=used.gates + 1)), at


def add_gate(tables: Tables, gate: Gate, found: Lines) -> tuple[Tables, int]:
    """Take in a gate that is made of lines: the tables, and its place (-1: no room)."""
    used = tables.used
    first = used.lines
    if used.gates >= tables.m[k.GATES_ROOM]:
        return tables, -1
    for line in found.lines:
        extended = _add_line(tables, used, line)
        if extended is None:
            return tables, -1
        used = extended
    tables, at = _simple(tables._replace(used=used), k.BODY, 0, gate.num_params, gate.num_qubits)
    m = tables.m
    m[at + k.FROM], m[at + k.TO], m[at + k.WEIGHT] = first, used.lines, gate.size
    m[at + k.LEVEL], m[at + k.COST] = gate.depth, found.cost
    tables.f[m[at + k.PHASE]] = found.phase
    return tables, at


def _add_line(tables: Tables, used: Used, line: Line) -> Used | None:
    m, f = tables.m, tables.f
    end = used.wires + len(line.wires)
    if used.lines >= m[k.LINES_ROOM] or end > m[k.WIRES_ROOM] or len(line.params) > 4:
        return None
    wires, number = int(m[k.WIRES_AT]), used.lines
    m[wires + used.wires : wires + end] = line.wires
    kinds, numbers = [k.FIXED] * 4, [0.0] * 4
    head = (line.op, used.wires, len(line.wires))
    used = used._replace(lines=number + 1, wires=end)
    for i, value in enumerate(line.params):
        if isinstance(value, Formula):
            if (
                max(used.code + len(value.steps), used.constants + len(value.constants))
                >= k.CODE_ROOM
            ):
                return None
            kinds[i] = -2 - used.code
            used = _add_formula(tables, used, value)
        elif isinstance(value, int):
            kinds[i] = value
        else:
            numbers[i] = value
    at = int(m[k.LINES_AT]) + k.LINE_COLUMNS * number
    m[at : at + k.LINE_COLUMNS] = (*head, *kinds)
    at = int(m[k.NUMBERS_AT]) + 4 * number
    f[at : at + 4] = numbers
    return used


def _add_formula(tables: Tables, used: Used, formula: Formula) -> Used:
    steps = list(formula.steps)
    at = 0
    while at < len(steps):
        if steps[at] == k.CONSTANT:
            steps[at + 1] += used.constants
        at += 2 if steps[at] <= k.PARAMETER else 1
    start = int(tables.m[k.CODE_AT]) + used.code
    tables.m[start : start + 1 + len(steps)] = (len(steps), *steps)
    start = int(tables.m[k.CONSTANTS_AT]) + used.constants
    last = used.constants + len(formula.constants)
    tables.f[start : start + len(formula.constants)] = formula.constants
    return used._replace(code=used.code + 1 + len(steps), constants=last)


def _enter(tables: Tables, name: str, value: int) -> None:
    """A short name, which needs no text to be known by."""
    assert len(name) <= SHORT
    text = np.frombuffer(name.encode() + b"\0", np.uint8)
    done = enter(tables.m, k.NAMES_AT, text, 0, len(name), value)
    assert done


def _standard(tables: Tables) -> Tables:
    """Enter the language's words and the gates that need no definition."""
    names = int(tables.m[k.NAMES_AT])
    tables.m[names : names + k.NAME_COLUMNS * int(tables.m[k.NAMES_ROOM])] = 0
    for word, value in WORDS.items():
        _enter(tables, word, value)
    for name, (op, params, qubits) in NATIVE.items():
        tables, at = _simple(tables, k.PLAIN, op, params, qubits)
        _enter(tables, name, at)
    for name, (kind, params) in _MANY.items():
        tables, at = _simple(tables, kind, 0, params, -2)
        _enter(tables, name, at)
    budget = Budget(Builder())
    for name, (params, qubits, _) in STANDARD.items():
        if name not in WORDS and name not in _MANY and len(name) <= SHORT:
            gate = Gate(name, params, qubits)
            found = lines_of(gate, budget)
            assert found is not None
            tables, at = add_gate(tables, gate, found)
            _enter(tables, name, at)
    return _with_models(tables)


def _with_models(tables: Tables) -> Tables:
    """Enter the bodies that programs define gates of the table by."""
    m, end = tables.m, 1  # 0 says that there is none
    for (name, body), (op, phase) in WELL_KNOWN.items():
        place = int(m[_slot(tables, name) + k.VALUE])
        calls = _CALL.findall(body)
        qubits = 1 + max(int(w[1:]) for call in calls for w in call[2].split(","))
        gate = WellKnown(name, int("a0" in body), qubits, int(op), phase)
        found = lines_of(gate, Budget(Builder()))
        assert found is not None
        tables, known = add_gate(tables, gate, found)
        model = [int(m[place + k.MODEL]), known, len(calls)]
        for call in calls:
            tables, numbers = _model_call(tables, *call)
            model += numbers
        m[place + k.MODEL] = end
        start = int(m[k.MODELS_AT]) + end
        end += len(model)
        assert end <= _MODELS
        m[start : start + len(model)] = model
        m[known + k.OWN] = 1
    return tables


def _model_call(tables: Tables, name: str, param: str, wires: str) -> tuple[Tables, list[int]]:
    numbers = [int(tables.m[_slot(tables, name) + k.VALUE])]
    numbers += [int(w[1:]) for w in wires.split(",")]
    if param == "a0":
        numbers += [0, 0, 0]
    elif param:
        value, used = simple_number(param), tables.used
        assert value is not None
        tables.f[int(tables.m[k.CONSTANTS_AT]) + used.constants] = value
        numbers += [-1, used.constants, len(param)]
        tables = tables._replace(used=used._replace(constants=used.constants + 1))
    return tables, numbers


def _slot(tables: Tables, name: str) -> int:
    text = np.frombuffer(name.encode() + b"\0", np.uint8)
    return slot_of(tables.m, k.NAMES_AT, text, 0, len(name))


@cache
def _base(names: int) -> Tables:
    return _standard(laid_out(Sizes(names, 2 * len(NATIVE), _SPARE_LINES)))


def _sizes(names: int, definitions: int, rows: int) -> Sizes:
    """Room for a program with so many definitions, ``rows`` operations at a time."""
    used = _base(names).used
    lines = _SPARE_LINES + (min(_MOST_LINES, 8 * rows) if definitions else 0)
    gates = used.gates + _SPARE_GATES + definitions
    return Sizes(names, gates, lines, rows, 256 + 4 * rows, 16 + rows // 2, definitions + 1)


def tables_for(definitions: int, rows: int) -> Tables:
    """Tables for a program with at most so many definitions, of which ``rows`` operations
    (a power of two) are read at a time."""
    if definitions > _FEW:
        return _filled(definitions, rows)
    room = (0, _SOME, _FEW)[(definitions > 0) + (definitions > _SOME)]
    kept, length, reals = _kept(room, rows)
    m, f = np.empty(length, np.int64), np.empty(reals)
    m[: len(kept.m)] = kept.m
    f[: len(kept.f)] = kept.f
    _copy(_base(kept.names), Tables(m, f, kept.used, kept.names), _LINES)
    return Tables(m, f, kept.used, kept.names)


@cache
def _kept(definitions: int, rows: int) -> tuple[Tables, int, int]:
    """The beginning of both arrays up to the lines, and their full lengths."""
    new = _filled(definitions, rows)
    lines, numbers = int(new.m[k.LINES_AT]), int(new.m[k.NUMBERS_AT])
    kept = new._replace(m=new.m[:lines].copy(), f=new.f[:numbers].copy())
    return kept, len(new.m), len(new.f)


def _filled(definitions: int, rows: int) -> Tables:
    names = 256
    while names < 4 * (definitions + 64) and names < _MOST_NAMES:
        names *= 2
    old = _base(names)
    new = laid_out(_sizes(names, definitions, rows))._replace(used=old.used)
    new.m[new.m[k.REGISTERS_AT] : new.m[k.LINES_AT]] = 0  # and SEEN_AT
    _copy(old, new, _HEAD)
    _copy(old, new, _LINES)
    return new


def _copy(old: Tables, new: Tables, parts: tuple[tuple[int, int, int], ...]) -> None:
    """Copy what the tables say, part by part."""
    counts = (*old.used, old.names, k.CODE_ROOM, _MODELS)
    for at, columns, which in parts:
        a, b, count = int(old.m[at]), int(new.m[at]), columns * counts[which]
        if at in _REAL:
            new.f[b : b + count] = old.f[a : a + count]
        else:
            new.m[b : b + count] = old.m[a : a + count]
