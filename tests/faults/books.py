"""What must be true of jobs and money after any fault."""

from __future__ import annotations

from collections import Counter

from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, ledger
from markaz.centre.db.schema import jobs as tables
from tests.centre_rows import rows


def check_books(centre: Centre, jobs: list[str]) -> None:
    """``jobs`` are all there are; each is completed, ended once, and charged once."""
    found = {row["id"]: row for row in rows(centre, tables.jobs)}
    assert sorted(found) == sorted(jobs)
    assert Counter(row["state"] for row in found.values()) == {"completed": len(jobs)}
    entries = rows(centre, ledger.ledger_entries)
    charged = Counter(e["job_id"] for e in entries if e["kind"] == "charge")
    assert charged == dict.fromkeys(jobs, 1)
    allocations = rows(centre, ledger.allocations)
    assert sum(a["reserved"] for a in allocations) == 0
    assert sum(a["charged"] for a in allocations) == sum(r["charged"] for r in found.values())
    ends = [e["subject"] for e in rows(centre, audit.audit_entries) if e["verb"] == "jobs.finish"]
    assert Counter(ends) == dict.fromkeys(jobs, 1)
