"""What can be done to have devices measured."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, cast, exists, func, select, text, update

from markaz.centre.access import system, verb
from markaz.centre.calibrations import acceptance, jobs
from markaz.centre.calibrations.documents import document
from markaz.centre.calibrations.harvest import harvest
from markaz.centre.calibrations.tables import RUNNING, measurements
from markaz.centre.devices import files
from markaz.centre.devices.rules import device_row, managed
from markaz.centre.devices.tables import devices, emulations, sheets
from markaz.centre.jobs.tables import OPEN
from markaz.centre.jobs.tables import jobs as all_jobs
from markaz.centre.work import Work
from markaz.quantum.calibrate import parts
from markaz.quantum.operate.shipped import SEED

__all__ = ["accept", "calibrate", "harvest", "measure_due"]

HOUR: Final = 3_600_000_000
OWN_TRUTH: Final = (
    "it was cooled down anew: its hidden truth, until now that of the package, is this centre's own"
)
MONITORED: Final = ("readout", "coherence:0")  # short, and on them drift shows first


@verb("calibrations.start", rule=managed, scope="operate")
def calibrate(work: Work, subject: Any, *, device: str) -> dict[str, Any]:
    """Tune a device and measure all of its sheet, as jobs of its queue.

    Its status is ``calibration`` until a new sheet is in force: jobs of users wait. Returns
    the measurement. Raises CentreError ``conflict`` for a device that is being measured
    already, is retired, or is no emulated one.
    """
    measurement = _calibrate(work, subject, "calibration")
    return document(work, measurement)


@verb("acceptances.start", rule=managed, scope="operate")
def accept(work: Work, subject: Any, *, device: str, contract: str) -> dict[str, Any]:
    """Calibrate a device and run the benchmarks of a contract on it; then there is a verdict
    on each criterion, in a signed record.

    Returns the measurement. Raises CentreError ``invalid`` for a malformed contract, and
    ``conflict`` as ``calibrations.start`` or for a contract about another device.
    """
    acceptance.check(acceptance.read(contract), subject)
    measurement = _calibrate(work, subject, "acceptance", contract=contract)
    return document(work, measurement)


def _calibrate(work: Work, device: Any, kind: str, **more: Any) -> str:
    measurement = jobs.begin(work, device, kind, "calibration", **more)
    e, d = emulations.c, devices.c
    work.run(update(emulations).where(e.device_id == device.id).values(tuned_at=work.now))
    if files.own_truth(work, device.id, SEED):
        files.note(work, device.id, "truth", OWN_TRUTH)
    work.run(update(devices).where(d.id == device.id).values(status="calibration"))
    wanted = parts.plan(files.model_of(work, device))
    _submit(work, device, measurement, "calibration", wanted)
    files.note(work, device.id, "calibration", f"{kind} {measurement} began")
    work.record(device.id, status="calibration", measurement=measurement, kind=kind)
    work.after(work.services.listener.rules_changed)
    return measurement


def _submit(work: Work, device: Any, measurement: str, kind: str, wanted: Any) -> None:
    c = measurements.c
    seed = work.connection.execute(select(c.seed).where(c.id == measurement)).scalar_one()
    asked = {name: {"part": name, "seed": seed} for name in wanted}
    jobs.submit_parts(work, device, measurement, kind, asked)


@verb("calibrations.measure_due", rule=system, scope=None)
def measure_due(work: Work, _: None) -> dict[str, Any]:
    """Begin the calibrations that are due, and look at devices that have long been idle.

    Returns the ids of what began.
    """
    began = [_calibrate(work, row, "calibration") for row in _stale(work)]
    began += [_look(work, row) for row in _idle(work)]
    if not began:
        work.nothing_changed()
    return {"measurements": began}


def _stale(work: Work) -> list[Any]:
    """Devices whose sheet is older than their schedule allows."""
    d = devices.c
    last = select(func.max(sheets.c.published_at)).where(sheets.c.device_id == d.id)
    tried = select(func.max(measurements.c.started_at)).where(
        measurements.c.device_id == d.id, measurements.c.kind == "calibration"
    )
    age = cast(d.calibrate_hours, BigInteger) * HOUR
    wanted = _free(("idle", "needs-calibration")).where(
        d.calibrate_hours > 0,
        func.coalesce(last.scalar_subquery(), 0) + age <= work.now,
        func.coalesce(tried.scalar_subquery(), 0) + age <= work.now,
    )
    return work.all(wanted)


def _idle(work: Work) -> list[Any]:
    """Devices on which nothing has happened for ``monitor_hours``."""
    hours = float(work.services.settings["monitor_hours"])
    if not hours:
        return []
    d, j, since = devices.c, all_jobs.c, work.now - int(hours * HOUR)
    latest = select(func.max(j.ended_at)).where(j.device_id == d.id, j.ended_at > since)
    waits = exists().where(j.device_id == d.id, text(OPEN))
    sheet = select(func.max(sheets.c.published_at)).where(sheets.c.device_id == d.id)
    wanted = _free(("idle",)).where(
        latest.scalar_subquery().is_(None), ~waits, sheet.scalar_subquery() <= since
    )
    return work.all(wanted)


def _free(statuses: tuple[str, ...]) -> Any:
    """Emulated devices in service that nobody measures."""
    d, m = devices.c, measurements.c
    busy = exists().where(m.device_id == d.id, text(f"measurements.{RUNNING}"))
    return select(devices).where(
        d.kind == "emulated", d.retired_at.is_(None), d.status.in_(statuses), ~busy
    )


def _look(work: Work, device: Any) -> str:
    """A short measurement between users' jobs; the device stays as it is."""
    measurement = jobs.begin(work, device, "monitoring", "calibration")
    wanted = [p for p in MONITORED if p in parts.plan(files.model_of(work, device))]
    _submit(work, device_row(work, device.id), measurement, "monitoring", wanted)
    work.record(device.id, measurement=measurement, kind="monitoring")
    return measurement
