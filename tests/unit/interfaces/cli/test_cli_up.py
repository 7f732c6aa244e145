"""``markaz up`` as a process: its ready line, its end, and why it may not start."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli.main import cli
from markaz.interfaces.rest_api import client as rest_client
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
)
from tests.waiting import until

Markaz = Callable[..., Result]


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


def test_an_absent_centre_exits_with_three(
    markaz: Markaz, bell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "PAUSE", 0.001)
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


def test_sigterm_drains_and_a_second_start_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "PAUSE", 0.001)
    data = tmp_path / "data"
    with centre_running(data, "--port", "0", "--no-demo", "--workers", "1") as first:
        assert first.secrets["people"] == {}
        workers = first.workers()
        assert len(workers) == 1
        with first.client() as client:
            job = client.post("/jobs", {"program": BELL})["job"]
            client.wait(job, 30)
            running = client.post("/jobs", {"program": long_program(40)})["job"]
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
    with second.client(key) as client, pytest.raises(ClientError) as gone:
        client.get("/me")
    assert gone.value.status == 0
