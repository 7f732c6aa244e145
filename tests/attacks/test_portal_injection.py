"""A11: markup in every text that people write, on every page that a crawler finds.

Texts are put straight into the database, past all checks; a page may then differ from the
harmless one in its texts alone, never in its elements and their attributes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import String, Text, insert, select, update

from markaz.centre.announcements.tables import announcements
from markaz.centre.centre import Centre
from markaz.centre.db.tables import metadata
from markaz.centre.ids import new_id
from markaz.centre.jobs.tables import interventions, jobs, sessions
from markaz.centre.ledger.tables import ledger_entries
from markaz.centre.settings import Settings
from markaz.interfaces.portal.table import PAGES
from tests.portal_tools import QUIET, Site, Visitor, address, forms_of, parsed, site_of
from tests.rest_fakes import silence
from tests.rest_world import undone

PAYLOADS: Final = (
    "<script>alert(1)</script>", "<ScRiPt src=//evil.example></sCrIpT>", "<img src=x onerror=a()>",
    '"><svg onload=a()>', "'><svg/onload=a()>", "</title><script>a()</script>",
    "</textarea><script>a()</script>", "</style><script>a()</script>", "<!--<script>a()//-->",
    "]]><script>a()</script>", '" onmouseover="a()', "' onfocus='a()' autofocus='",
    "` onclick=`a()", "javascript:alert(1)", "{{ 7*7 }}", "{% for a in b %}", "${7*7}", "#{7*7}",
    "<%= 7*7 %>", "&lt;script&gt;a()&lt;/script&gt;", "&#60;script&#62;", "\\u003cscript\\u003e",
    "<a href=javascript:a()>x</a>", "<iframe srcdoc=x>", "<base href=//evil.example>",
    "<form action=//evil.example>", "<meta http-equiv=refresh content=0>",
    "<math><mi//xlink:href=a>",
    "</option></select><b>", "</pre></code><b>", "%(a)s %s %d", "\u202e<script>\u2066",
    "<!ENTITY x>", "</dd></dl><b>", "<input name=csrf value=x>",
)  # fmt: skip
HARMLESS: Final = "Words"
# Columns that people write: (table, column). Others hold names from lists, ids and hashes.
WRITTEN: Final = {
    ("announcements", "texts"), ("api_keys", "label"), ("devices", "title"),
    ("devices", "description"), ("identities", "issuer"), ("identities", "subject"),
    ("institutions", "name"), ("interventions", "reason"), ("invitations", "email"),
    ("jobs", "name"), ("jobs", "tags"), ("jobs", "note"), ("jobs", "error_message"),
    ("ledger_entries", "reason"), ("projects", "title"), ("projects", "description"),
    ("projects", "programme"), ("reservations", "note"), ("users", "name"), ("users", "email"),
}  # fmt: skip
# Pages that a link does not lead to: ways back, parts of pages, and a job that is not listed.
UNLINKED: Final = {
    "/login/elsewhere", "/login/elsewhere/back", "/account/link", "/jobs/{job}/live",
    "/jobs/{job}/circuit.qasm",
}  # fmt: skip


@contextlib.contextmanager
def site_with_everything(template: Path, data: Path) -> Iterator[Site]:
    """The portal around a centre in ``data``, with something in every table."""
    shutil.copy(template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **QUIET})) as centre:
        site = site_of(centre)
        site.world.do(lambda work: _everything(work, site))
        write(site, HARMLESS)
        yield site


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_with_everything(sqlite_template, tmp_path_factory.mktemp("centre")) as site:
        yield site


def _everything(work: Any, site: Site) -> None:
    """What the world lacks: an announcement, an operator's act, a failed job, a reason."""
    own, world = site.world.own, site.world
    work.run(
        insert(announcements).values(
            id=new_id(work.now), kind="news", texts="{}", starts_at=1, created_at=1,
            made_by=world.ids["operator"],
        )
    )  # fmt: skip
    work.run(
        insert(interventions).values(
            device_id="simulator", job_id=own["job"], verb="hold", ahead=False, reason="r",
            actor=world.ids["operator"], at=work.now,
        )
    )  # fmt: skip
    failed = jobs.c.id == own["charged"]
    work.run(update(jobs).where(failed).values(state="failed", error_kind="engine"))
    work.run(update(jobs).where(jobs.c.id == own["job"]).values(user_id=world.ids["pi"]))
    work.run(update(ledger_entries).values(reason="r"))
    mine = sessions.c.id == own["session"]
    work.run(update(sessions).where(mine).values(user_id=world.ids["pi"]))


