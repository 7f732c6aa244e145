"""Programs of the operating system that the tests need: found, or installed where that is ours.

``python tools/system_programs.py`` (``make test`` runs it) installs what is missing with
apt-get as root on Debian and its children, and else says what to install; with ``--nightly``
(``make test-nightly``) Slurm too. Tests that miss a program are skipped with that sentence; with
``CI`` in the environment this is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

CHROMIUM: Final = "MARKAZ_TEST_CHROMIUM"  # its path, where it is not found by name
NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# The browser, and a face for Chinese, which headless systems lack.
PACKAGES: Final = ("chromium", "fonts-wqy-zenhei")
HOW: Final = f"no Chromium: apt-get install {' '.join(PACKAGES)} (as root), or set {CHROMIUM}"
# Slurm itself, and what it proves identities with.
SLURM: Final = ("slurm-wlm", "munge")
SLURM_PROGRAMS: Final = ("sbatch", "slurmctld", "slurmd", "munged")
SLURM_HOW: Final = f"apt-get install {' '.join(SLURM)} (as root)"
TIMEOUT_SECONDS: Final = 600.0


def chromium() -> Path | None:
    """The browser that tests of pages run in."""
    named = os.environ.get(CHROMIUM)
    if named:
        return Path(named)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def has_slurm() -> bool:
    """Whether a Slurm of one node can be started."""
    return all(map(shutil.which, SLURM_PROGRAMS))


def install(packages: tuple[str, ...] = PACKAGES) -> None:
    """Install ``packages``, where we may."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    print(f"Installing {packages[0]} for tests (a minute or two the first time) …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
        subprocess.run(
            (apt, "-qq", *command), env=environment, check=False, timeout=TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


def main() -> None:
    """Have the programs, or say how to get them."""
    missing = []
    if chromium() is None:
        install()
    if chromium() is None:
        missing.append(f"Tests of pages will be skipped: {HOW}")
    if "--nightly" in sys.argv and not has_slurm():
        install(SLURM)
        if not has_slurm():
            missing.append(f"The test with Slurm will be skipped: {SLURM_HOW}")
    if missing:
        print(*missing, sep="\n")
        raise SystemExit(1 if os.environ.get("CI") else 0)


if __name__ == "__main__":
    main()
