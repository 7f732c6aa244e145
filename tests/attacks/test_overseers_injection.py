"""A11 on the pages of operators and directors: stored markup, formulas, and parameters."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from markaz.interfaces.portal.spreadsheets import csv_of
from markaz.interfaces.portal.table import PAGES
from tests import overseers
from tests.attacks.test_portal_injection import (
    HARMLESS,
    PAYLOADS,
    site_with_everything,
    skeletons,
    write,
)
from tests.portal_tools import Site, address, parsed

OURS = ("/operate", "/usage", "/calendar", "/devices")
SHOWN = [page for page in PAGES if page.method == "GET" and page.path.startswith(OURS)]


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_with_everything(sqlite_template, tmp_path_factory.mktemp("centre")) as site:
        overseers.used(site, days=4)
        write(site, HARMLESS)
        yield site


def paths_of(site: Site) -> list[str]:
    """Our pages, each with what makes it show most."""
    paths = [address(site, page, site.world.own, "operator") for page in SHOWN]
    more = [
        "/usage?period=year&by=person", "/usage?period=year&by=project",
        "/usage/jobs?period=year", "/operate/people?search=o", "/operate/audit?verb=devices.*",
        f"/operate/jobs/{site.world.own['charged']}", "/devices/indus/calibration",
        "/devices/indus/history", f"/operate/projects/{site.world.own['requested']}",
        f"/usage/jobs?period=year&person={site.world.ids['pi']}",
    ]  # fmt: skip
    # Writing is audited, so that the newest entries are others each time.
    return sorted({*paths, *more} - {"/operate/audit"})


@pytest.mark.parametrize("role", ["operator", "director"])
@pytest.mark.parametrize("start", [0, 18], ids=["first", "rest"])
def test_no_stored_text_becomes_markup(site: Site, role: str, start: int) -> None:
    visitor, paths = site.visitor(role), paths_of(site)
    write(site, HARMLESS)
    before = skeletons(visitor, paths)
    write(site, " ".join(PAYLOADS[start : start + 18]))
    after = skeletons(visitor, paths)
    assert len(before) > 20
    assert {path for path in before if before[path] != after[path]} == set()


@pytest.mark.parametrize("page", [page for page in SHOWN if page.query], ids=lambda p: p.path)
def test_parameters_are_repeated_as_text_only(site: Site, page: Any) -> None:
    write(site, HARMLESS)
    visitor = site.visitor("operator")
    path = address(site, page, site.world.own, "operator").replace("/simulator", "/indus")
    for name in (*page.query, "done"):
        for payload in PAYLOADS[::11]:
            answer = visitor.get(path, params={name: payload})
            assert answer.status_code < 500, (name, payload)
            if answer.headers["content-type"].startswith("text/html"):
                found = parsed(answer.text)
                assert len(found.all("script")) <= 2, (name, payload)
                assert not any(key.startswith("on") for _, names in found.skeleton for key in names)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.method == "POST" and page.again and page.path.startswith(OURS)],
    ids=lambda p: p.path,
)
def test_a_refused_form_repeats_text_only(site: Site, page: Any) -> None:
    write(site, HARMLESS)
    visitor = site.visitor("operator")
    path = address(site, page, site.world.own, "operator")
    form = {one.name: "\x00" if one.kind == "text" else "" for one in page.form}
    form |= {one.name: site.world.own["project"] for one in page.form if one.kind == "hidden"}
    plain = visitor.fill(path, form)
    wrong = {k: PAYLOADS[0] + PAYLOADS[6] + "\x00" if v == "\x00" else v for k, v in form.items()}
    marked = visitor.fill(path, wrong)
    assert (plain.status_code, marked.status_code) == (422, 422)
    # The words of the refusal are repeated too, where they have no translation.
    assert len(parsed(marked.text).all("script")) == len(parsed(plain.text).all("script"))
    assert [one for one in parsed(marked.text).elements if "onerror" in one[1]] == []


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+A1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "|x",
        "%x",
        "\n=1",
        "=cmd|' /C calc'!A0",
        "\uff1d1",
        "-text",
    ],
)
def test_no_cell_of_a_file_is_a_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_of(("a", "b"), [(text, -5)]).decode("utf-8-sig"))))
    assert rows[1][0].startswith("'")
    assert rows[1] == ["'" + text, "-5"]


def test_names_in_files_are_no_formulas(site: Site) -> None:
    write(site, "=HYPERLINK(1)")
    visitor = site.visitor("director")
    for path, column in (("/usage/table.csv?period=year&by=project", 1),
                         ("/usage/jobs.csv?period=year", 5)):  # fmt: skip
        text = visitor.get(path).content.decode("utf-8-sig")
        cells = {row[column] for row in list(csv.reader(io.StringIO(text)))[1:]}
        assert cells == {"'=HYPERLINK(1)"}, path
