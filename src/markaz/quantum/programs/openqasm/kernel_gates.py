"""Gates into operations, compiled: single ones, defined ones and those with many controls."""

# Compiled: two comparisons instead of a search, returns instead of a state.

from __future__ import annotations

import math
from typing import Final

from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.kernel_tokens import Floats, Ints
from markaz.quantum.programs.openqasm.rows import BARRIER, CP, CX, MCP, MCX

_CCX: Final = int(Op.CCX)
_BUDGET_SHARE: Final = 8  # work that an operation allows for


def has_room(m: Ints, rows: int, weight: int, pooled: int) -> bool:
    """Whether so much more fits: in the limits (else the parser reports it) and here."""
    if m[k.DONE] + m[k.ROWS] + max(rows, weight) > m[k.MOST]:
        return False
    if pooled > 0 and m[k.POOL_DONE] + m[k.POOL] + pooled > m[k.MOST]:
        return False
    if m[k.ROWS] + rows > m[k.ROWS_ROOM] or m[k.POOL] + pooled > m[k.POOL_ROOM]:
        m[k.STATUS] = k.FULL
        return False
    return True


def put(m: Ints, f: Floats, op: int, aux: int) -> int:
    """Append an operation without parameters, for which there must be room; the place of
    its first qubit."""
    number = m[k.ROWS]
    row = int(m[k.ROWS_AT] + k.ROW_COLUMNS * number)
    m[row], m[row + 4] = op, aux
    m[row + 1] = m[row + 2] = m[row + 3] = -1
    angles = m[k.ANGLES_AT] + 4 * number
    f[angles] = f[angles + 1] = f[angles + 2] = f[angles + 3] = 0.0
    m[k.ROWS] = number + 1
    return row + 1


def last_angles(m: Ints) -> int:
    """Where the parameters of the last operation lie in ``f``."""
    return int(m[k.ANGLES_AT] + 4 * (m[k.ROWS] - 1))


def put_pooled(m: Ints, f: Floats, op: int, first: int, count: int) -> None:
    """Append an operation on ``count`` qubits that stand in the pool from ``first`` on."""
    row = put(m, f, op, -1)
    m[row] = m[k.POOL_DONE] + first
    m[row + 1] = count


def are_distinct(m: Ints, count: int) -> bool:
    """Whether the qubits of a call are different ones."""
    on = m[k.ON_AT]
    if count <= 1:
        return True
    if count == 2:
        return bool(m[on] != m[on + 1])
    m[k.STAMP] += 1
    seen, stamp = m[k.SEEN_AT], m[k.STAMP]
    for i in range(on, on + count):
        if m[seen + m[i]] == stamp:
            return False
        m[seen + m[i]] = stamp
    return True


def apply(m: Ints, f: Floats, gate: int, count: int) -> bool:
    """Append a gate on ``count`` qubits with the parameters that were read."""
    kind = m[gate + k.KIND]
    if kind == k.BODY:
        return _body(m, f, gate)
    if kind != k.PLAIN:
        return _many(m, f, kind, count)
    if not has_room(m, 1, 1, 0):
        return False
    row, on = put(m, f, m[gate + k.OP], -1), m[k.ON_AT]
    for i in range(count):
        m[row + i] = m[on + i]
    angles = last_angles(m)
    for i in range(m[gate + k.PARAMS]):
        f[angles + i] = f[k.CALLED + i]
    return True


def _many(m: Ints, f: Floats, kind: int, count: int) -> bool:
    """X or a phase under ``count`` - 1 controls."""
    if not has_room(m, 1, 1, count):
        return False
    on, is_phase = m[k.ON_AT], kind == k.MANY_PHASE
    if count > 3 or (is_phase and count == 3):
        first = m[k.POOL]
        for i in range(count):
            m[m[k.POOL_AT] + first + i] = m[on + i]
        m[k.POOL] = first + count
        put_pooled(m, f, MCP if is_phase else MCX, first, count)
    else:
        row = put(m, f, CP if is_phase else (CX if count == 2 else _CCX), -1)
        for i in range(count):
            m[row + i] = m[on + i]
    if is_phase:
        f[last_angles(m)] = f[k.CALLED]
    return True


