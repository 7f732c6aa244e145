"""What the front doors (``people.login``) have the centre write down about passwords.

The centre itself performs these, in the person's name, after the password was verified in
another thread; ``verified`` is the stored hash that it was verified against, so that a
password which changed meanwhile counts as wrong.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, select, update

from markaz.centre.access import system, verb
from markaz.centre.db import dialect
from markaz.centre.errors import CentreError, conflict
from markaz.centre.people import codes
from markaz.centre.people.key_verbs import SESSIONS, issue, revoke_where
from markaz.centre.people.tables import api_keys, login_attempts, one_time_codes, users
from markaz.centre.work import Work

SESSION: Final = 12 * codes.HOUR
FORGIVEN_AFTER: Final = codes.HOUR  # without an attempt
CODES_KEPT: Final = 30 * codes.DAY
LONGEST_LOCK: Final = 900  # seconds


def lock_seconds(count: int, free: int) -> int:
    """How long a name is closed after its ``count``-th attempt in a row: 1, 2, 4 … 900 s."""
    return 0 if count < free else min(LONGEST_LOCK, 2 ** min(count - free, 20))


@verb("people.attempt", rule=system, scope=None)
def attempt(work: Work, _subject: None, *, name: str) -> None:
    """Count an attempt to log in as ``name`` (a keyed hash), before anything is verified.

    Counting first means that any number of guesses at once are no more than guesses in a
    row. Bookkeeping: not audited. Errors: ``rate-limited``, for names that nobody has too.
    """
    row = {"name": name, "count": 0, "last_at": work.now, "locked_until": 0}
    dialect.insert_or_ignore(work.connection, login_attempts, [row])
    mine = login_attempts.c.name == name
    old = mine & (login_attempts.c.last_at < work.now - FORGIVEN_AFTER)
    work.run(update(login_attempts).where(old).values(count=0))
    counted = (
        update(login_attempts)
        .where(mine, login_attempts.c.locked_until <= work.now)
        .values(count=login_attempts.c.count + 1, last_at=work.now)
    )
    allowed = work.run(counted)
    now = work.one(select(login_attempts).where(mine))
    if not allowed:
        wait = (now.locked_until - work.now) / 1_000_000
        raise CentreError("rate-limited", "too many attempts to log in; wait", retry_after=wait)
    seconds = lock_seconds(now.count, work.services.settings["logins_per_minute"])
    if seconds:
        until = work.now + seconds * 1_000_000
        work.run(update(login_attempts).where(mine).values(locked_until=until))
    work.nothing_changed()


@verb("people.refuse_login", rule=system, scope=None)
def refuse(work: Work, _subject: None, *, user: str, why: str) -> None:
    """Write down a refused login; ``user`` is "unknown" for a name that nobody has."""
    work.record(user, why=why)


@verb("people.log_in", rule=system, scope=None)
def log_in(
    work: Work,
    _subject: None,
    *,
    user: str,
    name: str,
    verified: str,
    step: int | None,
    rehashed: str | None,
    label: str,
    browser: bool = False,
) -> dict[str, Any]:
    """Open a session of 12 hours for a person whose password and code are right.

    ``step``: the time step of the one-time code, which must be later than the last one
    used. Errors: ``unauthenticated``.
    """
    proved(work, user, verified)
    if step is not None:
        spend_step(work, user, step)
    changes = {"last_login_at": work.now} | ({"password_hash": rehashed} if rehashed else {})
    work.run(update(users).where(users.c.id == user).values(changes))
    work.run(delete(login_attempts).where(login_attempts.c.name == name))
    return open_session(work, user, label, browser=browser)


@verb("people.set_password", rule=system, scope=None)
def set_password(work: Work, _subject: None, *, code: str, hashed: str) -> dict[str, Any]:
    """Use a one-time code to set the password; ends sessions and other password codes.

    Keys go on working: ``keys`` says how many there are. Errors: ``unauthenticated``.
    """
    row = codes.holder(work, code, *codes.SETS_PASSWORD)
    codes.use(work, row.code_id)
    _new_password(work, row.id, hashed)
    work.record(row.id, code=row.code_id)
    return {"login": row.login, "keys": _live_keys(work, row.id)}


@verb("people.change_password", rule=system, scope=None)
def change_password(
    work: Work, _subject: None, *, user: str, verified: str, hashed: str, session: str | None
) -> dict[str, Any]:
    """Set a new password; ends all sessions but ``session``. Errors: ``unauthenticated``."""
    row = proved(work, user, verified)
    _new_password(work, user, hashed, spare=session)
    work.record(user)
    return {"login": row.login, "keys": _live_keys(work, user)}


@verb("people.totp_off", rule=system, scope=None)
def totp_off(
    work: Work, _subject: None, *, user: str, verified: str, step: int | None, code: str | None
) -> dict[str, Any]:
    """Turn one-time codes at login off, with a current one (``step``) or a centre's ``code``.

    Errors: ``unauthenticated``; ``conflict`` if they are off.
    """
    row = proved(work, user, verified)
    if not row.totp_confirmed:
        raise conflict("one-time codes are not turned on for this account")
    if step is not None:
        spend_step(work, user, step)
    else:
        holder = codes.holder(work, code, "totp")
        if holder.id != user:
            raise codes.not_valid()
        codes.use(work, holder.code_id)
    off = {"totp_salt": None, "totp_confirmed": False}
    work.run(update(users).where(users.c.id == user).values(off))
    work.record(user, by="code" if step is None else "step")
    return {"totp": False}


@verb("people.tidy", rule=system, scope=None)
def tidy(work: Work, _subject: None) -> None:
    """Forget attempts of more than an hour ago and codes of more than a month ago.

    Bookkeeping: not audited.
    """
    forgiven = login_attempts.c.last_at < work.now - FORGIVEN_AFTER
    work.run(delete(login_attempts).where(forgiven, login_attempts.c.locked_until <= work.now))
    work.run(delete(one_time_codes).where(one_time_codes.c.expires_at < work.now - CODES_KEPT))
    work.nothing_changed()


def open_session(work: Work, user: str, label: str, *, browser: bool) -> dict[str, Any]:
    """Open a session of 12 hours; a browser's ends earlier if nobody uses it."""
    _drop_ended_sessions(work, user)
    idle = int(60 * work.services.settings["session_idle_minutes"]) if browser else None
    session = issue(
        work,
        "b" if browser else "s",
        user_id=user,
        label=label,
        expires_at=work.now + SESSION,
        idle_seconds=idle,
    )
    return {"user": user} | session


