"""The front doors of an account: what needs a password to be hashed or verified.

Interfaces call these in a thread of their own. Verifying takes tens of milliseconds and
happens here, never in the writer's thread; the verbs of ``people.credentials`` then write
down what came of it. A name that nobody has costs the same attempt, the same verification
and the same entry as one that somebody has.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import DBAPIError

from markaz.centre.access import ANONYMOUS, Principal, person
from markaz.centre.db import dialect
from markaz.centre.errors import CentreError
from markaz.centre.people import accounts, codes, credentials, identities, passwords, totp
from markaz.centre.people.credentials import wrong
from markaz.centre.people.port import Host
from markaz.centre.people.rules import LOGIN
from markaz.centre.people.tables import users
from markaz.centre.work import Work


def log_in(
    centre: Host,
    *,
    login: str,
    password: str,
    code: str | None = None,
    label: str = "login",
    browser: bool = False,
) -> dict[str, Any]:
    """Open a session: a key of 12 hours with all scopes, in ``secret``; with ``browser`` one
    that the portal takes and no other interface.

    Errors: ``unauthenticated``, the same for wrong and unknown logins, with ``needs="code"``
    in the details where only the one-time code is missing; ``rate-limited`` after too many
    attempts.
    """
    name = _attempt(centre, login)
    user = _proved(centre, login, password)
    if user.totp_confirmed and code is None:
        raise credentials.needs_code()
    step = _step(centre, user, code) if user.totp_confirmed else None
    rehashed = passwords.hashed(password) if passwords.is_outdated(user.password_hash) else None
    try:
        answer = centre.perform(
            credentials.log_in,
            _as(user.id),
            user=user.id,
            name=name,
            verified=user.password_hash,
            step=step,
            rehashed=rehashed,
            label=label[:100],
            browser=browser,
        )
    except CentreError as error:
        if error.kind == "unauthenticated":
            _refuse(centre, user.id, "used code")
        raise
    return dict(answer)


def log_in_elsewhere(
    centre: Host, *, issuer: str, subject: str, code: str | None = None, label: str = "login"
) -> dict[str, Any]:
    """Open a browser's session for whoever is ``subject`` at ``issuer``.

    The issuer stands for the password only: an account that asks for one-time codes asks
    for one here too, whatever the issuer asked for. Errors: ``unauthenticated`` for an
    identity that is linked to no account (``needs="link"`` in the details), to one that is
    not active, where the code is missing (``needs="code"``) or wrong; ``rate-limited``.
    """
    user = _row(centre, identities.owner(issuer, subject))
    name = step = None
    if user is not None and user.state == "active" and user.totp_confirmed:
        if code is None:
            raise credentials.needs_code()
        name = _attempt(centre, user.login)
        step = _step(centre, user, code)
    given = {"issuer": issuer, "subject": subject, "label": label[:100]}
    door = _as(ANONYMOUS.id)
    return dict(centre.perform(identities.admit, door, **given, name=name, step=step))


def sign_up(
    centre: Host,
    *,
    login: str,
    name: str,
    email: str,
    password: str,
    institution: str | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Ask for an account; an operator approves it. The same again, while nobody has decided,
    is the same request and has the same answer. Errors: ``invalid``, ``conflict``,
    ``rate-limited``."""
    passwords.check(password, names=[login, name, email, centre.services.settings["site_name"]])
    asked = {
        "login": login,
        "name": name,
        "email": email,
        "institution": institution,
        "language": language,
    }
    repeated = _asked_before(centre, password, asked)
    if repeated is not None:
        return repeated
    hashed = passwords.hashed(password)
    try:
        return dict(centre.perform(accounts.sign_up, _as(ANONYMOUS.id), **asked, hashed=hashed))
    except CentreError as error:
        repeated = _asked_before(centre, password, asked) if error.kind == "conflict" else None
        if repeated is None:
            raise
        return repeated  # the same request came at the same moment


