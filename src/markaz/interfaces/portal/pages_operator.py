"""The operator's own pages: what needs doing now, workers, and how the server fares."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import Histogram
from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.errors import CentreError
from markaz.interfaces.portal.page import N_, Field, Handler, Page, Who
from markaz.interfaces.portal.pages_public import announced
from markaz.interfaces.portal.typed import cursor
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.rest_api.health import readiness

HOUR: Final = 3600 * 1_000_000
DAY: Final = 24 * HOUR
SHOWN: Final = 8  # of each thing that waits
AHEAD: Final = 60 * DAY  # bookings that are looked for
TROUBLED: Final = frozenset({"offline", "error", "needs-calibration"})
CHECKS: Final = {
    "database writable": N_("The database can be written to"),
    "dispatcher running": N_("Jobs are handed out"),
    "worker connected": N_("A worker is connected"),
    "not draining": N_("The server is not about to stop"),
}
CHORES: Final = {
    "sessions": N_("ends sessions that are over"),
    "calendar": N_("begins and ends maintenance and bookings"),
    "projects": N_("ends projects whose time is over"),
    "tally": N_("sums up what was used"),
    "allocations": N_("ends credits whose time is over"),
    "notices": N_("mails notices of credits that run out"),
    "accounts": N_("forgets old attempts to log in"),
    "answers": N_("forgets answers to repeated requests"),
    "retention": N_("gives up contents of old jobs"),
    "store": N_("clears the store of what nobody needs"),
}
MEASURES: Final = (
    ("claim", N_("Time to hand out jobs")),
    ("commit", N_("Time of a change in the database")),
    ("intake", N_("Time to open a program")),
)


async def home(visit: Visit) -> Response:
    """What needs an operator now, and how the devices are."""
    people, requested, failed, workers, devices, depths, health = await visit.ask_each(
        ("people.list", {"state": "pending", "limit": SHOWN}),
        ("ledger.overview", {"state": "requested", "limit": SHOWN}),
        ("jobs.ended", {"since": visit.now - HOUR, "until": visit.now + 1, "state": "failed",
                        "limit": SHOWN}),
        ("workers.list", {}),
        ("devices.list", {}),
        ("jobs.depths", {}),
        ("centre.health", {}),
    )  # fmt: skip
    drafts = await _drafts(visit, devices["items"])
    return visit.show(
        "operator.html",
        people=people,
        requested=requested,
        failed=failed,
        drafts=drafts[:SHOWN],
        missing=missing(visit, workers["items"]),
        troubled=[one for one in devices["items"] if needs_care(one)],
        chores=[one for one in health["chores"] if one["error"] is not None],
        devices=joined(devices["items"], depths),
        news=[one for one in await announced(visit, 20) if one["kind"] != "news"],
        operates=visit.has(CentreRole.OPERATOR),
    )


def needs_care(device: dict[str, Any]) -> bool:
    """Whether somebody should look at a device."""
    return device["status"] in TROUBLED or not device["accepting"]


def joined(devices: list[dict[str, Any]], depths: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Devices with what waits and runs there (None: not known)."""
    load = {one["device"]: one for one in depths}
    nothing = {"waiting": None, "running": None, "seconds": None}
    return [device | nothing | load.get(device["device"], {}) for device in devices]


def missing(visit: Visit, workers: list[dict[str, Any]]) -> dict[str, Any]:
    """Workers that are lost, and how many of the server's own are not there;
    whether none is there at all."""
    connected = sum(one["state"] in ("connected", "draining") for one in workers)
    wanted = int(visit.api.centre.services.settings["workers"])
    lost = [one for one in workers if one["state"] == "lost"]
    short = max(0, wanted - connected)
    return {"lost": lost, "short": short, "connected": connected, "none": not connected}


