"""A stored circuit for a page. It was checked when the job came in; only small ones come here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

LINES: Final = 2000
DRAWN: Final = 300  # operations that a page draws; text is shorter than a drawing
DRAWN_QUBITS: Final = 40
COMPOSED: Final = 1000  # operations that the composer shows (static/composer/reading.js)
COMPOSED_QUBITS: Final = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """A circuit as OpenQASM 3, and drawn, with words for the drawing, unless it is long."""

    text: str
    drawing: Markup | None
    words: str
    composes: bool  # whether the composer can show it


async def shown(data: bytes) -> Shown | None:
    """A circuit (wire format) for a page; None for one that cannot be written so."""
    return await asyncio.to_thread(_shown, data)


async def as_text(data: bytes) -> str | None:
    """A circuit (wire format) as OpenQASM 3; None for one that cannot be written so."""
    found = await shown(data)
    return None if found is None else found.text


def _shown(data: bytes) -> Shown | None:
    # numpy and the exporter wait until somebody looks at a circuit.
    from markaz.quantum.programs.drawing import describe, draw  # noqa: PLC0415
    from markaz.quantum.programs.errors import ProgramError  # noqa: PLC0415
    from markaz.quantum.programs.export_openqasm import to_openqasm3  # noqa: PLC0415
    from markaz.quantum.programs.wire import WireError, decode  # noqa: PLC0415

    try:
        circuit = decode(data)
        text = to_openqasm3(circuit)
    except (ProgramError, WireError):
        return None
    lines = text.splitlines()
    few = len(circuit) <= COMPOSED and 0 < circuit.num_qubits <= COMPOSED_QUBITS
    composes = few and len(lines) <= LINES and not circuit.parameters
    text = text if len(lines) <= LINES else "\n".join([*lines[:LINES], "// …"])
    if len(circuit) > DRAWN or not 0 < circuit.num_qubits <= DRAWN_QUBITS:
        return Shown(text, None, "", composes)
    drawing = Markup(draw(circuit))  # noqa: S704 - it escapes names
    return Shown(text, drawing, describe(circuit), composes)
