"""What a device ran: read out of a job's result, for people to look at."""

from __future__ import annotations

import json
from typing import Any, Final

from markaz.centre.errors import CentreError

# What one may ask for -> the format in ``quantum.operate.stored``.
FORMATS: Final = {
    "compiled": "openqasm3",
    "compiled.qcis": "qcis",
    "compiled.svg": "svg",
}
MOST_OPERATIONS: Final = 200_000  # that are written while somebody waits


def text(result: bytes, which: str) -> bytes:
    """The first compiled circuit of a stored result, as ``which`` says.

    Raises CentreError ``not-found`` where there is none, ``too-large`` for one that is not
    written here, ``program`` for a format that has no word for something in it.
    """
    # numpy, and the exporters, wait until somebody looks at a circuit.
    from markaz.quantum.operate import stored  # noqa: PLC0415
    from markaz.quantum.programs.errors import ProgramError  # noqa: PLC0415

    rows = _rows(result)
    try:
        circuit = stored.circuit_of(rows[0])
        if circuit is None or len(circuit) > MOST_OPERATIONS:
            raise CentreError("too-large", "the compiled circuit is too large to be shown")
        return stored.written(circuit, FORMATS[which]).encode()
    except ProgramError as error:
        raise CentreError("program", str(error), program_kind=error.kind) from None
    except (ValueError, KeyError, TypeError):
        raise CentreError("internal", "the compiled circuit is damaged") from None


def _rows(result: bytes) -> list[Any]:
    found = json.loads(result.partition(b"\n")[0])
    rows = found.get("compiled") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not rows:
        raise CentreError("not-found", "nothing was compiled for this job: it ran on a simulator")
    return rows
