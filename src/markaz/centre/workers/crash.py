"""Named points at which a test can have the process die, as a power cut would.

Armed only by the environment variable ``MARKAZ_CRASH_AT=<point>`` (``<point>:<n>`` for the
n-th pass); without it a point costs one comparison.
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "MARKAZ_CRASH_AT"
EXIT_CODE: Final = 87

# Where a crash may be asked for, in the order in which a job passes them.
POINTS: Final = (
    "before_claim",
    "after_claim",
    "after_assign",
    "worker_received",
    "worker_running",
    "worker_computed",
    "worker_reported",
    "result_received",
    "after_store",
    "after_commit",
    "before_wake",
)

_point, _, _count = os.environ.get(VARIABLE, "").partition(":")
_left = int(_count or 1)


def at(point: str) -> None:
    """Die here, without any clean-up, if this point is armed."""
    global _left  # noqa: PLW0603 - one process, one countdown
    if point == _point:
        _left -= 1
        if _left == 0:
            os._exit(EXIT_CODE)
