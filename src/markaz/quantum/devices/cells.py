"""Cells of CSV files that spreadsheets must not compute."""

from __future__ import annotations

import re
from typing import Final

# What spreadsheets take for a formula at the beginning of a cell, and what is marked already.
_FORMULA: Final = re.compile(r"'*[\s\x00]*[=+\-@|%\t\r\n\uff0b\uff0d\uff1d\uff20]")


def guarded(text: str) -> str:
    """``text``; one that a spreadsheet would compute is marked as text by an apostrophe."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell that ``guarded`` made."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
