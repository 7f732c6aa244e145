"""Who somebody is elsewhere: logging in through an OpenID Connect issuer.

An interface verifies what the issuer signed and then comes with issuer and subject to the
front doors ``people.login.log_in_elsewhere`` and ``link``; the centre itself performs what
they need. Nobody is ever found by a mail address, which changes hands.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select, update

from markaz.centre.access import CentreRole, Principal, person, query, system, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, not_found
from markaz.centre.fields import known_id, line
from markaz.centre.ids import new_id
from markaz.centre.people.credentials import needs_code, open_session, spend_step
from markaz.centre.people.port import Host
from markaz.centre.people.tables import identities, login_attempts, users
from markaz.centre.work import Work

MOST: Final = 5  # of one person


def owner(issuer: str, subject: str) -> Select[Any]:
    """The statement for the person to whom an identity is linked."""
    linked = identities.c.issuer == issuer, identities.c.subject == subject
    joined = select(users, identities.c.id.label("identity"))
    return joined.join(identities, users.c.id == identities.c.user_id).where(*linked)


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
def admit(
    work: Work, _subject: None, *, issuer: str, subject: str, label: str,
    name: str | None = None, step: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Open a session for whose identity was proved.

    ``step``: the time step of the one-time code, for an account that asks for one; ``name``:
    what attempts at it are counted under. Errors: ``unauthenticated``.
    """
    row = work.one(owner(issuer, subject))
    if row is None:
        raise CentreError(
            "unauthenticated",
            "no account is linked to this identity: log in with your password and link it",
            needs="link",
        )
    if row.state != "active":
        raise CentreError("unauthenticated", f"this account is {row.state}; ask an operator")
    if step is not None:
        spend_step(work, row.id, step)
    elif row.totp_confirmed:
        raise needs_code()
    used = identities.c.id == row.identity
    work.run(update(identities).where(used).values(last_login_at=work.now))
    work.run(update(users).where(users.c.id == row.id).values(last_login_at=work.now))
    work.run(delete(login_attempts).where(login_attempts.c.name == name))
    return open_session(work, row.id, label, browser=True)


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
