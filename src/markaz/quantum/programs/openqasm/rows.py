"""Rows: operations on numbered wires, before they stand in a circuit."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from markaz.quantum.programs.circuit import Builder, Expr
from markaz.quantum.programs.gates import POOLED, Op
from markaz.quantum.programs.openqasm.values import Number, Symbolic, ValueProblem

Wires = tuple[int, ...]
Row = tuple[int, Wires, tuple[Number, ...]]

X: Final = int(Op.X)
H: Final = int(Op.H)
P: Final = int(Op.P)
U: Final = int(Op.U)
CX: Final = int(Op.CX)
CP: Final = int(Op.CP)
MCX: Final = int(Op.MCX)
MCP: Final = int(Op.MCP)
FREE_WORK: Final = 400_000  # what ``Budget`` grants before there are any operations
BARRIER: Final = int(Op.BARRIER)
POOLED_CODES: Final = frozenset(int(op) for op in POOLED)


class Rows(NamedTuple):
    """Operations and the phase that multiplies them."""

    rows: list[Row]
    phase: Number = 0.0


class Budget:
    """Work that adds nothing to the circuit, in rows copied and operands named.

    Wrappers around wrappers, aliases of aliases and long conditions in long loops cost
    time and memory that no count of operations shows.
    """

    __slots__ = ("_builder", "spent")

    def __init__(self, builder: Builder) -> None:
        self._builder, self.spent = builder, 0

    def spend(self, amount: int) -> None:
        """Count work; ValueProblem when it is out of proportion to the circuit so far."""
        self.spent += amount
        if self.spent > FREE_WORK + 8 * len(self._builder.ops):
            raise ValueProblem("limit-size", "the program takes too long to expand")


class Packed(NamedTuple):
    """Rows laid out as the builder stores them; wires are positions among the operands.

    ``wires`` has three entries a row, the last operand's successor where unused.
    """

    ops: bytes
    wires: list[int]
    params: bytes
    aux: bytes
    pooled: list[tuple[int, Wires]]
    symbolic: list[tuple[int, int, Expr]]
    phase: Number


def pack(rows: Rows) -> Packed:
    """Lay rows out for appending many times."""
    wires: list[int] = []
    params = array("d")
    pooled: list[tuple[int, Wires]] = []
    unbound: list[tuple[int, int, Expr]] = []
    for i, (op, on, angles) in enumerate(rows.rows):
        if op in POOLED_CODES:
            pooled.append((i, on))
            wires += (-1, -1, -1)
        else:
            wires += (*on, -1, -1)[:3]
        params.extend(plain(angles))
        unbound += [(i, k, a.expr) for k, a in enumerate(angles) if isinstance(a, Symbolic)]
    ops = bytes([row[0] for row in rows.rows])
    aux = b"\xff\xff\xff\xff" * len(ops)
    return Packed(ops, wires, params.tobytes(), aux, pooled, unbound, rows.phase)


def plain(angles: tuple[Number, ...]) -> list[float]:
    """Four parameters as the circuit stores them: NaN where unbound, 0 where unused."""
    known = [float("nan") if isinstance(a, Symbolic) else a for a in angles]
    return known + [0.0] * (4 - len(known))


def multi_x(controls: Wires, target: int) -> Row:
    """X on ``target`` under any number of controls."""
    if len(controls) > 2:
        return MCX, (*controls, target), ()
    return (X, CX, int(Op.CCX))[len(controls)], (*controls, target), ()


def multi_phase(wires: Wires, angle: Number) -> Row:
    """A phase on the all-ones state of ``wires`` (at least one)."""
    return (P, CP, MCP)[min(len(wires), 3) - 1], wires, (angle,)
