"""A person's data: all of it as one document, and its erasure.

Other parts register what they hold. Erasing takes away what says who somebody was: name,
login, mail address, passwords, keys. The id stays, so that jobs, ledger and audit stay whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import delete, or_, select, update

from markaz.centre.access import query, verb
from markaz.centre.audit.tables import audit_entries
from markaz.centre.db.tables import idempotency
from markaz.centre.people import rules
from markaz.centre.people.accounts import keep_an_operator, roles_of
from markaz.centre.people.documents import person_document
from markaz.centre.people.identities import held as held_identities
from markaz.centre.people.key_verbs import document as key_document
from markaz.centre.people.keys import forget_after
from markaz.centre.people.tables import (
    api_keys,
    centre_roles,
    identities,
    institutions,
    one_time_codes,
    users,
)
from markaz.centre.work import Work

Export = Callable[[Work, str], Any]
Erase = Callable[[Work, str], None]

AUDIT_MOST: Final = 10_000  # entries in an export, newest first
_parts: Final[dict[str, tuple[Export, Erase]]] = {}


def register(name: str, export: Export, erase: Erase) -> None:
    """Have ``export(work, user_id)`` stand under ``name`` in exports, ``erase`` in erasures.

    ``erase`` raises CentreError ``conflict`` if something must be settled first.
    """
    assert name not in _parts, name
    _parts[name] = (export, erase)


@query("people.export", rule=rules.own_or_managed, scope="account")
def export(work: Work, row: Any, *, user: str | None = None) -> dict[str, Any]:
    """All that the centre holds about a person, but no secret and no hash of one."""
    held = select(institutions.c.name).where(institutions.c.id == row.institution_id)
    base = {
        "at": work.now,
        "person": person_document(row, roles_of(work, row.id)),
        "institution": work.connection.scalar(held),
        "keys": _keys(work, row.id),
        "codes": _codes(work, row.id),
        "identities": held_identities(work, row.id),
        "audit": _audit(work, row.id),
    }
    return base | {name: part[0](work, row.id) for name, part in sorted(_parts.items())}


@verb("people.erase", rule=rules.by_login, scope="account")
def erase(work: Work, row: Any, *, user: str | None = None) -> dict[str, Any]:
    """Erase a person for good. Ledger, audit and what others need of their jobs stay.

    Errors: ``conflict`` for the last operator, or where another part says what must be
    settled first (the last PI of a live project, waiting jobs).
    """
    keep_an_operator(work, row.id)
    for _, (_, erase_part) in sorted(_parts.items()):
        erase_part(work, row.id)
    for held in (api_keys, identities, one_time_codes, centre_roles):
        work.run(delete(held).where(held.c.user_id == row.id))
    kept = or_(idempotency.c.principal == row.id, idempotency.c.answer.contains(row.id))
    work.run(delete(idempotency).where(kept))
    work.run(update(users).where(users.c.id == row.id).values(_nobody(row.id)))
    work.record(row.id)
    forget_after(work)
    return {"id": row.id, "state": "erased"}


def _nobody(user_id: str) -> dict[str, Any]:
    return {
        "login": f"erased-{user_id}",
        "name": "",
        "email": None,
        "state": "erased",
        "language": "en",
        "password_hash": None,
        "totp_salt": None,
        "totp_confirmed": False,
        "totp_last_step": 0,
        "last_login_at": None,
    }


def _keys(work: Work, user_id: str) -> list[dict[str, Any]]:
    rows = work.all(select(api_keys).where(api_keys.c.user_id == user_id).order_by(api_keys.c.id))
    return [key_document(row._mapping) for row in rows]


def _codes(work: Work, user_id: str) -> list[dict[str, Any]]:
    shown = ("purpose", "created_at", "expires_at", "used_at", "mailed")
    columns = [one_time_codes.c[name] for name in shown]
    rows = work.all(
        select(*columns).where(one_time_codes.c.user_id == user_id).order_by(one_time_codes.c.id)
    )
    return [dict(row._mapping) for row in rows]


def _audit(work: Work, user_id: str) -> list[dict[str, Any]]:
    """The newest entries that the person made or that are about them."""
    about = or_(audit_entries.c.actor == user_id, audit_entries.c.subject == user_id)
    shown = [audit_entries.c[name] for name in ("at", "actor", "verb", "subject")]
    newest = select(*shown).where(about).order_by(audit_entries.c.at.desc()).limit(AUDIT_MOST)
    return [
        dict(row._mapping) | {"actor": "self" if row.actor == user_id else "another"}
        for row in work.all(newest)
    ]
