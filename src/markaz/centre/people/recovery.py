"""Verbs for a lost password or a lost authenticator, and turning one-time codes on.

A mailed code proves the mailbox only. It replaces either the password or the authenticator,
never both: after a mailed new password an authenticator is not reset by mail for a week.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from sqlalchemy import func, select, update

from markaz.centre.access import anyone, verb
from markaz.centre.errors import conflict, invalid
from markaz.centre.fields import choice
from markaz.centre.people import codes, post, rules, totp
from markaz.centre.people.tables import one_time_codes, users
from markaz.centre.work import Work

MOST_MAILED: Final = 3  # to one person in an hour
APART: Final = 7 * codes.DAY
_LOST: Final = {"password": "a new password", "totp": "a login without your authenticator"}


@verb("people.recover", rule=anyone, scope=None)
def recover(work: Work, _subject: None, *, login: str, lost: str) -> dict[str, Any]:
    """Mail a one-time code for a lost ``password`` or ``totp``, if there is such a person.

    The answer, the audit entry and the commit are the same if there is not. ``by`` says
    whether codes come by mail here, or from an operator.
    """
    choice("lost", lost, _LOST)
    text = login.strip().lower() if isinstance(login, str) else ""
    known = users.c.state == "active", users.c.email.is_not(None)
    wanted = text if rules.LOGIN.fullmatch(text) else ""
    user = work.one(select(users).where(users.c.login == wanted, *known))
    by_mail = work.services.mailer.available
    if user is not None and by_mail and _may_mail(work, user, lost):
        _mail(work, user, lost)
    work.record("recovery", lost=lost)
    return {"asked": True, "by": "mail" if by_mail else "operator"}


@verb("people.issue_code", rule=rules.managed, scope="operate")
def issue_code(work: Work, row: Any, *, user: str, lost: str) -> dict[str, Any]:
    """Make a one-time code that the operator hands to the person; ``secret`` is shown once.

    ``lost``: password or totp. It works for a day. Errors: ``conflict`` if the account is
    not active or has no authenticator to reset.
    """
    choice("lost", lost, _LOST)
    if row.state != "active":
        raise conflict(f"this account is {row.state}")
    if lost == "totp" and not row.totp_confirmed:
        raise conflict("this account has no one-time codes to turn off")
    code, expires_at = codes.issue(work, row, lost, mailed=False)
    work.record(row.id, purpose=lost)
    return {"user": row.id, "purpose": lost, "expires_at": expires_at, "secret": code}


@verb("people.totp_begin", rule=rules.by_login, scope="account")
def totp_begin(work: Work, row: Any) -> dict[str, Any]:
    """Begin to turn on one-time codes at login.

    ``secret``: the ``otpauth://`` address for the authenticator, shown once. Nothing is
    asked at login before ``people.totp_confirm``. Errors: ``conflict`` if they are on.
    """
    if row.totp_confirmed:
        raise conflict("one-time codes are on already; turn them off first")
    salt = secrets.token_bytes(totp.SALT_BYTES)
    work.run(update(users).where(users.c.id == row.id).values(totp_salt=salt))
    work.record(row.id)
    site = work.services.settings["site_name"]
    secret = totp.secret(work.services.key, row.id, salt)
    return {"user": row.id, "secret": totp.address(secret, row.login, site)}


@verb("people.totp_confirm", rule=rules.by_login, scope="account")
def totp_confirm(work: Work, row: Any, *, code: str) -> dict[str, Any]:
    """Turn one-time codes on with a code that the authenticator shows.

    Errors: ``conflict`` if it was not begun or is done; ``invalid`` for a wrong code.
    """
    if row.totp_salt is None or row.totp_confirmed:
        raise conflict("begin first" if row.totp_salt is None else "one-time codes are on already")
    secret = totp.secret(work.services.key, row.id, row.totp_salt)
    step = totp.fitting_step(secret, code, work.now) if isinstance(code, str) else None
    if step is None:
        raise invalid("code", "the code does not fit; check the clock of the device that showed it")
    on = {"totp_confirmed": True, "totp_last_step": step}
    work.run(update(users).where(users.c.id == row.id).values(on))
    work.record(row.id)
    return {"totp": True}


def _may_mail(work: Work, user: Any, lost: str) -> bool:
    mailed = one_time_codes.c.user_id == user.id, one_time_codes.c.mailed
    recent = select(func.count()).where(
        *mailed, one_time_codes.c.created_at > work.now - codes.HOUR
    )
    if work.connection.execute(recent).scalar_one() >= MOST_MAILED:
        return False
    by_mail = select(one_time_codes.c.id).where(
        *mailed,
        one_time_codes.c.purpose == "password",
        one_time_codes.c.used_at > work.now - APART,
    )
    return lost == "password" or (user.totp_confirmed and work.one(by_mail) is None)


def _mail(work: Work, user: Any, lost: str) -> None:
    code, _ = codes.issue(work, user, lost, mailed=True)
    post.send_after(
        work,
        user.email,
        "Your one-time code",
        f"Somebody, probably you, asked for {_LOST[lost]} for the account {user.login}.\n\n"
        f"{code}\n\n"
        "This code works once, within an hour. If it was not you, do nothing.",
    )
