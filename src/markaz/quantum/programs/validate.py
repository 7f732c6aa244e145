"""Whether a circuit is one: every index in range, every block closed, every value finite.

For circuits from somewhere that is not trusted. Vectorised: some 0.1 us an operation, with
a Python loop over control flow alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr, Register
from markaz.quantum.programs.classical import MAX_BITS
from markaz.quantum.programs.gates import NANOSECONDS, POOLED, STEPS, TABLE, Op
from markaz.quantum.programs.limits import Limits

EXPR_DEPTH: Final = 500  # levels of an expression; a chain of that many terms is that deep

# Operators of ``classical`` and ``parameters`` with the number of their operands.
_WIDTH: Final = -1  # one operand and a number of bits
_ARITHMETIC: Final = dict.fromkeys(("add", "sub", "mul", "div", "mod", "pow"), 2)
CLASSICAL: Final[Mapping[str, int]] = (
    {"not": 1, "neg": 1, "inv": _WIDTH, "cast": _WIDTH}
    | _ARITHMETIC
    | dict.fromkeys(
        ("and", "or", "xor", "shl", "shr", "eq", "ne", "lt", "le", "gt", "ge", "land", "lor"), 2
    )
)
PARAMETRIC: Final[Mapping[str, int]] = _ARITHMETIC | dict.fromkeys(
    ("neg", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "log", "sqrt", "abs"), 1
)


class InvalidCircuitError(ValueError):
    """A circuit that breaks a rule of ``circuit.Circuit``; the message says which."""


def _tables() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Per operation code: qubits (-1 for codes that do not exist) and parameters."""
    qubits, params = np.full(256, -1, np.int8), np.zeros(256, np.int8)
    for op in Op:
        gate = TABLE.get(op)
        qubits[op] = gate.num_qubits if gate else op in (Op.MEASURE, Op.RESET, Op.DELAY)
        params[op] = gate.num_params if gate else 2 * (op == Op.DELAY)
    return qubits, params


_NUM_QUBITS, _NUM_PARAMS = _tables()


def _among(ops: Iterable[Op]) -> NDArray[np.bool_]:
    """Per operation code: whether it is one of ``ops``."""
    table = np.zeros(256, np.bool_)
    table[[int(op) for op in ops]] = True
    return table


_KNOWN: Final = _NUM_QUBITS >= 0
_USED: Final = np.arange(3) < _NUM_QUBITS[:, None]  # qubits, by operation code
_NEXT: Final = np.array([1, 2, 0])  # each pair of three qubits once
_POOLED: Final = _among(POOLED)
_DELAYS: Final = _among((Op.DELAY,))
_BLOCKS: Final = _among(op for op in Op if op >= Op.IF and op != Op.ASSIGN)
# What ``aux`` counts, by operation code: nothing (it is -1), classical bits, expressions.
_COUNTS: Final = np.zeros(256, np.intp)
_COUNTS[int(Op.MEASURE)] = 1
_COUNTS[[int(Op.IF), int(Op.WHILE), int(Op.ASSIGN)]] = 2


def validate(circuit: Circuit, limits: Limits) -> None:
    """Raise InvalidCircuitError unless the circuit keeps every rule and the limits."""
    _check_sizes(circuit, limits)
    _check_registers(circuit.qregs, circuit.num_qubits)
    _check_registers(circuit.cregs, circuit.num_clbits)
    _check_shown(circuit.cregs)
    pooled = _POOLED[circuit.op]
    if pooled.any():
        plain = ~pooled
        _check_plain_operands(circuit, circuit.op[plain], circuit.qubits[plain])
        _check_pooled_operands(circuit, np.flatnonzero(pooled), limits)
    else:
        _check_plain_operands(circuit, circuit.op, circuit.qubits)
    _check_aux(circuit)
    _check_params(circuit)
    _check_blocks(circuit.op, limits.nesting)
    for expr in _distinct(circuit.exprs):
        _check_expr(expr, lambda e: _is_classical_leaf(e, circuit.num_clbits), CLASSICAL)


def _require(condition: bool | np.bool_, message: str) -> None:
    if not condition:
        raise InvalidCircuitError(message)


def pool_limit(limits: Limits) -> int:
    """Operands that all pooled operations together may have."""
    return 4 * limits.gates + limits.qubits


