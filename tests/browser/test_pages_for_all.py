"""Every page for everybody: axe, a narrow screen, no third party; in all languages and themes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from markaz.interfaces.portal.table import PAGES
from tests.portal_tools import Site, address

LANGUAGES = ("en", "ur", "zh")
THEMES = ("light", "dark")
LOOKS = tuple(product(LANGUAGES, THEMES))
LEFT_OUT = {
    *("/jobs/{job}/live", "/jobs/{job}/contents/{which}", "/jobs/{job}/circuit.qasm"),
    *("/account/export", "/login/elsewhere", "/login/elsewhere/back", "/account/link"),
}
# Those of operators and directors are looked at in test_overseers_in_a_browser.
THEIRS = ("/operate", "/usage")
SHOWN = [page for page in PAGES if page.method == "GET" and page.path not in LEFT_OUT
         and not page.path.startswith(THEIRS)]  # fmt: skip
OPEN = ("/", "/login", "/sign-up", "/announcements", "/nowhere")
AXE = Axe()
Window = Callable[..., Any]


def problems(page: Any) -> list[str]:
    """What axe finds, each rule with the places."""
    found = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:4]}" for one in found]


def visit(window: Window, served: tuple[Site, str], role: str, look: tuple[str, str]) -> Any:
    site, url = served
    language, theme = look
    context = window(language, width=320, color_scheme=theme)
    if role:
        session = site.sessions[role]
        context.add_cookies([{"name": "markaz-session", "value": session, "url": url}])
    return context.new_page()


def check(page: Any, url: str, path: str, language: str) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(url + path, wait_until="load")
    wrong = problems(page)
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ur" else "ltr")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if page.evaluate(wide) > 0:
        wrong.append("it is wider than the screen")
    wrong += [one for one in asked if not one.startswith((url, "data:"))]
    return [f"{path} {language}: {one}" for one in wrong]


def paths_of(site: Site) -> list[str]:
    return [address(site, page, site.world.own, "pi") for page in SHOWN]


def test_every_page_has_no_violation_in_one_look(served: tuple[Site, str], window: Window) -> None:
    """Each page in another language and theme; all of them in all looks every night."""
    site, url = served
    wrong = []
    windows = {look: visit(window, served, "pi", look) for look in LOOKS}
    for number, path in enumerate(paths_of(site)):
        look = LOOKS[number % len(LOOKS)]
        wrong += check(windows[look], url, path, look[0])
    strangers = {look: visit(window, served, "", look) for look in LOOKS[:3]}
    for number, path in enumerate(OPEN):
        look = LOOKS[number % 3]
        wrong += check(strangers[look], url, path, look[0])
    assert wrong == []


@pytest.mark.nightly
@pytest.mark.parametrize("look", LOOKS, ids="-".join)
def test_every_page_has_no_violation_in_any_look(
    served: tuple[Site, str], window: Window, look: tuple[str, str]
) -> None:
    site, url = served
    person, stranger = visit(window, served, "pi", look), visit(window, served, "", look)
    wrong = [one for path in paths_of(site) for one in check(person, url, path, look[0])]
    wrong += [one for path in OPEN for one in check(stranger, url, path, look[0])]
    assert wrong == []


def test_a_refused_form_and_opened_details_have_no_violation(
    served: tuple[Site, str], window: Window
) -> None:
    _, url = served
    page = visit(window, served, "pi", ("ur", "dark"))
    page.goto(url + "/account")
    page.click("form[action='/account/password'] button")
    assert page.locator("[role=alert]").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    for details in page.locator("details").all():
        details.evaluate("one => one.open = true")
    assert problems(page) == []
    page.goto(url + "/projects/own-project/members")
    for details in page.locator("details").all():
        details.evaluate("one => one.open = true")
    assert problems(page) == []
