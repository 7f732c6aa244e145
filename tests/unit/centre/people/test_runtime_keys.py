"""Keys that runtime clients gave away: noted, revoked or marked, and their owners told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from markaz.centre.access import SYSTEM, Principal
from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.people import post, runtime_keys, verbs
from markaz.centre.people.tables import api_keys
from markaz.centre.people.tokens import hashed
from markaz.centre.settings import Settings
from tests.people_tools import BOTH, DAY, Mailbox, People, cheap_hashes, refusal, set_up


def key_of(people: People, who: Principal) -> tuple[str, str, Principal]:
    """A new key: its secret, its id, and whoever shows it."""
    made = people.do(verbs.create_key, who, label="script")
    return made["secret"], made["id"], people.who(made["secret"])


def warned(people: People, who: Principal) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = people.ask(runtime_keys.warnings, who)["items"]
    return found


@BOTH
def test_it_is_revoked_once_and_its_owner_is_told(people: People) -> None:
    ali = people.join("ali", "ali@example.org")
    secret, id_, shower = key_of(people, ali)
    mailbox = people.centre.services.mailer = Mailbox()
    assert people.do(runtime_keys.leaked, shower) == {"key": id_, "revoked": True}
    assert refusal(lambda: people.who(secret)).kind == "unauthenticated"
    assert people.do(runtime_keys.leaked, shower) == {"key": id_, "revoked": False}
    post.flush()
    ((to, subject, text),) = mailbox.letters
    assert (to, subject) == ("ali@example.org", "Your key went to a third party")
    assert "IAM_URL was not set" in text
    assert secret not in text
    (one,) = warned(people, ali)
    assert (one["key"], one["label"], one["revoked"]) == (id_, "script", True)
    with people.centre.engine.connect() as connection:
        rows = connection.execute(select(audit_entries).where(audit_entries.c.subject == id_)).all()
    assert [row.verb for row in rows] == ["keys.create", "keys.leaked"]


def test_a_key_that_logged_in_lately_is_marked_only(people: People) -> None:
    ali = people.join("ali")
    secret, id_, shower = key_of(people, ali)
    people.do(runtime_keys.note_sign_in, SYSTEM, key=id_)
    assert people.do(runtime_keys.leaked, shower) == {"key": id_, "revoked": False}
    assert people.who(secret).id == ali.id
    assert [one["revoked"] for one in warned(people, ali)] == [False]
    assert "Rotate it" in warned(people, ali)[0]["words"]

    def age(connection: Any) -> None:
        mine = update(api_keys).where(api_keys.c.id == id_)
        connection.execute(mine.values(signed_in_at=api_keys.c.signed_in_at - 3 * DAY))

    people.centre.writer.submit(age).result()
    assert people.do(runtime_keys.leaked, shower)["revoked"] is True


def test_the_setting_spares_keys(settings_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_hashes(monkeypatch)
    with Centre.open(Settings(dict(settings_for()) | {"revoke_leaked_keys": False})) as centre:
        people = set_up(centre)
        secret, id_, shower = key_of(people, people.join("ali"))
        assert people.do(runtime_keys.leaked, shower) == {"key": id_, "revoked": False}
        assert people.who(secret).id == shower.id


def test_whoever_holds_a_revoked_key_learns_why_and_nobody_learns_of_others(
    people: People,
) -> None:
    ali = people.join("ali")
    secret, id_, shower = key_of(people, ali)
    other, other_id, _ = key_of(people, ali)

    def why(text: str) -> Any:
        return people.ask(runtime_keys.refusal, SYSTEM, digest=hashed(text))

    assert (why(secret), why("mkz_u_nothing")) == (None, None)
    people.do(runtime_keys.leaked, shower)
    people.do(verbs.revoke_key, ali, key=other_id)
    assert "It is revoked: make a new one." in why(secret)
    assert why(other) is None
    asking = refusal(lambda: people.ask(runtime_keys.refusal, ali, digest=hashed(secret)))
    assert asking.kind == "forbidden"
    assert warned(people, people.join("eve")) == []
    assert id_ != other_id
