"""Take the pictures of the README and the tutorials anew, of a real centre in a real browser.

``python -m tools.screenshots`` starts a centre in a temporary folder, logs in, runs an example
and writes ``docs/images``; so no picture shows what is no longer there. It needs the Chromium
that the tests of pages need (``tools/system_programs.py``).
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tools import system_programs

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs/images"
MOST_BYTES: Final = 150_000  # of a picture
COLOURS: Final = 128
START_SECONDS: Final = 120
PROGRAM: Final = ROOT / "examples/bell.qasm"
LOCALES: Final = {"en": "en-GB", "ur": "ur-PK"}
WIDTH: Final = 1200


@contextmanager
def centre() -> Iterator[dict[str, Any]]:
    """A whole centre in a temporary folder: its address and its first login."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MARKAZ_")}
    with tempfile.TemporaryDirectory() as folder:
        markaz = [sys.executable, str(Path(sys.executable).with_name("markaz"))]
        started = subprocess.Popen(
            [*markaz, "up", "--data", folder, "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean | {"MARKAZ_WORKERS": "1"},
        )
        assert started.stdout is not None
        try:
            yield json.loads(started.stdout.readline())
        finally:
            started.terminate()
            started.wait(START_SECONDS)


def log_in(page: Any, found: dict[str, Any]) -> None:
    """Log the first operator in."""
    page.goto(found["url"] + "/login")
    page.fill("[name=login]", found["admin_login"])
    page.fill("[name=password]", found["admin_password"])
    page.click("main form button")
    page.wait_for_url("**/home*")


def run(page: Any, url: str) -> str:
    """Run the example and wait for its result: the job's address."""
    page.goto(url + "/submit")
    page.fill("[name=program]", PROGRAM.read_text(encoding="utf-8"))
    page.fill("[name=name]", "Bell")
    page.fill("[name=tags]", "first")
    page.select_option("[name=device]", "indus")
    page.fill("[name=seed]", "7")
    page.click("button[value=run]")
    page.wait_for_url("**/jobs/*")
    page.locator("svg.chart-histogram").wait_for()
    return str(page.url).partition("?")[0].removeprefix(url)


# What each picture shows: an address ("" for the job), the language, where to scroll to, and
# how high it is.
PICTURES: Final[dict[str, tuple[str, str, str, int]]] = {
    "home": ("/home", "en", "", 780),
    "job": ("", "en", "", 1180),
    "device-map": ("/devices/indus/calibration?quantity=readout_error", "en", "#map", 640),
    "composer": ("/composer", "en", "", 900),
    "home-urdu": ("/home", "ur", "", 980),
}


def take(window: Callable[[str], Any], url: str, job: str) -> dict[str, bytes]:
    """Every picture as a PNG of few colours."""
    found = {}
    for name, (path, language, place, height) in PICTURES.items():
        page = window(language)
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.goto(url + (path or job), wait_until="networkidle")
        if path == "/composer":
            page.wait_for_selector("#composer[data-ready]")
        if place:
            page.evaluate("([at]) => document.querySelector(at).scrollIntoView()", [place])
        page.evaluate("() => document.fonts.ready.then(() => true)")
        found[name] = smaller(page.screenshot())
    return found


def smaller(picture: bytes) -> bytes:
    """A PNG with ``COLOURS`` colours, which pages of text and lines bear well."""
    # Pillow comes with the library that writes PDF.
    from PIL import Image  # noqa: PLC0415

    out = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> int:
    """Write every picture; 1 if there is no browser, or a picture is too large."""
    # Playwright is for the tests of pages and for this.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    chromium = system_programs.chromium()
    if chromium is None:
        print(system_programs.HOW, file=sys.stderr)
        return 1
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with centre() as found, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        pages: dict[str, Any] = {}

        def window(language: str) -> Any:
            if language not in pages:
                context = browser.new_context(locale=LOCALES[language])
                pages[language] = context.new_page()
                log_in(pages[language], found)
            return pages[language]

        taken = take(window, found["url"], run(window("en"), found["url"]))
        browser.close()
    FOLDER.mkdir(exist_ok=True)
    for name, data in taken.items():
        (FOLDER / f"{name}.png").write_bytes(data)
        print(f"docs/images/{name}.png {len(data)} bytes")
    return int(any(len(data) > MOST_BYTES for data in taken.values()))


if __name__ == "__main__":
    sys.exit(main())
