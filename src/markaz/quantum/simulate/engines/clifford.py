"""Rotations by multiples of a quarter turn as Clifford gates, for stabilizer engines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal

ROTATIONS = frozenset({int(Op.P), int(Op.RX), int(Op.RY), int(Op.RZ)})
TOLERANCE = 1e-9  # radians; changes a probability by less than 1e-18

# First and second gate of a rotation by 0, 1, 2, 3 quarter turns, up to a phase.
_PAIRS = {
    Op.P: ((Op.ID, Op.ID), (Op.S, Op.ID), (Op.Z, Op.ID), (Op.SDG, Op.ID)),
    Op.RZ: ((Op.ID, Op.ID), (Op.S, Op.ID), (Op.Z, Op.ID), (Op.SDG, Op.ID)),
    Op.RX: ((Op.ID, Op.ID), (Op.SX, Op.ID), (Op.X, Op.ID), (Op.SXDG, Op.ID)),
    Op.RY: ((Op.ID, Op.ID), (Op.Z, Op.H), (Op.Y, Op.ID), (Op.H, Op.Z)),
}


def clifford_only(circuit: Circuit, native: frozenset[int]) -> Circuit:
    """The circuit in Clifford gates out of ``native``, up to its global phase.

    ``native`` must hold id, x, y, z, h, s, sdg, sx and sxdg. EngineRefusal names the
    first gate that is not Clifford; ProgramError a gate that ``native`` cannot express.
    """
    circuit = to_ops(circuit, native | ROTATIONS)
    turned = np.flatnonzero(np.isin(circuit.op, list(ROTATIONS)))
    if len(turned) == 0:
        return circuit
    pairs = np.full((len(circuit), 2), int(Op.ID), np.uint8)
    pairs[:, 0] = circuit.op
    turns = _quarter_turns(circuit, turned)
    for op, choices in _PAIRS.items():
        mine = circuit.op[turned] == op
        pairs[turned[mine]] = np.array(choices, np.uint8)[turns[mine]]
    return _spread(circuit, pairs)


def _quarter_turns(circuit: Circuit, turned: NDArray[np.int64]) -> NDArray[np.int64]:
    angles = circuit.params[turned, 0]
    turns = np.rint(angles / (np.pi / 2))
    wrong = np.flatnonzero(np.abs(angles - turns * (np.pi / 2)) > TOLERANCE)
    if len(wrong):
        gate = TABLE[Op(int(circuit.op[turned[wrong[0]]]))].name
        raise EngineRefusal(f"{gate}({angles[wrong[0]]:.6g}) is not a Clifford gate")
    return turns.astype(np.int64) % 4


def _spread(circuit: Circuit, pairs: NDArray[np.uint8]) -> Circuit:
    """Each operation replaced by its pair; second gates that are the identity left out."""
    keep = np.ones(pairs.shape, np.bool_)
    keep[:, 1] = pairs[:, 1] != Op.ID
    index = np.repeat(np.arange(len(circuit)), keep.sum(axis=1))
    return circuit.with_arrays(
        op=pairs[keep],
        qubits=circuit.qubits[index],
        params=np.zeros((len(index), 4)),
        aux=circuit.aux[index],
    )
