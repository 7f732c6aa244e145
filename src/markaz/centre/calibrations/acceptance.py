"""The second half of an acceptance: benchmarks under the fresh sheet, verdicts, the record."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import update

from markaz.centre.calibrations import ends, jobs
from markaz.centre.calibrations.tables import measurements
from markaz.centre.devices import files, sheets
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.records import signing
from markaz.centre.work import Work
from markaz.quantum.accept import contract as contracts
from markaz.quantum.accept import verdict
from markaz.quantum.accept.contract import Contract, Criterion
from markaz.quantum.accept.verdict import Measured
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.sheet import Sheet

FORMAT: Final = "markaz acceptance 1"
MOST_CHARACTERS: Final = 1 << 20


def read(text: Any) -> Contract:
    """A contract. Raises CentreError ``invalid`` that names field and line."""
    if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARACTERS:
        raise invalid("contract", f"a contract has 1 to {MOST_CHARACTERS} characters")
    try:
        return contracts.parse(text.encode())
    except DescriptionError as error:
        raise CentreError(
            "invalid", str(error), field="contract", line=error.line, place=error.field
        ) from None


def check(found: Contract, device: Any) -> None:
    """Raise CentreError ``conflict`` for a contract about another device."""
    if found.device != device.id:
        raise conflict(f"the contract is about {found.device}, not {device.id}")


def go_on(work: Work, row: Any, device: Any, sheet: Sheet) -> None:
    """The calibration has ended: queue the benchmarks, or judge at once if there are none."""
    found = read(row.contract)
    values = {"phase": "benchmarks", "sheet_id": sheet.id}
    work.run(update(measurements).where(measurements.c.id == row.id).values(**values))
    work.record(row.id, phase="benchmarks", sheet=sheet.id)
    parts = {
        f"criterion:{i}": {"criterion": asdict(one), "seed": row.seed + i}
        for i, one in enumerate(found.criteria)
        if one.is_benchmark
    }
    jobs.submit_parts(work, device, row.id, "benchmark", parts)


def judge(work: Work, row: Any, device: Any, parts: dict[str, Any]) -> None:
    """All has been measured: verdicts, and the signed record of them."""
    document = _document(work, row, device, parts)
    key = signing.signing_key(work.services.settings.data)
    record = json.dumps(signing.sign("acceptance", document, key), ensure_ascii=False)
    work.run(update(measurements).where(measurements.c.id == row.id).values(record=record))
    ends.finish(work, row, "completed", note=document["overall"])
    files.note(work, device.id, "acceptance", f"{document['title']}: {document['overall']}")
    sheet, model = sheets.sheet_of(work, device), files.model_of(work, device)
    beyond = [] if sheet is None else sheets.out_of_tolerance(model, sheet)
    ends.settle(work, row, device, "needs-calibration" if beyond else "idle")


def _document(work: Work, row: Any, device: Any, parts: dict[str, Any]) -> dict[str, Any]:
    found = read(row.contract)
    sheet = sheets.sheet_of(work, device)
    assert sheet is not None
    decided, rows = [], []
    for i, criterion in enumerate(found.criteria):
        job = parts.get(f"criterion:{i}")
        one = verdict.decide(criterion, _measured(work, criterion, sheet, job))
        decided.append(one)
        rows.append(
            {
                **one.document(),
                "measure": criterion.measure,
                "values": _values(criterion, sheet),
                "job": None if job is None else job.id,
            }
        )
    model = files.model_of(work, device)
    return {
        "format": FORMAT,
        "title": found.title,
        "reference": found.reference,
        "device": device.id,
        "device_title": device.title,
        "emulated": files.EMULATED if device.kind == "emulated" else None,
        "version": model.version,
        "model": model.digest,
        "sheet": sheet.id,
        "contract": row.contract,
        "overall": verdict.overall(decided),
        "criteria": rows,
        "site": work.services.settings["site_name"],
        "measurement": row.id,
        "started_at": row.started_at,
        "ended_at": work.now,
    }


def _measured(work: Work, criterion: Criterion, sheet: Sheet, job: Any) -> Measured:
    if not criterion.is_benchmark:
        return verdict.from_sheet(criterion, sheet)
    try:
        return Measured(**jobs.result(work, job)["measured"])
    except CentreError as error:
        return Measured(None, note=error.message)


def _values(criterion: Criterion, sheet: Sheet) -> list[float]:
    """Of a quantity all values of the sheet, for the report's pictures."""
    rows = (r for r in sheet.rows if r.quantity == criterion.measure)
    return [r.value for r in rows if r.value is not None]
