"""Checks of plain values that people and programs hand in; every verb uses the same ones.

Each returns the value to store, or raises CentreError ``invalid`` that names the field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any, Final

from markaz.centre.errors import invalid, not_found
from markaz.centre.ids import is_id

JOINERS: Final = "\u200c\u200d"  # needed to write Urdu and Persian; not visible, not harmful
_REFUSED: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_EMAIL: Final = re.compile(r"[^@\s\"<>(),:;\[\]\\]{1,64}@[\w-]+(\.[\w-]+)+")
_LATEST: Final = 2**53  # microseconds: the year 2255, and exact in JSON


def line(field: str, value: Any, *, least: int = 1, most: int = 200) -> str:
    """One line of text, without characters that control, hide or turn round what is shown."""
    text = _text(field, value, allowed=JOINERS)
    return _sized(field, text.strip(), least, most)


def block(field: str, value: Any, *, most: int = 10_000) -> str:
    """Text of many lines; otherwise as ``line``."""
    text = _text(field, value, allowed=JOINERS + "\n\t")
    return _sized(field, text.strip(), 0, most)


def email(field: str, value: Any) -> str:
    """A mail address, in lower case."""
    text = line(field, value, most=254).lower()
    if not _EMAIL.fullmatch(text):
        raise invalid(field, f"{text!r} is not a mail address")
    return text


def whole(field: str, value: Any, low: int, high: int) -> int:
    """An integer from ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(field, f"{field} must be a whole number, not {_shown(value)}")
    if not low <= value <= high:
        raise invalid(field, f"{field} must be from {low} to {high}, not {_shown(value)}")
    return value


def number(field: str, value: Any, low: float, high: float) -> float:
    """A number from ``low`` to ``high`` (NaN and infinities are neither)."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(field, f"{field} must be a number, not {_shown(value)}")
    if not low <= value <= high:
        raise invalid(field, f"{field} must be from {low:g} to {high:g}, not {_shown(value)}")
    return float(value)


def flag(field: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid(field, f"{field} must be true or false, not {_shown(value)}")
    return value


def choice(field: str, value: Any, among: Collection[str]) -> str:
    """One of ``among``."""
    if not isinstance(value, str) or value not in among:
        listed = ", ".join(str(one) for one in among)
        raise invalid(field, f"{field} must be one of {listed}, not {_shown(value)}")
    return str(value)


def moment(field: str, value: Any) -> int:
    """A time, integer microseconds UTC."""
    return whole(field, value, 0, _LATEST)


def known_id(what: str, value: Any) -> str:
    """``value`` if it has the form of an id; else there can be no such ``what``.

    Raises CentreError ``not-found``.
    """
    if not isinstance(value, str) or not is_id(value):
        raise not_found(what)
    return value


def _text(field: str, value: Any, *, allowed: str) -> str:
    if not isinstance(value, str):
        raise invalid(field, f"{field} must be text, not {_shown(value)}")
    text = unicodedata.normalize("NFC", value)
    for character in text:
        if unicodedata.category(character) in _REFUSED and character not in allowed:
            raise invalid(field, f"{field} must not contain the character U+{ord(character):04X}")
    return text


def _sized(field: str, text: str, least: int, most: int) -> str:
    if not least <= len(text) <= most:
        span = f"at least {least}" if len(text) < least else f"at most {most}"
        raise invalid(field, f"{field} must have {span} characters, not {len(text)}")
    return text


def _shown(value: Any) -> str:
    """``value`` in a message: short, and no more than a hint of what was sent."""
    if isinstance(value, int) and not -(10**20) < value < 10**20:
        return "a number with more than 20 digits"
    text = ascii(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
