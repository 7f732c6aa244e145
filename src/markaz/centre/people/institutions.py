"""Verbs about institutions: the first level of fair share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert, select, update

from markaz.centre.access import operator, verb
from markaz.centre.db.unique import unique
from markaz.centre.errors import invalid, not_found
from markaz.centre.fields import line, whole
from markaz.centre.ids import new_id
from markaz.centre.people import rules
from markaz.centre.people.tables import institutions
from markaz.centre.work import Work

MOST_SHARES: Final = 1_000_000


@verb("institutions.create", rule=operator, scope="operate")
def create(
    work: Work, _subject: None, *, name: str, country: str = "", shares: int = 1
) -> dict[str, Any]:
    """Add an institution. Errors: ``conflict`` if the name is taken."""
    row: dict[str, Any] = {
        "id": new_id(work.now),
        "name": line("name", name),
        "country": _country(country),
        "shares": whole("shares", shares, 0, MOST_SHARES),
        "created_at": work.now,
    }
    with unique(f"there is already an institution {row['name']!r}"):
        work.run(insert(institutions).values(row))
    work.record(row["id"], shares=shares, country=row["country"])
    work.after(work.services.listener.rules_changed)
    return row


@verb("institutions.change", rule=rules.institution, scope="operate")
def change(
    work: Work,
    row: Any,
    *,
    institution: str,
    name: str | None = None,
    country: str | None = None,
    shares: int | None = None,
) -> dict[str, Any]:
    """Change what is given; the queue looks at new shares at once.

    Errors: ``conflict`` if the name is taken.
    """
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = line("name", name)
    if country is not None:
        values["country"] = _country(country)
    if shares is not None:
        values["shares"] = whole("shares", shares, 0, MOST_SHARES)
    if not values:
        raise invalid("shares", "say what to change: name, country or shares")
    with unique(f"there is already an institution {name!r}"):
        work.run(update(institutions).where(institutions.c.id == row.id).values(values))
    work.record(row.id, changed=sorted(values), shares=values.get("shares", row.shares))
    work.after(work.services.listener.rules_changed)
    return dict(row._mapping) | values


def default_institution(work: Work) -> str:
    """The id of the institution that was first: where people go who name none."""
    row = work.one(select(institutions.c.id).order_by(institutions.c.created_at).limit(1))
    if row is None:
        raise not_found("institution")
    return str(row.id)


def _country(value: str) -> str:
    code = line("country", value, least=0, most=2).upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise invalid("country", "country must be two letters (ISO 3166) or empty")
    return code
