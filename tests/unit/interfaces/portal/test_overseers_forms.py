"""What operators do on their pages takes effect, and is seen by those whom it concerns."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import QUERIES, CentreRole, Principal
from markaz.centre.jobs.tables import jobs
from tests.overseers import typed
from tests.portal_tools import Site, parsed
from tests.rest_world import PASSWORD

HOUR = 3600 * 10**6


def ask(site: Site, name: str, **given: Any) -> Any:
    operator = Principal(site.world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    return site.world.centre.ask(QUERIES[name], operator, **given)


def sent(site: Site, path: str, form: dict[str, Any] | None = None, role: str = "operator") -> Any:
    """The answer to a form, which must have been taken; with what its next page says."""
    visitor = site.visitor(role)
    answer = visitor.fill(path, form or {})
    assert answer.status_code == 303, answer.text
    said = parsed(visitor.get(answer.headers["location"]).text)
    assert [text for around, text in said.texts if around[-1][1].get("role") == "status"], path
    return answer.headers["location"]


def secret_in(text: str) -> str:
    return re.findall(r"mkz_[a-z]_\w+", text)[0]


def test_a_person_is_let_in_and_given_roles(site: Site) -> None:
    person = site.world.ids["waiting"]
    here = f"/operate/people/{person}"
    sent(site, here + "/approve")
    assert ask(site, "people.show", user=person)["state"] == "active"
    sent(site, here + "/roles", {"role": "reviewer"})
    sent(site, here + "/roles", {"role": "trainer"})
    sent(site, here + "/roles/reviewer/revoke")
    assert ask(site, "people.show", user=person)["roles"] == ["trainer"]
    refused = site.visitor("operator").fill(here + "/suspend", {"reason": ""})
    assert refused.status_code == 422
    sent(site, here + "/suspend", {"reason": "left the university"})
    assert ask(site, "people.show", user=person)["state"] == "suspended"
    sent(site, here + "/reactivate")
    assert site.visitor("operator").fill(here + "/approve").status_code == 409


def test_a_request_is_refused(site: Site) -> None:
    form = {"name": "N", "login": "no-fellow", "email": "n@example.org", "password": PASSWORD}
    form |= {"institution": site.world.ids["institution"]}
    answer = site.visitor().fill("/sign-up", form)
    assert answer.status_code == 303, answer.text
    person = ask(site, "people.list", state="pending", search="no-fellow")["items"][0]["id"]
    sent(site, f"/operate/people/{person}/refuse")
    assert site.visitor("operator").get(f"/operate/people/{person}").status_code == 404


def test_a_code_is_shown_once_and_opens_the_account(site: Site) -> None:
    visitor = site.visitor("operator")
    form = {"name": "New", "login": "new-person", "email": ""}
    made = visitor.fill("/operate/people", form)
    code = secret_in(made.text)
    person = ask(site, "people.list", search="new-person")["items"][0]["id"]
    assert code not in visitor.get(f"/operate/people/{person}").text
    again = visitor.fill("/operate/people", form)
    assert (again.status_code, "new-person" in again.text) == (409, True)
    site.visitor().fill("/lost/password", {"code": code, "password": PASSWORD})
    answer = site.visitor().fill("/login", {"login": "new-person", "password": PASSWORD})
    assert answer.headers["location"].startswith("/home")
    issued = visitor.fill(f"/operate/people/{person}/codes", {"lost": "password"})
    assert secret_in(issued.text) != code


def test_a_reason_is_read_by_the_owner_and_by_those_who_are_delayed(site: Site) -> None:
    own, other = site.world.own["job"], site.world.other["job"]
    sent(site, f"/operate/jobs/{own}/hold", {"reason": "checking your circuit"})
    assert "checking your circuit" in site.visitor("member").get(f"/jobs/{own}").text
    sent(site, f"/operate/jobs/{own}/release", {"reason": "all is well"})
    sent(site, f"/operate/jobs/{own}/boost", {"boost": "3", "reason": "a deadline of today"})
    queue = ask(site, "jobs.queue")["items"]
    assert (queue[0]["job"], queue[0]["boost"]) == (own, 3)
    delayed = site.visitor("stranger").get(f"/jobs/{other}").text
    assert "a deadline of today" in delayed
    assert own not in delayed and site.world.ids["member"] not in delayed
    assert "checking your circuit" not in delayed
    sent(site, f"/operate/jobs/{own}/boost", {"boost": "0", "reason": "it is over"})


def test_a_job_is_moved_taken_back_and_refunded(site: Site) -> None:
    own = site.world.own
    sent(site, "/operate/devices/spare/change", {"status": "idle", "accepting": "1"})
    sent(site, f"/operate/jobs/{own['job']}/move", {"device": "spare", "reason": "shorter queue"})
    assert ask(site, "jobs.document", job=own["job"])["device"] == "spare"
    sent(site, f"/operate/jobs/{own['running']}/requeue", {"reason": "the worker hangs"})
    assert ask(site, "jobs.document", job=own["running"])["state"] == "queued"
    charged = jobs.c.id == own["charged"]
    site.world.do(lambda work: work.run(
        update(jobs).where(charged).values(charged=5, reserved=5)))  # fmt: skip
    visitor = site.visitor("operator")
    here = f"/operate/jobs/{own['charged']}/refund"
    wrong = visitor.fill(here, {"amount": "five", "reason": "our fault"})
    assert (wrong.status_code, "five" in wrong.text) == (422, True)
    assert visitor.fill(here, {"amount": "1", "reason": "our fault"}).status_code == 422
    sent(site, here, {"amount": "0.000005", "reason": "our fault"})
    entries = ask(site, "ledger.statement", project=own["project"])["items"]
    assert (entries[0]["kind"], entries[0]["amount"]) == ("refund", 5)


def test_a_job_offers_what_its_state_allows(site: Site) -> None:
    for job, wanted in (("held", {"move", "boost", "release"}), ("charged", set())):
        path = f"/operate/jobs/{site.world.other[job]}"
        page = parsed(site.visitor("operator").get(path).text)
        actions = {str(one["action"]) for one in page.all("form")}
        steps = {one.rpartition("/")[2] for one in actions if one.startswith(path)}
        assert steps == wanted, job


def test_projects_are_decided_on_and_given_credits(site: Site) -> None:
    slug, now = "own-requested", site.world.now
    here = f"/operate/projects/{slug}"
    sent(site, here + "/approve", role="allocator")
    sent(
        site,
        here + "/terms",
        {
            "programme": "awards",
            "shares": "7",
            "starts_at": "",
            "ends_at": typed(now + 99 * HOUR),
            "retention_days": "30",
        },
    )
    sent(site, here + "/devices", {"devices": ["simulator"]})
    shown = ask(site, "projects.show", project=slug)
    terms = [shown[name] for name in ("state", "programme", "shares", "retention_days", "devices")]
    assert terms == ["active", "awards", 7, 30, ["simulator"]]
    span = {"starts_at": typed(now - HOUR), "ends_at": typed(now + 90 * HOUR)}
    sent(site, here + "/grant", {"amount": "12.5", **span, "reason": "award 7"}, "allocator")
    balance = ask(site, "ledger.balance", project=slug)
    assert balance["free"] == 12_500_000
    allocation = "/operate/allocations/" + balance["allocations"][0]["allocation"]
    why = {"reason": "a mistake", "project": slug}
    sent(site, allocation + "/adjust", {"amount": "-2.5", **why})
    target = site.world.own["target"]
    sent(site, allocation + "/transfer", {"amount": "4", "to": target, **why})
    assert ask(site, "ledger.balance", project=slug)["free"] == 6_000_000
    too_much = site.visitor("operator").fill(allocation + "/adjust", {"amount": "-99", **why})
    assert (too_much.status_code, "-99" in too_much.text) == (409, True)
    sent(site, allocation + "/revoke", why)
    assert ask(site, "ledger.balance", project=slug)["free"] == 0
    sent(site, here + "/suspend", {"reason": "a question"})
    sent(site, here + "/resume")
    sent(site, here + "/renew", {"ends_at": typed(now + 999 * HOUR)})
    sent(site, "/operate/projects/other-requested/refuse", {"reason": "not quantum"})
    assert ask(site, "projects.show", project="other-requested")["state"] == "closed"


@pytest.mark.parametrize("value", ["", "12,5", "1e3", "-", "0.0000001", "9" * 10, "١٢"])
def test_an_amount_that_is_none_is_told_at_its_field(site: Site, value: str) -> None:
    span = {"starts_at": typed(site.world.now), "ends_at": typed(site.world.now + HOUR)}
    answer = site.visitor("operator").fill(
        "/operate/projects/own-project/grant", {"amount": value, **span}
    )
    wrong = [one["name"] for one in parsed(answer.text).all("input")
             if one.get("aria-invalid") == "true"]  # fmt: skip
    assert (answer.status_code, wrong) == (422, ["amount"])


@pytest.mark.parametrize(
    "value", ["", "today", "2026-13-01T00:00", "2026-01-01", "0001-01-01T00:00"]
)
def test_a_time_that_is_none_is_told_at_its_field(site: Site, value: str) -> None:
    form = {"device": "spare", "starts_at": value, "ends_at": "2099-01-01T00:00", "impact": "full"}
    answer = site.visitor("operator").fill("/calendar/maintenance", form)
    wrong = [one["name"] for one in parsed(answer.text).all("input")
             if one.get("aria-invalid") == "true"]  # fmt: skip
    assert (answer.status_code, wrong) == (422, ["starts_at"])


def test_maintenance_and_bookings_are_in_everybodys_calendar(site: Site) -> None:
    now = site.world.now
    span = {"starts_at": typed(now + 60 * HOUR), "ends_at": typed(now + 62 * HOUR)}
    plan = {"device": "spare", "impact": "full", "note": "new fridge", "draft": "", **span}
    sent(site, "/calendar/maintenance", {k: v for k, v in plan.items() if k != "draft"})
    assert "new fridge" in site.visitor("outsider").get("/calendar").text
    book = {"project": "own-project", "device": "spare", "note": "ours", **span}
    refused = site.visitor("pi").fill("/calendar/bookings", book)
    assert (refused.status_code, "own-project" in refused.text) == (409, True)
    later = {"starts_at": typed(now + 70 * HOUR), "ends_at": typed(now + 71 * HOUR)}
    sent(site, "/calendar/bookings", book | later, "pi")
    outsider = site.visitor("outsider").get("/calendar").text
    assert "ours" not in outsider and "own-project" not in outsider
    page = parsed(site.visitor("operator").get("/calendar").text)
    actions = [str(one["action"]) for one in page.all("form")]
    firm = [one for one in actions if one.endswith("/schedule")]
    assert len(firm) == 3  # two of this world are drafts too
    asked = ask(site, "devices.calendar", device="spare", since=now, until=now + 99 * HOUR)
    booking = asked["items"][1]["reservation"]
    sent(site, f"/calendar/{booking}/schedule")
    sent(site, f"/calendar/{booking}/cancel", role="pi")
    items = ask(site, "devices.calendar", device="spare", since=now, until=now + 99 * HOUR)["items"]
    assert [one["state"] for one in items] == ["scheduled", "cancelled"]
    chart = site.visitor("outsider").get("/calendar").text
    assert chart.count('class="part part-reserved') == 1


def test_devices_get_a_status_and_a_price(site: Site) -> None:
    sent(site, "/operate/devices/indus/change", {"status": "error"})
    found = ask(site, "devices.get", device="indus")
    assert (found["status"], found["accepting"]) == ("error", False)
    assert "/operate/devices" in parsed(site.visitor("operator").get("/operate").text).links
    price = {"per_second": "1.5", "per_shot": "0.000001", "per_job": "0"}
    sent(site, "/operate/devices/indus/rates", {**price, "starts_at": ""})
    rates = ask(site, "ledger.rates", device="indus")
    assert (rates["now"]["per_second"], rates["now"]["per_shot"]) == (1_500_000, 1)
    values = {one["name"]: one.get("value") for one in
              parsed(site.visitor("operator").get("/operate/devices").text).all("input")
              if (one.get("id") or "").startswith("operate-devices-indus-rates")}  # fmt: skip
    assert values == {**price, "starts_at": ""}
    sent(site, "/operate/devices/indus/default")
    sent(site, "/operate/devices/spare/retire")
    assert ask(site, "devices.get", device="spare")["retired_at"] is not None


def test_announcements_are_read_in_the_readers_language(site: Site) -> None:
    visitor = site.visitor("operator")
    form = {
        "kind": "incident",
        "title_en": "Fridge",
        "body_en": "Warm.",
        "title_ur": "فریج",
        "body_ur": "گرم ہے۔",
        "title_zh": "",
        "body_zh": "",
        "starts_at": "",
        "ends_at": "",
    }
    for wrong, field in (
        ({"title_en": "", "title_ur": ""}, "title_en"),
        ({"body_zh": "热"}, "title_zh"),
        ({"starts_at": "x"}, "starts_at"),
    ):
        answer = visitor.fill("/operate/announcements", form | wrong)
        marked = [one["name"] for one in parsed(answer.text).all("input")
                  if one.get("aria-invalid") == "true"]  # fmt: skip
        assert (answer.status_code, marked) == (422, [field]), wrong
    sent(site, "/operate/announcements", form)
    assert "فریج" in site.visitor("pi", "ur").get("/announcements").text
    assert "Fridge" in site.visitor("pi", "zh").get("/announcements").text
    made = ask(site, "announcements.list")["items"][0]["announcement"]
    sent(site, f"/operate/announcements/{made}/withdraw")
    assert "Fridge" not in site.visitor().get("/announcements").text


def test_keys_of_workers_are_shown_once_and_revoked(site: Site) -> None:
    visitor = site.visitor("operator")
    key = secret_in(visitor.fill("/operate/workers", {"label": "lab 2"}).text)
    page = visitor.get("/operate/workers").text
    assert key.startswith("mkz_w_") and key not in page and "lab 2" in page
    made = [one for one in ask(site, "keys.list_workers")["items"] if one["label"] == "lab 2"]
    sent(site, f"/operate/workers/keys/{made[0]['id']}/revoke")
    assert "lab 2" not in visitor.get("/operate/workers").text


def test_institutions_get_shares(site: Site) -> None:
    sent(site, "/operate/institutions", {"name": "GIKI", "country": "PK", "shares": "3"})
    found = {one["name"]: one for one in ask(site, "institutions.list")["items"]}
    path = f"/operate/institutions/{found['GIKI']['id']}/change"
    sent(site, path, {"name": "GIK Institute", "shares": "5"}, "allocator")
    found = {one["name"]: one["shares"] for one in ask(site, "institutions.list")["items"]}
    assert found["GIK Institute"] == 5


def test_a_device_is_calibrated_now(site: Site) -> None:
    page = parsed(site.visitor("operator").get("/operate/devices").text)
    offered = {str(one["action"]) for one in page.all("form")}
    here = "/operate/devices/hunza/calibrate"
    assert here in offered and "/operate/devices/simulator/calibrate" not in offered
    sent(site, here)
    assert ask(site, "devices.get", device="hunza")["status"] == "calibration"
    page = parsed(site.visitor("operator").get("/operate/devices").text)
    assert here not in {str(one["action"]) for one in page.all("form")}
    assert site.visitor("operator").fill(here).status_code == 409
