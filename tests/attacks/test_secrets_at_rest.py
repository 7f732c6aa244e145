"""No secret that the centre hands out can be found in what it stores or logs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
import structlog
from sqlalchemy import select

from markaz.centre.access import ANONYMOUS
from markaz.centre.centre import Centre, Once
from markaz.centre.db.schema import metadata
from markaz.centre.people import login, tokens, verbs
from markaz.centre.people.keys import Authenticator
from markaz.centre.projects import verbs as projects
from markaz.centre.settings import Settings
from tests.people_tools import BOTH, PASSWORD, Mailbox, People, cheap_hashes, refusal, set_up


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_hashes(monkeypatch)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Everything that is logged meanwhile."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def use_everything(people: People) -> dict[str, str]:
    """Have the centre hand out a secret of every kind; all of them by name."""
    do, centre, operator = people.do, people.centre, people.operator
    found = {f"set up: {k}": v for k, v in people.made["secret"].items() if isinstance(v, str)}
    found |= {f"demo: {k}": v for k, v in people.made["secret"]["people"].items()}
    found["password"] = PASSWORD
    found["first code"] = do(verbs.create, operator, login="ali", name="Ali")["secret"]
    login.set_password(centre, code=found["first code"], password=PASSWORD)
    found["session"] = login.log_in(centre, login="ali", password=PASSWORD)["secret"]
    ali = people.who(found["session"])
    found["key"] = do(verbs.create_key, ali, label="x", once=Once("k1", "h"))["secret"]
    found["worker key"] = do(verbs.create_worker_key, operator, label="x")["secret"]
    found["otpauth address"] = do(verbs.totp_begin, ali)["secret"]
    app = pyotp.parse_uri(found["otpauth address"])
    assert isinstance(app, pyotp.TOTP)
    found["authenticator's secret"] = app.secret
    code = app.at(centre.services.clock.now() // 1_000_000)
    do(verbs.totp_confirm, ali, code=code)
    found["reset code"] = do(verbs.issue_code, operator, user="ali", lost="totp")["secret"]
    do(verbs.change, ali, email="ali@example.org")
    do(projects.request, ali, slug="mine", title="Mine")
    found["invitation"] = do(projects.invite, ali, project="mine", once=Once("k2", "h"))["secret"]
    centre.services.mailer = box = Mailbox()
    do(verbs.recover, ANONYMOUS, login="ali", lost="password")
    do(projects.invite, ali, project="mine", email="guest@example.org")
    found["mailed code"], found["mailed invitation"] = box.codes()
    refusal(lambda: login.log_in(centre, login="ali", password="a secret typed wrongly"))
    refusal(lambda: login.log_in(centre, login="a secret typed as the login", password="x"))
    found["wrong password"] = "a secret typed wrongly"
    found["wrong login"] = "a secret typed as the login"
    return found


@BOTH
def test_no_secret_is_in_the_database_the_directory_or_the_logs(
    settings_for: Callable[..., Settings], tmp_path: Path, logged: list[Any]
) -> None:
    with Centre.open(settings_for()) as centre:
        secrets = use_everything(set_up(centre, demo=True))
        Authenticator(centre).authenticate(secrets["session"])
        with centre.engine.connect() as connection:
            rows = [
                repr(tuple(row))
                for table in metadata.sorted_tables
                for row in connection.execute(select(table))
            ]
    assert len(secrets) == 18
    dump = "\n".join(rows).encode()
    files = b"".join(path.read_bytes() for path in (tmp_path / "centre").iterdir())
    everything = dump + files + repr(logged).encode()
    raw = base64.b32decode(secrets["authenticator's secret"])
    assert [name for name, text in secrets.items() if text.encode() in everything] == []
    assert raw not in files
    assert repr(raw)[2:-1].encode() not in dump
    # There was something that could have been found:
    hashed = [tokens.hashed(text) for text in secrets.values() if text.startswith("mkz_")]
    assert [digest for digest in hashed if digest.encode() not in dump] == []
    assert len(hashed) == 12


def test_answer_of_a_repeated_request_has_no_secret(
    settings_for: Callable[..., Settings],
) -> None:
    with Centre.open(settings_for()) as centre:
        people = set_up(centre)
        once = Once("again", "h")
        first = people.do(verbs.create_key, people.operator, label="x", once=once)
        again = people.do(verbs.create_key, people.operator, label="x", once=once)
        assert (first["secret"][:6], again["secret"]) == ("mkz_u_", None)
        assert first["id"] == again["id"]


def test_stolen_database_opens_nothing(settings_for: Callable[..., Settings]) -> None:
    with Centre.open(settings_for()) as centre:
        people = set_up(centre, demo=True)
        secrets = use_everything(people)
        with centre.engine.connect() as connection:
            stored = {
                str(value)
                for table in metadata.sorted_tables
                for row in connection.execute(select(table))
                for value in row
            }
        authenticator = Authenticator(centre)
        for text in stored:
            assert refusal(lambda text=text: authenticator.authenticate(text)).kind == (
                "unauthenticated"
            )
        assert authenticator.authenticate(secrets["key"]).kind == "user"
