from __future__ import annotations

import gettext
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from markaz.interfaces.portal import languages, render, words
from markaz.interfaces.portal.formats import Formats
from markaz.interfaces.portal.languages import FOLDER, LANGUAGES, translations, wanted
from markaz.interfaces.portal.render import Pages
from markaz.interfaces.portal.table import PAGES
from tests.portal_tools import Site, address, parsed
from tools import catalogues

TRANSLATED = [code for code in LANGUAGES if code != "en"]
NOON = 1_795_000_000_000_000  # 18 November 2026, 11:06:40 UTC


@pytest.fixture(scope="module")
def template() -> Any:
    return catalogues.extracted()


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_is_missing_or_stale(code: str, template: Any) -> None:
    catalogue = catalogues.merged(code, template)
    assert catalogues.problems(code, catalogue) == []
    assert (FOLDER / f"{code}.po").read_bytes() == catalogues.written(catalogue)


def test_a_missing_and_a_stale_translation_are_found(
    template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (FOLDER / "zh.po").read_text(encoding="utf-8")
    changed = text.replace('msgid "Jobs"', 'msgid "Tasks"').replace(
        'msgstr "%(amount)s 点"', 'msgstr "%(sum)s 点"'
    )
    (tmp_path / "zh.po").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    found = catalogues.problems("zh", catalogues.merged("zh", template))
    assert found == [
        "zh: not translated: 'Jobs'", "zh: other fields (amount, sum): '%(amount)s credits'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "term", "wanted_words"),
    [("ur", "Qubits", "کیوبٹ"), ("zh", "Qubits", "量子比特"),
     ("zh", "A circuit that entangles two qubits", "纠缠"),
     ("ur", "A circuit that entangles two qubits", "الجھا")],
)  # fmt: skip
def test_the_terms_are_those_of_the_glossary(code: str, term: str, wanted_words: str) -> None:
    assert wanted_words in translations(code).gettext(term)


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_are_in_their_own_script(code: str) -> None:
    script = {"ur": r"[\u0600-\u06ff]", "zh": r"[\u4e00-\u9fff]"}[code]
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(re.search(script, str(text)) for text in texts if message.id), message.id


@pytest.mark.parametrize(
    ("accepted", "code"),
    [("", "en"), ("ur", "ur"), ("ur-PK,en;q=0.9", "ur"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
     ("de,ur;q=0.3,zh;q=0.8", "zh"), ("fr", "en"), ("en;q=0.1,ur;q=0.2", "ur"),
     ("ur;q=0", "en"), ("zh;q=x,ur;q=0.1", "ur"), ("*", "en"), (",;=;,", "en"),
     ("ZH-hant", "zh"), ("ur;q=9", "ur")],
)  # fmt: skip
def test_the_first_visit_is_in_the_browsers_language(accepted: str, code: str) -> None:
    assert wanted(accepted).code == code


def test_the_choice_goes_before_the_browsers_language(site: Site) -> None:
    visitor = site.visitor("anonymous", "zh-CN")
    assert 'lang="zh-Hans"' in visitor.get("/").text
    assert visitor.fill("/preferences", {"language": "ur", "next": "/devices"}).headers[
        "location"
    ] == "/devices"  # fmt: skip
    page = visitor.get("/").text
    assert 'lang="ur" dir="rtl"' in page
    visitor.fill("/preferences", {"theme": "dark"})
    assert 'data-theme="dark"' in visitor.get("/").text
    visitor.fill("/preferences", {"theme": "auto"})
    assert "data-theme" not in visitor.get("/").text


def test_a_persons_choice_is_kept_in_the_account(site: Site) -> None:
    visitor = site.visitor("trainer")
    visitor.fill("/preferences", {"language": "zh"})
    me = visitor.get("/account/export").json()
    assert me["person"]["language"] == "zh"


def test_a_language_that_nobody_offers_is_refused(site: Site) -> None:
    assert site.visitor().fill("/preferences", {"language": "xx"}).status_code == 422


class Brackets(gettext.NullTranslations):
    """Every marked text in brackets, so that the others show."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, n: int) -> str:
        return f"⟦{many}⟧"


# What no translation is asked of: data, numbers, signs, and what is marked as English.
DATA = {"bdi", "code", "pre", "time", "textarea", "option", "script", "style", "text", "title"}
NO_WORDS = re.compile(r"[\W\d_]*$")


def _bare(text: str) -> str:
    """``text`` without what is marked, translations in translations too."""
    inner = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    return inner if inner == text else _bare(inner)


def _unmarked(page: Any) -> set[str]:
    found = set()
    for around, text in page.texts:
        data = any(
            tag in DATA or "number" in (names.get("class") or "") or names.get("lang")
            not in (None, "en-x") or names.get("dir") == "ltr"
            for tag, names in around[1:]
        )  # fmt: skip
        rest = _bare(text)
        if not data and not NO_WORDS.fullmatch(rest):
            found.add(rest.strip())
    for _, names in page.elements:
        for name in ("aria-label", "alt", "data-label", "placeholder"):
            text = _bare(names.get(name) or "")
            if not NO_WORDS.fullmatch(text):
                found.add(text.strip())
    return found


def test_every_text_of_a_page_is_marked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (languages, render):
        monkeypatch.setattr(module, "translations", lambda code: Brackets())
    monkeypatch.setattr(site.portal, "pages", Pages(site.portal))
    unmarked: dict[str, set[str]] = {}
    for role in ("pi", "anonymous"):
        visitor = site.visitor(role)
        for page in PAGES:
            if page.method == "GET":
                path = address(site, page, site.world.own, role)
                answer = visitor.get(path)
                if answer.headers.get("content-type", "").startswith("text/html"):
                    found = _unmarked(parsed(answer.text))
                    unmarked |= {page.path: found} if found else {}
    # Names, amounts with their units, and spans as CLDR writes them.
    allowed = re.compile(
        r"Markaz|Campus|simulator|own-project|Spare|Noiseless simulator|operator|[\d.,]+"
        r"|(in )?[\d.]+ \w+( ago)?|a-[\w-]+|Firefox · Linux|PIN|all"
        r"|\d+ \w+ \d+(, \d\d:\d\d(:\d\d UTC)?)?"
        r"|(in|within) .*|job|held|running|charged|own|pi|p|a minute|.*@.*"
    )
    wrong = {
        path: {t for t in found if not allowed.fullmatch(t)} for path, found in unmarked.items()
    }
    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("code", "moment", "day", "amount", "part"),
    [("en", "18 Nov 2026, 16:06", "18 Nov 2026", "1,234.5", "45.7%"),
     ("ur", "18 نومبر، 2026 16:06", "18 نومبر، 2026", "1,234.5", "45.7%"),
     ("zh", "2026年11月18日 16:06", "2026年11月18日", "1,234.5", "45.7%")],
)  # fmt: skip
def test_dates_and_numbers_are_those_of_the_language(
    code: str, moment: str, day: str, amount: str, part: str
) -> None:
    formats = Formats(LANGUAGES[code], "Asia/Karachi", translations(code).gettext)
    assert formats.moment(NOON) == moment
    assert formats.day(NOON) == day
    assert formats.exact(NOON).endswith("16:06:40 PKT")
    assert formats.iso(NOON) == "2026-11-18T11:06:40Z"
    assert formats.credits(1_234_500_000) == amount
    assert formats.percent(0.4567, 1) == part


def test_amounts_and_spans_say_as_much_as_matters() -> None:
    formats = Formats(LANGUAGES["en"], "UTC", str)
    assert [formats.credits(a) for a in (None, 0, 1, 123, 10_000, 1_500_000, -2_000_000)] == [
        "–", "0", "0.000001", "0.000123", "0.01", "1.5", "-2",
    ]  # fmt: skip
    assert [formats.span(s) for s in (None, 0, 0.4, 3.64, 45, 75, 400, 7200)] == [
        "–", "under a second", "under a second", "3.6 s", "45 seconds", "75 seconds",
        "7 minutes", "2 hours",
    ]  # fmt: skip
    assert [formats.took(s) for s in (None, 0.0626, 2.347)] == ["–", "62.6 ms", "2.35 s"]
    assert (formats.ago(0, 5_000_000), formats.ago(3_600_000_000, 0)) == (
        "5 seconds ago", "in 1 hour",
    )  # fmt: skip
    missing = [formats.number(None), formats.percent(None), formats.moment(None),
               formats.exact(None), formats.day(None), formats.ago(None, 0)]  # fmt: skip
    assert missing == ["–"] * 6


def test_what_the_centre_says_often_has_a_translation() -> None:
    urdu = translations("ur").gettext
    assert words.sentence(urdu, "the login 'a' is taken") == "لاگ اِن نام 'a' لیا جا چکا ہے۔"
    assert words.sentence(urdu, "shots must be from 1 to 9, not 10") == "1 سے 9 تک۔"
    assert words.sentence(urdu, "something new") is None
    assert words.word(urdu, "state", "running") == "جاری"
    assert words.word(urdu, "state", "unheard of") == "unheard of"


def test_a_new_kind_of_refusal_or_state_has_words() -> None:
    from markaz.centre.access import SCOPES, CentreRole, ProjectRole
    from markaz.centre.errors import KINDS
    from markaz.centre.jobs.sessions import STATES as SESSIONS
    from markaz.centre.jobs.states import HOLDS, State
    from markaz.centre.projects.lifecycle import State as ProjectState

    assert set(words.REFUSALS) == set(KINDS)
    assert set(words.WORDS["state"]) >= {*State, *SESSIONS, *ProjectState}
    assert set(words.WORDS["role"]) == {*map(str, CentreRole), *map(str, ProjectRole)}
    assert set(words.WORDS["reason"]) == set(HOLDS)
    assert set(words.WORDS["scope"]) == set(SCOPES)
