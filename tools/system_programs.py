"""Programs of the operating system that the tests need: found, or installed where that is ours.

``python tools/system_programs.py`` (``make test`` runs it) installs what is missing with
apt-get as root on Debian and its children, and else says what to install. Tests that miss a
program are skipped with that sentence; with ``CI`` in the environment this is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

CHROMIUM: Final = "MARKAZ_TEST_CHROMIUM"  # its path, where it is not found by name
NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# The browser, and a face for Chinese, which headless systems lack.
PACKAGES: Final = ("chromium", "fonts-wqy-zenhei")
HOW: Final = f"no Chromium: apt-get install {' '.join(PACKAGES)} (as root), or set {CHROMIUM}"
TIMEOUT_SECONDS: Final = 600.0


def chromium() -> Path | None:
    """The browser that tests of pages run in."""
    named = os.environ.get(CHROMIUM)
    if named:
        return Path(named)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def install() -> bool:
    """Install what is missing, where we may; whether it is there now."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    print(
        "Installing Chromium for the tests of pages (a minute or two the first time) …", flush=True
    )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        subprocess.run(
            (apt, "-qq", *command), env=environment, check=False, timeout=TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return chromium() is not None


def main() -> None:
    """Have the programs, or say how to get them."""
    if chromium() is None and not install():
        print(f"Tests of pages will be skipped: {HOW}")
        raise SystemExit(1 if os.environ.get("CI") else 0)


if __name__ == "__main__":
    main()
