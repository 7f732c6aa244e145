"""Who somebody is elsewhere: logging in through an OpenID Connect issuer.

An interface verifies what the issuer signed and then comes here with issuer and subject;
``log_in`` and ``link`` are its front doors, and the centre itself performs what they need.
Nobody is ever found by a mail address, which changes hands.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from markaz.centre.access import CentreRole, Principal, person, query, system, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, not_found
from markaz.centre.fields import known_id, line
from markaz.centre.ids import new_id
from markaz.centre.people.credentials import open_session
from markaz.centre.people.port import Host
from markaz.centre.people.tables import identities, users
from markaz.centre.work import Work

MOST: Final = 5  # of one person


def log_in(centre: Host, *, issuer: str, subject: str, label: str = "login") -> dict[str, Any]:
    """Open a browser's session for whoever is ``subject`` at ``issuer``.

    The issuer stands for password and one-time code. Errors: ``unauthenticated`` for an
    identity that is linked to no account (``needs="link"`` in the details) or to one that
    is not active.
    """
    door = Principal("anonymous", "system")
    done = centre.perform(admit, door, issuer=issuer, subject=subject, label=label[:100])
    return dict(done)


def link(centre: Host, actor: Principal, *, issuer: str, subject: str) -> dict[str, Any]:
    """Let ``subject`` of ``issuer`` log in to the actor's account from now on.

    Errors: ``conflict`` if it is linked already, ``quota`` beyond five, ``forbidden`` with a
    key instead of a login.
    """
    if not actor.known or actor.scopes is not None:
        raise CentreError("forbidden", "log in with your password for this; a key is not enough")
    door = Principal(actor.id, "system")
    return dict(centre.perform(add, door, user=actor.id, issuer=issuer, subject=subject))


@verb("people.log_in_elsewhere", rule=system, scope=None)
def admit(work: Work, _subject: None, *, issuer: str, subject: str, label: str) -> dict[str, Any]:
    """Open a session for whose identity was proved. Errors: ``unauthenticated``."""
    row = work.one(
        select(identities.c.id, users.c.id.label("user"), users.c.state)
        .join(users, users.c.id == identities.c.user_id)
        .where(identities.c.issuer == issuer, identities.c.subject == subject)
    )
    if row is None:
        raise CentreError(
            "unauthenticated",
            "no account is linked to this identity: log in with your password and link it",
            needs="link",
        )
    if row.state != "active":
        raise CentreError("unauthenticated", f"this account is {row.state}; ask an operator")
    used = identities.c.id == row.id
    work.run(update(identities).where(used).values(last_login_at=work.now))
    work.run(update(users).where(users.c.id == row.user).values(last_login_at=work.now))
    return open_session(work, row.user, label, browser=True)


@verb("people.link_identity", rule=system, scope=None)
def add(work: Work, _subject: None, *, user: str, issuer: str, subject: str) -> dict[str, Any]:
    """Link an identity that was proved to the account ``user``."""
    mine = select(func.count()).where(identities.c.user_id == user)
    if work.connection.execute(mine).scalar_one() >= MOST:
        raise CentreError("quota", f"you have {MOST} linked identities; remove one first")
    row = {
        "id": new_id(work.now),
        "user_id": user,
        "issuer": line("issuer", issuer, most=500),
        "subject": line("subject", subject, most=255),
        "linked_at": work.now,
    }
    with unique("this identity is linked to an account already"):
        work.run(insert(identities).values(row))
    work.record(user, identity=row["id"])
    return {"id": row["id"], "issuer": row["issuer"]}


def _holder(work: Work, *, identity: Any, **_: Any) -> Any:
    """The row of an own identity, or for operators of any."""
    person(work)
    wanted = known_id("identity", identity)
    row = work.one(select(identities).where(identities.c.id == wanted))
    if row is None or not (row.user_id == work.actor.id or work.actor.has(CentreRole.OPERATOR)):
        raise not_found("identity")
    return row


@verb("people.unlink_identity", rule=_holder, scope="account")
def unlink(work: Work, row: Any, *, identity: str) -> dict[str, Any]:
    """Let an identity log in no more."""
    work.run(delete(identities).where(identities.c.id == row.id))
    work.record(row.user_id, identity=row.id)
    return {"id": row.id}


@query("people.identities", rule=person, scope="account")
def list_identities(work: Work, _subject: None) -> dict[str, Any]:
    """The own identities elsewhere."""
    return {"items": held(work, work.actor.id), "next": None}


def held(work: Work, user_id: str) -> list[dict[str, Any]]:
    """A person's identities, the oldest first."""
    shown = ("id", "issuer", "subject", "linked_at", "last_login_at")
    mine = select(*(identities.c[name] for name in shown)).where(identities.c.user_id == user_id)
    return [dict(row._mapping) for row in work.all(mine.order_by(identities.c.id))]
