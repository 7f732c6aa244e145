"""Numbers, amounts, times and spans as people of a language write them (CLDR)."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Final

from babel import Locale, dates, numbers

from markaz.interfaces.portal.languages import Language

MICRO: Final = 1_000_000
UTC: Final = dt.UTC
NO_VALUE: Final = "–"


class Formats:
    """How one language writes things; ``zone`` names the time zone of all times.

    Digits are those that CLDR gives for the language, which are Western for all of ours.
    """

    def __init__(self, language: Language, zone: str, gettext: Callable[[str], str]) -> None:
        self._locale = Locale.parse(language.locale)
        self._zone = dates.get_timezone(zone)
        self._gettext = gettext

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with ``digits`` decimals at most."""
        if value is None:
            return NO_VALUE
        return _number(value, "#,##0" + ("." + "#" * digits if digits else ""), self._locale)

    def percent(self, part: float | None, digits: int = 0) -> str:
        """A part of one as a percentage."""
        if part is None:
            return NO_VALUE
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
        return _number(part, pattern, self._locale)

    def credits(self, amount: int | None) -> str:
        """Micro-credits as credits: small amounts exactly, others to four decimals."""
        if amount is None:
            return NO_VALUE
        return self.number(amount / MICRO, 6 if abs(amount) < MICRO // 100 else 4)

    def moment(self, at: int | None) -> str:
        """A time, to the minute."""
        return NO_VALUE if at is None else self._moment(at, "%H:%M")

    def exact(self, at: int | None) -> str:
        """A time, to the second, with its zone."""
        return NO_VALUE if at is None else self._moment(at, "%H:%M:%S %Z")

    def day(self, at: int | None) -> str:
        """The day of a time."""
        if at is None:
            return NO_VALUE
        return _day(self._local(at).date(), self._locale)

    def iso(self, at: int) -> str:
        """A time for machines."""
        return dt.datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ago(self, at: int | None, now: int) -> str:
        """How long ago, or in how long."""
        if at is None:
            return NO_VALUE
        delta = dt.timedelta(microseconds=at - now)
        return str(dates.format_timedelta(delta, add_direction=True, locale=self._locale))

    def span(self, seconds: float | None) -> str:
        """How long something takes."""
        if seconds is None:
            return NO_VALUE
        if seconds < 1:
            return self._gettext("under a second")
        if seconds < 10:
            return f"{self.number(seconds, 1)} {self._unit('second')}"
        delta = dt.timedelta(seconds=seconds)
        return str(dates.format_timedelta(delta, threshold=1.6, locale=self._locale))

    def took(self, seconds: float | None) -> str:
        """How long something took, precisely."""
        if seconds is None:
            return NO_VALUE
        if seconds < 1:
            return self._milli(seconds)
        return f"{self.number(seconds, 2)} {self._unit('second')}"

    def _milli(self, seconds: float) -> str:
        return f"{self.number(seconds * 1000, 1)} {self._unit('millisecond')}"

    def _unit(self, name: str) -> str:
        return {"second": self._gettext("s"), "millisecond": self._gettext("ms")}[name]

    def _local(self, at: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(at / 1e6, UTC).astimezone(self._zone)

    def _moment(self, at: int, clock: str) -> str:
        """Hours from 0 to 23: AM and PM would run the other way in an Urdu line."""
        local = self._local(at)
        day = _day(local.date(), self._locale)
        pattern = str(dates.get_datetime_format("medium", locale=self._locale)).replace("'", "")
        return pattern.replace("{1}", day).replace("{0}", local.strftime(clock))


# CLDR's patterns take most of the time of a page with a long table, and tables repeat
# themselves.


@functools.lru_cache(maxsize=8192)
def _number(value: float, pattern: str, locale: Locale) -> str:
    return str(_pattern(pattern).apply(value, locale))


@functools.cache
def _pattern(text: str) -> numbers.NumberPattern:
    return numbers.parse_pattern(text)


@functools.lru_cache(maxsize=2048)
def _day(day: dt.date, locale: Locale) -> str:
    return str(dates.format_date(day, "medium", locale=locale))
