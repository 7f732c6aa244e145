"""Pages of operators, directors and devices: whole, marked, and telling what the centre says."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from typing import Any

import pytest

from markaz.centre.access import QUERIES, SYSTEM, VERBS, CentreRole, Principal
from markaz.interfaces.portal import languages, render
from markaz.interfaces.portal.formats import MICRO, Formats
from markaz.interfaces.portal.languages import LANGUAGES
from markaz.interfaces.portal.pages_director import steps_of
from markaz.interfaces.portal.pages_operator import measured
from markaz.interfaces.portal.render import Pages
from markaz.interfaces.portal.table import PAGES
from markaz.interfaces.rest_api.metrics import Metrics
from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.sheet_csv import from_csv
from tests import overseers
from tests.portal_tools import Parsed, Site, address, parsed
from tests.unit.interfaces.portal.test_portal_language import Brackets, _unmarked
from tests.unit.interfaces.portal.test_portal_pages import _fields_have_labels, _headings_in_order

OURS = ("/operate", "/usage", "/calendar", "/devices/")
ROLES = ("operator", "director", "allocator")
YEAR = "/usage?period=year"


def paths_of(site: Site, role: str) -> list[str]:
    pages = [page for page in PAGES if page.method == "GET" and page.path.startswith(OURS)]
    own = site.world.own
    more = [
        "/devices/indus/calibration?quantity=gate_error:cz", "/devices/indus/history?days=365",
        "/devices/hunza/calibration", YEAR + "&by=person", "/usage/jobs?period=year&state=failed",
        f"/operate/jobs/{own['running']}", f"/operate/jobs/{own['charged']}",
        f"/operate/projects/{own['requested']}", f"/operate/people/{site.world.ids['waiting']}",
        "/operate/workers?gone=1", "/operate/people?state=pending",
    ]  # fmt: skip
    return sorted({*(address(site, page, own, role) for page in pages), *more})


@pytest.fixture(scope="module")
def lived(site: Site) -> Site:
    """The centre after forty days of work."""
    overseers.used(site)
    return site


def operator_of(site: Site) -> Principal:
    return Principal(site.world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))


def ask(site: Site, name: str, **given: Any) -> Any:
    return site.world.centre.ask(QUERIES[name], operator_of(site), **given)


@pytest.mark.parametrize("role", ROLES)
def test_each_is_a_whole_page(lived: Site, role: str) -> None:
    seen = 0
    for number, path in enumerate(paths_of(lived, role)):
        language = list(LANGUAGES.values())[number % 3]
        answer = lived.visitor(role, language.code).get(path)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        found = parsed(answer.text)
        seen += answer.status_code == 200
        assert found.all("html")[0]["dir"] == language.direction, path
        assert len(found.all("h1")) == 1, path
        assert not any(name == "style" or name.startswith("on") for _, names in found.skeleton
                       for name in names), path  # fmt: skip
        ids = [one["id"] for _, one in found.elements if "id" in one]
        assert len(ids) == len(set(ids)), (path, sorted(ids))
        _headings_in_order(found, path)
        _fields_have_labels(found, path)
    assert seen > (10 if role == "allocator" else 25)


def test_every_text_is_marked(lived: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (languages, render):
        monkeypatch.setattr(module, "translations", lambda code: Brackets())
    monkeypatch.setattr(lived.portal, "pages", Pages(lived.portal))
    allowed = re.compile(
        r"Markaz|simulator|own-project|other-project|operator|a-[\w-]+|[\w-]+|p"
        r"|\d+ \w+ \d+(, \d\d:\d\d(:\d\d UTC)?)?|(in|within)? ?[\d.,]+ \w+( ago)?|a minute"
        r"|(Indus|Hunza|Karakoram): .*|Noiseless simulator|\+[0-9]|.*@.*|µs|kHz|GHz|ns|\(UTC\)|cz\."
    )
    wrong = {}
    for role in ("operator", "director"):
        visitor = lived.visitor(role)
        for path in paths_of(lived, role):
            answer = visitor.get(path)
            if answer.headers["content-type"].startswith("text/html"):
                found = {t for t in _unmarked(parsed(answer.text)) if not allowed.fullmatch(t)}
                wrong |= {path: found} if found else {}
    assert wrong == {}


def test_a_director_looks_and_changes_nothing(lived: Site) -> None:
    visitor = lived.visitor("director")
    for path in paths_of(lived, "director"):
        answer = visitor.get(path)
        if answer.headers["content-type"].startswith("text/html"):
            posts = {one["action"] for one in parsed(answer.text).all("form")
                     if one.get("method") == "post"}  # fmt: skip
            assert posts <= {"/preferences", "/logout"}, path


def test_the_menu_has_what_ones_role_allows(lived: Site) -> None:
    wanted = {
        "pi": set(), "operator": {"/operate", "/usage"}, "director": {"/operate", "/usage"},
        "allocator": {"/operate/projects"}, "reviewer": set(),
    }  # fmt: skip
    for role, paths in wanted.items():
        links = parsed(lived.visitor(role).get("/home").text).links
        assert {one for one in links if one.startswith(("/operate", "/usage"))} == paths, role


# Numbers and the lists behind them.


def links_with(page: Parsed, start: str) -> list[tuple[str, str]]:
    """(address, text) of links to ``start…``."""
    found = []
    for around, text in page.texts:
        for tag, names in around:
            if tag == "a" and (names.get("href") or "").startswith(start):
                found.append((str(names["href"]), text))
    return found


@pytest.mark.parametrize("by", ["institution", "programme", "project", "person", "device"])
def test_every_number_opens_the_list_behind_it(lived: Site, by: str) -> None:
    visitor = lived.visitor("director")
    page = parsed(visitor.get(f"{YEAR}&by={by}").text)
    opened = 0
    for path, number in links_with(page, "/usage/jobs?"):
        if by in path and "." not in number:
            found = parsed(visitor.get(path).text)
            told = [text for around, text in found.texts
                    if [tag for tag, _ in around][-2:] == ["div", "dd"]]  # fmt: skip
            assert told[0] == number, path
            opened += 1
    assert opened >= 3


def test_the_page_says_what_the_report_says(lived: Site) -> None:
    visitor, formats = lived.visitor("director"), Formats(LANGUAGES["en"], "UTC", str)
    answer = visitor.get(f"{YEAR}&by=person")
    page = parsed(answer.text)
    ends = [one["value"] for one in page.all("input") if one.get("type") == "date"]
    report = ask(lived, "usage.report", first=ends[0], last=ends[1], by="person")
    rows = visitor.get(f"/usage/table.csv?first={ends[0]}&last={ends[1]}&by=person")
    listed = list(csv.DictReader(io.StringIO(rows.content.decode("utf-8-sig"))))
    assert report["total"]["jobs"] >= 120
    for one, row in zip(report["items"], listed, strict=True):
        assert row["person"] == one["key"] and row["name"] == one["name"]
        assert int(row["jobs"]) == one["jobs"] and int(row["people"]) == one["people"]
        assert float(row["credits"]) * MICRO == pytest.approx(one["charged"])
        assert formats.credits(one["charged"]) in [text for _, text in page.texts]
        assert formats.percent(one["charged"] / report["total"]["charged"], 1) in answer.text
    jobs = visitor.get(f"/usage/jobs.csv?first={ends[0]}&last={ends[1]}&state=failed")
    failed = list(csv.DictReader(io.StringIO(jobs.content.decode("utf-8-sig"))))
    assert len(failed) == report["total"]["failed"]
    assert {row["state"] for row in failed} == {"failed"}
    assert jobs.headers["content-disposition"].startswith('attachment; filename="jobs-')


def test_steps_of_time_are_equal_and_lose_nothing() -> None:
    days = [{"key": f"2026-01-{day:02}", "jobs": 1, "seconds": 0.5, "charged": day}
            for day in range(1, 32)]  # fmt: skip
    for last, count, width in (
        ("2026-01-31", 31, 1),
        ("2026-12-31", 53, 7),
        ("2030-01-01", 59, 25),
    ):
        steps = steps_of({"first": "2026-01-01", "last": last, "items": days})
        assert (len(steps), sum(one["jobs"] for one in steps)) == (count, 31)
        assert sum(one["charged"] for one in steps) == sum(range(32))
        assert (steps[0]["first"], steps[-1]["last"]) == ("2026-01-01", last)
        assert len({one["first"] for one in steps}) == count
        assert width == 1 or steps[0]["last"] == f"2026-01-{width:02}"


def test_days_that_are_none_are_refused(lived: Site) -> None:
    for query in ("first=x&last=y", "first=2026-05-02&last=2026-05-01", "first=1&last=2026-01-01"):
        assert lived.visitor("director").get(f"/usage?{query}").status_code == 422


def test_the_queue_is_in_the_order_of_the_centre(lived: Site) -> None:
    items = ask(lived, "jobs.queue")["items"]
    page = parsed(lived.visitor("operator").get("/operate/queue").text)
    shown = [path.rpartition("/")[2] for path, _ in links_with(page, "/operate/jobs/")]
    assert shown[: len(items)] == [one["job"] for one in items]
    held = ask(lived, "jobs.list", everyone=True, state="held")["items"]
    assert {one["job"] for one in held} <= set(shown)
    points = sum(part["points"] for part in items[0]["factors"])
    assert f"{round(points):,}" in [text for _, text in page.texts]


def test_home_tells_what_waits_for_an_operator(lived: Site) -> None:
    page = parsed(lived.visitor("operator").get("/operate").text)
    ids, own = lived.world.ids, lived.world.own
    assert {f"/operate/people/{ids['waiting']}", f"/operate/people/{ids['pending']}"} <= page.links
    assert {"/operate/projects/own-requested", "/operate/projects/other-requested"} <= page.links
    failed = ask(lived, "jobs.ended", since=lived.world.now - 3600 * MICRO,
                 until=lived.world.now + 3600 * MICRO, state="failed")["items"]  # fmt: skip
    assert {f"/operate/jobs/{one['job']}" for one in failed} <= page.links
    assert f"/operate/jobs/{own['charged']}" not in page.links  # that one completed
    told = [text for around, text in page.texts if around[-1][0] == "h2"]
    assert told[:6] == [
        "Workers are missing", "Devices that need care", "Jobs that failed in the last hour",
        "Accounts to approve", "Projects to approve", "Bookings to decide on",
    ]  # fmt: skip


def test_health_is_what_the_server_measured(lived: Site) -> None:
    metrics = Metrics()
    assert measured(metrics.claim) == {"count": 0, "p50": None, "p95": None}
    for seconds in [0.0004] * 6 + [0.3] * 4:
        metrics.observe("claim", seconds)
    assert measured(metrics.claim) == {"count": 10, "p50": 0.0005, "p95": 0.5}
    metrics.observe("claim", 1000.0)
    assert measured(metrics.claim)["p95"] is None
    lived.portal.api.dispatcher.on = False  # type: ignore[attr-defined]
    try:
        text = lived.visitor("director").get("/operate/health").text
    finally:
        lived.portal.api.dispatcher.on = True  # type: ignore[attr-defined]
    states = [names.get("class") for around, _ in parsed(text).texts for tag, names in around
              if tag == "span" and "state-" in (names.get("class") or "")]  # fmt: skip
    assert states[:4] == [
        "state state-completed",
        "state state-failed",
        *["state state-completed"] * 2,
    ]


# Devices.


def sheet_of(site: Site, device: str) -> Any:
    text = ask(site, "devices.sheet", device=device)
    return text, from_json(text)


def test_the_table_of_a_device_has_the_sheets_values(lived: Site) -> None:
    _, sheet = sheet_of(lived, "indus")
    page = parsed(lived.visitor("pi").get("/devices/indus/calibration?quantity=T1").text)
    t1 = sheet.value("T1", 7)
    assert f"{t1:.3g}" in [text for around, text in page.texts if around[-1][0] == "td"]
    titles = {text for around, text in page.texts if around[-1][0] == "title"}
    assert f"7: {t1:.3g} µs" in titles
    beyond = [text for around, text in page.texts if "beyond" in (around[-1][1].get("class") or "")]
    worse = [row for row in sheet.rows if row.quantity == "T1" and row.value < 12.0]
    assert len([one for one in beyond if one.endswith("!")]) >= len(worse)


def test_sheets_are_downloaded_to_the_byte(lived: Site) -> None:
    text, sheet = sheet_of(lived, "indus")
    visitor = lived.visitor("pi")
    as_json = visitor.get("/devices/indus/sheet.json")
    assert "sha256:" + hashlib.sha256(as_json.content).hexdigest() == sheet.id
    assert as_json.content.decode() == text
    assert from_csv(visitor.get(f"/devices/indus/sheet.csv?sheet={sheet.id}").text) == sheet
    for path in (
        "/devices/simulator/sheet.csv",
        "/devices/indus/sheet.xml",
        "/devices/no/sheet.csv",
        f"/devices/hunza/sheet.csv?sheet={sheet.id}",
        "/devices/indus/sheet.csv?sheet=x",
    ):
        assert visitor.get(path).status_code == 404, path


def test_a_history_is_that_of_the_centre(lived: Site) -> None:
    visitor = lived.visitor("pi")
    points = ask(lived, "devices.history", device="indus", quantity="T1", target="3")["points"]
    page = parsed(visitor.get("/devices/indus/history?quantity=T1&target=3&days=365").text)
    shown = [
        text for around, text in page.texts if [tag for tag, _ in around][-2:] == ["td", "bdi"]
    ]
    assert shown[0] == f"{points[-1]['value']:.3g}"
    for query in ("quantity=none&target=3", "quantity=T1&target=3-4", "quantity=T1&target=x",
                  "quantity=gate_error:cz&target=0", "days=x"):  # fmt: skip
        answer = visitor.get(f"/devices/indus/history?{query}")
        assert answer.status_code == 200, query


def test_a_device_without_a_sheet_says_so(lived: Site) -> None:
    visitor = lived.visitor("pi")
    for path in ("/devices/simulator/calibration", "/devices/simulator/history"):
        page = parsed(visitor.get(path).text)
        assert any(names.get("class") == "empty" for _, names in page.elements), path
    assert "/devices/indus/calibration" in parsed(visitor.get("/devices/indus").text).links


def test_the_audit_trail_is_filtered_and_checked(lived: Site) -> None:
    visitor = lived.visitor("director")
    page = parsed(visitor.get("/operate/audit?verb=devices.*").text)
    verbs = {text for path, text in links_with(page, "/operate/audit?verb=")}
    assert verbs and all(one.startswith("devices.") for one in verbs)
    by = lived.world.ids["stranger"]
    entries = ask(lived, "audit.search", by=by)["items"]
    page = parsed(visitor.get(f"/operate/audit?by={by}").text)
    assert len(links_with(page, "/operate/audit?verb=")) == len(entries) > 0
    assert visitor.get("/operate/audit?since=2099-01-01").text.count("<tbody>") == 0
    assert visitor.get("/operate/audit?since=x").status_code == 422
    checked = visitor.get("/operate/audit/verification").text
    heads = json.loads(re.findall(r"<pre[^>]*>(.*?)</pre>", checked, re.S)[0].replace("&#34;", '"'))
    assert len(heads["heads"]) == len(ask(lived, "audit.heads")["heads"])
    assert 'class="notice good"' in checked


def test_reports_stay_the_same_once_summed_up(lived: Site) -> None:
    visitor = lived.visitor("director")
    before = [text for _, text in parsed(visitor.get(YEAR).text).texts]
    lived.world.centre.perform(VERBS["jobs.tally"], SYSTEM)
    assert [text for _, text in parsed(visitor.get(YEAR).text).texts] == before
