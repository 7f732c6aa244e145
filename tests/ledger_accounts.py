"""Allocations for tests, and the proof that a ledger's sums and entries agree."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from markaz.centre.access import CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db.schema import ledger
from markaz.centre.ledger import verbs
from tests.centre_rows import DAY, person, rows

MICRO = 1_000_000


class Bank:
    """Somebody who allots credits, and what they do most."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.actor: Principal = person(centre, "allocator", CentreRole.ALLOCATOR)

    def grant(self, project: str, amount: int, *, days: float = 30, after: float = 0) -> str:
        now = self.centre.services.clock.now()
        done = self.centre.perform(
            verbs.grant, self.actor, project=project, amount=amount,
            starts_at=now + round(after * DAY), ends_at=now + round(days * DAY), reason="test",
        )  # fmt: skip
        return str(done["allocation"])

    def perform(self, act: Any, **arguments: Any) -> Any:
        return self.centre.perform(act, self.actor, **arguments)


def allocation(centre: Centre, key: str) -> dict[str, Any]:
    return next(row for row in rows(centre, ledger.allocations) if row["id"] == key)


def amounts(centre: Centre, key: str) -> tuple[int, int, int]:
    """Granted, reserved, charged."""
    row = allocation(centre, key)
    return row["granted"], row["reserved"], row["charged"]


def kinds(centre: Centre, job: str) -> list[tuple[str, int]]:
    """A job's entries, kind and amount, in order."""
    entries = rows(centre, ledger.ledger_entries)
    return [(e["kind"], e["amount"]) for e in entries if e["job_id"] == job]


def check_books(centre: Centre) -> None:
    """Each allocation's columns are what its entries add up to, and none is overdrawn."""
    entries = rows(centre, ledger.ledger_entries)
    of_allocation = grouped(entries, "allocation_id")
    for row in rows(centre, ledger.allocations):
        own = of_allocation.get(row["id"], [])

        def total(*wanted: str, among: list[dict[str, Any]] = own) -> int:
            return sum(e["amount"] for e in among if e["kind"] in wanted)

        free = row["granted"] - row["reserved"] - row["charged"]
        assert sum(e["amount"] for e in own) == free >= 0
        assert -total("reserve", "release") == row["reserved"] >= 0
        assert -total("charge", "refund") == row["charged"] >= 0
        assert total("grant", "transfer", "adjustment", "expiry") == row["granted"]
    for job, of_job in grouped(entries, "job_id").items():
        if job is not None:
            check_job(of_job)


def grouped(entries: list[dict[str, Any]], column: str) -> dict[Any, list[dict[str, Any]]]:
    """Entries by what they say in ``column``."""
    found: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        found[entry[column]].append(entry)
    return found


def check_job(entries: list[dict[str, Any]]) -> None:
    """One job: reserved once, released at most once, charged within, refunded within."""
    found = {e["kind"]: e["amount"] for e in entries}
    assert len(found) == len(entries)
    assert len({e["allocation_id"] for e in entries}) == 1
    assert found["reserve"] <= 0
    assert found.get("release", -found["reserve"]) == -found["reserve"]
    assert 0 <= -found.get("charge", 0) <= -found["reserve"]
    assert 0 <= found.get("refund", 0) <= -found.get("charge", 0)
    assert ("charge" not in found) or ("release" in found)
