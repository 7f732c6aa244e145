"""An operator's and a director's way through the portal, in three languages, with pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from markaz.interfaces.portal.table import PAGES
from tests import overseers
from tests.portal_tools import Site, address

LANGUAGES = ("en", "ur", "zh")
OURS = ("/operate", "/usage", "/calendar", "/devices/")
FILES = (".csv", ".{form}", ".{kind}")
HELD = {"en": "held", "ur": "روکی ہوئی", "zh": "已挂起"}
AXE = Axe()
Window = Callable[..., Any]
Shot = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def lived(served: tuple[Site, str]) -> Iterator[tuple[Site, str]]:
    overseers.used(served[0])
    yield served


def enter(window: Window, lived: tuple[Site, str], role: str, language: str, **more: Any) -> Any:
    site, url = lived
    context = window(language, **more)
    session = site.sessions[role]
    context.add_cookies([{"name": "markaz-session", "value": session, "url": url}])
    return context.new_page()


def problems(page: Any) -> list[str]:
    """What axe finds, and whether the page is wider than the screen."""
    found = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    wrong = [f"{one['id']}: {[node['target'] for node in one['nodes']][:4]}" for one in found]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return wrong + (["it is wider than the screen"] if page.evaluate(wide) > 0 else [])


def paths_of(site: Site, role: str) -> list[str]:
    pages = [page for page in PAGES if page.method == "GET" and page.path.startswith(OURS)
             and not page.path.endswith(FILES)]  # fmt: skip
    own = site.world.own
    return [
        *(address(site, page, own, role) for page in pages), "/devices/indus/calibration",
        "/devices/indus/history?days=365",
        "/usage?period=quarter&by=person", "/usage/jobs?period=quarter",
        f"/operate/jobs/{own['held']}", "/operate/projects/own-requested",
    ]  # fmt: skip


def look_at(page: Any, url: str, paths: list[str]) -> list[str]:
    wrong = []
    for path in paths:
        page.goto(url + path, wait_until="load")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        wrong += [f"{path}: {one}" for one in problems(page)]
    return wrong


def test_every_page_has_no_violation_in_one_look(lived: tuple[Site, str], window: Window) -> None:
    """On a narrow screen, with all that unfolds; each page in another language and theme."""
    site, url = lived
    paths, wrong = paths_of(site, "operator"), []
    for number, language in enumerate(LANGUAGES):
        theme = ("light", "dark")[number % 2]
        page = enter(window, lived, "operator", language, width=320, color_scheme=theme)
        wrong += look_at(page, url, paths[number::3])
    assert wrong == []


@pytest.mark.nightly
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", ["operator", "director", "allocator"])
def test_every_page_has_no_violation_in_any_look(
    lived: tuple[Site, str], window: Window, role: str, language: str, theme: str
) -> None:
    site, url = lived
    page = enter(window, lived, role, language, width=320, color_scheme=theme)
    large = ["/devices/karakoram/calibration?quantity=gate_error:cz"]
    assert look_at(page, url, paths_of(site, role) + large) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_operators_night(
    lived: tuple[Site, str], window: Window, shot: Shot, language: str
) -> None:
    """From what needs doing to a job held for a reason; without scripts but in Urdu, whose
    face comes by one."""
    site, url = lived
    page = enter(window, lived, "operator", language, java_script_enabled=language == "ur")
    page.goto(url + "/home")
    page.click("nav.menu a[href='/operate']")
    shot(page, f"{language}-operator")
    page.click(".tabs a[href='/operate/queue']")
    shot(page, f"{language}-operator-queue")
    job = site.world.own["job"] if language == "ur" else site.world.other["job"]
    if language == "zh":
        job = site.world.own["running"]
    page.goto(f"{url}/operate/jobs/{job}")
    verb = "requeue" if language == "zh" else "hold"
    form = f"form[action='/operate/jobs/{job}/{verb}']"
    page.locator(f"details:has({form})").last.locator("summary").click()
    page.click(f"{form} button")  # without a reason
    assert page.locator(f"{form} [aria-invalid=true]").count() == 1
    page.fill(f"{form} [name=reason]", "checking the fridge")
    page.click(f"{form} button")
    assert page.locator("[role=status]").count() == 1
    if verb == "hold":
        assert HELD[language] in page.locator(".state-held").first.inner_text()
    assert "checking the fridge" in page.locator("main").inner_text()
    shot(page, f"{language}-operator-job")
    for path, name in (("/operate/devices", "devices"), ("/operate/health", "health"),
                       ("/operate/audit", "audit"), ("/calendar", "calendar")):  # fmt: skip
        page.goto(url + path)
        shot(page, f"{language}-operator-{name}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_directors_question(
    lived: tuple[Site, str], window: Window, shot: Shot, language: str
) -> None:
    """From the year's sums down to the jobs of one person, and a file of them."""
    _, url = lived
    page = enter(window, lived, "director", language)
    page.goto(url + "/usage?period=year")
    shot(page, f"{language}-usage")
    page.click("td:first-child a[href*='by=project']")
    page.click("td:first-child a[href*='by=person']")
    row = page.locator("table.stack tbody tr").first
    jobs, credits = row.locator("td").nth(1).inner_text(), row.locator("td").nth(5).inner_text()
    row.locator("td").nth(1).locator("a").click()
    page.wait_for_url("**/usage/jobs?*")
    facts = page.locator("main > .facts dd").all_inner_texts()
    assert (facts[0], facts[2]) == (jobs, credits)
    assert page.locator("table.stack tbody tr").count() == min(50, int(jobs))
    shot(page, f"{language}-usage-jobs")
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename.endswith(".csv")
    # Every filter that led here can be taken away again.
    fewer = page.locator("ul.legend a").first.get_attribute("href")
    page.locator("ul.legend a").first.click()
    page.wait_for_url(lambda one: one.endswith(str(fewer)))
    assert page.locator("ul.legend a").count() == 2
    page.emulate_media(media="print")
    assert not page.locator("form.filters").is_visible()
    assert page.locator("table.stack").is_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_map_of_a_device(
    lived: tuple[Site, str], window: Window, shot: Shot, language: str
) -> None:
    _, url = lived
    page = enter(window, lived, "pi", language)
    page.goto(url + "/devices/karakoram")
    page.click("a[href$='/calibration']")
    page.select_option("[name=quantity]", "gate_error:cz")
    page.click("form.filters button")
    page.wait_for_url("**/calibration?quantity=*")
    picture = page.locator("svg.chart-topology")
    assert picture.locator("circle.qubit.plain").count() == 66
    assert picture.locator("path.coupler.dead").count() == 2 + 1  # and one in the legend
    fills = picture.locator("path.coupler.wide").evaluate_all(
        "all => new Set(all.map((one) => getComputedStyle(one).stroke)).size")  # fmt: skip
    assert 3 < fills <= 7
    assert page.evaluate("getComputedStyle(document.querySelector('svg.chart')).direction") == "ltr"
    shot(page, f"{language}-device-map")
    page.goto(url + "/devices/indus/history?quantity=T1&target=3&days=365")
    assert page.locator("svg.chart-history circle").count() >= 1
    shot(page, f"{language}-device-history")
