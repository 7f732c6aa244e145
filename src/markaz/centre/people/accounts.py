"""Verbs about accounts: asking for one, approving, suspending, roles at the centre."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from markaz.centre.access import CentreRole, operator, system, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import CentreError, conflict, invalid
from markaz.centre.fields import choice, email, line
from markaz.centre.ids import is_id, new_id
from markaz.centre.people import codes, post, rules
from markaz.centre.people.documents import person_document
from markaz.centre.people.institutions import default_institution
from markaz.centre.people.key_verbs import SESSIONS, revoke_where
from markaz.centre.people.keys import forget_after
from markaz.centre.people.tables import (
    api_keys,
    centre_roles,
    identities,
    one_time_codes,
    users,
)
from markaz.centre.work import Work

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_RESERVED: Final = frozenset({"anonymous", "system", "unknown", "erased"})
_take = email  # the verbs below have an argument of that name


@verb("people.sign_up", rule=system, scope=None)
def sign_up(
    work: Work,
    _subject: None,
    *,
    login: str,
    name: str,
    email: str,
    hashed: str,
    institution: str | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Write down a request for an account, which an operator must approve.

    ``people.login.sign_up`` is its front door, which checks and hashes the password.
    Errors: ``forbidden`` where the centre takes no requests, ``conflict`` if the login is
    taken.
    """
    if not work.services.settings["sign_up"]:
        raise CentreError("forbidden", "this centre takes no requests; ask an operator")
    row = _new(work, login, name, email, institution, language)
    _add(work, row | {"state": "pending", "password_hash": hashed})
    return {"id": row["id"], "login": row["login"], "state": "pending"}


def asked_before(work: Work, **asked: Any) -> Any:
    """The row of an equal request for an account that waits to be decided; None: there is none.

    Errors: as of ``sign_up`` for fields that cannot be.
    """
    if not work.services.settings["sign_up"]:
        return None
    wanted = _new(work, **asked)
    same = [users.c[name] == value for name, value in wanted.items() if name not in _STAMPS]
    return work.one(select(users).where(users.c.state == "pending", *same))


_STAMPS: Final = frozenset({"id", "created_at"})  # of the request, not of what is asked


def taken(login: str) -> CentreError:
    """The refusal of a login that somebody has."""
    return conflict(_taken(login))


def _taken(login: str) -> str:
    return f"the login {login!r} is taken"


