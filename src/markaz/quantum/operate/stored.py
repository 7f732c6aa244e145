"""Compiled circuits inside result documents, and what can be read out of them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any, Final

from markaz.quantum.compile.compiled import Compiled, physical_openqasm3
from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.drawing import draw
from markaz.quantum.programs.export_qcis import to_qcis

MOST_BYTES: Final = 4 << 20  # of all compiled circuits of a job, as they are kept
INFLATED: Final = 256 << 20
FORMATS: Final = ("openqasm3", "qcis", "svg")


def kept(compiled: Sequence[Compiled]) -> list[dict[str, Any]]:
    """Facts of each circuit and, while there is room, the circuit itself."""
    rows, left = [], MOST_BYTES
    for one in compiled:
        data = base64.b64encode(zlib.compress(wire.encode(one.circuit), 1)).decode()
        fits = len(data) <= left
        left -= len(data) if fits else 0
        rows.append({**one.to_json(), "circuit": data if fits else None})
    return rows


def circuit_of(row: Any) -> Circuit | None:
    """The circuit of such a row; None where there was no room for it.

    Raises ValueError for a row that holds something else.
    """
    if row["circuit"] is None:
        return None
    packed = zlib.decompressobj()
    data = packed.decompress(base64.b64decode(row["circuit"], validate=True), INFLATED)
    if packed.unconsumed_tail:
        raise ValueError("a compiled circuit larger than any")
    return wire.decode(data)


def written(circuit: Circuit, form: str) -> str:
    """The circuit as text: OpenQASM 3 with physical qubits, QCIS, or a drawing (SVG).

    Raises ProgramError ``unsupported`` where a format has no word for something.
    """
    if form == "svg":
        return draw(circuit)
    return to_qcis(circuit) if form == "qcis" else physical_openqasm3(circuit)
