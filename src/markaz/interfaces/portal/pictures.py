"""Charts of pages, in the reader's language; what they show stands beside them as a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from markaz.centre.days import day_of, midnight
from markaz.interfaces.charts.agenda import Span, agenda
from markaz.interfaces.charts.columns import columns
from markaz.interfaces.portal.formats import MICRO
from markaz.interfaces.portal.page import N_
from markaz.interfaces.portal.typed import zone_of
from markaz.interfaces.portal.visit import Visit

BELOW: Final = N_("The table below has the numbers.")
MARKS: Final = 5  # days that are named on a calendar


def drawn(svg: str) -> Markup:
    """A chart as a part of a page: its maker has escaped every text that it was given."""
    return Markup(svg)  # noqa: S704


def usage_over_time(visit: Visit, steps: Sequence[dict[str, Any]]) -> Markup:
    """Credits for each step of days."""
    formats = visit.formats
    return drawn(
        columns(
            [(one["from_text"], one["charged"] / MICRO) for one in steps],
            title=visit.gettext(N_("Credits over time")),
            description=visit.gettext(BELOW),
            value=lambda amount: formats.number(amount, 2),
        )
    )


def calendar_of(
    visit: Visit, devices: list[dict[str, Any]], items: list[dict[str, Any]], span: tuple[int, int]
) -> Markup:
    """When each device is taken."""
    formats = visit.formats
    rows = {one["device"]: at for at, one in enumerate(devices)}
    spans = [
        Span(
            rows[one["device"]],
            one["kind"],
            one["starts_at"],
            one["ends_at"],
            f"{visit.word('reservation', one['kind'])}, {formats.moment(one['starts_at'])}"
            f" – {formats.moment(one['ends_at'])}",
        )
        for one in items
        if one["device"] in rows and one["state"] not in ("cancelled", "draft")
    ]
    return drawn(
        agenda(
            [one["title"] for one in devices],
            spans,
            since=span[0],
            until=span[1],
            marks=_marks(visit, *span),
            title=visit.gettext(N_("When devices are taken")),
            description=visit.gettext(BELOW),
        )
    )


def _marks(visit: Visit, since: int, until: int) -> list[tuple[int, str]]:
    """Midnights at equal distances, with their days."""
    zone = zone_of(visit)
    first, last = day_of(since, zone) + 1, day_of(until, zone)
    width = max(1, -(-(last - first) // MARKS))
    days = range(first, last, width)
    return [(midnight(day, zone), _day_and_month(day)) for day in days]


def _day_and_month(day: int) -> str:
    return dt.date.fromordinal(day).strftime("%d/%m")
