"""Verification of the audit trail: every hash again, every gap, every seal.

What a copy of the database alone can prove: no entry was altered, inserted or taken out, and
nothing cut off before what a later segment holds of an earlier one. The end of the newest
segment is held by heads kept outside the database (``audit.heads``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from markaz.centre.audit.chain import ZERO, Head, entry_hash
from markaz.centre.audit.tables import audit_entries, audit_segments

_Key = tuple[str, int]  # segment, seq


@dataclass(slots=True)
class _Report:
    """What has been read so far, and the first thing that is wrong."""

    promised: dict[_Key, set[str]] = field(default_factory=dict)  # hashes that entries must have
    seals: dict[str, dict[int, set[str]]] = field(default_factory=dict)  # segment, seq -> by whom
    begun: dict[str, int] = field(default_factory=dict)  # segment -> when
    lasts: dict[str, Head] = field(default_factory=dict)
    entries: int = 0
    broken: dict[str, Any] | None = None

    def blame(self, segment: str, seq: int | None, what: str) -> None:
        """Remember the first broken entry."""
        if self.broken is None:
            self.broken = {"segment": segment, "seq": seq, "what": what}

    def sealed_to(self, segment: str) -> int:
        """The last entry of a segment that a later one holds; -1 for none."""
        return max(self.seals.get(segment, {}), default=-1)


def verify(connection: Connection, heads: Iterable[Head] = ()) -> dict[str, Any]:
    """Recompute the chains; ``heads`` were kept elsewhere and must be found again.

    ``connection`` sees one state (``dialect.read_connection``). The report: ``ok``, counts of
    ``segments``, ``entries`` and ``heads`` checked, ``open`` (last entries that no later
    segment holds), and ``broken``: None, or of the first broken entry ``segment``, ``seq``
    (None: the segment's row itself) and ``what`` is wrong.
    """
    kept = list(heads)
    report = _Report()
    for segment, seq, digest in kept:
        report.promised.setdefault((segment, seq), set()).add(digest)
    _read_seals(connection, report)
    _read_entries(connection, report)
    for segment, seq in sorted(report.promised):
        report.blame(segment, seq, "an entry that was kept or sealed elsewhere is not there")
    _check_segments(connection, report)
    tails = [last for name, last in report.lasts.items() if last[1] > report.sealed_to(name)]
    return {
        "ok": report.broken is None,
        "segments": len(report.lasts),
        "entries": report.entries,
        "heads": len(kept),
        "open": [list(last) for last in tails],
        "broken": report.broken,
    }


def _read_seals(connection: Connection, report: _Report) -> None:
    """Read from the first entries when segments began and what they hold of others."""
    first = select(audit_entries).where(audit_entries.c.seq == 0)
    for row in connection.execute(first.order_by(audit_entries.c.segment)):
        report.begun[row.segment] = row.at
        try:
            heads = [(str(s), int(n), str(h)) for s, n, h in json.loads(row.details)["heads"]]
        except (ValueError, KeyError, TypeError):
            report.blame(row.segment, 0, "the first entry does not say what it seals")
            continue
        for name, seq, digest in heads:
            report.promised.setdefault((name, seq), set()).add(digest)
            report.seals.setdefault(name, {}).setdefault(seq, set()).add(row.segment)


def _read_entries(connection: Connection, report: _Report) -> None:
    """Recompute every hash; what was promised and is there leaves ``promised``."""
    statement = select(audit_entries).order_by(audit_entries.c.segment, audit_entries.c.seq)
    last: Head = ("", -1, ZERO)
    with connection.execute(statement, execution_options={"yield_per": 2000}) as rows:
        for row in rows:
            if row.segment != last[0]:
                last = (row.segment, -1, ZERO)
            last = _follow(report, row, last)
            report.lasts[row.segment] = last
            report.entries += 1
            if report.promised.get((row.segment, row.seq)) == {row.hash}:
                del report.promised[row.segment, row.seq]


def _follow(report: _Report, row: Row[Any], last: Head) -> Head:
    """Check one entry against the one before it; the head that it makes."""
    _, seq, digest = last
    if row.seq != seq + 1:
        report.blame(row.segment, seq + 1, "entries are missing")
    fields = (row.segment, row.seq, row.at, row.actor, row.verb, row.subject, row.details)
    if entry_hash(digest, fields) != row.hash:
        report.blame(row.segment, row.seq, "the hash does not fit the entry and the one before")
    return (row.segment, row.seq, row.hash)


def _check_segments(connection: Connection, report: _Report) -> None:
    """Check that the list of segments says what their entries say."""
    listed = {row.id: row for row in connection.execute(select(audit_segments))}
    for name in sorted(set(listed) - set(report.lasts)):
        report.blame(name, 0, "all entries of the segment are missing")
    for name in sorted(set(report.lasts) - set(listed)):
        report.blame(name, None, "the segment is not listed")
    for name, row in sorted(listed.items()):
        sealed_to = report.sealed_to(name)
        by = report.seals[name][sealed_to] if sealed_to >= 0 else {None}
        seen = row.sealed_seq == sealed_to and row.sealed_by in by
        if not seen or row.opened_at != report.begun.get(name):
            report.blame(name, None, "the list of segments was altered")
