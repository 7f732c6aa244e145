"""What clients of the runtime interface do with keys: log in with them, or give them away.

Such a client sends its key to an address that an environment variable names, and without the
variable to a company's login service abroad. The key then reaches the centre in a way that no
client with the variable uses, unless its login just failed. A key with which somebody logged
in here lately is therefore marked only; any other is revoked, if the setting says so.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select, update

from markaz.centre.access import person, query, system, verb
from markaz.centre.people import post, rules
from markaz.centre.people.key_verbs import revoke_where
from markaz.centre.people.tables import api_keys, users
from markaz.centre.work import Work

DAY: Final = 86_400_000_000  # microseconds
LATELY: Final = 2 * DAY  # clients log in again every hour at least
SHOWN: Final = 90 * DAY
MOST: Final = 20
HOW: Final = (
    "It was used by a runtime client whose environment variable IAM_URL was not set; such a "
    "client sends the key to the login service of a third party first."
)


@verb("keys.note_sign_in", rule=system, scope=None)
def note_sign_in(work: Work, _subject: None, *, key: str) -> None:
    """Note that a runtime client logged in with a key. Bookkeeping: not audited."""
    work.run(update(api_keys).where(api_keys.c.id == key).values(signed_in_at=work.now))
    work.nothing_changed()


@verb("keys.leaked", rule=person, scope=None)
def leaked(work: Work, _subject: None) -> dict[str, Any]:
    """The key of whoever asks went to a third party: note that, tell its owner, and revoke it
    if the setting ``revoke_leaked_keys`` says so and nobody logged in with it lately.

    Answers ``{"key", "revoked"}``; again is harmless.
    """
    row = work.one(select(api_keys).where(api_keys.c.id == work.actor.key))
    revoke = _is_to_end(work, row)
    fresh = row.leaked_at is None
    if fresh:
        work.run(update(api_keys).where(api_keys.c.id == row.id).values(leaked_at=work.now))
    ended = bool(revoke and revoke_where(work, api_keys.c.id == row.id))
    if fresh or ended:
        work.record(row.id, owner=row.user_id, revoked=ended)
        _mail(work, row, ended)
    else:
        work.nothing_changed()
    return {"key": row.id, "revoked": ended}


def _is_to_end(work: Work, row: Any) -> bool:
    used_well = row.signed_in_at is not None and work.now - row.signed_in_at < LATELY
    return bool(work.services.settings["revoke_leaked_keys"]) and not used_well


def _mail(work: Work, row: Any, ended: bool) -> None:
    owner = work.one(select(users.c.email).where(users.c.id == row.user_id))
    if work.services.mailer.available and owner is not None and owner.email:
        post.send_after(work, owner.email, "Your key went to a third party", _words(row, ended))


def _words(row: Any, ended: bool) -> str:
    done = "It is revoked: make a new one." if ended else "Rotate it: make a new one, revoke it."
    return f"Your key {row.label!r} ({row.shown}…) is no longer secret. {HOW} {done}"


@query("keys.warnings", rule=rules.own, scope=None)
def warnings(work: Work, user: Any) -> dict[str, Any]:
    """Own keys that went to a third party in the last 90 days, the latest first, in words."""
    rows = work.all(
        select(api_keys)
        .where(api_keys.c.user_id == user.id, api_keys.c.leaked_at > work.now - SHOWN)
        .order_by(api_keys.c.leaked_at.desc())
        .limit(MOST)
    )
    items = [
        {
            "key": row.id,
            "label": row.label,
            "at": row.leaked_at,
            "revoked": row.revoked_at is not None,
            "words": _words(row, row.revoked_at is not None),
        }
        for row in rows
    ]
    return {"items": items, "next": None}


@query("keys.refusal", rule=system, scope=None)
def refusal(work: Work, _subject: None, *, digest: str) -> str | None:
    """Why a key does not work any more, in words for whoever holds it; None: no special reason."""
    row = work.one(select(api_keys).where(api_keys.c.hash == digest))
    gone = row is not None and row.leaked_at is not None and row.revoked_at is not None
    return _words(row, ended=True) if gone else None
