"""Who may do what to people. Whoever may not see a person is told that there is none."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import Select, select

from markaz.centre.access import CentreRole, holder_of, operator, person
from markaz.centre.errors import CentreError, not_found
from markaz.centre.fields import known_id
from markaz.centre.ids import is_id
from markaz.centre.people.tables import api_keys, institutions, users
from markaz.centre.work import Work

# A login name: ASCII, so that no two look alike. Every id has this form too.
LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
LOOKERS: Final = (CentreRole.OPERATOR, CentreRole.DIRECTOR)
allotter: Final = holder_of(CentreRole.OPERATOR, CentreRole.ALLOCATOR)
looker: Final = holder_of(*LOOKERS)


def find(work: Work, user: Any) -> Any:
    """The row of a person, by id or login. Raises CentreError ``not-found``."""
    row = work.one(_by_name(user)) if isinstance(user, str) and LOGIN.fullmatch(user) else None
    if row is None or row.state == "erased":
        raise not_found("person")
    return row


def _by_name(user: str) -> Select[Any]:
    column = users.c.id if is_id(user) else users.c.login
    return select(users).where(column == user)


def managed(work: Work, *, user: str, **_: Any) -> Any:
    """An operator; the person's row."""
    operator(work)
    return find(work, user)


def own(work: Work, **_: Any) -> Any:
    """The own account's row."""
    person(work)
    return find(work, work.actor.id)


def visible(work: Work, *, user: str | None = None, **_: Any) -> Any:
    """The own account, or for operators and directors anybody's."""
    person(work)
    if user is None or user == work.actor.id:
        return find(work, work.actor.id)
    if not work.actor.has(*LOOKERS):
        raise not_found("person")
    return find(work, user)


def own_or_managed(work: Work, *, user: str | None = None, **_: Any) -> Any:
    """The own account, or for operators anybody's."""
    person(work)
    if user is None or user == work.actor.id:
        return find(work, work.actor.id)
    if not work.actor.has(CentreRole.OPERATOR):
        raise not_found("person")
    return find(work, user)


def by_login(work: Work, *, user: str | None = None, **_: Any) -> Any:
    """As ``own_or_managed``, but the own account only from a login, not with a key."""
    row = own_or_managed(work, user=user)
    if row.id == work.actor.id and work.actor.scopes is not None:
        raise CentreError("forbidden", "log in with your password for this; a key is not enough")
    return row


def key(work: Work, *, key: str, **_: Any) -> Any:
    """The row of an own key, or for operators of any key, workers' too."""
    person(work)
    row = work.one(select(api_keys).where(api_keys.c.id == known_id("key", key)))
    if row is None or not (row.user_id == work.actor.id or work.actor.has(CentreRole.OPERATOR)):
        raise not_found("key")
    return row


def installer(work: Work, **_: Any) -> None:
    """The centre itself, when it sets itself up, or an operator."""
    if work.actor.kind != "system":
        operator(work)


def institution(work: Work, *, institution: str, **_: Any) -> Any:
    """An operator or resource allocator; the institution's row."""
    allotter(work)
    return find_institution(work, institution)


def find_institution(work: Work, institution: Any) -> Any:
    """The row of an institution. Raises CentreError ``not-found``."""
    wanted = known_id("institution", institution)
    row = work.one(select(institutions).where(institutions.c.id == wanted))
    if row is None:
        raise not_found("institution")
    return row
