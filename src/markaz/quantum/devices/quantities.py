"""What a calibration sheet may state: every quantity, its unit and what it is about.

A quantity that belongs to a gate is written with the gate: ``gate_error:cz``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from markaz.quantum.devices.gates import NATIVE


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of the table; ``of`` says what its target is, ``worse`` in which direction a
    device gets worse (None: neither), ``lowest`` and ``highest`` what is possible at all."""

    name: str
    unit: str
    of: Literal["qubit", "coupler", "gate"]
    worse: Literal["higher", "lower"] | None
    doc: str
    lowest: float = 0.0
    highest: float = float("inf")


_ANY: Final = float("inf")
QUANTITIES: Final[dict[str, Quantity]] = {
    q.name: q
    for q in (
        Quantity("T1", "us", "qubit", "lower", "energy relaxation time"),
        Quantity("T2star", "us", "qubit", "lower", "time after which a Ramsey fringe is at 1/e"),
        Quantity("T2echo", "us", "qubit", "lower", "T2 measured with one Hahn echo"),
        Quantity("frequency", "GHz", "qubit", None, "transition frequency"),
        Quantity("frequency_offset", "kHz", "qubit", None, "drift since the last retuning", -_ANY),
        Quantity("readout_error", "", "qubit", "higher", "wrong readings, mean of 0 and 1", 0, 1),
        Quantity("prob_meas0_prep1", "", "qubit", "higher", "reads 0 after preparing 1", 0, 1),
        Quantity("prob_meas1_prep0", "", "qubit", "higher", "reads 1 after preparing 0", 0, 1),
        Quantity("readout_length", "ns", "qubit", None, "duration of a measurement"),
        Quantity("leakage", "", "qubit", "higher", "probability to leave 0 and 1, a pulse", 0, 1),
        Quantity("zz", "kHz", "coupler", None, "shift of one qubit when the other is 1", -_ANY),
        Quantity("gate_error", "", "gate", "higher", "average infidelity of one gate", 0, 1),
        Quantity("gate_length", "ns", "gate", None, "duration of one gate"),
    )
}


def parse(name: str) -> tuple[Quantity, str | None]:
    """The quantity and the gate of a name such as ``T1`` or ``gate_error:cz``.

    Raises ValueError for a name that is not in the table.
    """
    base, _, gate = name.partition(":")
    quantity = QUANTITIES.get(base)
    if quantity is None:
        raise ValueError(f"{name!r} is not a quantity")
    if (quantity.of == "gate") != bool(gate):
        wanted = f"{base}:GATE" if quantity.of == "gate" else base
        raise ValueError(f"{name!r} should be {wanted}")
    if gate and gate not in NATIVE:
        raise ValueError(f"{name!r} names no gate")
    return quantity, gate or None


def width(name: str) -> int:
    """How many qubits a quantity is about. Raises ValueError as ``parse`` does."""
    quantity, gate = parse(name)
    if gate is not None:
        return NATIVE[gate].qubits
    return 2 if quantity.of == "coupler" else 1
