"""Who a key belongs to. Asked at every request, so it costs one indexed read or none.

Answers are remembered for a second at most, and forgotten at once when a key or its owner
changes in this process; with several servers the others follow within that second.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from markaz.centre.access import SYSTEM, CentreRole, Principal, system, verb
from markaz.centre.db import dialect
from markaz.centre.errors import CentreError
from markaz.centre.people import tokens
from markaz.centre.people.port import Host
from markaz.centre.people.tables import api_keys, centre_roles, users
from markaz.centre.work import Work

REMEMBERED_SECONDS: Final = 1.0
REMEMBERED_MOST: Final = 10_000
USE_NOTED_EVERY: Final = 60_000_000  # microseconds
PROGRAMS: Final = "usw"  # what is sent with each request by whoever means it
BROWSER: Final = "b"  # what a browser sends by itself: the portal asks for more than that

_OWNER: Final = (
    select(
        api_keys.c.id,
        api_keys.c.kind,
        api_keys.c.user_id,
        api_keys.c.project_id,
        api_keys.c.scopes,
        api_keys.c.created_at,
        api_keys.c.expires_at,
        api_keys.c.idle_seconds,
        api_keys.c.revoked_at,
        api_keys.c.last_used_at,
        users.c.state,
        centre_roles.c.role,
    )
    .outerjoin(users, users.c.id == api_keys.c.user_id)
    .outerjoin(centre_roles, centre_roles.c.user_id == api_keys.c.user_id)
    .where(api_keys.c.hash == bindparam("hash"))
)


@dataclass(slots=True)
class _Known:
    principal: Principal
    expires_at: int | None
    last_used_at: int
    until: float


class Authenticator:
    """Tells who sends a key. One for a server; safe to call from any thread."""

    def __init__(self, centre: Host) -> None:
        self._centre = centre
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._changes = 0
        self._lock = threading.Lock()
        with _registering:
            _authenticators.add(self)

    def authenticate(self, token: str, kinds: str = PROGRAMS) -> Principal:
        """Whose key ``token`` is; a browser's session (``BROWSER``) opens the portal only.

        Raises CentreError ``unauthenticated``: mistyped (told from the checksum, without a
        query), or not valid here. Notes the use of a key once a minute.
        """
        return self.authenticate_hash(tokens.hashed(tokens.check(token, kinds)))

    def recall(self, token: str, kinds: str = PROGRAMS) -> Principal | None:
        """As ``authenticate``, but never waits: None if the database must be asked."""
        return self.recall_hash(tokens.hashed(tokens.check(token, kinds)))

    def authenticate_hash(self, digest: str) -> Principal:
        """As ``authenticate``, by what is stored of a key: for what stands for a key."""
        now = self._centre.services.clock.now()
        return self._used(self._recall(digest) or self._look_up(digest, now), now)

    def recall_hash(self, digest: str) -> Principal | None:
        """As ``recall``, by what is stored of a key."""
        known = self._recall(digest)
        return None if known is None else self._used(known, self._centre.services.clock.now())

    def forget(self) -> None:
        """Ask the database again from now on."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _used(self, known: _Known, now: int) -> Principal:
        if known.expires_at is not None and known.expires_at <= now:
            raise _not_valid()
        if now - known.last_used_at >= USE_NOTED_EVERY:
            known.last_used_at = now
            self._centre.perform_later(note_use, SYSTEM, key=known.principal.key)
        return known.principal

    def _recall(self, digest: str) -> _Known | None:
        with self._lock:
            known = self._known.get(digest)
        return known if known is not None and known.until > time.monotonic() else None

    def _look_up(self, digest: str, now: int) -> _Known:
        changes = self._changes
        until = time.monotonic() + REMEMBERED_SECONDS
        try:
            with dialect.read_connection(self._centre.engine) as connection:
                known = _read(connection, digest, now, until)
        except DBAPIError as error:
            raise dialect.translated(error) from error
        with self._lock:
            if changes == self._changes:  # else the row may be from before a revocation
                self._known[digest] = known
                while len(self._known) > REMEMBERED_MOST:
                    self._known.popitem(last=False)
        return known


_authenticators: weakref.WeakSet[Authenticator] = weakref.WeakSet()
_registering: Final = threading.Lock()


def forget_after(work: Work) -> None:
    """Once this change is durable, look every key up anew."""
    work.after(_forget)


def _forget() -> None:
    with _registering:
        listening = list(_authenticators)
    for authenticator in listening:
        authenticator.forget()


@verb("keys.note_use", rule=system, scope=None)
def note_use(work: Work, _subject: None, *, key: str) -> None:
    """Note that a key is in use. Bookkeeping, once a minute for each key: not audited."""
    stale = api_keys.c.last_used_at.is_(None) | (api_keys.c.last_used_at < work.now)
    work.run(update(api_keys).where(api_keys.c.id == key, stale).values(last_used_at=work.now))
    work.nothing_changed()


def authenticate(connection: Connection, token: str, now: int) -> Principal:
    """As ``Authenticator.authenticate``, without memory and without noting the use."""
    digest = tokens.hashed(tokens.check(token, PROGRAMS))
    return _read(connection, digest, now, 0.0).principal


def _read(connection: Connection, digest: str, now: int, until: float) -> _Known:
    rows = connection.execute(_OWNER, {"hash": digest}).all()
    if not rows or not _is_live(rows[0], now):
        raise _not_valid()
    return _Known(_principal(rows), rows[0].expires_at, rows[0].last_used_at or 0, until)


def _is_live(row: Any, now: int) -> bool:
    expired = row.expires_at is not None and row.expires_at <= now
    live = row.revoked_at is None and not expired and not _is_idle(row, now)
    return live and row.state in (None, "active")


def _is_idle(row: Any, now: int) -> bool:
    """Whether nobody has used it for longer than it allows."""
    if row.idle_seconds is None:
        return False
    used = row.last_used_at or row.created_at
    return bool(now - used >= row.idle_seconds * 1_000_000)


def _principal(rows: Any) -> Principal:
    row = rows[0]
    if row.kind == "w":
        return Principal(row.id, "worker", scopes=frozenset(), key=row.id)
    return Principal(
        id=row.user_id,
        kind="user",
        roles=frozenset(CentreRole(one.role) for one in rows if one.role),
        scopes=None if row.scopes is None else frozenset(json.loads(row.scopes)),
        key=row.id,
        project=row.project_id,
    )


def _not_valid() -> CentreError:
    """The same for unknown, revoked and expired keys, and for keys of suspended people."""
    return CentreError(
        "unauthenticated",
        "this key is not valid here: unknown, revoked or expired; log in or make a new one",
    )
