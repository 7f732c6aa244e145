from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from markaz.interfaces.portal.languages import LANGUAGES
from markaz.interfaces.portal.page import Page, Who
from markaz.interfaces.portal.table import PAGES
from markaz.interfaces.rest_api.table import ROUTES
from tests.attacks.test_rest_access import MAY
from tests.portal_tools import Site, address, forms_of, names_of, parsed
from tests.rest_world import ROLES, undone

GETS = [page for page in PAGES if page.method == "GET"]
POSTS = [page for page in PAGES if page.method == "POST"]
FILES = {"/jobs/{job}/contents/{which}", "/jobs/{job}/circuit.qasm", "/account/export"}
PARTS = {"/jobs/{job}/live"}
# Need a proof of this moment, or a password that nobody in this world has.
DOORS = {"/login", "/login/elsewhere/code", "/lost/password", "/lost/totp", "/account/password",
         "/account/totp/off", "/account/totp/confirm", "/account/link", "/invitation",
         "/account/totp"}  # fmt: skip
ISSUER = {"/login/elsewhere", "/login/elsewhere/back", "/account/link"}
# The circuit of this world's jobs is none; nor has its simulator a calibration sheet.
NO_CIRCUIT = {"/jobs/{job}/circuit.qasm", "/devices/{device}/sheet.{form}"}
LOGIN = "/login?next="


def test_the_table_names_verbs_and_queries_that_exist() -> None:
    assert all(page.act is None or page.act.name == page.does for page in PAGES)
    assert len({(page.method, page.path) for page in PAGES}) == len(PAGES)


def test_who_may_is_the_word_that_rest_has_for_the_same_act() -> None:
    rest: dict[str, set[Who]] = {}
    for route in ROUTES:
        rest.setdefault(route.does, set()).add(route.who)
    # A page is opened with a login, whoever may ask the query behind it.
    wrong = {
        page.path: (page.who, rest[page.does])
        for page in PAGES
        if page.does in rest and page.who not in rest[page.does]
    }
    assert wrong == {}


def test_only_a_verb_is_sent_by_a_form_and_only_a_query_is_looked_at() -> None:
    for page in PAGES:
        if page.act is not None and page.path not in {"/sign-up", "/submit", "/account/link"}:
            assert page.act.changes == (page.method == "POST"), page.path


def test_every_form_has_something_to_be_filled_in_with(site: Site) -> None:
    forms = forms_of(site, site.world.own, "pi")
    needs = {page.path: {one.name for one in page.form if one.kind != "file"} for page in POSTS}
    for path, names in needs.items():
        given = set(forms.get(path, {}))
        assert given <= names, path
        assert names - given <= {"private"}, path


def expected(page: Page, role: str, whose: str) -> str:
    if page.who is Who.ANYONE:
        return "may"
    if role == "anonymous":
        return "login"
    may, may_see = MAY[page.who][whose]
    return "may" if role in may else "403" if role in may_see else "404"


def outcome(answer: Any) -> str:
    """ "may" if the rule let it pass, whatever the thing's state then said."""
    if answer.status_code == 303:
        return "login" if answer.headers["location"].startswith(LOGIN) else "may"
    return "may" if answer.status_code in (200, 409) else str(answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_opens_for_whom_it_says(site: Site, role: str) -> None:
    visitor, wrong = site.visitor(role), []
    for page in GETS:
        if page.path in ISSUER | NO_CIRCUIT:
            continue
        for whose in ("own", "other"):
            target = site.world.own if whose == "own" else site.world.other
            found = outcome(visitor.get(address(site, page, target, role)))
            if found != expected(page, role, whose):
                wrong.append((page.path, whose, found, expected(page, role, whose)))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_every_form_is_taken_from_whom_it_says(site: Site, role: str) -> None:
    visitor, wrong = site.visitor(role), []
    token = visitor.token = visitor.token_of()
    with undone(site.world):
        for page in POSTS:
            if page.path in DOORS or (page.path == "/sign-up" and role != "anonymous"):
                continue
            for whose in ("own", "other"):
                target = site.world.own if whose == "own" else site.world.other
                form = forms_of(site, target, role).get(page.path, {})
                if role != "anonymous":  # some forms end the login
                    visitor = site.visitor(role)
                    visitor.token = token
                found = outcome(visitor.fill(address(site, page, target, role), form))
                if found != expected(page, role, whose):
                    wrong.append((page.path, whose, found, expected(page, role, whose)))
    assert wrong == []


@pytest.mark.parametrize("role", ["outsider", "pi"])
def test_anothers_things_are_as_if_they_were_not(site: Site, role: str) -> None:
    visitor = site.visitor(role)
    unknown = dict.fromkeys(names_of(site, site.world.other, role), "0" * 20)
    for page in GETS:
        if not page.names or page.path in ISSUER or page.who is Who.PERSON:
            continue
        answers = [
            visitor.get(page.address(**names))
            for names in (names_of(site, site.world.other, role), unknown)
        ]
        texts = [re.sub(r'value="[^"]*"', "", one.text) for one in answers]
        status = 403 if page.who is Who.OVERSEER else 404
        assert [one.status_code for one in answers] == [status, status], page.path
        assert texts[0] == texts[1], page.path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_a_whole_page(site: Site, language: str) -> None:
    known = LANGUAGES[language]
    for role in ("anonymous", "pi"):
        visitor = site.visitor(role, language)
        for page in GETS:
            if page.path in FILES | PARTS | ISSUER:
                continue
            answer = visitor.get(address(site, page, site.world.own, role), follow_redirects=True)
            found = parsed(answer.text)
            html = found.all("html")[0]
            assert (html["lang"], html["dir"]) == (known.tag, known.direction), page.path
            assert len(found.all("h1")) == 1, page.path
            assert len(found.all("main")) == 1, page.path
            assert all(one.get("src", "").startswith("/static/") for one in found.all("script"))
            assert not any(name.startswith(("on", "style")) for _, names in found.skeleton
                           for name in names), page.path  # fmt: skip
            ids = [one["id"] for _, one in found.elements if "id" in one]
            assert len(ids) == len(set(ids)), (page.path, sorted(ids))
            _headings_in_order(found, page.path)
            _fields_have_labels(found, page.path)


def _headings_in_order(found: Any, path: str) -> None:
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1, path
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), (path, levels)


def _fields_have_labels(found: Any, path: str) -> None:
    labelled = {one.get("for") for one in found.all("label")}
    fields = [one for tag in ("input", "select", "textarea") for one in found.all(tag)]
    for one in fields:
        assert one.get("type") == "hidden" or one.get("id") in labelled, (path, one)


def test_a_strangers_address_is_a_page_for_people_and_a_problem_for_programs(site: Site) -> None:
    page = site.visitor().get("/nowhere")
    assert (page.status_code, parsed(page.text).all("h1")) == (404, [{}])
    problem = site.visitor().get("/v1/nowhere")
    assert problem.json()["kind"] == "not-found"
    program = site.visitor().get("/nowhere", headers={"Accept": "application/json"})
    assert program.json()["kind"] == "not-found"


def test_a_form_of_another_method_is_refused(site: Site) -> None:
    assert site.visitor("pi").get("/logout").status_code == 405
    assert site.visitor("pi").post("/home").status_code == 405


def test_a_name_that_cannot_be_one_is_not_found(site: Site) -> None:
    assert site.visitor("pi").get("/jobs/" + "a" * 200).status_code == 404
    assert site.visitor("pi").get("/jobs/%00").status_code == 404
