"""One-time codes: for the first password, a lost password, a lost authenticator."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.people import tokens
from markaz.centre.people.tables import one_time_codes, users
from markaz.centre.work import Work

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
PURPOSES: Final = ("first", "password", "totp")
SETS_PASSWORD: Final = ("first", "password")


def issue(work: Work, user: Any, purpose: str, *, mailed: bool) -> tuple[str, int]:
    """Make a code for ``user`` (a row): its text and when it expires.

    Mailed codes live an hour, an operator's a day. Earlier codes for the same end.
    """
    token = tokens.new("c")
    expires_at = work.now + (HOUR if mailed else DAY)
    withdraw(work, user.id, purpose)
    row = {
        "id": new_id(work.now),
        "user_id": user.id,
        "purpose": purpose,
        "hash": token.hash,
        "created_at": work.now,
        "expires_at": expires_at,
        "mailed": mailed,
    }
    work.run(insert(one_time_codes).values(row))
    return token.text, expires_at


def withdraw(work: Work, user_id: str, *purposes: str) -> None:
    """End the person's unused codes for ``purposes``."""
    work.run(
        update(one_time_codes)
        .where(
            one_time_codes.c.user_id == user_id,
            one_time_codes.c.purpose.in_(purposes),
            one_time_codes.c.used_at.is_(None),
            one_time_codes.c.expires_at > work.now,
        )
        .values(expires_at=work.now)
    )


def holder(work: Work, code: object, *purposes: str) -> Any:
    """The row of the person whose live code this is, with ``code_id`` and ``purpose``.

    Raises CentreError ``unauthenticated``, the same for unknown, used and expired codes.
    """
    digest = tokens.hashed(tokens.check(code, "c"))
    row = work.one(
        select(users, one_time_codes.c.id.label("code_id"), one_time_codes.c.purpose)
        .join(users, users.c.id == one_time_codes.c.user_id)
        .where(
            one_time_codes.c.hash == digest,
            one_time_codes.c.purpose.in_(purposes),
            one_time_codes.c.used_at.is_(None),
            one_time_codes.c.expires_at > work.now,
            users.c.state == "active",
        )
    )
    if row is None:
        raise not_valid()
    return row


def use(work: Work, code_id: str) -> None:
    """Use a code up. Raises CentreError ``unauthenticated`` if somebody was faster."""
    unused = one_time_codes.c.id == code_id, one_time_codes.c.used_at.is_(None)
    if not work.run(update(one_time_codes).where(*unused).values(used_at=work.now)):
        raise not_valid()


def not_valid() -> CentreError:
    """What every code is told that does not work."""
    return CentreError(
        "unauthenticated", "this one-time code is not valid (any more); ask for a new one"
    )
