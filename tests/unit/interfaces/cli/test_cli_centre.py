"""The commands against a real centre, as people and programs use them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli import tables
from markaz.interfaces.cli.main import cli
from markaz.interfaces.rest_api.client import ClientError
from tests.running_centre import (
    BELL,
    MARKAZ,
    RunningCentre,
    alive,
    centre_running,
    clean_environment,
    free_port,
    long_program,
    until,
)

Markaz = Callable[..., Result]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    data = tmp_path_factory.mktemp("centre") / "data"
    with centre_running(data, "--port", "0", "--workers", "1") as started:
        yield started


@pytest.fixture
def markaz(running: RunningCentre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Markaz:
    """Runs a command as the first operator (``key``: as somebody else)."""
    for name in [name for name in os.environ if name.startswith("MARKAZ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*arguments: str, code: int = 0, key: str | None = None, **more: Any) -> Result:
        environment = running.environment | ({"MARKAZ_KEY": key} if key else {})
        found = CliRunner().invoke(cli, arguments, env=environment, **more)
        assert found.exit_code == code, found.output
        return found

    return run


def document(found: Result) -> dict[str, Any]:
    """The one JSON document on standard output."""
    (line,) = found.stdout.splitlines()
    loaded: dict[str, Any] = json.loads(line)
    return loaded


@pytest.fixture
def bell(tmp_path: Path) -> str:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    return str(path)


@pytest.fixture
def blocked(running: RunningCentre, tmp_path: Path) -> Iterator[str]:
    """A job that keeps the only worker busy; ended afterwards."""
    with running.client() as client:
        job = client.post("/jobs", {"program": long_program(2000, 22)})["job"]
        until(lambda: client.get(f"/jobs/{job}")["state"] == "running")
        yield job
        if client.get(f"/jobs/{job}")["state"] == "running":
            client.post(f"/jobs/{job}/cancel")
        assert client.wait(job, 20)["state"] == "cancelled"


# The ready line and what is beside it.


def test_the_ready_line_has_the_first_secrets_and_so_has_the_file(running: RunningCentre) -> None:
    said = running.document
    assert set(said) == {"url", "admin_login", "admin_password", "api_key", "crn"}
    path = running.data / "first-login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    people = kept.pop("people")
    assert kept == said
    assert set(people) == {"ayesha", "bilal"}
    readable = [p.name for p in running.data.iterdir() if p.stat().st_mode & 0o077]
    assert readable == []
    assert running.workers() != []


# submit, job, jobs.


def test_submit_says_job_and_state(markaz: Markaz, bell: str) -> None:
    made = document(markaz("submit", bell, "--json"))
    assert (made["state"], made["reason"]) == ("queued", None)
    found = document(markaz("job", made["job"], "--wait", "--json"))
    assert (found["job"], found["state"]) == (made["job"], "completed")


def test_the_document_of_a_finished_job_is_as_contracted(markaz: Markaz, bell: str) -> None:
    found = document(markaz("submit", bell, "--wait", "--json", "--shots", "300", "--seed", "7"))
    assert set(found["counts"]) == {"00", "11"}
    assert sum(found["counts"].values()) == 300
    assert (found["state"], found["device"]) == ("completed", "simulator")
    assert isinstance(found["charge"], int)
    assert found["charge"] > 0
    assert found["why"] == {}
    provenance = found["provenance"]
    assert set(provenance) >= {
        "program_hash", "circuit_hash", "device", "emulated", "sheet", "plan", "engines",
        "seed", "attempt", "times",
    }  # fmt: skip
    assert (provenance["seed"], provenance["attempt"]) == (7, 1)
    assert (provenance["emulated"], provenance["sheet"]) == (None, None)
    assert document(markaz("job", found["job"], "--json")) == found
    again = document(markaz("submit", bell, "--wait", "--json", "--shots", "300", "--seed", "7"))
    assert again["counts"] == found["counts"]


def test_observables_give_values_and_parameters_are_bound(markaz: Markaz, tmp_path: Path) -> None:
    turn = tmp_path / "turn.qasm"
    turn.write_text(
        'OPENQASM 3.0;include "stdgates.inc";input float[64] t;qubit[1] q;rx(t) q[0];'
    )
    options = ("--param", "t=pi", "-o", "Z", "-o", "2*Z")
    found = document(markaz("submit", str(turn), *options, "--wait", "--json"))
    assert found["values"] == pytest.approx([-1.0, -2.0])
    assert found["standard_errors"] == [0.0, 0.0]
    assert "counts" not in found
    said = markaz("submit", str(turn), *options, "--wait").stdout.splitlines()
    assert [line.split()[0] for line in said[1:3]] == ["Z", "2*Z"]


def test_people_see_a_histogram_the_price_and_the_engine(markaz: Markaz, bell: str) -> None:
    head, first, second, price, engine = markaz("submit", bell, "--wait").stdout.splitlines()
    assert head.endswith(": completed on simulator")
    assert [first.split()[0], second.split()[0]] == ["00", "11"]
    assert price.startswith("  charged 0.")
    assert engine.endswith("attempt 1")


def test_standard_input_bytes_and_several_files(markaz: Markaz, bell: str, tmp_path: Path) -> None:
    from qiskit import QuantumCircuit, qpy

    circuit = QuantumCircuit(2)
    circuit.x(1)
    circuit.measure_all()
    path = tmp_path / "flip.qpy"
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    found = markaz("submit", str(path), "-", bell, "--json", "--wait", "--tag", "three", input=BELL)
    flip, stdin, file_ = (json.loads(line) for line in found.stdout.splitlines())
    assert flip["counts"] == {"10": 1024}
    assert stdin["provenance"]["program_hash"] == file_["provenance"]["program_hash"]
    listed = document(markaz("jobs", "--json", "--tag", "three"))["items"]
    assert [job["job"] for job in listed] == [one["job"] for one in (file_, stdin, flip)]


def test_a_refused_file_does_not_stop_the_others(markaz: Markaz, bell: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.qasm"
    bad.write_text("OPENQASM 2.0;\nqreg q[1];\nfly q[0];\n")
    found = markaz("submit", str(tmp_path / "none.qasm"), str(bad), bell, "--json", code=1)
    missing, refused, taken = (json.loads(line) for line in found.stdout.splitlines())
    assert missing == {"file": str(tmp_path / "none.qasm"), "job": None, "state": None,
                       "error": {"kind": "file", "message": "No such file or directory"}}  # fmt: skip
    assert (refused["job"], refused["error"]["kind"]) == (None, "program")
    assert (refused["error"]["program_kind"], refused["error"]["line"]) == ("parse", 3)
    assert taken["state"] == "queued"
    assert f"markaz: {bad}: " in found.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--project", "nobodys"], "there is no such project"),
        (["--device", "nothing"], "there is no such device"),
        (["-o", "ZQ"], "'Q' is not one of"),
        (["--session", "0" * 20], "there is no such session"),
        (["--engine", "nothing"], "engine"),
    ],
)
def test_refusals_name_what_is_wrong(
    markaz: Markaz, bell: str, options: list[str], said: str
) -> None:
    assert said in markaz("submit", bell, *options, code=1).stderr


@pytest.mark.parametrize("arguments", [[], ["f", "--shots", "0"], ["f", "--param", "t"]])
def test_bad_usage_exits_with_two(markaz: Markaz, arguments: list[str]) -> None:
    markaz("submit", *arguments, code=2)


def test_a_failed_job_exits_with_one_and_says_why(markaz: Markaz, tmp_path: Path) -> None:
    long = tmp_path / "long.qasm"
    long.write_text(long_program(3000))
    found = markaz("submit", str(long), "--time-limit", "0.2", "--wait", "--json", code=1)
    job = document(found)
    assert (job["state"], job["error"]["kind"]) == ("failed", "limit-time")
    said = markaz("job", job["job"], code=1).stdout
    assert "limit-time: " in said
    assert "attempt 1" in said or "charged" in said


def test_a_waiting_job_says_why_in_words(markaz: Markaz, bell: str, blocked: str) -> None:
    waiting = [document(markaz("submit", bell, "--json"))["job"] for _ in range(2)]
    found = document(markaz("job", waiting[1], "--json"))
    assert (found["state"], found["why"]["position"]) == ("queued", 2)
    assert [f["name"] for f in found["why"]["factors"]] == ["qos", "fair share", "age", "size"]
    said = markaz("job", waiting[1]).stdout
    assert "  position 2\n" in said
    assert " for qos: normal: ordinary work" in said
    assert "institution: has " in said
    rows = markaz("queue").stdout
    assert rows.index(waiting[0]) < rows.index(waiting[1])
    hand = ("--reason", "the device is being looked at")
    markaz("queue", "hold", waiting[0], *hand)
    assert document(markaz("job", waiting[0], "--json"))["reason"] == "operator"
    assert "an operator held on " in markaz("job", waiting[0]).stdout
    assert "the device is being looked at" in markaz("job", waiting[0]).stdout
    markaz("queue", "release", waiting[0], *hand)
    markaz("queue", "override", waiting[1], "3", "--reason", "a demonstration")
    assert document(markaz("job", waiting[1], "--json"))["why"]["position"] == 1
    assert "an operator changed the priority of another job" in markaz("job", waiting[0]).stdout
    assert "is being stopped" in markaz("cancel", blocked).stdout
    done = markaz("cancel", *waiting, "--json").stdout.splitlines()
    assert {json.loads(line)["job"] for line in done} == set(waiting)


def test_without_credits_a_job_is_held(markaz: Markaz, bell: str) -> None:
    markaz("projects", "create", "poor", "--title", "No credits")
    assert "you are in several: name one" in markaz("submit", bell, code=1).stderr
    held = document(markaz("submit", bell, "--project", "poor", "--json"))
    assert (held["state"], held["reason"]) == ("held", "allocation")
    words = markaz("submit", bell, "-p", "poor").stdout.split(maxsplit=1)[1]
    assert words == "held: the project has no credits left for it\n"
    assert "no credits left" in markaz("job", held["job"]).stdout
    markaz("credits", "grant", "poor", "2.5", "--reason", "a beginning")
    assert document(markaz("job", held["job"], "--wait", "--json"))["state"] == "completed"
    credits = document(markaz("credits", "--json", "--project", "poor"))
    free = credits["projects"]["poor"]["free"]
    assert 0 < 2_500_000 - free < 2_500_000
    markaz("projects", "step", "poor", "close")
    assert document(markaz("submit", bell, "--json"))["state"] == "queued"  # again the only one


# Other commands.


def test_devices_credits_and_jobs_are_one_document_each(markaz: Markaz) -> None:
    devices = document(markaz("devices", "--json"))["items"]
    assert [(d["device"], d["default"], d["accepting"]) for d in devices] == [
        ("simulator", True, True)
    ]
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
    assert "No such file" in markaz("estimate", "/none.qasm", code=1).stderr


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
    assert "The password is set" in markaz("people", "set-password", running.url, input=given).stdout
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

    found = {f.name: f for f in doctor_centre.findings(str(running.data), None)}
    assert {name: f.state for name, f in found.items()} == dict.fromkeys(
        ("data directory", "secret.key", "worker.key", "first-login.json", "disk", "database",
         "workers", "mail", "address"), OK
    )  # fmt: skip
    assert found["workers"].found == "1 connected, on 1 host(s)"


def test_env_can_be_evaluated_by_a_shell(markaz: Markaz, running: RunningCentre) -> None:
    lines = markaz("env", "--project", "default").stdout
    shown = subprocess.run(
        ["sh", "-c", f'{lines} echo "$MARKAZ_URL $MARKAZ_KEY $MARKAZ_PROJECT"'],
        capture_output=True, text=True, check=True, env=clean_environment(),
    )  # fmt: skip
    assert shown.stdout == f"{running.url} {running.key} default\n"


# Nobody there; a second one.


def test_an_absent_centre_exits_with_three(markaz: Markaz, bell: str) -> None:
    away = {"MARKAZ_URL": f"http://127.0.0.1:{free_port()}", "MARKAZ_KEY": "mkz_u_x"}
    for arguments in (["jobs"], ["submit", bell, "--json"], ["job", "0" * 20, "--json"]):
        found = CliRunner().invoke(cli, arguments, env=away)
        assert (found.exit_code, found.stdout) == (3, "")
        assert "does not answer" in found.stderr


def refused(*arguments: str) -> str:
    """What ``markaz up`` says when it does not start."""
    done = subprocess.run(
        [*MARKAZ, "up", *arguments], capture_output=True, text=True, timeout=60,
        env=clean_environment(MARKAZ_LOG_LEVEL="error"), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_a_second_centre_on_the_same_data_or_port_says_so(
    running: RunningCentre, tmp_path: Path
) -> None:
    said = refused("--data", str(running.data), "--port", "0")
    assert f"another server (process {running.process.pid}) works on {running.data}" in said
    port = running.url.rpartition(":")[2]
    said = refused("--data", str(tmp_path / "new"), "--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


def test_bad_places_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in refused("--data", str(tmp_path / "file" / "data"))
    said = refused("--data", str(tmp_path / "a"), "--database", "mysql://somewhere")
    assert "postgresql://user@host/name" in said
    said = refused("--data", str(tmp_path / "a"), "--database", "postgresql://u:pw@127.0.0.1:1/x")
    assert "@127.0.0.1:1/x cannot be used" in said
    assert "pw" not in said


def test_completion_knows_commands_and_options() -> None:
    def completed(words: str, at: int) -> list[str]:
        done = subprocess.run(
            [*MARKAZ], capture_output=True, text=True, check=False,
            env=clean_environment(_MARKAZ_COMPLETE="bash_complete", COMP_WORDS=words,
                                  COMP_CWORD=str(at)),
        )  # fmt: skip
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("markaz s", 1) == ["serve", "submit", "sessions", "settings"]
    assert completed("markaz queue re", 2) == ["release", "requeue"]
    assert completed("markaz submit --wa", 2) == ["--wait"]
    script = CliRunner().invoke(cli, ["completion", "bash"]).stdout
    assert "_MARKAZ_COMPLETE=bash_complete" in script


# The end; last, because it ends the centre of all tests above.


def test_sigterm_drains_and_a_second_start_continues(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with centre_running(data, "--port", "0", "--no-demo", "--workers", "1") as first:
        assert first.secrets["people"] == {}
        workers = first.workers()
        assert len(workers) == 1
        with first.client() as client:
            job = client.post("/jobs", {"program": BELL})["job"]
            client.wait(job, 30)
            running = client.post("/jobs", {"program": long_program(150)})["job"]
            until(lambda: client.get(f"/jobs/{running}")["state"] == "running")
        assert first.stop() == 0
        assert first.rest_of_stdout() == b""
        assert not any(map(alive, workers))
        key = first.key
    with centre_running(data, "--port", "0", "--workers", "0") as second:
        assert set(second.document) == {"url", "admin_login", "crn"}
        assert second.document["crn"] == first.document["crn"]
        with second.client(key) as client:
            assert client.get(f"/jobs/{job}")["state"] == "completed"
            done = client.get(f"/jobs/{running}")
            assert (done["state"], done["provenance"]["attempt"]) == ("completed", 1)
        assert second.stop() == 0
    with pytest.raises(ClientError):
        second.client(key).get("/me")
