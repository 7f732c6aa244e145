"""A centre that runs for all tests of commands that talk to one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli.main import cli
from tests.running_centre import BELL, RunningCentre, centre_running, long_program
from tests.waiting import until


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Commands that make files for their user only leave the tests' umask as it was."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    data = tmp_path_factory.mktemp("centre") / "data"
    with centre_running(data, "--port", "0", "--workers", "1") as started:
        with started.client() as client:  # some jobs that whoever lists them finds
            for _ in range(3):
                assert client.post("/jobs", {"program": BELL}, wait=30)["state"] == "completed"
        yield started


@pytest.fixture
def markaz(
    running: RunningCentre, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
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
