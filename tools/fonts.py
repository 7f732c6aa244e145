"""Fetch the Nastaliq face that Urdu pages are set in, if npm is there to fetch it.

The face (Noto Nastaliq Urdu, SIL Open Font License) is no part of the repository. Run by
``make setup`` with any Python 3: ``python tools/fonts.py``; again is harmless. Without it
pages use the Nastaliq or Naskh face of the reader's system.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent.parent / "src/markaz/interfaces/portal/static/fonts"
PACKAGE: Final = "@fontsource/noto-nastaliq-urdu@5.3.0"
# name in the package -> (name here, SHA-256)
FILES: Final = {
    "package/files/noto-nastaliq-urdu-arabic-400-normal.woff2": (
        "nastaliq.woff2",
        "fecd45d69436d911d79ff10fc39ca7f7022cbe05214bc07f931820b7c7a7d15c",
    ),
    "package/LICENSE": (
        "OFL.txt",
        "7bf7d1817212a17ca88f90072afe1253b54bb02b1730f09da4247625eb04f745",
    ),
}
TIMEOUT_SECONDS: Final = 120.0


def present() -> bool:
    """Whether all files are there, and are the right ones."""
    return all(
        (FOLDER / name).is_file() and _hash((FOLDER / name).read_bytes()) == digest
        for name, digest in FILES.values()
    )


def fetch() -> str:
    """Fetch the files; what kept it from that, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    with tempfile.TemporaryDirectory() as place:
        command = (npm, "pack", "--silent", "--pack-destination", place, PACKAGE)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired:
            return "npm does not answer"
        archives = sorted(Path(place).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            return f"npm could not fetch {PACKAGE}"
        return _unpack(archives[0])


def _unpack(archive: Path) -> str:
    found = {}
    with tarfile.open(archive) as package:
        for inside, (name, digest) in FILES.items():
            member = package.extractfile(inside)
            data = member.read() if member else b""
            if _hash(data) != digest:
                return f"{inside} of {PACKAGE} is not what it should be"
            found[name] = data
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in found.items():
        (FOLDER / name).write_bytes(data)
    return ""


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Have the face, or say why not; pages do without it."""
    if present():
        return
    problem = fetch()
    if problem:
        print(f"No Nastaliq face ({problem}); Urdu pages use the reader's own.")


if __name__ == "__main__":
    main()
