"""Identifiers: 20 characters, in order of creation, unguessable enough to be no hint."""

from __future__ import annotations

import re
import secrets
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
LENGTH: Final = 20
_RANDOM_BITS: Final = 55
_TIME_BITS: Final = 45
_FORM: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


def new_id(now: int) -> str:
    """An identifier for something made at ``now`` (microseconds UTC).

    The first nine characters are the time in units of 1,024 microseconds, so that indexes
    grow at one end; the rest is random (55 bits).
    """
    time = now >> 10 & ((1 << _TIME_BITS) - 1)
    number = time << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of an identifier; spares a query for what has not."""
    return _FORM.fullmatch(text) is not None
