"""Compiled circuits in the words that devices take, and what their counts mean."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from markaz.quantum.compile.compiled import physical_openqasm3
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_openqasm import to_openqasm2
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import Op

Counts = Mapping[str, int]
_AQT_OPS: Final = frozenset(int(op) for op in (Op.ID, Op.RX, Op.RY, Op.RZ, Op.RZZ))
_HALF: Final = math.pi / 2


@dataclass(frozen=True, slots=True)
class Program:
    """A circuit as a device gets it.

    A key of its counts has ``bits`` characters. For a circuit that measures at its end bit
    ``k``, from the right, is the outcome of the physical qubit ``qubits[k]``; else
    ``qubits`` is empty and the bits are all classical bits, in the order of declaration.
    """

    text: str
    bits: int
    qubits: tuple[int, ...]


def program(circuit: Circuit, form: str) -> Program:
    """A compiled circuit whose parameters have values, in the words of ``form`` (FORMATS).

    Raises ProgramError ``unsupported`` for what the format has no word for.
    """
    write = FORMATS[form]
    if circuit.is_dynamic:
        if any(r.hidden for r in circuit.cregs):
            raise ProgramError("unsupported", "the device's format has no classical variables")
        return Program(write(circuit), circuit.num_clbits, ())
    pairs = _measured(circuit)
    plain = _renumbered(circuit, [bit for _, bit in pairs])
    return Program(write(plain), len(pairs), tuple(q for q, _ in pairs))


def visible(circuit: Circuit, counts: Counts) -> dict[str, int]:
    """Counts of ``program(circuit)`` over the visible classical bits, as results show them."""
    if circuit.is_dynamic:
        return dict(counts)
    place = {bit: k for k, (_, bit) in enumerate(_measured(circuit))}
    shown = [b for r in circuit.cregs if not r.hidden for b in range(r.offset, r.offset + r.size)]
    found: dict[str, int] = {}
    for key, count in counts.items():
        bits = key[::-1]
        text = "".join("0" if b not in place else bits[place[b]] for b in reversed(shown))
        found[text] = found.get(text, 0) + count
    return found


def _measured(circuit: Circuit) -> list[tuple[int, int]]:
    """(qubit, classical bit) in the order of the bits."""
    return sorted(circuit.measurements(), key=lambda pair: pair[1])


def _renumbered(circuit: Circuit, bits: list[int]) -> Circuit:
    """The circuit with one register of exactly the measured bits, in their order."""
    rank = np.full(max(circuit.num_clbits, 1), -1, np.int32)
    rank[bits] = np.arange(len(bits))
    aux = circuit.aux.copy()
    where = circuit.op == Op.MEASURE
    aux[where] = rank[aux[where]]
    cregs = (Register("c", len(bits), 0),) if bits else ()
    return circuit.with_arrays(aux=aux, num_clbits=len(bits), cregs=cregs, global_phase=0.0)


def _qasm2(circuit: Circuit) -> str:
    if np.any(circuit.op == Op.DELAY):
        raise ProgramError("unsupported", "OpenQASM 2 has no delays")
    return to_openqasm2(circuit)


def _originir(circuit: Circuit) -> str:
    """OriginIR, an instruction a line: qubit k is ``q[k]``, angles are radians.

    The grammar is that of the parser of QPanda-lite and of what the vendor's cloud shows as
    its own programs.
    """
    if circuit.is_dynamic or np.any(circuit.op == Op.DELAY):
        raise ProgramError("unsupported", "OriginIR has gates and measurements at the end")
    plain = to_ops(circuit, frozenset(_ORIGIN))
    lines = [f"QINIT {circuit.num_qubits}", f"CREG {circuit.num_clbits}"]
    for i, op in enumerate(plain.op.tolist()):
        places = ",".join(f"q[{q}]" for q in plain.operands(i))
        if op == Op.MEASURE:
            lines.append(f"MEASURE {places},c[{plain.aux[i]}]")
        elif op == Op.BARRIER:
            lines.append(f"BARRIER {places}")
        else:
            word, angles = _ORIGIN[op]
            values = ",".join(repr(float(v)) for v in plain.params[i, :angles])
            lines.append(f"{word} {places},({values})" if angles else f"{word} {places}")
    return "\n".join(lines) + "\n"


# Their words and numbers of angles. Not ISWAP: its sign differs between the vendor's pages.
_ORIGIN: Final[dict[int, tuple[str, int]]] = {
    int(Op.H): ("H", 0), int(Op.X): ("X", 0), int(Op.Y): ("Y", 0), int(Op.Z): ("Z", 0),
    int(Op.S): ("S", 0), int(Op.T): ("T", 0), int(Op.RX): ("RX", 1), int(Op.RY): ("RY", 1),
    int(Op.RZ): ("RZ", 1), int(Op.U): ("U3", 3), int(Op.CX): ("CNOT", 0), int(Op.CZ): ("CZ", 0),
}  # fmt: skip


def _aqt(circuit: Circuit) -> str:
    """A JSON list of RZ, R and RXX, angles in units of pi, and MEASURE at the end."""
    if circuit.is_dynamic or np.any(circuit.op == Op.DELAY):
        raise ProgramError("unsupported", "the device has gates and one measurement at the end")
    plain = to_ops(circuit, _AQT_OPS)
    found: list[dict[str, Any]] = []
    for i, op in enumerate(plain.op.tolist()):
        first, second = plain.qubits[i, 0].item(), plain.qubits[i, 1].item()
        angle = float(plain.params[i, 0])
        if op == Op.RZ:
            found.append({"operation": "RZ", "qubit": first, "phi": angle / math.pi})
        elif op in (Op.RX, Op.RY):
            found += _turn(first, angle, 0.0 if op == Op.RX else 0.5)
        elif op == Op.RZZ:
            found += _rzz(first, second, angle)
    return json.dumps([*found, {"operation": "MEASURE"}])


def _turn(qubit: int, angle: float, axis: float) -> list[dict[str, Any]]:
    """A turn about an axis in the plane at ``axis`` half turns: theta from 0 to 1 half turns."""
    theta = math.remainder(angle / math.pi, 2.0)  # a whole turn is a global phase
    if theta == 0:
        return []
    phi = axis if theta > 0 else axis + 1.0
    return [{"operation": "R", "qubit": qubit, "theta": abs(theta), "phi": phi % 2.0}]


def _rzz(first: int, second: int, angle: float) -> list[dict[str, Any]]:
    """``RZZ = V^-1 RXX V`` with V a quarter turn about y on both.

    RXX takes 0 to half of pi. Beyond, ``RXX(t) = RXX(t - pi) XX`` up to the phase; a
    negative one is between two Z on one qubit.
    """
    theta = math.remainder(angle / math.pi, 2.0)
    flips: list[dict[str, Any]] = []
    if abs(theta) > 0.5:
        theta -= math.copysign(1.0, theta)
        flips = [*_turn(first, math.pi, 0.0), *_turn(second, math.pi, 0.0)]
    into = [*_turn(first, _HALF, 0.5), *_turn(second, _HALF, 0.5)]
    back = [*_turn(first, -_HALF, 0.5), *_turn(second, -_HALF, 0.5)]
    z = [{"operation": "RZ", "qubit": first, "phi": 1.0}] if theta < 0 else []
    pair = {"operation": "RXX", "qubits": [first, second], "theta": abs(theta)}
    return [*into, *z, pair, *z, *flips, *back]


FORMATS: Final[dict[str, Callable[[Circuit], str]]] = {
    "qcis": to_qcis,
    "openqasm3": physical_openqasm3,
    "openqasm2": _qasm2,
    "aqt": _aqt,
    "originir": _originir,
}
