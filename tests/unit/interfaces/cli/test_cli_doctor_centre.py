"""What ``markaz doctor`` says of a centre that is not well, and how to mend it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, insert

from markaz.centre.workers.tables import workers
from markaz.interfaces.cli import doctor_centre
from markaz.interfaces.cli.finding import FAILURE, OK, WARNING, Finding


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MARKAZ_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def data(sqlite_template: Path, tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    shutil.copy(sqlite_template, made / "markaz.db")
    return made


def found(data: Path, database: str | None = None) -> dict[str, Finding]:
    return {f.name: f for f in doctor_centre.findings(str(data), database)}


def test_no_centre_is_no_fault(tmp_path: Path) -> None:
    (one,) = doctor_centre.findings(str(tmp_path / "none"), None)
    assert (one.name, one.state) == ("centre", OK)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "name", ["secret.key", "signing.key", "worker.key", "first-login.json", "settings.toml"]
)
def test_secrets_that_others_can_read(data: Path, name: str) -> None:
    (data / name).touch(mode=0o600)
    assert found(data)[name].state == OK
    (data / name).chmod(0o644)
    bad = found(data)[name]
    assert (bad.state, "mode 644" in bad.found) == (FAILURE, True)
    assert bad.mend.startswith(f"chmod 600 {data / name}")
    data.chmod(0o755)
    assert found(data)["data directory"].mend == f"chmod 700 {data}"


def test_a_directory_of_somebody_else(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert found(data)["data directory"].state == FAILURE


@pytest.mark.parametrize(("free", "state"), [(1 << 40, OK), (1 << 30, WARNING), (1 << 20, FAILURE)])
def test_a_disk_that_fills(
    data: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    disk = found(data)["disk"]
    assert (disk.state, bool(disk.mend)) == (state, state != OK)


def test_a_database_that_is_gone_of_another_version_or_away(data: Path) -> None:
    assert found(data)["database"].state == OK
    away = found(data, "postgresql://markaz@127.0.0.1:1/markaz")["database"]
    assert (away.state, away.found) == (
        FAILURE, "PostgreSQL: the database does not answer; try again",
    )  # fmt: skip
    (data / "markaz.db").unlink()
    gone = found(data)["database"]
    assert (gone.state, "is not there" in gone.found) == (FAILURE, True)
    assert not (data / "markaz.db").exists()
    (data / "markaz.db").touch()
    empty = found(data)["database"]
    assert (empty.state, "schema none" in empty.found) == (FAILURE, True)
    assert "markaz db upgrade" in empty.mend


def test_a_nonsense_setting(data: Path) -> None:
    (data / "settings.toml").write_text("workers = 'many'")
    (one,) = doctor_centre.findings(str(data), None)
    assert (one.name, one.state) == ("settings", FAILURE)
    assert "workers must be int" in one.found


def connect(data: Path, *hosts: str) -> None:
    """Have a worker on each of ``hosts``."""
    engine = create_engine(f"sqlite:///{data / 'markaz.db'}")
    with engine.begin() as connection:
        for i, host in enumerate(hosts):
            row = {"id": f"{i:020}", "name": f"{host}:{100 + i}", "state": "connected",
                   "slots": 1, "facts": "{}", "connected_at": 1, "seen_at": 1}  # fmt: skip
            connection.execute(insert(workers).values(row))
    engine.dispose()


def test_workers(data: Path) -> None:
    none = found(data)["workers"]
    assert (none.state, none.found) == (WARNING, "none is connected: jobs wait")
    connect(data, "a", "a")
    assert found(data)["workers"].found == "2 connected, on 1 host(s)"
    assert "database kind" not in found(data)


def test_workers_on_several_hosts_want_postgresql(data: Path) -> None:
    connect(data, "a", "b")
    kind = found(data)["database kind"]
    assert (kind.state, "use PostgreSQL" in kind.found) == (WARNING, True)


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ("", OK),
        ('smtp_host = "mail"', FAILURE),
        ('smtp_host = "mail"\nmail_from = "centre@example"', OK),
        ('smtp_host = "mail"\nmail_from = "c@x"\nsmtp_tls = "none"\nsmtp_password = "p"', WARNING),
    ],
)
def test_mail(data: Path, settings: str, state: str) -> None:
    (data / "settings.toml").write_text(settings)
    assert found(data)["mail"].state == state


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ('host = "127.0.0.1"', OK),
        ('host = "0.0.0.0"', FAILURE),
        ('host = "0.0.0.0"\nallow_plain_http = true', WARNING),
        ('host = "::"\nallow_plain_http = true\npublic_url = "https://centre.example"', OK),
        ('host = "0.0.0.0"\ntls_certificate = "c"\ntls_key = "k"', OK),
        ('tls_key = "k"', FAILURE),
    ],
)
def test_the_address(data: Path, settings: str, state: str) -> None:
    (data / "settings.toml").write_text(settings)
    assert found(data)["address"].state == state
