"""The hash chain itself: entries are collected, linked, and written with the change.

``hash = SHA-256(JSON [previous hash, segment, seq, at, actor, verb, subject, details])``,
where ``details`` is the stored text. A segment's first entry holds the heads of the
segments before it (all zeros precede it), so that none can be cut off unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from markaz.centre.audit.tables import audit_entries, audit_segments
from markaz.centre.ids import new_id

ZERO: Final = "0" * 64


def entry_hash(previous: str, fields: tuple[Any, ...]) -> str:
    """Hash of an entry: ``fields`` are segment, seq, at, actor, verb, subject, details."""
    text = json.dumps([previous, *fields], ensure_ascii=False, separators=(",", ":"))
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
        heads = _open_heads(connection)
        self.segment, self._seq, self._head = new_id(now), 0, ZERO
        connection.execute(insert(audit_segments).values(id=self.segment, opened_at=now))
        connection.execute(
            update(audit_segments)
            .where(audit_segments.c.id.in_([head[0] for head in heads]))
            .values(sealed_by=self.segment)
        )
        self.add(now, "system", "audit.open", self.segment, {"heads": heads})

    def add(self, at: int, actor: str, verb: str, subject: str, details: dict[str, Any]) -> None:
        """Link an entry; it is written by ``flush`` in the transaction under way."""
        text = json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        fields = (self.segment, self._seq, at, actor, verb, subject, text)
        self._head = entry_hash(self._head, fields)
        names = ("segment", "seq", "at", "actor", "verb", "subject", "details", "hash")
        self._pending.append(dict(zip(names, (*fields, self._head), strict=True)))
        self._seq += 1

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
            connection.execute(insert(audit_entries), self._pending)
            self._pending = []


def _open_heads(connection: Connection) -> list[list[Any]]:
    """``[segment, seq, hash]`` of the last entry of every segment not yet sealed."""
    last = (
        select(audit_entries.c.segment, func.max(audit_entries.c.seq).label("seq"))
        .join(audit_segments, audit_segments.c.id == audit_entries.c.segment)
        .where(audit_segments.c.sealed_by.is_(None))
        .group_by(audit_entries.c.segment)
        .subquery()
    )
    rows = connection.execute(
        select(audit_entries.c.segment, audit_entries.c.seq, audit_entries.c.hash)
        .join(
            last, (last.c.segment == audit_entries.c.segment) & (last.c.seq == audit_entries.c.seq)
        )
        .order_by(audit_entries.c.segment)
    )
    return [list(row) for row in rows]
