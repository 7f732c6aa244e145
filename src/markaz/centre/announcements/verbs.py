"""What operators do with announcements."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.access import operator, verb
from markaz.centre.announcements import rules
from markaz.centre.announcements.documents import document
from markaz.centre.announcements.tables import announcements
from markaz.centre.errors import conflict, invalid
from markaz.centre.fields import block, choice, line, moment
from markaz.centre.ids import new_id
from markaz.centre.work import Work

KINDS: Final = ("news", "maintenance", "incident")
MOST_LANGUAGES: Final = 8
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


@verb("announcements.publish", rule=operator, scope="operate")
def publish(
    work: Work,
    _subject: None,
    *,
    texts: Any,
    kind: str = "news",
    starts_at: int | None = None,
    ends_at: int | None = None,
) -> dict[str, Any]:
    """Tell everybody something from ``starts_at`` (now) until ``ends_at`` (withdrawn).

    ``texts``: for each language (en, ur, zh …) a ``title`` and a ``body``, plain text with
    empty lines between paragraphs; at least one language. Errors: ``invalid``.
    """
    begins = work.now if starts_at is None else moment("starts_at", starts_at)
    row: dict[str, Any] = {
        "id": new_id(work.now),
        "kind": choice("kind", kind, KINDS),
        "texts": json.dumps(_texts(texts), ensure_ascii=False),
        "starts_at": begins,
        "ends_at": _end(begins, ends_at),
        "made_by": work.actor.id,
        "created_at": work.now,
    }
    work.run(insert(announcements).values(row))
    work.record(row["id"], kind=row["kind"])
    return document(work.one(select(announcements).where(announcements.c.id == row["id"])))


@verb("announcements.withdraw", rule=rules.managed, scope="operate")
def withdraw(work: Work, row: Any, *, announcement: str) -> dict[str, Any]:
    """Show it no longer. Errors: ``conflict`` if it has ended."""
    if row.ends_at is not None and row.ends_at <= work.now:
        raise conflict("this announcement has ended already")
    # One that was to begin later never does.
    values = {"starts_at": min(row.starts_at, work.now - 1), "ends_at": work.now}
    work.run(update(announcements).where(announcements.c.id == row.id).values(values))
    work.record(row.id)
    return {"announcement": row.id, "ends_at": work.now}


def _texts(texts: Any) -> dict[str, dict[str, str]]:
    if not isinstance(texts, dict) or not 0 < len(texts) <= MOST_LANGUAGES:
        raise invalid("texts", f"texts must have 1 to {MOST_LANGUAGES} languages")
    return {_language(name): _text(name, part) for name, part in texts.items()}


def _language(name: Any) -> str:
    if not isinstance(name, str) or not _LANGUAGE.fullmatch(name):
        raise invalid("texts", "a language must be a code such as en, ur or zh")
    return name


def _text(language: str, part: Any) -> dict[str, str]:
    if not isinstance(part, dict) or set(part) != {"title", "body"}:
        raise invalid(f"texts/{language}", "a text has a title and a body")
    return {
        "title": line(f"texts/{language}/title", part["title"]),
        "body": block(f"texts/{language}/body", part["body"]),
    }


def _end(begins: int, ends_at: int | None) -> int | None:
    if ends_at is None:
        return None
    if moment("ends_at", ends_at) <= begins:
        raise invalid("ends_at", "ends_at must be after starts_at")
    return ends_at
