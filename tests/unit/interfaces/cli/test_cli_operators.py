"""Everything but jobs, against a real centre, as people and programs use it."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli import tables
from markaz.interfaces.cli.main import cli
from tests.running_centre import RunningCentre, clean_environment, document

Markaz = Callable[..., Result]


def test_devices_credits_and_jobs_are_one_document_each(markaz: Markaz) -> None:
    devices = document(markaz("devices", "--json"))["items"]
    assert devices[0]["device"] == "simulator"
    assert [d["device"] for d in devices if d["default"]] == ["simulator"]
    emulated = {d["device"] for d in devices if d["emulated"] == "EMULATED" and d["accepting"]}
    assert emulated == {"hunza", "indus", "karakoram"}
    credits = document(markaz("credits", "--json"))
    assert credits["unit"] == "micro-credits"
    balance = credits["projects"]["default"]
    assert balance["granted"] == 10_000 * tables.MICRO
    assert balance["free"] == balance["granted"] - balance["reserved"] - balance["charged"]
    jobs = document(markaz("jobs", "--json", "--limit", "3"))["items"]
    assert len(jobs) == 3


TABLES = [
    ("jobs", "job"), ("credits", "project"), ("devices", "device"), ("projects", "slug"),
    ("people", "login"), ("keys", "id"), ("workers", "name"), ("workers keys", "id"),
    ("queue depths", "device"), ("audit search", "when"), ("projects members default", "login"),
    ("people institutions", "id"), ("credits statement default", "when"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "first"), TABLES)
def test_people_see_tables_and_programs_one_document(
    markaz: Markaz, words: str, first: str
) -> None:
    heading, *rows = markaz(*words.split()).stdout.splitlines()
    assert heading.startswith(first)
    items = document(markaz(*words.split(), "--json"))
    assert rows
    assert isinstance(items, dict)


def test_what_a_program_costs_is_known_before(markaz: Markaz, bell: str) -> None:
    found = document(markaz("estimate", bell, "--shots", "50", "--json"))
    assert (found["device"], found["shots"], found["enough"]) == ("simulator", 50, True)
    assert 0 <= found["cost"] <= found["reserve"] <= found["free"]
    assert "credits: enough" in markaz("estimate", bell).stdout
    assert "file: there is no such file" in markaz("estimate", "/none.qasm", code=1).stderr


def test_maintenance_and_bookings_are_in_the_calendar(markaz: Markaz) -> None:
    made = document(
        markaz("devices", "maintenance", "simulator", "--from", "2031-01-01 08:00", "--until",
               "2031-01-01 10:00", "--note", "new fridge", "--json")
    )  # fmt: skip
    span = ("--from", "2031-01-01", "--until", "2031-01-02")
    shown = markaz("devices", "calendar", "simulator", *span).stdout
    assert [made["reservation"], "new", "fridge"] == [shown.split()[7], *shown.split()[-2:]]
    assert "2031-01-01 08:00:00" in shown
    markaz("devices", "give-up", made["reservation"])
    book = ("devices", "book", "simulator", "-p", "default", *span)
    assert "scheduled: 2031-01-01 00:00:00 to 2031-01-02 00:00:00" in markaz(*book).stdout
    assert "soon" in markaz("devices", "calendar", "simulator", "--from", "soon", code=2).stderr


def test_sessions(markaz: Markaz, bell: str) -> None:
    session = markaz("sessions", "open", "--batch").stdout.strip()
    job = document(markaz("submit", bell, "--session", session, "--wait", "--json"))
    assert job["session"] == session
    assert "jobs: 1 completed" in markaz("sessions", "show", session).stdout
    assert markaz("sessions", "close", session).stdout == f"{session} is closed.\n"
    assert "takes no more jobs" in markaz("submit", bell, "--session", session, code=1).stderr


def test_a_project_from_request_to_end(markaz: Markaz, running: RunningCentre) -> None:
    ayesha = running.secrets["people"]["ayesha"]
    asked = markaz("projects", "create", "annealing", "--request", key=ayesha)
    assert asked.stdout == "annealing is requested.\n"
    assert "annealing" in markaz("projects", "--all", "--state", "requested").stdout
    assert markaz("projects", "step", "annealing", "approve").stdout == "annealing is active.\n"
    markaz("projects", "terms", "annealing", "--shares", "4", "--retention-days", "30")
    markaz("projects", "set", "annealing", "--visibility", "all", key=ayesha)
    found = document(markaz("projects", "show", "annealing", "--json"))
    assert (found["shares"], found["retention_days"], found["job_visibility"]) == (4, 30, "all")
    token = markaz("projects", "invite", "annealing", key=ayesha).stdout.strip()
    bilal = running.secrets["people"]["bilal"]
    assert markaz("projects", "accept", token, key=bilal).stdout == "You are member now.\n"
    markaz("projects", "member", "annealing", "bilal", "--role", "co-pi", "--shares", "2",
           key=ayesha)  # fmt: skip
    members = document(markaz("projects", "members", "annealing", "--json"))["items"]
    assert {m["login"]: (m["role"], m["shares"]) for m in members} == {
        "ayesha": ("pi", 1), "bilal": ("co-pi", 2),
    }  # fmt: skip
    markaz("projects", "leave", "annealing", key=bilal)
    assert markaz("projects", "step", "annealing", "close").stdout == "annealing is closed.\n"


def test_a_revoked_key_is_refused_at_once(markaz: Markaz) -> None:
    made = document(markaz("keys", "create", "short-lived", "--scope", "jobs:read", "--json"))
    assert made["scopes"] == ["jobs:read"]
    markaz("jobs", key=made["secret"])
    assert "lacks the scope" in markaz("keys", key=made["secret"], code=1).stderr
    markaz("keys", "revoke", made["id"])
    assert "key" in markaz("jobs", key=made["secret"], code=1).stderr


def test_a_new_person_sets_a_password_logs_in_and_keeps_the_key(
    markaz: Markaz, running: RunningCentre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = markaz("people", "add", "zara", "--name", "Zara").stdout.strip()
    password = "seven-Bridges-cross-the-41-rivers"
    given = f"{code}\n{password}\n{password}\n"
    assert (
        "The password is set" in markaz("people", "set-password", running.url, input=given).stdout
    )
    wrong = markaz("login", running.url, "--user", "zara", input="nonsense\n\n", code=1)
    assert "login, password or one-time code is wrong" in wrong.stderr
    said = markaz("login", running.url, "--user", "zara", input=f"{password}\n\n").stdout
    path = tmp_path / "config" / "markaz" / "login.json"
    assert said == f"Logged in to {running.url} as zara (Zara); kept in {path}.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = CliRunner().invoke(cli, ["people", "show"])
    assert (kept.exit_code, kept.stdout.splitlines()[1]) == (0, "login: zara")
    # The key belongs to that centre and is not sent to another.
    elsewhere = CliRunner().invoke(cli, ["jobs"], env={"MARKAZ_URL": "http://127.0.0.1:9"})
    assert (elsewhere.exit_code, "MARKAZ_KEY" in elsewhere.stderr) == (2, True)


def test_the_trail_is_verified_while_the_centre_works(
    markaz: Markaz, running: RunningCentre, tmp_path: Path
) -> None:
    found = document(markaz("audit", "verify", "--data", str(running.data), "--json"))
    assert (found["ok"], found["broken"]) == (True, None)
    assert found["entries"] > 10
    copy = tmp_path / "copy.db"
    markaz("db", "backup", str(copy), "--data", str(running.data))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    held = document(markaz("db", "backup", f"{copy}2", "--data", str(running.data), "--json"))
    assert held["users"]["rows"] >= 3
    markaz("db", "restore", str(copy), "--data", str(tmp_path / "restored"))
    report = document(markaz("audit", "verify", "--data", str(tmp_path / "restored"), "--json"))
    assert report["ok"] is True


def test_doctor_finds_the_centre_well(markaz: Markaz, running: RunningCentre) -> None:
    from markaz.interfaces.cli import doctor_centre
    from markaz.interfaces.cli.finding import OK

    with running.client() as client:
        client.get("/records/key")  # it is made when somebody asks for it first
    found = {f.name: f for f in doctor_centre.findings(str(running.data), None)}
    assert {name: f.state for name, f in found.items()} == dict.fromkeys(
        ("data directory", "secret.key", "worker.key", "signing.key", "first-login.json", "disk",
         "database", "workers", "mail", "address"), OK
    )  # fmt: skip
    assert found["workers"].found == "1 connected, on 1 host(s)"


def test_env_can_be_evaluated_by_a_shell(markaz: Markaz, running: RunningCentre) -> None:
    lines = markaz("env", "--project", "default").stdout
    shown = subprocess.run(
        ["sh", "-c", f'{lines} echo "$MARKAZ_URL $MARKAZ_KEY $MARKAZ_PROJECT"'],
        capture_output=True, text=True, check=True, env=clean_environment(),
    )  # fmt: skip
    assert shown.stdout == f"{running.url} {running.key} default\n"


def test_credits_are_granted_between_two_dates(markaz: Markaz) -> None:
    grant = ("credits", "grant", "default", "5")
    dates = ("--from", "2031-01-01", "--until", "2031-07-01")
    made = document(markaz(*grant, *dates, "--json"))
    begin, end = (datetime(2031, month, 1, tzinfo=UTC).timestamp() * 1e6 for month in (1, 7))
    assert (made["starts_at"], made["ends_at"]) == (begin, end)
    said = markaz(*grant, *dates).stdout
    assert said.startswith("default has 5 credits more from 2031-01-01 00:00:00 until 2031-07-01")
    later = document(markaz(*grant, "--from", "2031-01-01", "--days", "2", "--json"))
    assert later["ends_at"] - later["starts_at"] == 2 * 86_400_000_000
    usual = document(markaz(*grant, "--json"))
    assert usual["ends_at"] - usual["starts_at"] == 365 * 86_400_000_000
    both = markaz(*grant, "--days", "3", "--until", "+3d", code=2)
    assert "--until and --days both say when it ends" in both.stderr


def test_what_cannot_be_done_to_a_job_says_what_can(markaz: Markaz, blocked: str) -> None:
    said = markaz("queue", "hold", blocked, "--reason", "maintenance", code=1).stderr
    assert said == (
        f"markaz: job {blocked} is running, and only one that is queued can be held; "
        "it can be requeued or cancelled\n"
    )
    said = markaz("queue", "move", blocked, "hunza", "--reason", "maintenance", code=1).stderr
    assert "only one that is held or queued can be moved" in said


def test_a_reason_that_is_none_is_bad_usage(markaz: Markaz, blocked: str) -> None:
    said = markaz("queue", "requeue", blocked, "--reason", "ok", code=2).stderr
    assert "Invalid value for '--reason': a reason has 3 to 500 characters, not 'ok'" in said
