"""What can be asked about people."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select

from markaz.centre.access import CentreRole, anyone, person, query
from markaz.centre.fields import choice, line, whole
from markaz.centre.people import rules
from markaz.centre.people.accounts import roles_of
from markaz.centre.people.documents import person_document
from markaz.centre.people.key_verbs import document as key_document
from markaz.centre.people.tables import api_keys, institutions, users
from markaz.centre.work import Work

MOST: Final = 500  # items on a page
STATES: Final = ("pending", "active", "suspended", "erased")


@query("people.me", rule=rules.own, scope=None)
def me(work: Work, row: Any) -> dict[str, Any]:
    """The person who asks, and what this login or key may do."""
    actor = work.actor
    return person_document(row, roles_of(work, row.id)) | {
        "key": actor.key,
        "scopes": None if actor.scopes is None else sorted(actor.scopes),
        "project": actor.project,
    }


@query("people.show", rule=rules.visible, scope="account")
def show(work: Work, row: Any, *, user: str | None = None) -> dict[str, Any]:
    """One person: oneself, or for operators and directors anybody."""
    return person_document(row, roles_of(work, row.id))


@query("people.list", rule=rules.looker, scope="operate")
def list_people(
    work: Work,
    _subject: None,
    *,
    state: str | None = None,
    search: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> dict[str, Any]:
    """Accounts in the order in which they were made; ``search`` looks in login, name, mail."""
    wanted = select(users).where(*_matching(state, search))
    rows = page(work, wanted, users.c.id, limit, after)
    return paged([person_document(row, roles_of(work, row.id)) for row in rows], limit)


@query("keys.list", rule=rules.own_or_managed, scope="account")
def list_keys(
    work: Work, row: Any, *, user: str | None = None, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """Keys and sessions of one person that were not revoked; never the secrets."""
    live = api_keys.c.revoked_at.is_(None)
    wanted = select(api_keys).where(api_keys.c.user_id == row.id, live)
    rows = page(work, wanted, api_keys.c.id, limit, after)
    return paged([key_document(key._mapping) for key in rows], limit)


@query("keys.list_workers", rule=rules.looker, scope="operate")
def list_worker_keys(
    work: Work, _subject: None, *, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """Workers' keys that were not revoked."""
    wanted = select(api_keys).where(api_keys.c.kind == "w", api_keys.c.revoked_at.is_(None))
    rows = page(work, wanted, api_keys.c.id, limit, after)
    return paged([key_document(key._mapping) for key in rows], limit)


@query("institutions.list", rule=anyone, scope=None)
def list_institutions(
    work: Work, _subject: None, *, limit: int = 50, after: str | None = None
) -> dict[str, Any]:
    """All institutions: public, because who asks for an account names one. Shares are not."""
    rows = page(work, select(institutions), institutions.c.id, limit, after)
    public = ("id", "name", "country")
    keep = list(institutions.c.keys()) if work.actor.has(*CentreRole) else public
    return paged([{name: row._mapping[name] for name in keep} for row in rows], limit)


@query("institutions.show", rule=person, scope=None)
def show_institution(work: Work, _subject: None, *, institution: str) -> dict[str, Any]:
    """One institution with its shares. Errors: ``not-found``."""
    return dict(rules.find_institution(work, institution)._mapping)


def page(work: Work, wanted: Any, column: Any, limit: int, after: str | None) -> list[Any]:
    """Rows of one page, in the order of ``column``, after the cursor ``after``."""
    size = whole("limit", limit, 1, MOST)
    if after is not None:
        wanted = wanted.where(column > line("after", after, most=64))
    return work.all(wanted.order_by(column).limit(size))


def paged(items: list[dict[str, Any]], limit: int, key: str = "id") -> dict[str, Any]:
    """A page as a document; ``next`` is the cursor of the following one, if there may be one."""
    return {"items": items, "next": items[-1][key] if len(items) == limit else None}


def _matching(state: str | None, search: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(users.c.state == choice("state", state, STATES))
    if search is not None:
        part = line("search", search, most=100)
        columns = (users.c.login, users.c.name, users.c.email)
        conditions.append(or_(*(column.icontains(part, autoescape=True) for column in columns)))
    return conditions