@verb("people.create", rule=operator, scope="operate")
def create(
    work: Work,
    _subject: None,
    *,
    login: str,
    name: str,
    email: str | None = None,
    institution: str | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Create an active account without a password.

    The one-time code for the first password is mailed, or, without a mail server or an
    address, in ``secret`` for the operator to hand over. Errors: ``conflict``.
    """
    row = _new(work, login, name, email, institution, language)
    _add(work, row | {"state": "active"})
    user = rules.find(work, row["id"])
    mailed = work.services.mailer.available and email is not None
    code, expires_at = codes.issue(work, user, "first", mailed=False)
    if mailed:
        _welcome(work, user, code)
    return person_document(user) | {
        "code_expires_at": expires_at,
        "mailed": mailed,
        "secret": None if mailed else code,
    }


@verb("people.approve", rule=rules.managed, scope="operate")
def approve(work: Work, row: Any, *, user: str) -> dict[str, Any]:
    """Let a person who asked for an account in. Errors: ``conflict`` unless it is pending."""
    _move(work, row, "pending", "active")
    if work.services.mailer.available and row.email:
        text = f"Your account {row.login} has been approved. You can log in now."
        post.send_after(work, row.email, "Your account", text)
    return {"id": row.id, "state": "active"}


@verb("people.refuse", rule=rules.managed, scope="operate")
def refuse(work: Work, row: Any, *, user: str) -> dict[str, Any]:
    """Delete a request for an account, with keys, codes and roles that it was given meanwhile.

    Errors: ``conflict`` unless it is pending, or if something else is its own by now.
    """
    pending = users.c.id == row.id, users.c.state == "pending"
    owner = select(users.c.id).where(*pending)
    for held in (api_keys, identities, one_time_codes, centre_roles):
        work.run(delete(held).where(held.c.user_id.in_(owner)))
    with unique("this account is in use by now (in a project, say): erase it instead"):
        refused = work.run(delete(users).where(*pending))
    if not refused:
        raise conflict(f"this account is {row.state}, not pending")
    forget_after(work)
    work.record(row.id)
    return {"id": row.id, "state": "refused"}


@verb("people.suspend", rule=rules.managed, scope="operate")
def suspend(work: Work, row: Any, *, user: str, reason: str) -> dict[str, Any]:
    """Shut a person out: sessions end, keys stop working until the account is reactivated.

    The person hears the reason by mail, if there is mail; it is not stored.

    Errors: ``conflict`` unless it is active, or if it is the last operator's.
    """
    why = line("reason", reason, most=500)
    keep_an_operator(work, row.id)
    _move(work, row, "active", "suspended")
    revoke_where(work, api_keys.c.user_id == row.id, api_keys.c.kind.in_(SESSIONS))
    codes.withdraw(work, row.id, *codes.PURPOSES)
    if work.services.mailer.available and row.email:
        text = f"Your account {row.login} is suspended: {why}."
        post.send_after(work, row.email, "Your account", text)
    return {"id": row.id, "state": "suspended"}


@verb("people.reactivate", rule=rules.managed, scope="operate")
def reactivate(work: Work, row: Any, *, user: str) -> dict[str, Any]:
    """Undo a suspension. Errors: ``conflict`` unless the account is suspended."""
    _move(work, row, "suspended", "active")
    return {"id": row.id, "state": "active"}


@verb("people.grant_role", rule=rules.managed, scope="operate")
def grant_role(work: Work, row: Any, *, user: str, role: str) -> dict[str, Any]:
    """Give a person a role at the centre. Errors: ``conflict`` unless the account is active."""
    given = choice("role", role, tuple(CentreRole))
    if row.state != "active":
        raise conflict(f"this account is {row.state}")
    held = select(centre_roles).where(
        centre_roles.c.user_id == row.id, centre_roles.c.role == given
    )
    if work.one(held):
        work.nothing_changed()
    else:
        values = {"user_id": row.id, "role": given, "granted_at": work.now}
        with unique("this role was given at the same moment"):
            work.run(insert(centre_roles).values(values))
        work.record(row.id, role=given)
        forget_after(work)
    return person_document(row, roles_of(work, row.id))


@verb("people.revoke_role", rule=rules.managed, scope="operate")
def revoke_role(work: Work, row: Any, *, user: str, role: str) -> dict[str, Any]:
    """Take a role at the centre away. Errors: ``conflict`` if it is the last operator's."""
    taken = choice("role", role, tuple(CentreRole))
    if taken == CentreRole.OPERATOR:
        keep_an_operator(work, row.id)
    held = centre_roles.c.user_id == row.id, centre_roles.c.role == taken
    if work.run(delete(centre_roles).where(*held)):
        work.record(row.id, role=taken)
        forget_after(work)
    else:
        work.nothing_changed()
    return person_document(row, roles_of(work, row.id))


@verb("people.change", rule=rules.own_or_managed, scope="account")
def change(
    work: Work,
    row: Any,
    *,
    user: str | None = None,
    name: str | None = None,
    email: str | None = None,
    language: str | None = None,
    institution: str | None = None,
) -> dict[str, Any]:
    """Change what is given of a profile; ``institution`` only by operators.

    A mail goes to the old address when the address changes. Errors: ``forbidden``.
    """
    given = {"name": name, "email": email, "language": language, "institution": institution}
    values = _profile(work, {k: v for k, v in given.items() if v is not None})
    if not values:
        raise invalid("name", "say what to change: name, email, language or institution")
    if "institution_id" in values and not work.actor.has(CentreRole.OPERATOR):
        raise CentreError("forbidden", "operators move people to another institution")
    work.run(update(users).where(users.c.id == row.id).values(values))
    work.record(row.id, changed=sorted(values))
    if values.get("email", row.email) != row.email and row.email and work.services.mailer.available:
        text = f"The mail address of the account {row.login} was changed to another one."
        post.send_after(work, row.email, "Your mail address", text)
    if "institution_id" in values:
        work.after(work.services.listener.rules_changed)
    return person_document(rules.find(work, row.id), roles_of(work, row.id))


def keep_an_operator(work: Work, leaving: str) -> None:
    """Raise CentreError ``conflict`` if nobody but ``leaving`` is an active operator.

    Locks the operators' rows first: two of them cannot remove each other at once.
    """
    held = select(centre_roles.c.user_id).where(centre_roles.c.role == CentreRole.OPERATOR)
    if leaving not in [row.user_id for row in work.all(held.order_by("user_id").with_for_update())]:
        return
    others = held.join(users, users.c.id == centre_roles.c.user_id).where(
        users.c.state == "active", users.c.id != leaving
    )
    if not work.all(others):
        raise conflict("this is the last operator; make another one first")


def roles_of(work: Work, user_id: str) -> list[str]:
    """The roles that a person has at the centre."""
    held = select(centre_roles.c.role).where(centre_roles.c.user_id == user_id)
    return sorted(row.role for row in work.all(held))


def login_name(value: Any) -> str:
    """A login name for a new account, in lower case. Raises CentreError ``invalid``."""
    text = line("login", value, most=64).lower()
    if not rules.LOGIN.fullmatch(text) or is_id(text) or text in _RESERVED:
        raise invalid(
            "login",
            "login must be 2 to 64 characters: a to z, digits, dot, hyphen, underscore",
        )
    return text


def _new(
    work: Work, login: str, name: str, email: str | None, institution: str | None, language: str
) -> dict[str, Any]:
    given = {"name": name, "email": email, "language": language, "institution": institution}
    base = {"id": new_id(work.now), "login": login_name(login), "created_at": work.now}
    if institution is None:
        base["institution_id"] = default_institution(work)
    return base | _profile(work, {k: v for k, v in given.items() if v is not None})


def _profile(work: Work, given: dict[str, Any]) -> dict[str, Any]:
    """The columns for the profile fields that are ``given``."""
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = line("name", given["name"])
    if "email" in given:
        values["email"] = _take("email", given["email"])
    if "language" in given:
        values["language"] = line("language", given["language"], most=8)
        if not _LANGUAGE.fullmatch(values["language"]):
            raise invalid("language", "language must be a code such as en, ur or ar")
    if "institution" in given:
        values["institution_id"] = rules.find_institution(work, given["institution"]).id
    return values


def _add(work: Work, row: dict[str, Any]) -> None:
    with unique(_taken(row["login"])):
        work.run(insert(users).values(row))
    work.record(row["id"], state=row["state"], institution=row["institution_id"])


def _move(work: Work, row: Any, before: str, after: str) -> None:
    """Change the state of an account, which must be ``before``."""
    there = users.c.id == row.id, users.c.state == before
    if not work.run(update(users).where(*there).values(state=after)):
        raise conflict(f"this account is {row.state}, not {before}")
    work.record(row.id, state=after)
    forget_after(work)


def _welcome(work: Work, user: Any, code: str) -> None:
    text = (
        f"An account {user.login} was made for you. Your one-time code for its password:\n\n{code}"
    )
    post.send_after(work, user.email, "Your account", f"{text}\n\nIt works once, for a day.")
