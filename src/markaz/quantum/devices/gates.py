"""Gates that a device may call native: what a device file can name.

A device file gives each of its gates a duration; what the gate does stands here. Names and
definitions of the quarter turns are those of QCIS, all others those of Qiskit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markaz.quantum.programs.gates import Op

_HALF: Final = math.pi / 2
ANGLE_TOLERANCE: Final = 1e-9  # radians


@dataclass(frozen=True, slots=True)
class NativeGate:
    """One native gate.

    ``qubits``: how many it acts on; ``virtual``: a change of the reference frame, without
    pulse, time or error; ``qiskit``: the name under which a Qiskit target lists it, None
    for one that it cannot express.
    """

    name: str
    qubits: int
    virtual: bool
    qiskit: str | None
    doc: str


NATIVE: Final[dict[str, NativeGate]] = {
    g.name: g
    for g in (
        NativeGate("x2p", 1, False, "sx", "quarter turn about x: RX(π/2)"),
        NativeGate("x2m", 1, False, "sxdg", "quarter turn about -x: RX(-π/2)"),
        NativeGate("y2p", 1, False, None, "quarter turn about y: RY(π/2)"),
        NativeGate("y2m", 1, False, None, "quarter turn about -y: RY(-π/2)"),
        NativeGate("xy2p", 1, False, None, "quarter turn about cos φ x + sin φ y"),
        NativeGate("xy2m", 1, False, None, "quarter turn about -(cos φ x + sin φ y)"),
        NativeGate("sx", 1, False, "sx", "square root of X: RX(π/2)"),
        NativeGate("sxdg", 1, False, "sxdg", "inverse of sx: RX(-π/2)"),
        NativeGate("x", 1, False, "x", "half turn about x"),
        NativeGate("rx", 1, False, "rx", "turn about x by any angle"),
        NativeGate("rz", 1, True, "rz", "turn about z by any angle, in software"),
        NativeGate("id", 1, False, "id", "wait as long as a pulse takes"),
        NativeGate("cz", 2, False, "cz", "controlled Z"),
        NativeGate("ecr", 2, False, "ecr", "echoed cross-resonance gate, first qubit controls"),
        NativeGate("rzz", 2, False, "rzz", "turn about ZZ by any angle"),
        NativeGate("measure", 1, False, "measure", "measurement in the computational basis"),
        NativeGate("reset", 1, False, "reset", "return to the ground state"),
    )
}

# Operations of the flat circuit that are a gate whatever their angle is, and names in the
# order of preference: the first that a device has is meant.
_PLAIN: Final[dict[Op, tuple[str, ...]]] = {
    Op.SX: ("sx", "x2p"),
    Op.SXDG: ("sxdg", "x2m"),
    Op.X: ("x",),
    Op.ID: ("id",),
    Op.CZ: ("cz",),
    Op.ECR: ("ecr",),
    Op.RZZ: ("rzz",),
    Op.MEASURE: ("measure",),
    Op.RESET: ("reset",),
    **dict.fromkeys((Op.RZ, Op.P, Op.Z, Op.S, Op.SDG, Op.T, Op.TDG), ("rz",)),
}


def names_of(op: int, params: Sequence[float] = ()) -> tuple[str, ...]:
    """Native gates that an operation of the flat circuit is, up to its global phase.

    Empty for one that is no native gate of any device.
    """
    kind = Op(op)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind is Op.RX:
        return (*_quarter(params[0], ("x2p", "sx"), ("x2m", "sxdg")), "rx")
    if kind is Op.RY:
        return _quarter(params[0], ("y2p",), ("y2m",))
    if kind is Op.U and _is_zero(params[1] + params[2]):
        return _quarter(params[0], ("xy2p",), ("xy2m",))
    return ()


def _quarter(theta: float, plus: tuple[str, ...], minus: tuple[str, ...]) -> tuple[str, ...]:
    if _is_zero(theta - _HALF):
        return plus
    return minus if _is_zero(theta + _HALF) else ()


def _is_zero(angle: float) -> bool:
    """Whether an angle is a multiple of a full turn."""
    return abs(math.remainder(angle, 2 * math.pi)) <= ANGLE_TOLERANCE
