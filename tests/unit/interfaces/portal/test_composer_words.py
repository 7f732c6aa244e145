from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from markaz.interfaces.portal.composer_words import GATES, WORDS
from markaz.interfaces.portal.languages import LANGUAGES, translations
from markaz.interfaces.portal.statics import FOLDER
from tests.portal_tools import Site, parsed

MODULES = {path.name: path.read_text() for path in (FOLDER / "composer").glob("*.js")}
NAME = re.compile(r"\{(\w+)\}")
# Keys that modules put together: what they begin with, and where the rest stands.
REFUSED = re.compile(r'new Refused\("([\w-]+)"')
WRONG = re.compile(r'(fail|unshown)\(\s*(?:kind === "q" \? "([\w-]+)" : )?"([\w-]+)"')


def used() -> Iterator[str]:
    """Every key that the modules ask for."""
    for text in MODULES.values():
        yield from re.findall(r'\bsay\((?:[^()"`]*\? )?"([\w-]+)"', text)
        for match in re.finditer(r'\bsay\([^"`()]*\? "([\w-]+)" : "([\w-]+)"', text):
            yield from match.groups()
        yield from (f"refused-{key}" for key in REFUSED.findall(text))
        for kind, first, second in WRONG.findall(text):
            prefix = "error" if kind == "fail" else "unshown"
            yield from (f"{prefix}-{key}" for key in (first, second) if key)
        yield from re.findall(r'"(a-(?:name|number|whole|gate))"', text)
    yield from (f"gate-{name}" for name in GATES)
    yield from (f"did-{key}" for key in re.findall(r'"(\w[\w-]*)"[,)]', MODULES["composer.js"])
                if f"did-{key}" in WORDS)  # fmt: skip


def test_every_text_that_the_modules_ask_for_is_there() -> None:
    assert set(used()) - set(WORDS) == set()


def test_every_gate_that_one_can_pick_has_a_name() -> None:
    listed = re.findall(r'\["(\w+)", "\w+", \d, "', MODULES["gates.js"])
    assert listed == list(GATES)


def test_no_text_is_there_for_nobody() -> None:
    everything = " ".join(MODULES.values())
    bare = {key: re.sub("^(did|refused|error|unshown|gate)-", "", key) for key in WORDS}
    unused = {key for key, word in bare.items() if not re.search(rf'["`-]{word}["`]', everything)}
    assert unused == set()


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_what_is_filled_in_has_its_place_in_every_language(code: str) -> None:
    say = translations(code).gettext
    wrong = {text for text in WORDS.values()
             if sorted(NAME.findall(text)) != sorted(NAME.findall(say(text)))}  # fmt: skip
    assert wrong == set()


@pytest.mark.parametrize("role", ["anonymous", "pi"])
def test_the_page_brings_every_text_and_a_form_for_those_who_may_run(site: Site, role: str) -> None:
    answer = site.visitor(role, "zh").get("/composer")
    page = parsed(answer.text)
    brought = [one["data-key"] for one in page.all("i") if "data-key" in one]
    assert brought == list(WORDS)
    assert translations("zh").gettext(WORDS["did-placed"]) in answer.text
    forms = [one for one in page.all("form") if one["action"] == "/submit"]
    assert len(forms) == (role == "pi")
    areas = [one["name"] for one in page.all("textarea")]
    assert areas == ["program"]
    assert ("/login?next=/composer" in page.links) == (role == "anonymous")


def test_only_devices_that_take_jobs_are_offered(site: Site) -> None:
    page = parsed(site.visitor("pi").get("/composer").text)
    offered = [one["value"] for one in page.all("option")]
    assert "simulator" in offered
    assert "own-project" in offered
    assert "other-project" not in offered


def test_the_modules_load_nothing_from_elsewhere_and_no_text_becomes_code() -> None:
    for name, text in MODULES.items():
        assert all(one.startswith("./") for one in re.findall(r'from "([^"]+)"', text)), name
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "new Function", 'setAttribute("style"'):  # fmt: skip
            assert word not in text, (name, word)
