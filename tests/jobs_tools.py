"""A centre with devices, projects with credits, and programs that need no parsing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from markaz.centre.access import SYSTEM, CentreRole, Principal, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices, jobs, ledger
from markaz.centre.ids import new_id
from markaz.centre.jobs import verbs
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.sharing import Crew
from tests.centre_rows import DAY, person, project, put, rows

SECOND = 1_000_000
CREDIT = 1_000_000


@dataclass(frozen=True)
class Opened:
    """What intake would give for a small program."""

    circuit: bytes = b"wire"
    program_hash: str = "0" * 64
    qubits: int = 2
    clbits: int = 2
    predicted_seconds: float | None = 0.5
    predicted_bytes: int | None = 1024
    options: dict[str, Any] = field(default_factory=lambda: {"shots": 100, "seed": 1})
    facts: dict[str, Any] = field(default_factory=dict)
    kind: str = "run"


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def job_queued(self, group_id: int) -> None:
        self.said.append(("queued", group_id))

    def job_unqueued(self, group_id: int) -> None:
        self.said.append(("unqueued", group_id))

    def job_ended(self, job_id: str) -> None:
        self.said.append(("ended", job_id))

    def cancel_wanted(self, job_id: str, attempt: int) -> None:
        self.said.append(("cancel", job_id, attempt))

    def rules_changed(self) -> None:
        self.said.append(("rules",))


class Place:
    """One centre with the device ``simulator``; everything is done as somebody."""

    def __init__(self, centre: Centre, *, queue: bool = True) -> None:
        self.centre = centre
        self.heard = centre.services.listener = Heard()
        self.device("simulator", is_default=True)
        self.operator = person(centre, "oona", CentreRole.OPERATOR)
        if queue:
            self.open()

    def open(self) -> QueueIndex:
        """Read the queue of this process anew."""
        queue = QueueIndex(self.centre.services.settings)
        queue.crews = (Crew(1),)
        self.centre.services.queue = queue
        self.centre.perform(verbs.open_queue, SYSTEM)
        return queue

    @property
    def queue(self) -> QueueIndex:
        found: QueueIndex = self.centre.services.queue
        return found

    def device(self, name: str, **values: Any) -> None:
        row = {
            "id": name, "title": name.title(), "kind": "simulator", "driver": "simulator",
            "qubits": 32, "status": "idle", "accepting": True, "slots": 0, "is_default": False,
            "description": "{}", "created_at": 0,
        }  # fmt: skip
        put(self.centre, devices.devices, **row | values)
        self.changed()

    def changed(self) -> None:
        """What a dispatcher does when it hears of new rules."""
        if self.centre.services.queue is not None:
            self.queue.rules_changed()
            self.queue.shares._load_due = 0.0

    def project(self, slug: str, *members: Principal, credits: int = 1000, **values: Any) -> str:
        """A project whose first member is its PI, with an allocation for a year."""
        roles = dict.fromkeys(members, ProjectRole.MEMBER) | {members[0]: ProjectRole.PI}
        key = project(self.centre, slug, roles, **values)
        if credits:
            self.grant(key, credits)
        self.changed()
        return key

    def grant(self, project_id: str, credits: int) -> str:
        now = self.centre.services.clock.now()
        put(
            self.centre, ledger.allocations, id=(key := new_id(now)), project_id=project_id,
            starts_at=now - DAY, ends_at=now + 365 * DAY, state="active",
            granted=credits * CREDIT, created_at=now,
        )  # fmt: skip
        return key

    def rate(self, per_second: int, device: str = "simulator", **more: int) -> None:
        values = {"per_second": per_second, "per_shot": 0, "per_job": 0} | more
        put(self.centre, ledger.rates, device_id=device, starts_at=0, **values)

    def submit(self, who: Principal, project_id: str | None = None, **more: Any) -> dict[str, Any]:
        opened = more.pop("opened", Opened())
        data = more.pop("data", b"OPENQASM 3.0;")
        found: dict[str, Any] = self.centre.perform(
            verbs.submit, who, project=project_id, opened=opened, data=data, **more
        )
        return found

    def claim(self, count: int = 1, *device: str, **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.centre.perform(
            verbs.claim, SYSTEM, worker=more.pop("worker", "w1"),
            devices=list(device) or ["simulator"], count=count, **more,
        )  # fmt: skip
        return found

    def finish(
        self, assignment: dict[str, Any], state: str = "completed", **outcome: Any
    ) -> dict[str, Any]:
        result = json.dumps({"counts": {"00": 52, "11": 48}, "seed": 7, "plan": {"engine": "x"}})
        said = {"state": state, "result": result.encode(), "error": None, "seconds": None}
        found: dict[str, Any] = self.centre.perform(
            verbs.finish, SYSTEM, job=assignment["job"], attempt=assignment["attempt"],
            worker="w1", outcome=said | outcome,
        )  # fmt: skip
        return found

    def row(self, job: str) -> Any:
        """The job's row."""
        with self.centre.engine.connect() as connection:
            return connection.execute(select(jobs.jobs).where(jobs.jobs.c.id == job)).one()

    def entries(self, job: str) -> list[tuple[str, int]]:
        """The job's ledger entries, in order."""
        found = rows(self.centre, ledger.ledger_entries)
        return [(row["kind"], row["amount"]) for row in found if row["job_id"] == job]
