"""The first set-up: whole, resumable, and never locking anybody out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from markaz.centre.access import QUERIES, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.devices import shipped
from markaz.centre.errors import CentreError
from markaz.centre.people import login as doors
from markaz.centre.people.keys import Authenticator
from markaz.centre.projects import first
from markaz.centre.settings import Settings
from markaz.interfaces import start
from markaz.interfaces.runtime_api.crn import crn_of


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    shutil.copy(sqlite_template, tmp_path / "markaz.db")
    return Settings({"data": str(tmp_path), "workers": 0})


@pytest.fixture
def opened(settings: Settings) -> Iterator[Centre]:
    with Centre.open(settings) as centre:
        yield centre


def may_enter(centre: Centre, facts: dict[str, Any]) -> None:
    """The secrets work, and are in the file."""
    data = centre.services.settings.data
    path = data / start.FIRST_LOGIN
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == facts
    doors.log_in(centre, login=facts["admin_login"], password=facts["admin_password"])
    operator = Authenticator(centre).authenticate(facts["api_key"])
    assert operator.has(CentreRole.OPERATOR)
    balance = centre.ask(QUERIES["ledger.balance"], operator, project=facts["project"])
    assert balance["free"] == start.FIRST_CREDITS * start.CREDIT
    assert len(balance["allocations"]) == 1
    for device, (second, shot) in shipped.RATES.items():
        prices = centre.ask(QUERIES["ledger.rates"], operator, device=device)["items"]
        assert [(p["per_second"], p["per_shot"]) for p in prices] == [(second, shot)]
    assert not (data / start.UNFINISHED).exists()


def test_the_first_start_tells_its_secrets_and_a_later_one_none(opened: Centre) -> None:
    facts = start.set_up(opened, demo=True)
    may_enter(opened, facts)
    assert set(facts["people"]) == {"ayesha", "bilal"}
    again = start.set_up(opened, demo=True)
    assert again == {"admin_login": "admin", "project": facts["project"]}


def test_without_the_demo_operator_project_credits_and_devices_are_there(opened: Centre) -> None:
    facts = start.set_up(opened, demo=False)
    may_enter(opened, facts)
    assert facts["people"] == {}
    operator = Authenticator(opened).authenticate(facts["api_key"])
    devices = opened.ask(QUERIES["devices.list"], operator)["items"]
    names = ["simulator", *shipped.emulated()]
    assert [(d["device"], d["default"]) for d in devices] == [(n, n == names[0]) for n in names]
    projects = opened.ask(QUERIES["projects.list"], operator, everybodys=True)["items"]
    assert [p["slug"] for p in projects] == ["default"]


class Crash(BaseException):
    """The machine loses its power."""


def crash(*_: Any, **__: Any) -> Any:
    raise Crash


def committed(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **more: Any) -> Any:
        function(*arguments, **more)
        raise Crash

    return call


@pytest.mark.parametrize(
    ("module", "name", "damage", "demo"),
    [
        (first, "set_up", committed, True),
        (start, "_fund", committed, False),
        (start, "keep_first_login", lambda _: crash, False),
        (start, "keep_first_login", committed, True),
    ],
)
def test_a_crash_during_the_first_start_locks_nobody_out(
    opened: Centre, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, damage: Any, demo: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, name, damage(getattr(module, name)))
        with pytest.raises(Crash):
            start.set_up(opened, demo=demo)
    seen = opened.services.settings.data / start.FIRST_LOGIN
    old = json.loads(seen.read_text()) if seen.exists() else None
    facts = start.set_up(opened, demo=demo)
    may_enter(opened, facts)
    assert set(facts["people"]) == ({"ayesha", "bilal"} if demo else set())
    for key in facts["people"].values():
        assert Authenticator(opened).authenticate(key).known
    if old is not None:
        with pytest.raises(CentreError) as refused:
            Authenticator(opened).authenticate(old["api_key"])
        assert refused.value.kind == "unauthenticated"


def test_workers_get_a_new_key_where_theirs_is_gone_or_not_valid(opened: Centre) -> None:
    start.set_up(opened, demo=False)
    path = opened.services.settings.data / start.WORKER_KEY
    key = start.worker_key(opened)
    assert start.worker_key(opened) == key == path.read_text().strip()
    for damage in (path.unlink, lambda: path.write_text("mkz_w_nonsense")):
        damage()
        made = start.worker_key(opened)
        assert made != key
        assert Authenticator(opened).authenticate(made).kind == "worker"
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_code_at_the_console_lets_a_locked_out_operator_in(settings: Settings) -> None:
    with Centre.open(settings) as centre:
        start.set_up(centre, demo=False)
    made = start.code_at_console(settings, "admin", "password")
    with Centre.open(settings) as centre:
        password = "several-Lamps-above-the-9th-bridge"
        doors.set_password(centre, code=made["secret"], password=password)
        doors.log_in(centre, login="admin", password=password)
        operator = Principal(made["user"], "user", frozenset({CentreRole.OPERATOR}))
        entries = centre.ask(QUERIES["audit.search"], operator, verb="people.issue_code")["items"]
        assert [(e["actor"], e["subject"]) for e in entries] == [("system", made["user"])]


def test_a_code_at_the_console_is_not_given_while_a_server_works(settings: Settings) -> None:
    with Centre.open(settings) as centre:
        start.set_up(centre, demo=False)
    with start.ServerLock.take(settings.data), pytest.raises(CentreError, match="another server"):
        start.code_at_console(settings, "admin", "password")


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://markaz:not-to-be-seen@127.0.0.1:1/markaz"
    settings = Settings({"data": str(tmp_path), "database_url": url})
    with pytest.raises(CentreError) as refused:
        start.prepare_database(settings)
    assert refused.value.kind == "unavailable"
    assert "@127.0.0.1:1/markaz cannot be used" in refused.value.message
    assert "not-to-be-seen" not in refused.value.message


def test_the_kept_secrets_get_an_address_once(opened: Centre) -> None:
    facts = start.set_up(opened, demo=False)
    data = opened.services.settings.data
    start.finish_first_login(data, "http://first", "crn:x")
    start.finish_first_login(data, "http://second", "crn:y")
    kept = json.loads((data / start.FIRST_LOGIN).read_text())
    assert (kept.pop("url"), kept.pop("crn")) == ("http://first", "crn:x")
    assert kept == {name: value for name, value in facts.items() if name != "project"}
    (data / start.FIRST_LOGIN).unlink()
    start.finish_first_login(data, "http://third", "crn:z")
    assert not (data / start.FIRST_LOGIN).exists()


def test_projects_are_known_to_clients_by_a_name_of_their_form() -> None:
    name = crn_of("abc")
    assert name == "crn:v1:bluemix:public:quantum-computing:us-east:a/markaz:abc::"
    assert len(name.split(":")) == 10