def _check_sizes(c: Circuit, limits: Limits) -> None:
    for what, count, most in (
        ("qubits", c.num_qubits, limits.qubits),
        ("classical bits", c.num_clbits, limits.clbits),
        ("operations", len(c.op), limits.gates),
        ("parameters", len(c.parameters), limits.parameters),
    ):
        _require(type(count) is int and 0 <= count <= most, f"{count} {what}, at most {most}")
    n = len(c.op)
    shapes = (c.op.shape, c.qubits.shape, c.params.shape, c.aux.shape)
    _require(shapes == ((n,), (n, 3), (n, 4), (n,)), "arrays of different lengths")
    _require(type(c.global_phase) is float and math.isfinite(c.global_phase), "global phase")
    _require(c.measured in ("explicit", "implicit"), "measured is neither of its values")


def _check_registers(registers: tuple[Register, ...], bits: int) -> None:
    for r in registers:
        _require(type(r.name) is str and type(r.hidden) is bool, "a register's type")
        _require(type(r.size) is int and type(r.offset) is int, "a register's type")
        _require(0 <= r.size and 0 <= r.offset <= bits - r.size, f"register {r.name!r}: range")


def _check_shown(cregs: tuple[Register, ...]) -> None:
    """Results list classical registers one after the other: none may share a bit."""
    end = 0
    for r in sorted(cregs, key=lambda r: (r.offset, r.size)):
        _require(r.offset >= end, f"register {r.name!r} shares bits with another")
        end = r.offset + r.size
    shown = [r.name for r in cregs if not r.hidden]
    _require(len(set(shown)) == len(shown), "two classical registers of one name")


def _check_plain_operands(c: Circuit, ops: NDArray[np.uint8], q: NDArray[np.int32]) -> None:
    _require(_KNOWN[ops].all(), "an unknown operation")
    used = _USED[ops]
    _require(((q >= 0) == used).all() and (q >= -1).all(), "wrong number of qubits")
    _require((q < c.num_qubits).all(), "a qubit out of range")
    same = (q == q[:, _NEXT]) & used  # of what is not used, none equals what is
    _require(not same.any(), "a gate that uses a qubit twice")


def _check_pooled_operands(c: Circuit, where: NDArray[np.int64], limits: Limits) -> None:
    start, count = (c.qubits[where, k].astype(np.int64) for k in (0, 1))
    in_pool = (start >= 0) & (count >= 0) & (start + count <= len(c.pool))
    _require(np.all(in_pool) and np.all(c.qubits[where, 2] == -1), "a range outside the pool")
    _require(int(count.sum()) <= pool_limit(limits), "too many operands")
    assign = c.op[where] == Op.ASSIGN
    _check_assigned(c, start[assign], count[assign])
    start, count = start[~assign], count[~assign]
    # Ranges may overlap, so mark where any range covers the pool instead of expanding them.
    marks = np.zeros(len(c.pool) + 1, np.int64)
    np.add.at(marks, start, 1)
    np.add.at(marks, start + count, -1)
    used = c.pool[np.cumsum(marks[:-1]) > 0]
    _require(np.all((used >= 0) & (used < c.num_qubits)), "a qubit out of range")
    gates = c.op[where][~assign] != Op.BARRIER
    _require(np.all(count[gates] > 0), "a gate without qubits")
    _check_distinct(c.pool, start[gates], (start + count)[gates])


def _check_assigned(c: Circuit, start: NDArray[np.int64], count: NDArray[np.int64]) -> None:
    _require(np.all(count == 2), "an assignment without its bits")
    offset, size = (c.pool[start + k].astype(np.int64) for k in (0, 1))
    good = (offset >= 0) & (size >= 1) & (offset + size <= c.num_clbits)
    _require(np.all(good), "an assignment to bits out of range")


def _check_distinct(
    pool: NDArray[np.int32], start: NDArray[np.int64], end: NDArray[np.int64]
) -> None:
    """No value twice in any range: the last earlier place of each value, maximised up to a
    range's end, must lie before its start."""
    if len(start) == 0:
        return
    order = np.argsort(pool, kind="stable")
    earlier = np.full(len(pool), -1, np.int64)
    again = np.flatnonzero(np.diff(pool[order]) == 0)
    earlier[order[again + 1]] = order[again]
    latest = np.maximum.accumulate(earlier)
    _require(np.all(latest[end - 1] < start), "a gate that uses a qubit twice")


def _check_aux(c: Circuit) -> None:
    counts = _COUNTS[c.op]
    least = np.minimum(counts, 1) - 1
    most = np.array([0, c.num_clbits, len(c.exprs)])[counts]
    good = (c.aux >= least) & (c.aux < most)
    if not good.all():
        _refuse_aux(int(counts[good.argmin()]))


