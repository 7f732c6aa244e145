"""A stored circuit for a page. It was checked when the job came in; only small ones come here."""

from __future__ import annotations

import asyncio
from typing import Final

LINES: Final = 2000


async def as_text(data: bytes) -> str | None:
    """A circuit (wire format) as OpenQASM 3; None for one that cannot be written so."""
    return await asyncio.to_thread(_text, data)


def _text(data: bytes) -> str | None:
    # numpy and the exporter wait until somebody looks at a circuit.
    from markaz.quantum.programs.errors import ProgramError  # noqa: PLC0415
    from markaz.quantum.programs.export_openqasm import to_openqasm3  # noqa: PLC0415
    from markaz.quantum.programs.wire import WireError, decode  # noqa: PLC0415

    try:
        text = to_openqasm3(decode(data))
    except (ProgramError, WireError):
        return None
    lines = text.splitlines()
    return text if len(lines) <= LINES else "\n".join([*lines[:LINES], "// …"])
