"""One line of ``markaz doctor``."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, what was found, and how to mend what is not ``ok``."""

    name: str
    state: str
    found: str
    mend: str = ""
