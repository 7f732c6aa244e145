"""Times, days and amounts of credits as people type them, and as forms show them again."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from markaz.centre.days import SECOND
from markaz.interfaces.portal.formats import MICRO
from markaz.interfaces.portal.forms import Unfilled
from markaz.interfaces.portal.page import N_

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit

NO_MOMENT: Final = N_("Enter a day and a time.")
NO_AMOUNT: Final = N_("Enter an amount of credits, such as 12.5.")
_AMOUNT: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")


def zone_of(visit: Visit) -> ZoneInfo:
    """The zone of all times on pages."""
    return ZoneInfo(str(visit.api.centre.services.settings["time_zone"]))


def moment(visit: Visit, name: str) -> int | None:
    """The field ``name`` (``2026-11-22T10:30``) as microseconds UTC; None if it is empty.

    Raises Unfilled for anything else.
    """
    text = str(visit.values.get(name) or "")
    if not text:
        return None
    try:
        local = dt.datetime.strptime(text[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=zone_of(visit))
        at = int(local.timestamp()) * SECOND
    except (ValueError, OverflowError, OSError):
        raise Unfilled({name: NO_MOMENT}) from None
    if at < 0:
        raise Unfilled({name: NO_MOMENT})
    return at


def moments(visit: Visit, *names: str) -> dict[str, int]:
    """The fields that were filled in, as times."""
    found = {name: moment(visit, name) for name in names}
    return {name: at for name, at in found.items() if at is not None}


def shown_moment(visit: Visit, at: int) -> str:
    """A time as a field for times holds it."""
    return dt.datetime.fromtimestamp(at / SECOND, zone_of(visit)).strftime("%Y-%m-%dT%H:%M")


def micro(visit: Visit, name: str) -> int:
    """The field ``name``, credits, as micro-credits. Raises Unfilled."""
    text = str(visit.values.get(name, ""))
    if not _AMOUNT.fullmatch(text):
        raise Unfilled({name: NO_AMOUNT})
    return int(Decimal(text) * MICRO)


def shown_credits(amount: int) -> str:
    """Micro-credits as ``micro`` reads them."""
    text = f"{Decimal(amount) / MICRO:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cursor(visit: Visit) -> dict[str, Any]:
    """Where a list goes on, as queries take it."""
    return {"after": visit.asked("after")} if visit.asked("after") else {}


def filters(visit: Visit, *names: str) -> dict[str, str]:
    """The filters that the address has."""
    return {name: visit.asked(name) for name in names if visit.asked(name)}