def _asked_before(centre: Host, password: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to an equal request that waits to be decided; None: there is none.

    The password counts as an attempt to log in, so that none can be tried here that could not
    be tried there. Errors: ``conflict`` if all but the password is equal, ``rate-limited``.
    """
    earlier = _look(centre, lambda work: accounts.asked_before(work, **asked))
    if earlier is None:
        return None
    _attempt(centre, earlier.login)
    if not passwords.fits(earlier.password_hash, password):
        raise accounts.taken(earlier.login)
    return {"id": earlier.id, "login": earlier.login, "state": "pending"}


def set_password(centre: Host, *, code: str, password: str) -> dict[str, Any]:
    """Set the first password, or a new one for a lost one, with a one-time code.

    Errors: ``unauthenticated`` for a code that does not work, ``invalid`` for the password.
    """
    user = _look(centre, lambda work: codes.holder(work, code, *codes.SETS_PASSWORD))
    _check_new(centre, user, password)
    hashed = passwords.hashed(password)
    answer = centre.perform(credentials.set_password, _as(user.id), code=code, hashed=hashed)
    return dict(answer)


def change_password(centre: Host, actor: Principal, *, old: str, new: str) -> dict[str, Any]:
    """Set a new password, knowing the old one; other sessions end.

    Errors: ``unauthenticated``, ``invalid``, ``rate-limited``.
    """
    user = _again(centre, actor, old)
    _check_new(centre, user, new)
    answer = centre.perform(
        credentials.change_password,
        _as(user.id),
        user=user.id,
        verified=user.password_hash,
        hashed=passwords.hashed(new),
        session=actor.key,
    )
    return dict(answer)


def totp_off(centre: Host, actor: Principal, *, password: str, code: str) -> dict[str, Any]:
    """Turn one-time codes at login off, with password and a current code.

    Errors: ``unauthenticated``, ``conflict``, ``rate-limited``.
    """
    user = _again(centre, actor, password)
    step = _step(centre, user, code) if user.totp_confirmed else None
    return _totp_off(centre, user, step, code)


def reset_totp(centre: Host, *, login: str, password: str, code: str) -> dict[str, Any]:
    """Turn one-time codes at login off after the authenticator was lost.

    Needs the password and the centre's one-time code (by mail or from an operator). Errors:
    ``unauthenticated``, ``conflict``, ``rate-limited``.
    """
    _attempt(centre, login)
    return _totp_off(centre, _proved(centre, login, password), None, code)


def _totp_off(centre: Host, user: Any, step: int | None, code: str) -> dict[str, Any]:
    answer = centre.perform(
        credentials.totp_off,
        _as(user.id),
        user=user.id,
        verified=user.password_hash,
        step=step,
        code=code,
    )
    return dict(answer)


def _attempt(centre: Host, login: object) -> str:
    """Count an attempt at ``login``; the keyed hash that it is counted under."""
    text = _normal(login).encode("utf-8", "replace")
    name = hmac.new(centre.services.key, b"markaz login\0" + text, hashlib.sha256).hexdigest()
    centre.perform(credentials.attempt, _as(ANONYMOUS.id), name=name)
    return name


def _proved(centre: Host, login: object, password: str) -> Any:
    """The row of the person whose login and password these are."""
    name = _normal(login)
    wanted = select(users).where(users.c.login == (name if LOGIN.fullmatch(name) else ""))
    user = _row(centre, wanted)
    if not passwords.fits(user.password_hash if user else None, password):
        _refuse(centre, user.id if user else "unknown", "password")
        raise wrong()
    if user.state != "active":
        _refuse(centre, user.id, user.state)
        raise CentreError("unauthenticated", f"this account is {user.state}; ask an operator")
    return user


def _again(centre: Host, actor: Principal, password: str) -> Any:
    """The row of a person who is logged in and has just given the password again."""
    _look(centre, person, actor)
    user = _row(centre, select(users).where(users.c.id == actor.id))
    _attempt(centre, user.login)
    return _proved(centre, user.login, password)


def _step(centre: Host, user: Any, code: object) -> int:
    """The time step of a right one-time code."""
    secret = totp.secret(centre.services.key, user.id, user.totp_salt)
    text = code if isinstance(code, str) else ""
    step = totp.fitting_step(secret, text, centre.services.clock.now())
    if step is None or step <= user.totp_last_step:
        _refuse(centre, user.id, "code")
        raise wrong()
    return step


def _check_new(centre: Host, user: Any, password: str) -> None:
    site = centre.services.settings["site_name"]
    passwords.check(password, names=[user.login, user.name, user.email, site])


def _refuse(centre: Host, user: str, why: str) -> None:
    centre.services.count("login_refused")
    centre.perform(credentials.refuse, _as(ANONYMOUS.id), user=user, why=why)


def _as(user: str) -> Principal:
    """The centre itself, acting in the name of ``user``."""
    return Principal(user, "system")


def _normal(login: object) -> str:
    return login.strip().lower()[:200] if isinstance(login, str) else ""


def _row(centre: Host, statement: Select[Any]) -> Any:
    return _look(centre, lambda work: work.one(statement))


def _look(centre: Host, look: Any, actor: Principal = ANONYMOUS) -> Any:
    """What ``look(work)`` finds in a snapshot."""
    try:
        with dialect.read_connection(centre.engine) as connection:
            return look(Work(connection, centre.services.clock.now(), actor, centre.services))
    except DBAPIError as error:
        raise dialect.translated(error) from error