def _body(m: Ints, f: Floats, gate: int) -> bool:
    """The lines of a gate that other gates define."""
    first, last = m[gate + k.FROM], m[gate + k.TO]
    if not has_room(m, last - first, m[gate + k.WEIGHT], 0) or not _pay(m, gate):
        return False
    for number in range(first, last):
        line = m[k.LINES_AT] + k.LINE_COLUMNS * number
        if not _put_line(m, f, line):
            return False
        angles = last_angles(m)
        for i in range(4):
            value = parameter(m, f, number, i)
            if math.isnan(value):
                return False
            f[angles + i] = value
    phase = f[m[gate + k.PHASE]]
    if phase != 0.0 and m[k.DEPTH] == 0:
        f[k.TOTAL_PHASE] += phase
    return True


def _pay(m: Ints, gate: int) -> bool:
    """Count the work of expanding a gate, once; False where ``rows.Budget`` would refuse."""
    if m[gate + k.PAID] == 0 and m[gate + k.PARAMS] == 0:
        m[k.SPENT] += m[gate + k.COST]
        if is_spent(m, m[k.ROWS]):
            return False
        m[gate + k.PAID] = 1
    return True


def is_spent(m: Ints, rows: int) -> bool:
    """Whether more work was done than ``rows`` operations allow for, see ``rows.Budget``."""
    return bool(m[k.SPENT] > m[k.FREE] + _BUDGET_SHARE * (m[k.DONE] + rows))


def _put_line(m: Ints, f: Floats, line: int) -> bool:
    """The operation of a line on the wires of the call."""
    op, count = m[line + k.LINE_OP], m[line + k.LINE_COUNT]
    wires, on = m[k.WIRES_AT] + m[line + k.LINE_WIRE], m[k.ON_AT]
    if op == MCX or op == MCP or op == BARRIER:
        if not has_room(m, 0, 0, count):
            return False
        first = m[k.POOL]
        place = m[k.POOL_AT] + first
        m[k.POOL] = first + count
        put_pooled(m, f, op, first, count)
    else:
        place = put(m, f, op, -1)
    for i in range(count):
        m[place + i] = m[on + m[wires + i]]
    return True


def parameter(m: Ints, f: Floats, line: int, i: int) -> float:
    """Parameter ``i`` of a line, by its number, for the parameters of the call; NaN where it
    has no value."""
    kind = m[m[k.LINES_AT] + k.LINE_COLUMNS * line + k.LINE_PARAM + i]
    if kind == k.FIXED:
        return float(f[m[k.NUMBERS_AT] + 4 * line + i])
    if kind >= 0:
        return float(f[k.CALLED + kind])
    return _formula(m, f, m[k.CODE_AT] - 2 - kind)


def _formula(m: Ints, f: Floats, at: int) -> float:
    """The value of the formula at ``at``: its length, then its steps.

    NaN for what the parser must see: a result that is not finite, and the negative of
    zero, whose sign differs between the ways to compute it.
    """
    top = k.STACK - 1
    step, end = at + 1, at + 1 + m[at]
    while step < end:
        kind = m[step]
        step += 1
        if kind <= k.PARAMETER:
            top += 1
            f[top] = f[(m[k.CONSTANTS_AT] if kind == k.CONSTANT else k.CALLED) + m[step]]
            step += 1
        elif kind == k.NEGATE:
            if f[top] == 0.0:
                return math.nan
            f[top] = -f[top]
        else:
            top -= 1
            value = _combined(kind, float(f[top]), float(f[top + 1]))
            if not math.isfinite(value):
                return math.nan
            f[top] = value
    return float(f[top])


def _combined(kind: int, a: float, b: float) -> float:
    if kind == k.ADD:
        return a + b
    if kind == k.SUBTRACT:
        return a - b
    if kind == k.MULTIPLY:
        return a * b
    return a / b if b != 0.0 else math.nan
