"""Secrets that the centre hands out: keys, one-time codes, invitations.

``mkz_`` + a letter + ``_`` + 43 base-62 characters of 256 random bits + 6 of their CRC-32.
The prefix lets scanners find a leaked one, the checksum tells a typo without a query. Only
the SHA-256 is stored: 256 random bits need no slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final

from markaz.centre.errors import CentreError

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# letter -> what such a token is
KINDS: Final = {
    "u": "key",
    "s": "session",
    "b": "browser session",
    "w": "worker key",
    "c": "one-time code",
    "i": "invitation",
}
RANDOM, CHECK = 43, 6  # 62^43 > 2^256, 62^6 > 2^32
SHOWN: Final = 12
_FORM: Final = re.compile(f"mkz_([{''.join(KINDS)}])_[{DIGITS}]{{{RANDOM + CHECK}}}")


@dataclass(frozen=True, slots=True)
class Token:
    """A new secret: its text, what is stored of it, and what may be shown later."""

    text: str = field(repr=False)
    hash: str
    shown: str


def new(kind: str) -> Token:
    """A fresh token of ``kind`` (a letter of ``KINDS``)."""
    body = f"mkz_{kind}_{_base62(secrets.randbits(256), RANDOM)}"
    text = body + _checksum(body)
    return Token(text, hashed(text), text[:SHOWN])


def hashed(text: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_whole(text: str, kinds: str) -> bool:
    """Whether ``text`` has the form and the checksum of a token of one of ``kinds``."""
    match = _FORM.fullmatch(text)
    return bool(match and match[1] in kinds and _checksum(text[:-CHECK]) == text[-CHECK:])


def check(text: object, kinds: str) -> str:
    """``text`` if it can be a token of ``kinds``; costs no query.

    Raises CentreError ``unauthenticated``.
    """
    if isinstance(text, str) and is_whole(text, kinds):
        return text
    what = KINDS[kinds[0]]
    raise CentreError(
        "unauthenticated", f"this {what} is mistyped or cut off: its checksum does not match"
    )


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), CHECK)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
