"""What can be asked about the audit trail, by operators and directors."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import and_, or_, select

from markaz.centre.access import CentreRole, holder_of, query
from markaz.centre.audit.chain import unsealed
from markaz.centre.audit.tables import audit_entries
from markaz.centre.audit.verify import verify
from markaz.centre.errors import invalid
from markaz.centre.fields import line, moment, whole
from markaz.centre.work import Work

MOST: Final = 500  # items on a page
_looker: Final = holder_of(CentreRole.OPERATOR, CentreRole.DIRECTOR)
_entries: Final = audit_entries.c


@query("audit.search", rule=_looker, scope="operate")
def search(
    work: Work,
    _subject: None,
    *,
    since: int | None = None,
    until: int | None = None,
    by: str | None = None,
    verb: str | None = None,
    subject: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> dict[str, Any]:
    """Entries, newest first, that meet all conditions.

    ``by``: whoever acted; ``verb`` may end in ``.*``; times in microseconds UTC.
    """
    wanted = select(audit_entries)
    if since is not None:
        wanted = wanted.where(_entries.at >= moment("since", since))
    if until is not None:
        wanted = wanted.where(_entries.at < moment("until", until))
    if by is not None:
        wanted = wanted.where(_entries.actor == line("by", by))
    if subject is not None:
        wanted = wanted.where(_entries.subject == line("subject", subject))
    if verb is not None:
        wanted = wanted.where(_verb(line("verb", verb)))
    if after is not None:
        wanted = wanted.where(_older(after))
    newest = (_entries.at.desc(), _entries.segment.desc(), _entries.seq.desc())
    rows = work.all(wanted.order_by(*newest).limit(whole("limit", limit, 1, MOST)))
    last = f"{rows[-1].at}.{rows[-1].segment}.{rows[-1].seq}" if len(rows) == limit else None
    return {"items": [_document(row) for row in rows], "next": last}


@query("audit.heads", rule=_looker, scope="operate")
def heads(work: Work, _subject: None) -> dict[str, Any]:
    """The last entries that no later segment holds, to be kept elsewhere.

    ``audit.verify.verify(…, heads=…)`` finds out later whether the trail still has them.
    """
    return {"at": work.now, "heads": [list(head) for head in unsealed(work.connection)]}


@query("audit.verify", rule=_looker, scope="operate")
def verify_all(work: Work, _subject: None) -> dict[str, Any]:
    """Recompute the whole trail; seconds for each hundred thousand entries."""
    return verify(work.connection)


def _document(row: Any) -> dict[str, Any]:
    return dict(row._mapping) | {"details": json.loads(row.details)}


def _verb(wanted: str) -> Any:
    if wanted.endswith(".*"):
        return _entries.verb.startswith(wanted[:-1], autoescape=True)
    return _entries.verb == wanted


def _older(cursor: str) -> Any:
    """What comes after ``cursor`` on the way back in time."""
    parts = line("after", cursor, most=100).split(".")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[2].isdecimal()):
        raise invalid("after", "after must be the `next` of a page")
    at, segment, seq = moment("after", int(parts[0])), parts[1], int(parts[2])
    return or_(
        _entries.at < at,
        and_(_entries.at == at, _entries.segment < segment),
        and_(_entries.at == at, _entries.segment == segment, _entries.seq < seq),
    )
