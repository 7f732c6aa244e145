"""Devices added from files, acceptances and their reports, on the operators' pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import QUERIES, CentreRole, Principal
from markaz.centre.calibrations.tables import measurements
from markaz.centre.records import signing
from tests.portal_tools import Site, parsed
from tests.rest_world import CONTRACT, DEVICE_FILE
from tests.unit.interfaces.reports.test_acceptance_report import DOCUMENT


def ask(site: Site, name: str, **given: Any) -> Any:
    operator = Principal(site.world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    return site.world.centre.ask(QUERIES[name], operator, **given)


def file(data: bytes) -> dict[str, Any]:
    return {"upload": ("a.toml", data, "application/toml")}


def problems(answer: Any) -> list[str]:
    """The fields that a refused form marks."""
    page = parsed(answer.text)
    marked = [*page.all("input"), *page.all("textarea")]
    return [str(one["name"]) for one in marked if one.get("aria-invalid") == "true"]


def test_a_device_is_added_from_its_file_which_goes_before_the_text(site: Site) -> None:
    operator = site.visitor("operator")
    other = DEVICE_FILE.replace('"ravi"', '"chenab"')
    answer = operator.fill("/operate/devices", {"file": DEVICE_FILE}, files=file(other.encode()))
    assert answer.headers["location"] == "/operate/devices?done=added"
    assert ask(site, "devices.get", device="chenab")["status"] == "offline"
    assert operator.fill("/operate/devices", {"file": DEVICE_FILE}).status_code == 303
    again = operator.fill("/operate/devices", {"file": DEVICE_FILE})
    assert (again.status_code, "in force already" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("form", "files", "status", "field"),
    [
        ({}, {}, 422, "file"),
        ({"file": " "}, {}, 422, "file"),
        ({}, file(b"\xff\xfe\x00"), 422, "upload"),
        ({"file": "name = 3"}, {}, 422, "file"),
        ({}, file(b'name = "x"'), 422, "file"),
    ],
)
def test_what_is_no_device_is_told_at_its_field(
    site: Site, form: dict[str, str], files: dict[str, Any], status: int, field: str
) -> None:
    answer = site.visitor("operator").fill("/operate/devices", form, files=files)
    assert (answer.status_code, problems(answer)) == (status, [field])


def test_an_acceptance_is_begun_with_its_contract_and_followed(site: Site) -> None:
    operator = site.visitor("operator")
    here = "/operate/devices/hunza/measurements"
    wrong = operator.fill(here, {"contract": "title = 1"})
    assert (wrong.status_code, problems(wrong)) == (422, ["contract"])
    answer = operator.fill(here, files=file(CONTRACT.encode()))
    there = answer.headers["location"].partition("?")[0]
    found = ask(site, "calibrations.list", device="hunza")["items"][0]
    assert there == f"/operate/measurements/{found['measurement']}"
    assert (found["kind"], found["state"]) == ("acceptance", "running")
    parts = ask(site, "calibrations.show", measurement=found["measurement"])["parts"]
    page = parsed(operator.get(there).text)
    assert {f"/operate/jobs/{one['job']}" for one in parts} <= page.links
    assert there in parsed(operator.get(here).text).links
    # A director looks on, and has no form for it.
    looks = parsed(site.visitor("director").get(here).text)
    assert there in looks.links
    assert here not in {one["action"] for one in looks.all("form")}


def signed(site: Site, key: bytes) -> str:
    """The world's acceptance with a whole record; its address."""
    name = site.world.ids["measurement"]
    record = json.dumps(signing.sign("acceptance", DOCUMENT, key))
    chosen = update(measurements).where(measurements.c.id == name)
    site.world.do(lambda work: work.run(chosen.values(record=record, note="fail")))
    return f"/operate/measurements/{name}"


def test_a_verdict_stands_on_its_page_and_in_files(site: Site) -> None:
    key = signing.signing_key(site.world.centre.services.settings.data)
    here, director = signed(site, key), site.visitor("director")
    text = director.get(here).text
    states = [one["class"] for one in parsed(text).all("span") if "class" in one]
    assert states.count("state state-fail") == 1 + 2
    assert states.count("state state-pass") == 1
    assert "Lot &lt;1&gt;" in text
    assert "this is practice" in text
    pdf = director.get(here + "/report.pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    page = director.get(here + "/report.html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert page.headers["content-disposition"].startswith("attachment")
    envelope = director.get(here + "/report.json").json()
    assert signing.verify(envelope, signing.public_key(key)) == ("acceptance", DOCUMENT)
    assert director.get(here + "/report.exe").status_code == 404


def test_a_record_under_another_key_is_no_verdict(site: Site) -> None:
    here, director = signed(site, bytes(32)), site.visitor("director")
    text = director.get(here).text
    assert "not signed with the centre's key of today" in text
    assert "state-fail" not in text
    assert director.get(here + "/report.html").status_code == 409
    assert director.get(here + "/report.json").status_code == 200


def test_files_are_for_overseers(site: Site) -> None:
    here = f"/operate/measurements/{site.world.ids['measurement']}"
    for role in ("pi", "allocator", "reviewer"):
        assert site.visitor(role).get(here + "/report.json").status_code == 403, role
