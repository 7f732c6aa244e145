"""Verbs about keys: a program's way in. What a key may do only narrows on the way down."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import column, func, insert, select, table, update

from markaz.centre.access import SCOPES, person, verb
from markaz.centre.errors import CentreError, forbidden, invalid, not_found
from markaz.centre.fields import line, whole
from markaz.centre.ids import new_id
from markaz.centre.people import rules, tokens
from markaz.centre.people.keys import forget_after
from markaz.centre.people.tables import api_keys
from markaz.centre.work import Work

DAY: Final = 86_400_000_000
MOST_DAYS: Final = 3650
MOST_KEYS: Final = 100  # of one person at once
SESSIONS: Final = ("s", "b")  # kinds that a login opens
EVERYDAY: Final = ("devices:read", "jobs:read", "jobs:write", "projects:read")

# Projects stand on people, so their tables are named here, not imported.
_projects: Final = table("projects", column("id"), column("slug"))
_memberships: Final = table("memberships", column("project_id"), column("user_id"))


@verb("keys.create", rule=rules.own, scope="account")
def create(
    work: Work,
    user: Any,
    *,
    label: str,
    scopes: Collection[str] | None = None,
    project: str | None = None,
    days: int | None = 365,
) -> dict[str, Any]:
    """Make a key for the own account; ``secret`` in the answer is shown this once.

    ``scopes`` are ``EVERYDAY`` unless given; ``project`` (id or slug) binds the key to one
    of the own projects; ``days`` None never expires. A key that is made with a key has no
    more scopes, no other project and no later end than that one. Errors: ``forbidden`` for
    more than the maker has, ``not-found`` for others' projects, ``quota`` beyond 100 keys.
    """
    _count(work, user.id)
    expires_at = _expiry(work, days)
    bound = _project(work, project)
    wanted = _scopes(work, scopes)
    if bound is not None and "operate" in wanted:
        raise forbidden("a key of one project cannot have the scope 'operate'")
    return issue(
        work,
        "u",
        user_id=user.id,
        label=line("label", label, most=100),
        scopes=wanted,
        project_id=bound,
        expires_at=expires_at,
    )


@verb("keys.create_worker", rule=rules.installer, scope="operate")
def create_worker(work: Work, _subject: None, *, label: str) -> dict[str, Any]:
    """Make a worker's key: it opens the worker interface and nothing else.

    It belongs to the centre, not to whoever made it; ``secret`` is shown this once.
    """
    return issue(work, "w", user_id=None, label=line("label", label, most=100))


@verb("keys.revoke", rule=rules.key, scope="account")
def revoke(work: Work, row: Any, *, key: str) -> dict[str, Any]:
    """End a key; the next request with it is refused. Again is harmless."""
    if revoke_where(work, api_keys.c.id == row.id):
        work.record(row.id, owner=row.user_id)
    else:
        work.nothing_changed()
    return {"id": row.id, "revoked": True}


@verb("keys.log_out", rule=person, scope=None)
def log_out(work: Work, _subject: None) -> dict[str, Any]:
    """End the session or key that this request came with."""
    if work.actor.key is not None and revoke_where(work, api_keys.c.id == work.actor.key):
        work.record(work.actor.key, owner=work.actor.id)
    else:
        work.nothing_changed()
    return {"id": work.actor.key, "revoked": True}


@verb("keys.end_sessions", rule=rules.own, scope="account")
def end_sessions(work: Work, user: Any) -> dict[str, Any]:
    """End every session of the own account, this one too; keys go on working."""
    ended = revoke_where(work, api_keys.c.user_id == user.id, api_keys.c.kind.in_(SESSIONS))
    if ended:
        work.record(user.id, sessions=ended)
    else:
        work.nothing_changed()
    return {"ended": ended}


def issue(
    work: Work,
    kind: str,
    *,
    user_id: str | None,
    label: str,
    scopes: Collection[str] | None = None,
    project_id: str | None = None,
    expires_at: int | None = None,
    idle_seconds: int | None = None,
) -> dict[str, Any]:
    """Make a key of ``kind``, write the audit entry, and return it with its ``secret``."""
    token = tokens.new(kind)
    row: dict[str, Any] = {
        "id": new_id(work.now),
        "kind": kind,
        "user_id": user_id,
        "project_id": project_id,
        "label": label,
        "shown": token.shown,
        "scopes": None if scopes is None else json.dumps(sorted(scopes)),
        "created_at": work.now,
        "expires_at": expires_at,
        "idle_seconds": idle_seconds,
    }
    work.run(insert(api_keys).values(row | {"hash": token.hash}))
    work.record(row["id"], kind=kind, owner=user_id, project=project_id, scopes=row["scopes"])
    return document(row) | {"secret": token.text}


def revoke_where(work: Work, *conditions: Any) -> int:
    """End the live keys that meet ``conditions``; how many there were."""
    live = api_keys.c.revoked_at.is_(None)
    count = work.run(update(api_keys).where(live, *conditions).values(revoked_at=work.now))
    if count:
        forget_after(work)
    return count


def document(row: Any) -> dict[str, Any]:
    """A key as people and programs see it (``row``: a mapping of its columns)."""
    return {
        "id": row["id"],
        "kind": tokens.KINDS[row["kind"]],
        "label": row["label"],
        "shown": row["shown"] + "…",
        "scopes": sorted(SCOPES) if row["scopes"] is None else json.loads(row["scopes"]),
        "project": row["project_id"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "last_used_at": row.get("last_used_at"),
        "revoked_at": row.get("revoked_at"),
    }


def _count(work: Work, user_id: str) -> None:
    live = (
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > work.now),
    )
    counted = select(func.count()).where(
        api_keys.c.user_id == user_id, api_keys.c.kind == "u", *live
    )
    if work.connection.execute(counted).scalar_one() >= MOST_KEYS:
        raise CentreError("quota", f"you have {MOST_KEYS} keys; revoke one first")


def _scopes(work: Work, scopes: Collection[str] | None) -> set[str]:
    """The scopes to give: none that the maker lacks."""
    mine = set(SCOPES) if work.actor.scopes is None else set(work.actor.scopes)
    if scopes is None:
        return mine & set(EVERYDAY)
    if not isinstance(scopes, list | tuple | set | frozenset) or not all(
        isinstance(one, str) for one in scopes
    ):
        raise invalid("scopes", "scopes must be a list of names")
    for unknown in sorted(set(scopes) - set(SCOPES)):
        raise invalid("scopes", f"there is no scope {unknown!r}; there are {', '.join(SCOPES)}")
    for lacking in sorted(set(scopes) - mine):
        raise forbidden(f"a key cannot give the scope {lacking!r}, which it lacks itself")
    if not scopes:
        raise invalid("scopes", "name at least one scope")
    return set(scopes)


def _project(work: Work, project: str | None) -> str | None:
    """The id of the project to bind to: the maker's, or one that the person is in."""
    if project is None:
        return work.actor.project
    name = line("project", project, most=64)
    mine = (
        select(_projects.c.id)
        .join(_memberships, _memberships.c.project_id == _projects.c.id)
        .where(_memberships.c.user_id == work.actor.id)
        .where((_projects.c.id == name) | (_projects.c.slug == name))
    )
    row = work.one(mine)
    if row is None or work.actor.project not in (None, row.id):
        raise not_found("project")
    return str(row.id)


def _expiry(work: Work, days: int | None) -> int | None:
    """When the key ends: not after the key that makes it (a session is no such key)."""
    wanted = None if days is None else work.now + whole("days", days, 1, MOST_DAYS) * DAY
    maker = work.one(
        select(api_keys.c.expires_at).where(api_keys.c.id == work.actor.key, api_keys.c.kind == "u")
    )
    ends = [at for at in (wanted, maker.expires_at if maker else None) if at is not None]
    return min(ends, default=None)
