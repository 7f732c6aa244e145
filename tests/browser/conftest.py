"""A real browser: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from tests.absent import absent
from tests.portal_tools import QUIET, Site, site_of
from tests.rest_fakes import silence
from tests.waiting import until
from tools import system_programs

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "screenshots"
LOCALES = {"en": "en-GB", "ur": "ur-PK", "zh": "zh-CN"}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser. Without one tests are skipped, and fail where CI is set."""
    path = system_programs.chromium()
    if path is None:
        absent(system_programs.HOW)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens windows: ``window("ur", width=320)``; what a page logs as an error fails the test."""
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def make(language: str = "en", *, width: int = 1280, **more: Any) -> BrowserContext:
        context = chromium.new_context(
            locale=LOCALES[language], viewport={"width": width, "height": 800}, **more
        )
        context.set_default_timeout(20_000)
        context.on("weberror", lambda one: errors.append(str(one.error)))
        context.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
    # A refused form answers with its status, which Chromium logs.
    assert [one for one in errors if "Failed to load resource" not in one] == []


@pytest.fixture
def shot() -> Callable[[Any, str], None]:
    """Keeps a picture of a page as an artefact, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def keep(page: Any, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    return keep


@pytest.fixture(scope="module")
def served(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, str]]:
    """A centre with everybody in it behind a real address."""
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    settings = Settings({"data": str(data), **QUIET, "oidc_issuer": "https://issuer.example",
                         "oidc_client_id": "centre", "oidc_name": "Campus"})  # fmt: skip
    with silence(), Centre.open(settings) as centre:
        site = site_of(centre)
        config = uvicorn.Config(site.app, port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield site, f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(20)