def _value(column: str, text: str) -> str:
    import json

    match column:
        case "tags":
            return json.dumps([text])
        case "texts":
            return json.dumps({"en": {"title": text, "body": f"{text}\n\n{text}"}})
        case "description" if not text:
            return ""
    return text


def write(site: Site, text: str) -> None:
    """Have ``text`` stand in every column that people write."""
    import json

    def change(work: Any) -> None:
        for table, column in sorted(WRITTEN):
            value = _value(column, text)
            if (table, column) == ("devices", "description"):
                value = json.dumps({text: [text]})
            there = metadata.tables[table]
            if column in ("name", "issuer") and table in ("institutions", "identities"):
                rows = [row.id for row in work.all(select(there.c.id))]
                for number, row in enumerate(rows):  # unique
                    given = {column: f"{value}{number}"}
                    work.run(update(there).where(there.c.id == row).values(given))
            else:
                work.run(update(there).values({column: value}))

    site.world.do(change)


def crawl(visitor: Visitor, start: str, *, bare: bool = False) -> set[str]:
    """Every address that links lead to; ``bare``: without its parameters."""
    found, left = {start}, [start]
    while left:
        answer = visitor.get(left.pop(), follow_redirects=True)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        links = {link for link in parsed(answer.text).links if "after=" not in link}
        fresh = ({link.partition("?")[0] for link in links} if bare else links) - found
        found |= fresh
        left += fresh
    return found


def is_page(path: str, pattern: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path.partition("?")[0]) is not None


def test_a_crawler_finds_every_page(site: Site) -> None:
    found = crawl(site.visitor("pi"), "/home") | crawl(site.visitor(), "/")
    found |= crawl(site.visitor("operator"), "/home", bare=True)
    missing = {
        page.path
        for page in PAGES
        if page.method == "GET" and not any(is_page(path, page.path) for path in found)
    }
    assert missing == UNLINKED


def test_the_columns_that_people_write_are_known() -> None:
    """A new column of text is named above, or holds no free text by its name."""
    plain = re.compile(
        r"(^|_)(id|hash|digest|by|key|kind|state|status|role|mode|qos|slug|login|language|country|verb"
        r"|actor|shown|scopes|driver|visibility|impact|options|price)$"
    )
    tables = sorted({name for name, _ in WRITTEN})
    free = {
        (name, column.name)
        for name in tables
        for column in metadata.tables[name].columns
        if isinstance(column.type, String | Text) and not plain.search(column.name)
    }
    assert free - WRITTEN == {("jobs", "reason")}  # one of a list


def skeletons(visitor: Visitor, paths: list[str]) -> dict[str, Any]:
    found = {}
    for path in paths:
        answer = visitor.get(path, follow_redirects=True)
        if answer.headers.get("content-type", "").startswith("text/html"):
            found[path] = _comparable(answer.text)
    return found


def _comparable(text: str) -> Any:
    page = parsed(text)
    for tag in ("a", "form", "img", "link", "script", "use"):
        for one in page.all(tag):
            for name in ("href", "action", "src"):
                target = one.get(name) or "/"
                assert target.startswith(("/", "#", "?", "data:image/svg+xml")), target
                assert not target.startswith("//"), target
    # A circuit, a description and a hint may be there or not by what the text is.
    return page.skeleton


def _rounds(count: int, each: int) -> list[tuple[str, ...]]:
    return [PAYLOADS[at : at + each] for at in range(0, count, each)]


