"""What goes into a container image: nothing that git ignores, no history, no environments."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def lines(name: str) -> set[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {x.removeprefix("**/").rstrip("/") for x in text.splitlines() if x and x[0] != "#"}


def test_both_builders_leave_out_the_same() -> None:
    assert (ROOT / ".dockerignore").read_bytes() == (ROOT / ".containerignore").read_bytes()


def test_history_and_all_that_git_ignores_stay_outside() -> None:
    # Files of editors, and what the image cannot do without or is made for the image anew.
    kept = {"*.swp", ".DS_Store", "docs/reference/openapi.json"}
    kept |= {"src/markaz/interfaces/portal/static/fonts"}
    assert lines(".gitignore") - lines(".containerignore") == kept
    assert ".git" in lines(".containerignore")


def test_what_the_image_is_built_from_is_there() -> None:
    containerfile = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", containerfile, re.MULTILINE)
    assert copied == ["requirements/lock.txt", "."]
    needed = {"requirements", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "src"}
    assert needed.isdisjoint(lines(".containerignore"))
    assert [name for name in sorted(needed) if not (ROOT / name).exists()] == []
