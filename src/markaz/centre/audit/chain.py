"""The hash chain itself: entries are collected, linked, and written with the change.

``hash = SHA-256(JSON [previous hash, segment, seq, at, actor, verb, subject, details])``,
where ``details`` is the stored text; all zeros precede a segment's first entry. That entry
holds the heads of other segments, so that nothing before those can be cut off unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from markaz.centre.audit.tables import audit_entries, audit_segments
from markaz.centre.db.frequent import Frequent
from markaz.centre.ids import new_id

ZERO: Final = "0" * 64
Head = tuple[str, int, str]  # segment, seq, hash of an entry
_COLUMNS: Final = ("segment", "seq", "at", "actor", "verb", "subject", "details", "hash")
_INSERT: Final = Frequent(insert(audit_entries), _COLUMNS)
# Made once: ``json.dumps`` with arguments makes an encoder for every call.
_as_listed: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_as_stored: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode


def entry_hash(previous: str, fields: tuple[Any, ...]) -> str:
    """Hash of an entry: ``fields`` are segment, seq, at, actor, verb, subject, details."""
    text = _as_listed([previous, *fields])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Chain:
    """The open segment of this writer. It follows the transactions (``db.writer.Observer``)."""

    def __init__(self) -> None:
        self.segment = ""
        self._seq = 0
        self._head = ZERO
        self._pending: list[dict[str, Any]] = []

    def open(self, connection: Connection, now: int) -> None:
        """Begin a segment that seals the earlier ones; inside a write transaction."""
        heads = unsealed(connection)
        self.segment, self._seq, self._head = new_id(now), 0, ZERO
        connection.execute(insert(audit_segments).values(id=self.segment, opened_at=now))
        for segment, seq, _ in heads:
            connection.execute(
                update(audit_segments)
                .where(audit_segments.c.id == segment, audit_segments.c.sealed_seq < seq)
                .values(sealed_by=self.segment, sealed_seq=seq)
            )
        self.add(
            now, "system", "audit.open", self.segment, {"heads": [list(head) for head in heads]}
        )

    def add(self, at: int, actor: str, verb: str, subject: str, details: dict[str, Any]) -> None:
        """Link an entry; it is written by ``flush`` in the transaction under way."""
        text = _as_stored(details)
        fields = (self.segment, self._seq, at, actor, verb, subject, text)
        self._head = entry_hash(self._head, fields)
        self._pending.append(dict(zip(_COLUMNS, (*fields, self._head), strict=True)))
        self._seq += 1

    def head(self) -> Head:
        """The last entry. Between transactions: the last one that was committed."""
        return self.segment, self._seq - 1, self._head

    def save(self) -> tuple[int, str, int]:
        """A mark to return to."""
        return self._seq, self._head, len(self._pending)

    def restore(self, mark: tuple[int, str, int]) -> None:
        """Forget the entries after ``mark``."""
        self._seq, self._head, count = mark
        del self._pending[count:]

    def flush(self, connection: Connection) -> None:
        """Insert what was collected."""
        if self._pending:
            _INSERT.post(connection, self._pending)  # it goes with the commit
            self._pending = []


def unsealed(connection: Connection) -> list[Head]:
    """The last entry of every segment that has entries which no later segment holds.

    A server that still runs may add more to its segment; the next one to open seals those.
    """
    entries = audit_entries.alias()
    last = (
        select(func.max(entries.c.seq))
        .where(entries.c.segment == audit_segments.c.id)
        .correlate(audit_segments)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(audit_entries.c.segment, audit_entries.c.seq, audit_entries.c.hash)
        .join(audit_segments, audit_segments.c.id == audit_entries.c.segment)
        .where(audit_entries.c.seq == last, last > audit_segments.c.sealed_seq)
        .order_by(audit_entries.c.segment)
    )
    return [(row.segment, row.seq, row.hash) for row in rows]
