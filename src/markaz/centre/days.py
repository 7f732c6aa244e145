"""Days as people of the centre count them: from midnight to midnight of its time zone."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final
from zoneinfo import ZoneInfo

from markaz.centre.errors import invalid

SECOND: Final = 1_000_000
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST: Final = dt.date(1970, 1, 2)
_LAST: Final = dt.date(2255, 1, 1)  # what times may be anywhere


def day_of(at: int, zone: ZoneInfo) -> int:
    """The day (``date.toordinal``) of a time, microseconds UTC."""
    return dt.datetime.fromtimestamp(at / SECOND, zone).toordinal()


def midnight(day: int, zone: ZoneInfo) -> int:
    """The time at which a day begins, microseconds UTC."""
    begins = dt.datetime.combine(dt.date.fromordinal(day), dt.time(), tzinfo=zone)
    return int(begins.timestamp()) * SECOND


def read_day(field: str, value: Any) -> int:
    """The day that ``value`` (``2026-11-22``) names. Raises CentreError ``invalid``."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            day = dt.date.fromisoformat(value)
        except ValueError:
            day = dt.date.min
        if _FIRST <= day <= _LAST:
            return day.toordinal()
    raise invalid(field, f"{field} must be a day such as 2026-11-22")


def written(day: int) -> str:
    """A day as ``read_day`` reads it."""
    return dt.date.fromordinal(day).isoformat()
