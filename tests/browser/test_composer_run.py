"""The composer in all looks, without a script, and with a whole centre that runs its circuit."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.composer_tools import BELL, TEXT, cell, opened, press, problems
from tests.portal_tools import Site
from tests.running_centre import centre_running

Window = Callable[..., Any]
Shot = Callable[[Any, str], None]


@pytest.fixture
def composer(window: Window, served: tuple[Site, str]) -> Callable[..., Any]:
    """Opens the composer: ``composer("ur", width=320)``."""
    return functools.partial(opened, window, served)


# All looks, and none.


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ur", "dark"), ("zh", "dark")])
def test_it_is_accessible_and_fits_a_phone(
    composer: Callable[..., Any], shot: Shot, language: str, theme: str
) -> None:
    page = composer(language, program=BELL, width=320, color_scheme=theme)
    cell(page, 0, 1).click()
    page.locator("#composer-circuit summary").click()
    assert problems(page) == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    a, b = cell(page, 0, 0).bounding_box(), cell(page, 0, 1).bounding_box()
    assert a["x"] < b["x"]  # left to right in any language
    shot(page, f"{language}-composer-{theme}-320")


def test_without_a_script_the_text_is_run_by_the_form(
    window: Window, served: tuple[Site, str]
) -> None:
    site, url = served
    context = window(java_script_enabled=False)
    context.add_cookies([{"name": "markaz-session", "value": site.sessions["pi"], "url": url}])
    page = context.new_page()
    page.goto(url + "/composer")
    assert page.locator("noscript p").inner_text().startswith("Your browser runs no scripts")
    expect(page.locator("#composer-sheet")).to_be_hidden()
    page.fill(TEXT, BELL)
    page.get_by_role("button", name="What does it cost?").click()
    assert page.locator("h2#estimate").count() == 1
    page.get_by_role("button", name="Run", exact=True).click()
    assert "/jobs/" in page.url


def test_a_refusal_is_shown_beside_the_circuit(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    page.fill("#submit-shots", "many")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#composer-answer")).to_contain_text("Enter a whole number.")
    assert page.url.endswith("/composer")
    page.context.clear_cookies()
    page.get_by_role("button", name="Run", exact=True).click()
    link = page.locator("#composer-answer a")
    expect(link).to_contain_text("Log in again")
    assert "/login" in (link.get_attribute("href") or "")


# With a whole centre.


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with centre_running(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


WORDS = {"en": ("Run", "completed"), "ur": ("چلائیں", "مکمل"), "zh": ("运行", "已完成")}


@pytest.mark.parametrize("language", ["en", "ur", "zh"])
def test_a_bell_pair_is_built_and_run_with_keys_alone(
    centre: Any, window: Window, shot: Shot, language: str
) -> None:
    page = window(language, width=1280).new_page()
    page.goto(centre.url + "/login?next=/composer")
    page.fill("input[name=login]", centre.secrets["admin_login"])
    page.fill("input[name=password]", centre.secrets["admin_password"])
    press(page, "Enter")
    page.wait_for_selector("#composer[data-ready]")
    page.locator("#composer-clear").focus()
    press(page, "Enter", *["Tab"] * 2)
    assert page.evaluate("document.activeElement.getAttribute('role')") == "gridcell"
    press(page, "h", "c", "ArrowRight", "m", "ArrowDown", "m")
    assert page.input_value(TEXT) == BELL
    page.locator("#submit-shots").focus()
    press(page, "Tab")
    assert page.evaluate("document.activeElement.textContent") == WORDS[language][0]
    press(page, "Enter")
    expect(page.locator("#composer-answer button")).to_be_focused()
    press(page, "Enter")
    chart = page.locator("#composer-outcome .chart-histogram")
    chart.wait_for()
    counts = re.findall(r"([01]{2}): (\d+)", chart.inner_html())
    assert [bits for bits, _ in counts] == ["00", "11"]
    assert sum(int(count) for _, count in counts) == 1000
    expect(page.locator("#composer-state")).to_contain_text(WORDS[language][1])
    shot(page, f"{language}-composer-run")
    assert problems(page) == []
    # Its job opens in the composer again, in place of what stands there now.
    page.goto(centre.url + "/jobs?state=completed")
    page.locator("table.stack tbody tr").first.locator("a").first.click()
    page.evaluate("() => localStorage.setItem('markaz-composer', 'OPENQASM 3.0; qubit[1] q;')")
    page.locator("a[href^='/composer?job=']").click()
    page.wait_for_selector("#composer[data-ready]")
    assert page.input_value(TEXT).split("\n")[:5] == BELL.split("\n")[:5]
    assert page.url == centre.url + "/composer"
    page.click("#composer-undo")
    assert page.input_value(TEXT) == "OPENQASM 3.0; qubit[1] q;"
