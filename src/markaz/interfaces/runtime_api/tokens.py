"""Logins of runtime clients: signed tokens (JWT) that stand for a key.

A token says nothing but which key it stands for. What the key may do, and whether it still
may, is asked at every request, from the memory that serves keys themselves.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from joserfc import errors, jwt
from joserfc.jwk import OctKey

from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id

ISSUER: Final = "markaz"
ALGORITHM: Final = "HS256"
REMEMBERED: Final = 10_000  # tokens whose signature was checked
MOST: Final = 2000  # characters of a token


@dataclass(frozen=True, slots=True)
class Login:
    """What a token says: the stored hash of its key, its own number, when it ends (seconds)."""

    digest: str
    number: str
    ends: int


class Tokens:
    """Makes and reads the tokens of one centre. ``clock`` gives seconds since 1970."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        secret = hmac.digest(key, b"markaz tokens of runtime clients", "sha256")
        self._key = OctKey.import_key(secret)
        self._clock = clock
        self._known: OrderedDict[str, Login] = OrderedDict()

    def issue(self, digest: str, seconds: int) -> tuple[str, int]:
        """A token for the key with this hash, and when it ends (seconds since 1970)."""
        now = int(self._clock())
        claims = {
            "iss": ISSUER,
            "sub": digest,
            "jti": new_id(int(self._clock() * 1e6)),
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, self._key), now + seconds

    def read(self, token: str) -> Login:
        """What ``token`` says. Raises CentreError ``unauthenticated`` unless it holds."""
        login = self._known.get(token) or self._checked(token)
        if login.ends <= self._clock():
            raise _refused("this login has ended")
        return login

    def _checked(self, token: str) -> Login:
        if len(token) > MOST:
            raise _refused("this is no login of this centre")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (errors.JoseError, ValueError, UnicodeError):
            raise _refused("this is no login of this centre") from None
        login = _login(claims)
        self._known[token] = login
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return login


def _login(claims: dict[str, Any]) -> Login:
    """Only this centre can have signed them, so their types are known."""
    return Login(str(claims["sub"]), str(claims["jti"]), int(claims["exp"]))


def _refused(why: str) -> CentreError:
    return CentreError("unauthenticated", f"{why}: log in again at /identity/token")
