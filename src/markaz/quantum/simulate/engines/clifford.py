"""Rotations by multiples of an eighth of a turn as Clifford and T gates."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal

ROTATIONS = frozenset({int(Op.P), int(Op.RX), int(Op.RY), int(Op.RZ)})
TOLERANCE = 1e-9  # radians; changes a probability by less than 1e-18

# Phase gates by 0, 1, … eighths of a turn (pi/4), up to a global phase.
_PHASES = (
    *((), (Op.T,), (Op.S,), (Op.S, Op.T)),
    *((Op.Z,), (Op.Z, Op.T), (Op.SDG,), (Op.TDG,)),
)
_WIDEST = 6  # gates that replace one rotation


def clifford_t(circuit: Circuit, native: frozenset[int], name: str) -> Circuit:
    """The circuit in gates out of ``native`` without any rotation, up to its global phase.

    ``native`` must hold id, x, y, z, h, s, sdg, sx and sxdg; with t and tdg rotations by
    odd multiples of pi/4 are taken as well. EngineRefusal, with the engine's ``name``,
    for the first gate that this cannot express; ProgramError for a gate that does not
    decompose into ``native`` and rotations.
    """
    circuit = to_ops(circuit, native | ROTATIONS)
    where = np.flatnonzero(np.isin(circuit.op, list(ROTATIONS)))
    if len(where) == 0:
        return circuit
    turns = _eighths(circuit, where, 1 if Op.T in native else 2, name)
    spread = np.full((len(circuit), _WIDEST), _NONE, np.uint8)
    spread[:, 0] = circuit.op
    spread[where] = _sequences()[circuit.op[where], turns]
    keep = spread != _NONE
    index = np.repeat(np.arange(len(circuit)), keep.sum(axis=1))
    return circuit.with_arrays(
        op=spread[keep],
        qubits=circuit.qubits[index],
        params=np.zeros((len(index), 4)),
        aux=circuit.aux[index],
    )


_NONE = 255  # no operation has this code


def _eighths(circuit: Circuit, where: NDArray[np.int64], step: int, name: str) -> NDArray[np.int64]:
    """Angles in multiples of pi/4, modulo 8."""
    angles = circuit.params[where, 0]
    turns = np.rint(angles / (np.pi / 4))
    off = np.abs(angles - turns * (np.pi / 4)) > TOLERANCE
    wrong = np.flatnonzero(off | (turns % step != 0))
    if len(wrong):
        gate = TABLE[Op(int(circuit.op[where[wrong[0]]]))].name
        kind = "a Clifford gate" if step == 2 else "a Clifford or T gate"
        raise EngineRefusal(f"{name}: {gate}({angles[wrong[0]]:.6g}) is not {kind}")
    eighths: NDArray[np.int64] = turns.astype(np.int64) % 8
    return eighths


@cache
def _sequences() -> NDArray[np.uint8]:
    """Gates by [operation, eighths], filled up with _NONE, shape (16, 8, _WIDEST)."""
    table = np.full((Op.RZ + 1, 8, _WIDEST), _NONE, np.uint8)
    short: dict[tuple[Op, int], tuple[Op, ...]]
    short = {(Op.RX, 2): (Op.SX,), (Op.RX, 4): (Op.X,), (Op.RX, 6): (Op.SXDG,)}
    short |= {(Op.RY, 2): (Op.Z, Op.H), (Op.RY, 4): (Op.Y,), (Op.RY, 6): (Op.H, Op.Z)}
    for turn, phase in enumerate(_PHASES):
        around_x = short.get((Op.RX, turn), (Op.H, *phase, Op.H))
        around_y = short.get((Op.RY, turn), (Op.SDG, Op.H, *phase, Op.H, Op.S))
        for op, gates in (
            *((Op.P, phase), (Op.RZ, phase)),
            *((Op.RX, around_x), (Op.RY, around_y)),
        ):
            table[op, turn, : len(gates)] = gates
    return table