def _check(site: Site, payloads: tuple[str, ...]) -> None:
    visitor, stranger = site.visitor("pi"), site.visitor()
    left_out = UNLINKED - {"/jobs/{job}/live"}
    shown = [page for page in PAGES if page.method == "GET" and page.path not in left_out]
    paths = sorted(address(site, page, site.world.own, "pi") for page in shown)
    paths += [f"/jobs/{site.world.own['charged']}"]
    public = ["/", "/devices", "/announcements", "/sign-up", "/login"]
    write(site, HARMLESS)
    before = skeletons(visitor, paths), skeletons(stranger, public)
    write(site, " ".join(payloads))
    after = skeletons(visitor, paths), skeletons(stranger, public)
    assert (len(before[0]) > 15, len(before[1])) == (True, len(public))
    for one, other in zip(before, after, strict=True):
        assert {path for path in one if one[path] != other[path]} == set()


def test_enough_is_tried() -> None:
    assert len(PAYLOADS) >= 30
    assert len(WRITTEN) >= 20


@pytest.mark.parametrize("payloads", _rounds(len(PAYLOADS), 6), ids=lambda one: one[0][:12])
def test_no_stored_text_becomes_markup(site: Site, payloads: tuple[str, ...]) -> None:
    _check(site, payloads)


@pytest.mark.nightly
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_stored_text_becomes_markup_alone(site: Site, payload: str) -> None:
    _check(site, (payload,))


def test_stored_text_is_shown_as_it_was_written(site: Site) -> None:
    write(site, PAYLOADS[0])
    page = parsed(site.visitor("pi").get(f"/projects/{site.world.own['project']}").text)
    assert PAYLOADS[0] in [text for _, text in page.texts]


@pytest.mark.parametrize("page", [p for p in PAGES if p.method == "POST" and p.again],
                         ids=lambda page: page.path)  # fmt: skip
def test_a_form_that_is_shown_again_repeats_text_only(site: Site, page: Any) -> None:
    write(site, HARMLESS)
    role = "anonymous" if page.path in ("/login", "/sign-up", "/lost", "/lost/password",
                                        "/lost/totp") else "pi"  # fmt: skip
    visitor = site.visitor(role)
    path = address(site, page, site.world.own, role)
    form = forms_of(site, site.world.own, role).get(page.path, {})
    texts = [one for one in page.form if one.kind in ("text", "email", "textarea", "number")]
    for one in texts:
        seen = []
        for text in ("not so", " ".join(PAYLOADS[:12])):
            with undone(site.world):
                answer = visitor.fill(path, form | {one.name: text[: one.most]})
            if answer.status_code in (303, 200):
                break  # it was taken, as a text may be
            seen.append((answer.status_code, parsed(answer.text).skeleton))
        else:
            assert [code // 100 for code, _ in seen] == [4, 4]
            texts_of = [[tag for tag, _ in skeleton] for _, skeleton in seen]
            assert {"script", "iframe", "base", "svg"} & (
                set(texts_of[1]) - set(texts_of[0])
            ) == set()
            assert texts_of[1].count("script") == texts_of[0].count("script")
            assert not any(name.startswith("on") for _, names in seen[1][1] for name in names)


@pytest.mark.parametrize("page", [p for p in PAGES if p.method == "GET" and p.query],
                         ids=lambda page: page.path)  # fmt: skip
def test_parameters_are_repeated_as_text_only(site: Site, page: Any) -> None:
    write(site, HARMLESS)
    visitor = site.visitor("pi")
    path = address(site, page, site.world.own, "pi")
    for name in (*page.query, "done", "unknown"):
        for payload in PAYLOADS[::3]:
            answer = visitor.get(path, params={name: payload}, follow_redirects=True)
            assert answer.status_code < 500, (name, payload)
            found = parsed(answer.text)
            assert len(found.all("script")) <= 2, (name, payload)
            assert not any(key.startswith("on") for _, names in found.skeleton for key in names)


def test_a_name_of_a_file_and_a_way_on_hold_no_line_end(site: Site) -> None:
    visitor = site.visitor("pi")
    job = site.world.own["job"]
    kept = visitor.get(f"/jobs/{job}/contents/input")
    assert kept.headers["content-disposition"] == f'attachment; filename="markaz-{job}-program"'
    for path in ("/home%0d%0aSet-Cookie:a=b", "/jobs/%0d%0aX:y", "/login?next=/%0d%0aX:y"):
        answer = site.visitor().get(path)
        assert "\n" not in str(answer.headers), path
        assert "x" not in answer.headers, path