def _refuse_aux(counts: int) -> NoReturn:
    what = ("an operation with a stray operand", "a classical bit out of range",
            "an expression out of range")  # fmt: skip
    raise InvalidCircuitError(what[counts])


def _check_params(c: Circuit) -> None:
    names = set(c.parameters)
    _require(len(names) == len(c.parameters), "two parameters of one name")
    _require(all(type(n) is str for n in c.parameters), "a parameter's type")
    if c.symbolic or not np.isfinite(c.params).all():
        _check_unbound(c)
    delays = _DELAYS[c.op]
    if delays.any():
        _check_delays(c.params[delays])
    for expr in _distinct(e for _, _, e in c.symbolic):
        _check_expr(expr, lambda e: _is_parameter_leaf(e, names), PARAMETRIC)


def _check_unbound(c: Circuit) -> None:
    """NaN where a parameter is given by an expression, and only there."""
    unbound = np.zeros(c.params.shape, np.bool_)
    for i, slot, _ in c.symbolic:
        _require(0 <= i < len(c) and 0 <= slot < _NUM_PARAMS[c.op[i]], "a parameter's place")
        unbound[i, slot] = True
    _require(int(unbound.sum()) == len(c.symbolic), "a parameter given twice")
    _require((np.isnan(c.params) == unbound).all(), "an angle is not a number")
    _require(not np.isinf(c.params).any(), "an angle is infinite")


def _check_delays(waits: NDArray[np.float64]) -> None:
    _require(not (waits[:, 0] < 0).any(), "a negative delay")
    units = waits[:, 1]
    _require(((units == NANOSECONDS) | (units == STEPS)).all(), "a delay without a unit")


def _check_blocks(op: NDArray[np.uint8], nesting: int) -> None:
    """IF … ELSE … END and WHILE … END, with BREAK and CONTINUE inside a WHILE."""
    stack: list[int] = []
    loops = 0
    for code in op[_BLOCKS[op]].tolist():
        if code in (Op.IF, Op.WHILE):
            stack.append(code)
            loops += code == Op.WHILE
            _require(len(stack) <= nesting, f"more than {nesting} nested blocks")
        elif code == Op.ELSE:
            _require(bool(stack) and stack[-1] == Op.IF, "an ELSE without IF")
            stack[-1] = Op.ELSE
        elif code == Op.END:
            _require(bool(stack), "an END without a block")
            loops -= stack.pop() == Op.WHILE
        else:
            _require(loops > 0, "a BREAK or CONTINUE outside a loop")
    _require(not stack, "a block that does not end")


def _distinct(exprs: Iterable[Expr]) -> list[Expr]:
    """Each expression object once; equal ones are mostly shared."""
    return list({id(e): e for e in exprs}.values())


def _check_expr(expr: Expr, leaf: Callable[[Expr], bool], operators: Mapping[str, int]) -> None:
    """Every node a leaf or (operator, operand, …); iterative, since depth is unknown."""
    todo = [(expr, 1)]
    while todo:
        node, depth = todo.pop()
        _require(depth <= EXPR_DEPTH, f"an expression of more than {EXPR_DEPTH} levels")
        _require(type(node) is tuple and len(node) > 1, "an expression's form")
        count = operators.get(node[0]) if type(node[0]) is str else None
        if count is None:
            _require(leaf(node), f"no expression starts with {node[0]!r}")
            continue
        _require(len(node) == (3 if count == _WIDTH else count + 1), f"operands of {node[0]!r}")
        if count == _WIDTH:
            _require(type(node[2]) is int and 0 < node[2] <= MAX_BITS, f"width of {node[0]!r}")
        operands = node[1:2] if count == _WIDTH else node[1:]
        todo += [(operand, depth + 1) for operand in operands]  # type: ignore[misc]


def _is_classical_leaf(leaf: Expr, clbits: int) -> bool:
    match leaf:
        case ("const", value):
            return type(value) in (int, bool)
        case ("bits", offset, size):
            whole = type(offset) is int and type(size) is int
            return whole and 0 <= offset and 0 < size <= clbits - offset  # type: ignore[operator]
    return False


def _is_parameter_leaf(leaf: Expr, names: set[str]) -> bool:
    match leaf:
        case ("const", value):
            return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
        case ("param", name):
            return name in names
    return False
