"""On which devices jobs are running this moment: asked when it is wanted, never written."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import column, select, table, text

from markaz.centre.db.frequent import Frequent
from markaz.centre.work import Work

# Jobs stand above devices in the centre, so of their table only what is read here is known; the
# first condition is word by word that of the index over jobs that workers have.
_JOBS: Final = table("jobs", column("device_id"), column("state"))
_ACTIVE: Final = "(state = 'claimed' OR state = 'running')"
_RUNNING: Final = Frequent(
    select(_JOBS.c.device_id).where(text(_ACTIVE), text("state = 'running'")).distinct()
)


def occupied(work: Work) -> set[str]:
    """Devices on which a job runs."""
    return {str(row.device_id) for row in _RUNNING.all(work.connection)}


def shown(row: Any, running: set[str]) -> str:
    """The status of a device's row as everybody is told it: an idle one that runs a job is busy."""
    if row.status in ("idle", "busy"):
        return "busy" if row.id in running else "idle"
    return str(row.status)
