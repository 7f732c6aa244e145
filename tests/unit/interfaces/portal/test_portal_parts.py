from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import FormData

from markaz.interfaces.portal import forms
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.forms import Unfilled, values_of
from markaz.interfaces.portal.page import Field, Page, Who
from markaz.interfaces.portal.statics import FOLDER, Statics
from tests.portal_tools import Site, parsed

FIRST_VIEW = 150_000  # bytes


async def _nothing(_: Any) -> Any:
    raise AssertionError


FORM = Page("POST", "/x", "", Who.ANYONE, _nothing, form=(
    Field("name", "Name", most=10),
    Field("about", "About", "textarea", required=False, most=100),
    Field("count", "Count", "number", required=False),
    Field("kind", "Kind", "select", choices=(("a", "A"), ("b", "B"))),
    Field("parts", "Parts", "checkboxes", required=False, choices=(("x", "X"), ("y", "Y"))),
    Field("agree", "Agree", "checkbox"),
    Field("secret", "Secret", "password", required=False),
))  # fmt: skip
GOOD = [("name", " Ali "), ("kind", "a")]


def read(*given: tuple[str, str]) -> dict[str, Any]:
    return asyncio.run(values_of(FORM, FormData(list(given))))


def problems(*given: tuple[str, str]) -> dict[str, str]:
    with pytest.raises(Unfilled) as caught:
        read(*given)
    return caught.value.problems


def test_what_is_left_empty_is_not_there() -> None:
    assert read(*GOOD) == {"name": "Ali", "kind": "a", "agree": False}
    assert read(*GOOD, ("about", ""), ("count", " ")) == read(*GOOD)


def test_values_have_the_kind_of_their_field() -> None:
    given = (*GOOD, ("about", "a\r\nb "), ("count", " 12 "), ("parts", "x"), ("parts", "y"),
             ("agree", "1"), ("secret", " a b "), ("unknown", "z"))  # fmt: skip
    assert read(*given) == {
        "name": "Ali", "about": "a\nb ", "count": 12, "kind": "a", "parts": ["x", "y"],
        "agree": True, "secret": " a b ",
    }  # fmt: skip


def test_each_problem_is_told_at_its_field() -> None:
    assert problems(("name", "  "), ("kind", "c"), ("count", "1.5"), ("parts", "z")) == {
        "name": forms.MISSING, "kind": forms.NO_CHOICE, "count": forms.NO_NUMBER,
        "parts": forms.NO_CHOICE,
    }  # fmt: skip
    assert problems(("name", "a" * 11), ("kind", "a")) == {"name": forms.TOO_LONG}
    for text in ("١٢", "1_000", "+1", "0x1", "1e3", "9" * 19, "--1"):
        assert problems(*GOOD, ("count", text)) == {"count": forms.NO_NUMBER}, text


def test_a_form_keeps_what_was_filled_in_but_no_password(site: Site) -> None:
    form = {"name": "Ayesha", "login": "x", "email": "not an address", "password": "gravel otter"}
    answer = site.visitor().fill("/sign-up", form)
    assert answer.status_code == 422
    page = parsed(answer.text)
    values = {one["name"]: one.get("value") for one in page.all("input") if one.get("id")}
    assert values == {"name": "Ayesha", "login": "x", "email": "not an address", "password": ""}
    wrong = [one["id"] for one in page.all("input") if one.get("aria-invalid") == "true"]
    assert wrong == ["sign-up-login"]
    assert page.all("a")[-1] is not None
    assert {"href": "#sign-up-login"} in page.all("a")
    assert "2 to 64 characters" in answer.text


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    answer = site.visitor("pi").fill("/account/profile", {"name": "a" * 100_000})
    assert answer.status_code == 413


def test_files_are_served_for_ever_under_the_address_of_their_contents(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "js/b.js").write_text("1")
    (tmp_path / "c.txt").write_text("no")
    first = Statics(tmp_path)
    assert set(first.files) == {"a.css", "js/b.js"}
    assert first.address("js/b.js") == f"/static/{first.version}/js/b.js"
    (tmp_path / "a.css").write_text("b{}")
    assert Statics(tmp_path).version != first.version
    with pytest.raises(AssertionError):
        first.address("c.txt")


def test_an_old_address_gives_todays_file_for_now(site: Site) -> None:
    visitor = site.visitor()
    today = visitor.get(site.portal.statics.address("portal.css"))
    old = visitor.get("/static/000000000000/portal.css")
    assert old.content == today.content
    assert (today.headers["cache-control"], old.headers["cache-control"]) == (
        "public, max-age=31536000, immutable", "no-cache",
    )  # fmt: skip
    for path in ("/static/x/../../portal.py", "/static/x/%2e%2e/portal.py", "/static/x/none.css"):
        assert visitor.get(path).status_code == 404


def test_the_first_view_of_any_page_is_light(site: Site) -> None:
    """The page with its style and modules, compressed; the face of Urdu comes later."""
    files, visitor = site.portal.statics.files, site.visitor("pi", "ur")
    for path in ("/", "/home", "/submit", "/keys", f"/jobs/{site.world.own['job']}"):
        page = visitor.get(path)
        packed = int(page.headers["content-length"])
        assert packed < len(page.content)
        found = parsed(page.text)
        asked = [one.get("src") or one.get("href") or "" for tag in ("script", "link")
                 for one in found.all(tag)]  # fmt: skip
        named = [one.split("/", 3)[3] for one in asked if one.startswith("/static/")]
        assert "portal.css" in named
        weight = sum(len(files[name].packed or files[name].data) for name in named)
        assert packed + weight < FIRST_VIEW, path


ELSEWHERE = re.compile(r"""["'(=]\s*(?:https?:)?//[\w.-]+""")


def test_a_page_names_no_other_host() -> None:
    paths = [*FOLDER.rglob("*.css"), *FOLDER.rglob("*.js"),
             *(FOLDER.parent / "templates").glob("*.html")]  # fmt: skip
    assert len(paths) > 30
    found = {path.name: ELSEWHERE.findall(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_no_template_lets_text_through_unescaped() -> None:
    for path in (FOLDER.parent / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("|safe", "| safe", "autoescape", "Markup")), path
        assert "<script>" not in text and " style=" not in text and " on" + "click" not in text


def test_a_download_cannot_act_as_a_page() -> None:
    answer = attachment(b"<script>", 'a"b\r\nX: y/../é.html')
    assert answer.headers["content-disposition"] == 'attachment; filename="a-b--X--y-..--.html"'
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.media_type == "application/octet-stream"


def test_a_page_is_packed_if_the_browser_takes_that(site: Site) -> None:
    visitor = site.visitor()
    plain = visitor.get("/", headers={"Accept-Encoding": "identity"})
    packed = visitor.get("/")
    assert len(gzip.compress(plain.content)) < int(plain.headers["content-length"])
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.headers["vary"] == "Cookie, Accept-Language, Accept-Encoding"
