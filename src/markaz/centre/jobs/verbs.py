"""All verbs of jobs and sessions, from one place."""

from __future__ import annotations

from markaz.centre.jobs.cancelling import cancel
from markaz.centre.jobs.dispatch import (
    claim,
    finish,
    give_back,
    mark_running,
    open_queue,
    recover,
    recover_orphans,
    reread_group,
)
from markaz.centre.jobs.holds import release_held
from markaz.centre.jobs.operate import hold, move, override, release, requeue
from markaz.centre.jobs.retention import sweep_contents
from markaz.centre.jobs.sessions import (
    cancel_session,
    close_session,
    expire_sessions,
    open_session,
)
from markaz.centre.jobs.submit import submit, submit_many

__all__ = [
    "cancel",
    "cancel_session",
    "claim",
    "close_session",
    "expire_sessions",
    "finish",
    "give_back",
    "hold",
    "mark_running",
    "move",
    "open_queue",
    "open_session",
    "override",
    "recover",
    "recover_orphans",
    "release",
    "release_held",
    "requeue",
    "reread_group",
    "submit",
    "submit_many",
    "sweep_contents",
]
