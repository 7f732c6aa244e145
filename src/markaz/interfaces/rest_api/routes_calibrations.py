"""Routes about measurements of devices: calibrations, looks between jobs, acceptances."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from markaz.interfaces.rest_api.fields import Answer, Body, Page, described
from markaz.interfaces.rest_api.routes import Route, Who


class Measurement(Answer):
    """A measurement of a device, as a group of jobs."""

    measurement: str = described("Identifier.")
    device: str = described("Name of the device.")
    kind: str = described("calibration, monitoring or acceptance.")
    state: str = described("running, completed or failed.")
    phase: str = described("calibration or benchmarks.")
    sheet: str | None = described("The calibration sheet that it published.")
    note: str = described("What went wrong; of an acceptance its verdict.")
    started_by: str = described("Identifier of who asked for it.")
    started_at: int = described("When it began.")
    ended_at: int | None = described("When it ended.")


class MeasurementPart(Answer):
    """A part of a measurement: a job."""

    part: str = described("What is measured.")
    job: str = described("Identifier of the job.")
    state: str = described("State of the job.")
    error: str | None = described("Why it failed.")
    run_seconds: float | None = described("How long it ran.")


class WholeMeasurement(Measurement):
    """A measurement and its parts."""

    parts: list[MeasurementPart] = described("In the order in which they were queued.")


class ContractToMeet(Body):
    """A contract."""

    contract: str = Field(min_length=1, max_length=1 << 20, description="Its text (TOML).")


class Signature(Answer):
    """A signature of an envelope."""

    keyid: str = described("Hash of the public key.")
    sig: str = described("The signature, in base 64.")


class Envelope(Answer):
    """A signed record (DSSE)."""

    payloadType: str = described("What the payload is.")  # noqa: N815 - the format's own name
    payload: str = described("The document, JSON in base 64.")
    signatures: list[Signature] = described("Signatures over type and payload.")


class PublicKey(Answer):
    """The key under which the centre signs."""

    algorithm: str = described("Ed25519.")
    key: str = described("The public key, in base 64.")
    key_id: str = described("Its name: its SHA-256.")
    site: str = described("Name of the centre.")


_DEVICE: Final = "/v1/devices/{device}"
_ONE: Final = "/v1/measurements/{measurement}"
ROUTES: Final = (
    Route("POST", f"{_DEVICE}/calibrations", "calibrations.start", Who.OPERATOR,
          "Tune a device and measure its sheet.", WholeMeasurement, 201),
    Route("POST", f"{_DEVICE}/acceptances", "acceptances.start", Who.OPERATOR,
          "Measure a device against a contract.", WholeMeasurement, 201, ContractToMeet,
          large=True),
    Route("GET", f"{_DEVICE}/measurements", "calibrations.list", Who.OVERSEER,
          "Measurements of a device, the newest first.", Page[Measurement]),
    Route("GET", _ONE, "calibrations.show", Who.OVERSEER, "A measurement and its parts.",
          WholeMeasurement),
    Route("GET", f"{_ONE}/record", "acceptances.record", Who.OVERSEER,
          "The signed record of an acceptance.", Envelope),
    Route("GET", "/v1/records/key", "records.key", Who.ANYONE,
          "The public key under which the centre signs.", PublicKey),
)  # fmt: skip
