"""What operators and directors fill in, and what stands for the names in their addresses."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from markaz.centre.access import VERBS, CentreRole, Principal
from markaz.centre.ids import new_id
from markaz.centre.jobs.tables import jobs
from tests.rest_world import CONTRACT, DEVICE_FILE

if TYPE_CHECKING:
    from tests.portal_tools import Site


def prepare(site: Site) -> None:
    """What the world lacks: an announcement, which nobody sees yet."""
    world = site.world
    operator = Principal(world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    made = world.centre.perform(
        VERBS["announcements.publish"], operator, texts={"en": {"title": "Soon", "body": ""}},
        starts_at=world.now + 10**12,
    )  # fmt: skip
    world.ids["announcement"] = made["announcement"]


def names_of(site: Site, target: dict[str, str], role: str) -> dict[str, str]:
    """What stands for the names in addresses; ``target`` is ``world.own`` or ``world.other``."""
    ids, own = site.world.ids, target is site.world.own
    return {
        "person": ids.get(role, "nobody") if own else ids["stranger"],
        "role": "reviewer",
        "reservation": target["reservation"],
        "allocation": target["allocation"],
        "institution": ids["institution"],
        "form": "csv",
        "kind": "json",
        "measurement": ids["measurement"],
        "announcement": ids["announcement"],
    }


def typed(at: int) -> str:
    """A time as a field for times sends it, in UTC."""
    return dt.datetime.fromtimestamp(at // 10**6, dt.UTC).strftime("%Y-%m-%dT%H:%M")


def forms_of(site: Site, target: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What is filled in, by the form's address in the table."""
    slug, hour = target["project"], 3600 * 10**6
    span = {
        "starts_at": typed(site.world.now + 50 * hour),
        "ends_at": typed(site.world.now + 51 * hour),
    }
    why = {"reason": "because of this"}
    of = {**why, "project": slug}
    person, job, project = "/operate/people/{person}", "/operate/jobs/{job}", "/operate/projects/"
    project += "{project}"
    device, allocation = "/operate/devices/{device}", "/operate/allocations/{allocation}"
    return {
        "/operate/workers": {"label": "k"},
        "/operate/people": {"name": "N", "login": "newcomer", "email": "n@example.org"},
        f"{person}/suspend": why,
        f"{person}/roles": {"role": "reviewer"},
        f"{person}/codes": {"lost": "password"},
        **{f"{job}/{verb}": why for verb in ("hold", "release", "requeue")},
        f"{job}/move": {**why, "device": "spare"},
        f"{job}/boost": {**why, "boost": "1"},
        f"{job}/refund": {**why, "amount": "0.000005"},
        "/operate/devices": {"file": DEVICE_FILE},
        f"{device}/measurements": {"contract": CONTRACT},
        f"{device}/change": {"status": "idle", "accepting": "1"},
        f"{device}/rates": {
            "per_second": "1.5", "per_shot": "0.001", "per_job": "0", "starts_at": ""},
        "/calendar/maintenance": {
            "device": "spare", **span, "impact": "full", "note": "n", "draft": ""},
        "/calendar/bookings": {"device": "spare", **span, "project": slug, "note": "n"},
        f"{project}/refuse": why,
        f"{project}/suspend": why,
        f"{project}/renew": {"ends_at": typed(site.world.now + 9999 * hour)},
        f"{project}/terms": {
            "programme": "P", "shares": "2", "starts_at": "", "ends_at": "",
            "retention_days": "30"},
        f"{project}/devices": {"devices": ["simulator"]},
        f"{project}/grant": {"amount": "5", **span, "reason": "r"},
        f"{allocation}/adjust": {**of, "amount": "-5"},
        f"{allocation}/transfer": {**of, "amount": "5", "to": target["target"]},
        f"{allocation}/revoke": of,
        "/operate/institutions": {"name": "New", "country": "PK", "shares": "1"},
        "/operate/institutions/{institution}/change": {"name": "Renamed", "shares": "3"},
        "/operate/announcements": {
            "kind": "news", "title_en": "T", "body_en": "B", "title_ur": "", "body_ur": "",
            "title_zh": "", "body_zh": "", "starts_at": "", "ends_at": ""},
    }  # fmt: skip


def used(site: Site, *, days: int = 40, each: int = 3) -> list[dict[str, Any]]:
    """Have jobs of several people and projects end on each of the last ``days``; their rows."""
    world, now = site.world, site.world.now
    day = 86_400 * 10**6

    def change(work: Any) -> list[dict[str, Any]]:
        like = dict(work.one(select(jobs).where(jobs.c.id == world.own["job"]))._mapping)
        del like["seq"]
        rows = []
        for number in range(days * each):
            at = now - number // each * day - 1000 - number % each
            who = ("member", "pi", "stranger")[number % 3]
            own = world.other if who == "stranger" else world.own
            state = ("completed", "completed", "failed", "cancelled")[number % 4]
            rows.append(
                like | {
                    "id": new_id(at), "state": state, "user_id": world.ids[who],
                    "project_id": own["project"], "group_id": None, "name": f"run {number}",
                    "charged": 1000 * number, "reserved": 1000 * number, "shots": 10 + number,
                    "run_seconds": 0.25 * (number % 7), "created_at": at, "eligible_at": at,
                    "claimed_at": at, "started_at": at, "ended_at": at,
                }
            )  # fmt: skip
        work.run(insert(jobs), rows)
        return rows

    found: list[dict[str, Any]] = world.do(change)
    return found
