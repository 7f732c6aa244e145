"""Passwords: which are refused, and how they are hashed (argon2id).

Hashing takes tens of milliseconds and 64 MiB on purpose. It never happens in the writer's
thread; see ``people.login``.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from markaz.centre.errors import invalid
from markaz.centre.people.common import is_common

LEAST, MOST = 8, 1024  # characters
_WORD_LEAST: Final = 4  # shorter names are found in too many good passwords

HASHER = PasswordHasher()  # RFC 9106, the second recommended option
# The hash of random bytes that nobody kept: what a login without an account is compared
# with, so that it takes the same work.
NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4"
    "$EmIdKgfh3Ooa2w/09iuR9w$08amQEvn2KQ/uRGgfvmaw2sACK9JE500a55nfRJD4bA"
)
_at_once = threading.Semaphore(4)  # bounds the memory


def hashed(password: str) -> str:
    """The hash to store, with its salt and parameters."""
    with _at_once:
        return HASHER.hash(_normal(password))


def fits(stored: str | None, password: Any) -> bool:
    """Whether ``password`` is the one; always exactly one verification, whatever is given."""
    given = _normal(password) if isinstance(password, str) else ""
    with _at_once:
        try:
            HASHER.verify(stored or NOBODY, given)
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether ``stored`` was made with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def check(password: Any, *, names: Iterable[str | None] = ()) -> str:
    """``password`` if it may be chosen; ``names`` are what it must not contain.

    Raises CentreError ``invalid`` with the reason.
    """
    if not isinstance(password, str):
        raise invalid("password", "the password must be text")
    if not LEAST <= len(_normal(password)) <= MOST:
        raise invalid("password", f"the password must have {LEAST} to {MOST} characters")
    folded = password.casefold()
    for word in _words(names):
        if word in folded:
            raise invalid("password", f"the password must not contain {word!r}")
    if is_common(password):
        raise invalid("password", "the password is one of those that are guessed first")
    return password


def _words(names: Iterable[str | None]) -> list[str]:
    """Names and their parts (of a mail address what stands before the @)."""
    whole = [name.casefold().partition("@")[0] for name in names if name]
    parts = [part for name in whole for part in name.replace(".", " ").split()]
    return [word for word in dict.fromkeys(whole + parts) if len(word) >= _WORD_LEAST]


def _normal(password: str) -> str:
    """One form for the same text from different keyboards, cut where no password can be."""
    return unicodedata.normalize("NFKC", password[: MOST + 1])[: MOST + 1]
