"""The script behind ``make setup``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text("a==1\n")
    return path


def test_stamp_is_the_same_for_the_same_lock(lock: Path, tmp_path: Path) -> None:
    first = environment.stamp_text(lock, tmp_path)
    assert environment.stamp_text(lock, tmp_path) == first


def test_stamp_changes_with_lock_and_place(lock: Path, tmp_path: Path) -> None:
    first = environment.stamp_text(lock, tmp_path)
    elsewhere = environment.stamp_text(lock, tmp_path / "other")
    lock.write_text("a==2\n")
    assert len({first, elsewhere, environment.stamp_text(lock, tmp_path)}) == 3


def test_only_this_interpreter_works(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.12.0\n")
    other.chmod(0o755)
    assert environment.works(Path(sys.executable))
    assert not environment.works(other)
    assert not environment.works(tmp_path / "missing")


def test_empty_folder_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert environment.has_module("json")
    assert not environment.has_module("hollow")
    assert not environment.has_module("no_such_module")


def test_missing_venv_module_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "has_module", lambda name: False)
    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        environment.make_venv(tmp_path)


def test_pip_of_the_system_is_used_where_ensurepip_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[object, ...]] = []
    monkeypatch.setattr(environment, "has_module", lambda name: name == "pip")
    monkeypatch.setattr(environment, "run", lambda *command: commands.append(command))
    pip = environment.make_venv(tmp_path)
    assert pip == [sys.executable, "-m", "pip", "--python", tmp_path / "bin/python"]
    assert commands == [(sys.executable, "-m", "venv", "--clear", "--without-pip", tmp_path)]


def test_old_python_is_refused(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["environment.py", str(lock)])
    monkeypatch.setattr(environment, "OLDEST", (99, 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and .* is 3\."):
        environment.main()


def test_current_environment_is_left_alone(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").touch()
    (venv / ".made-from-lock.txt").write_text(environment.stamp_text(lock, venv))
    monkeypatch.setattr(sys, "argv", ["environment.py", str(lock), "--venv", str(venv)])
    monkeypatch.setattr(environment, "run", lambda *command: pytest.fail(f"ran {command}"))
    environment.main()


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the clients' environments, in a repository of its own."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "CLIENTS", tmp_path / ".venv-clients")
    monkeypatch.setattr(environment, "make_venv", lambda venv: (venv / "bin").mkdir(parents=True))
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/clients-some.txt").write_text("a==1\n")
    return tmp_path / ".venv-clients"


def unreachable(*_: object) -> None:
    raise SystemExit("`pip` failed (exit 1).")


def test_client_environment_that_cannot_be_made_says_why(
    clients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "install", unreachable)
    environment.make_client("some")
    assert (clients / "some.missing").read_text() == "`pip` failed (exit 1).\n"
    (clients / "some/bin").rmdir()
    (clients / "some").rmdir()
    monkeypatch.setattr(environment, "install", lambda *_: None)
    environment.make_client("some")
    assert not (clients / "some.missing").exists()
    assert (clients / "some/.made-from-clients-some.txt").exists()


def test_client_environment_that_cannot_be_made_stops_ci(
    clients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(environment, "install", unreachable)
    with pytest.raises(SystemExit, match="exit 1"):
        environment.make_client("some")
    assert not (clients / "some.missing").exists()


def test_client_stamp_does_not_follow_the_project(lock: Path, tmp_path: Path) -> None:
    alone = environment.stamp_text(lock, tmp_path, None)
    assert alone != environment.stamp_text(lock, tmp_path)
    assert alone != environment.stamp_text(lock, tmp_path, environment.OWN_CLIENT)


def test_every_clients_lock_has_its_source() -> None:
    folder = Path(environment.__file__).parent.parent / "requirements"
    locks = {p.stem for p in folder.glob("clients-*.txt")}
    assert locks == {p.stem for p in folder.glob("clients-*.in")}
    assert {f"clients-{name}" for name in environment.WITH_OWN_CLIENT} <= locks


def test_failing_command_stops_with_its_status() -> None:
    with pytest.raises(SystemExit, match=r"failed \(exit 3\)"):
        environment.run(sys.executable, "-c", "raise SystemExit(3)")


def test_make_lists_its_targets() -> None:
    root = Path(environment.__file__).parent.parent
    shown = subprocess.check_output(["make", "-s", "-C", root], text=True)
    assert [line.split()[:2] for line in shown.splitlines()][:3] == [
        ["make", "help"],
        ["make", "setup"],
        ["make", "up"],
    ]
