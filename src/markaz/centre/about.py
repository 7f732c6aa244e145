"""What a centre says of itself."""

from __future__ import annotations

from typing import Any

from markaz.centre.access import CentreRole, holder_of, query
from markaz.centre.work import Work


@query("settings.list", rule=holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR), scope="operate")
def settings(work: Work, _subject: None) -> dict[str, Any]:
    """Every setting with its value; secrets are masked."""
    return {"items": work.services.settings.shown(), "next": None}
