"""Device files: taken in, kept with all their versions, and what everybody may know of them."""

from __future__ import annotations

import secrets
from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.devices.tables import device_events, device_files, emulations
from markaz.centre.errors import CentreError, invalid
from markaz.centre.work import Work
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.model import DeviceModel, parse

DRIVERS: Final = {"emulated": "emulate", "qpu": "agent"}
EMULATED: Final = "EMULATED"
MOST_CHARACTERS: Final = 1 << 20
SEED_BITS: Final = 62


def read(text: Any) -> DeviceModel:
    """The device that a file's text describes.

    Raises CentreError ``invalid`` whose message, field and line are those of the error.
    """
    if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARACTERS:
        raise invalid("file", f"a device file has 1 to {MOST_CHARACTERS} characters")
    try:
        model = parse(text, "device file")
        _check_physics(model)
    except DescriptionError as error:
        raise CentreError(
            "invalid", str(error), field="file", line=error.line, place=error.field
        ) from None
    return model


def _check_physics(model: DeviceModel) -> None:
    """An emulated device must be one that the emulator can be."""
    if model.kind == "emulated":
        # numpy, which a file of a real device does not need
        from markaz.quantum.devices.emulator.fields import Physics  # noqa: PLC0415

        Physics(model)


def description(model: DeviceModel) -> dict[str, Any]:
    """What everybody may know of a device, as plain values.

    Never the table ``[emulator]``: the sheet says what was measured, and no more is known.
    """
    words = {g: NATIVE[g].qiskit for g in model.gates if g not in ("measure", "reset")}
    return {
        "summary": model.description.strip() or model.title,
        "source": model.source.strip(),
        "emulated": EMULATED if model.kind == "emulated" else None,
        "version": model.version,
        "qubits": model.num_qubits,
        "gates": dict(model.gates),
        "basis": sorted({word for word in words.values() if word is not None}),
        "coupling": [list(pair) for pair in model.live_couplers],
        "dead_couplers": [list(pair) for pair in model.dead_couplers],
        "sites": [list(site) for site in model.sites],
        "features": list(model.features),
        "tunable": model.tunable,
        "max_shots": model.max_shots,
        "dt_ns": model.dt,
        "tolerances": dict(model.tolerances),
    }


def values(model: DeviceModel) -> dict[str, Any]:
    """What a file sets in the device's row (``description`` as plain values)."""
    return {
        "title": model.title,
        "kind": model.kind,
        "driver": DRIVERS[model.kind],
        "qubits": model.num_qubits,
        "description": description(model),
        "model_digest": model.digest,
    }


def keep(work: Work, device: str, model: DeviceModel, text: str) -> None:
    """Keep a version of a device's file."""
    row = {"device_id": device, "digest": model.digest, "version": model.version, "text": text}
    work.run(insert(device_files).values(**row, added_by=work.actor.id, added_at=work.now))
    note(work, device, "file", f"version {model.version} of its file is in force")


def begin_emulation(work: Work, device: str, born_at: int, seed: int | None = None) -> None:
    """Give a device its hidden truth, whose clock shows 0 at ``born_at``."""
    drawn = secrets.randbits(SEED_BITS) if seed is None else seed
    times = {"born_at": born_at, "tuned_at": born_at}
    work.run(insert(emulations).values(device_id=device, seed=drawn, **times))


def own_truth(work: Work, device: str, known: int) -> bool:
    """Draw a hidden truth for a device whose seed is ``known`` to whoever has the package;
    whether it was."""
    e = emulations.c
    public = update(emulations).where(e.device_id == device, e.seed == known)
    return bool(work.run(public.values(seed=secrets.randbits(SEED_BITS))))


def text_of(work: Work, device: str, digest: str) -> str:
    """The text of a version."""
    f = device_files.c
    found = select(f.text).where(f.device_id == device, f.digest == digest).limit(1)
    return str(work.connection.execute(found).scalar_one())


def model_of(work: Work, row: Any) -> DeviceModel:
    """The device's model. Raises CentreError ``conflict`` for one without a file."""
    if row.model_digest is None:
        raise CentreError("conflict", f"device {row.id} has no device file", device=row.id)
    return parse(text_of(work, row.id, row.model_digest), "device file")


def note(work: Work, device: str, kind: str, text: str) -> None:
    """Put on record, in words, what happened to a device."""
    row = {"device_id": device, "kind": kind, "text": text, "at": work.now}
    work.run(insert(device_events).values(row))
