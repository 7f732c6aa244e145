"""Journeys through a whole centre with workers: from the login to a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.absent import absent
from tests.running_centre import RunningCentre, centre_running

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
COMPLETED = {"en": "completed", "ur": "مکمل", "zh": "已完成"}
HOME = re.compile(r"/home$")
JOB = re.compile(r"/jobs/\w{20}")
Window = Callable[..., Any]
Shot = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    data = tmp_path_factory.mktemp("browser") / "centre"
    with centre_running(data, "--port", "0", MARKAZ_WORKERS="1") as centre:
        yield centre


def log_in(page: Any, running: RunningCentre) -> None:
    page.goto(running.url + "/login")
    page.fill("[name=login]", running.document["admin_login"])
    page.fill("[name=password]", running.document["admin_password"])
    page.click("main form button")
    page.wait_for_url(HOME)


@pytest.mark.parametrize("language", COMPLETED)
def test_from_the_login_to_a_result(
    running: RunningCentre, window: Window, shot: Shot, language: str
) -> None:
    page = window(language).new_page()
    log_in(page, running)
    shot(page, f"{language}-home")
    page.goto(running.url + "/submit")
    page.fill("[name=program]", BELL)
    page.fill("[name=name]", "Bell")
    page.fill("[name=seed]", "7")
    page.click("button[value=estimate]")
    assert page.input_value("[name=program]") == BELL
    shot(page, f"{language}-estimate")
    page.click("button[value=run]")
    page.wait_for_url(JOB)
    # The page follows the job by itself.
    page.locator(".state-completed").wait_for()
    page.locator("svg.chart-histogram").wait_for()
    assert COMPLETED[language] in page.locator(".state-completed").first.inner_text()
    bits = page.locator("svg.chart-histogram text.code").all_inner_texts()
    assert [text for text in bits if text] == [] or set(bits) == {"00", "11"}
    labels = page.locator("svg.chart-histogram text.code")
    assert {labels.nth(i).text_content() for i in range(labels.count())} == {"00", "11"}
    assert "h q[0];" in page.locator("pre").first.inner_text()
    direction = "getComputedStyle(document.querySelector('{}')).direction"
    assert page.evaluate(direction.format("pre")) == "ltr"
    assert page.evaluate(direction.format("body")) == ("rtl" if language == "ur" else "ltr")
    shot(page, f"{language}-job")
    with page.expect_download() as download:
        page.click("a[href$='/contents/result']")
    assert download.value.suggested_filename.endswith("-result.json")
    page.goto(running.url + "/projects/default")
    shot(page, f"{language}-project")


def test_by_keyboard_alone(running: RunningCentre, window: Window) -> None:
    page = window().new_page()
    page.goto(running.url + "/login")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "login"
    page.keyboard.type(running.document["admin_login"])
    page.keyboard.press("Tab")
    page.keyboard.type(running.document["admin_password"])
    page.keyboard.press("Enter")
    page.wait_for_url(HOME)
    page.goto(running.url + "/submit")
    reach(page, "document.activeElement.value === 'run'")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"  # where one is can be seen
    page.keyboard.press("Enter")
    page.wait_for_url(JOB)
    reach(page, "document.activeElement.tagName === 'SUMMARY'")


def reach(page: Any, condition: str) -> None:
    """Go on with Tab until ``condition``."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    raise AssertionError(condition)


def test_without_scripts(running: RunningCentre, window: Window) -> None:
    page = window(java_script_enabled=False).new_page()
    log_in(page, running)
    page.goto(running.url + "/submit")
    page.fill("[name=program]", BELL)
    page.click("button[value=run]")
    page.wait_for_url(JOB)
    for _ in range(60):
        if page.locator(".state-completed").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    assert page.locator("svg.chart-histogram").count() == 1
    page.goto(running.url + "/account")
    page.click("button[value=ur]")
    assert page.locator("html").get_attribute("dir") == "rtl"
    page.click("button[value=en]")
    page.click("form[action='/logout'] button")
    assert page.locator("[role=status]").count() == 1


def test_on_a_slow_network(running: RunningCentre, window: Window) -> None:
    """A first visit over 50 kB/s and 400 ms: light, soon there, and nothing from elsewhere."""
    page = window("ur", width=320).new_page()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 400, "downloadThroughput": 50_000,
        "uploadThroughput": 20_000})  # fmt: skip
    loaded: list[tuple[str, float]] = []
    urls: dict[str, str] = {}
    network.on("Network.requestWillBeSent",
               lambda one: urls.update({one["requestId"]: one["request"]["url"]}))  # fmt: skip
    network.on(
        "Network.loadingFinished",
        lambda one: loaded.append((urls[one["requestId"]], one["encodedDataLength"])),
    )
    page.goto(running.url + "/login", wait_until="domcontentloaded")
    first = sum(size for url, size in loaded if not url.endswith("woff2"))
    assert page.locator("[name=login]").is_visible()
    page.wait_for_load_state("load")
    assert first < 150_000
    assert all(url.startswith((running.url, "data:")) for url in urls.values())
    ready = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    assert page.evaluate(ready) < 8000


def test_the_face_of_urdu_comes_after_the_first_view(
    running: RunningCentre, window: Window
) -> None:
    from markaz.interfaces.portal.statics import FOLDER

    if not (FOLDER / "fonts/nastaliq.woff2").exists():
        absent("no Nastaliq face: python tools/fonts.py fetches it")
    page = window("ur").new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(running.url + "/", wait_until="domcontentloaded")
    assert not any("nastaliq" in url for url in asked)
    # As a function: our policy forbids what is evaluated from text.
    page.wait_for_function("() => [...document.fonts].some((one) => one.status === 'loaded')")
    english = window("en").new_page()
    english.on("request", lambda one: asked.append(one.url))
    asked.clear()
    english.goto(running.url + "/", wait_until="networkidle")
    assert not any("nastaliq" in url for url in asked)


def test_without_scripts_the_face_comes_with_the_second_page(
    running: RunningCentre, window: Window
) -> None:
    from markaz.interfaces.portal.statics import FOLDER

    if not (FOLDER / "fonts/nastaliq.woff2").exists():
        absent("no Nastaliq face: python tools/fonts.py fetches it")
    page = window("ur", java_script_enabled=False).new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(running.url + "/", wait_until="networkidle")
    assert not any("nastaliq" in url for url in asked)
    page.goto(running.url + "/login", wait_until="networkidle")
    assert [url for url in asked if url.endswith("nastaliq.woff2")] != []


def test_a_chart_and_a_circuit_are_printed_light(
    running: RunningCentre, window: Window, tmp_path: Path
) -> None:
    page = window(color_scheme="dark").new_page()
    log_in(page, running)
    page.goto(running.url + "/projects/default")
    page.emulate_media(media="print", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert not page.locator("header.top").is_visible()