async def _drafts(visit: Visit, devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bookings that wait for an operator."""
    span = {"since": visit.now, "until": visit.now + AHEAD}
    found = await visit.ask_each(
        *(("devices.calendar", {"device": one["device"], **span}) for one in devices)
    )
    every = [one for calendar in found for one in calendar["items"] if one["state"] == "draft"]
    return sorted(every, key=lambda one: int(one["starts_at"]))


async def workers(visit: Visit, secret: str = "") -> Response:
    """Workers that are connected, and their keys; ``secret``: a new key, shown once."""
    gone = visit.asked("gone") == "1"
    found, keys = await visit.ask_each(
        ("workers.list", {"gone": gone, **cursor(visit)}),
        ("keys.list_workers", {"limit": 200}),
    )
    return visit.show(
        "operator-workers.html",
        workers=found["items"],
        next=found["next"],
        gone=gone,
        keys=keys["items"],
        missing=missing(visit, found["items"]),
        secret=secret,
        operates=visit.has(CentreRole.OPERATOR),
    )


async def make_key(visit: Visit) -> Response:
    """Make a worker's key; it is shown this once."""
    made = await visit.do("keys.create_worker", **visit.values)
    visit.values = {}
    return await workers(visit, secret=made["secret"])


async def revoke_key(visit: Visit) -> Response:
    """End a worker's key."""
    await visit.do("keys.revoke", key=visit.names["key"])
    return visit.go("/operate/workers", "revoked")


async def health(visit: Visit) -> Response:
    """How the server fares: what it checks, its chores, how long things take."""
    found, depths = await visit.ask_each(("centre.health", {}), ("jobs.depths", {}))
    checks = await readiness(visit.api)
    metrics = visit.api.metrics
    measures = [(label, measured(getattr(metrics, name))) for name, label in MEASURES]
    return visit.show(
        "operator-health.html",
        health=found,
        depths=depths,
        checks=[(CHECKS[name], holds) for name, holds in checks.items()],
        chores=[one | {"does": CHORES.get(one["chore"], "")} for one in found["chores"]],
        measures=[(visit.gettext(label), one) for label, one in measures],
        connected=visit.api.dispatcher.workers(),
        requests=measured(metrics.requests),
    )


def measured(histogram: Histogram) -> dict[str, Any]:
    """What a histogram has seen since the server began: how often, and the times below which
    a half and 95 of 100 lay, as far as its buckets tell (seconds; None beyond the last)."""
    counts: dict[float, float] = {}
    for family in histogram.collect():
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
    bounds = sorted(counts)
    total = counts[bounds[-1]] if bounds else 0.0
    return {
        "count": int(total),
        "p50": _below(counts, bounds, total * 0.5),
        "p95": _below(counts, bounds, total * 0.95),
    }


def _below(counts: dict[float, float], bounds: list[float], wanted: float) -> float | None:
    if not wanted:
        return None
    bound = next(one for one in bounds if counts[one] >= wanted)
    return None if bound == float("inf") else bound


def again_for(shown: Handler, *roles: CentreRole) -> Handler:
    """``shown`` for those who could have been let in; others get the refusal itself."""

    async def handler(visit: Visit) -> Response:
        if isinstance(visit.failed, CentreError) and not visit.has(*roles):
            raise visit.failed
        return await shown(visit)

    return handler


REASON: Final = Field("reason", N_("Reason"), most=500)
PAGES: Final = (
    Page("GET", "/operate", "centre.health", Who.OVERSEER, home),
    Page("GET", "/operate/workers", "workers.list", Who.OVERSEER, workers, ("gone", "after")),
    Page("POST", "/operate/workers", "keys.create_worker", Who.OPERATOR, make_key,
         again=again_for(workers, CentreRole.OPERATOR),
         form=(Field("label", N_("What it is for"), most=100),)),
    Page("POST", "/operate/workers/keys/{key}/revoke", "keys.revoke", Who.SELF, revoke_key),
    Page("GET", "/operate/health", "centre.health", Who.OVERSEER, health),
)  # fmt: skip
