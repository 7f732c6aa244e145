"""What all printed pages of the reference share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).resolve().parent.parent / "docs/reference"
NOTE: Final = "<!-- Printed by `make reference`; change the code instead. -->\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return "".join(f"| {' | '.join(_cell(c) for c in cells)} |\n" for cells in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


def page(title: str, lead: str, *parts: str) -> str:
    """A page: its title, where it comes from, what it is, and its parts."""
    return "\n".join((f"# {title}\n", NOTE, f"{lead}\n", *parts))


def section(title: str, *parts: str) -> str:
    """A part of a page under a heading of its own."""
    return "\n".join((f"## {title}\n", *parts))