def proved(work: Work, user: str, verified: str) -> Any:
    """The person's row, if the account is active and the verified password is still its own.

    Raises CentreError ``unauthenticated``.
    """
    row = work.one(
        select(users).where(
            users.c.id == user, users.c.state == "active", users.c.password_hash == verified
        )
    )
    if row is None:
        raise wrong()
    return row


def spend_step(work: Work, user: str, step: int) -> None:
    """Use a time step up: its code and earlier ones never work again.

    Raises CentreError ``unauthenticated`` if it was used.
    """
    later = users.c.id == user, users.c.totp_last_step < step
    if not work.run(update(users).where(*later).values(totp_last_step=step)):
        raise wrong()


def needs_code() -> CentreError:
    """The refusal where only the one-time code is missing."""
    message = "this account needs a one-time code too"
    return CentreError("unauthenticated", message, field="code", needs="code")


def wrong() -> CentreError:
    """What every failed login is told."""
    return CentreError("unauthenticated", "login, password or one-time code is wrong")


def _new_password(work: Work, user: str, hashed: str, spare: str | None = None) -> None:
    assert hashed.startswith("$argon2id$"), "a password comes here hashed"
    work.run(update(users).where(users.c.id == user).values(password_hash=hashed))
    codes.withdraw(work, user, *codes.SETS_PASSWORD)
    mine = api_keys.c.user_id == user, api_keys.c.kind.in_(SESSIONS)
    revoke_where(work, *mine, api_keys.c.id != (spare or ""))


def _drop_ended_sessions(work: Work, user: str) -> None:
    ended = api_keys.c.revoked_at.is_not(None) | (api_keys.c.expires_at <= work.now)
    mine = api_keys.c.user_id == user, api_keys.c.kind.in_(SESSIONS)
    work.run(delete(api_keys).where(*mine, ended))


def _live_keys(work: Work, user: str) -> int:
    live = (
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > work.now),
    )
    return len(
        work.all(
            select(api_keys.c.id).where(api_keys.c.user_id == user, api_keys.c.kind == "u", *live)
        )
    )
