"""What operators and directors fill in, and what stands for the names in their addresses."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from markaz.centre.access import VERBS, CentreRole, Principal

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
