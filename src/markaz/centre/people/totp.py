"""Time-based one-time codes (RFC 6238: SHA-1, 6 digits, 30 s), as authenticator apps do them.

The secret is never stored. It is derived from the centre's key, the person's id and a
random salt, and only the salt stands in the database: a copy of that alone opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import pyotp

STEP: Final = 30  # seconds
WINDOW: Final = 1  # steps that a clock may be off, either way
SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 20


def secret(key: bytes, user_id: str, salt: bytes) -> str:
    """The person's secret in base 32: HMAC-SHA256 of id and salt under the centre's key."""
    derived = hmac.digest(key, b"markaz totp\0" + user_id.encode() + b"\0" + salt, hashlib.sha256)
    return base64.b32encode(derived[:_SECRET_BYTES]).decode("ascii")


def address(secret: str, login: str, site: str) -> str:
    """The ``otpauth://`` address that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=site)


def fitting_step(secret: str, code: str, now: int) -> int | None:
    """The time step whose code this is, or None; ``now`` in microseconds UTC.

    All steps of the window are compared, in constant time each.
    """
    generator, current = pyotp.TOTP(secret), now // 1_000_000 // STEP
    digits = code.strip().replace(" ", "").encode("utf-8", "replace")
    found = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode("ascii"), digits):
            found = step
    return found
