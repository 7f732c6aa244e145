from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from tools import fonts, system_programs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fonts, "FOLDER", tmp_path / "fonts")
    return tmp_path / "fonts"


def archive(path: Path, **contents: bytes) -> Path:
    with tarfile.open(path, "w:gz") as package:
        for inside in fonts.FILES:
            data = contents.get("data", b"")
            member = tarfile.TarInfo(inside)
            member.size = len(data)
            package.addfile(member, io.BytesIO(data))
    return path


def test_another_face_than_the_one_that_is_known_is_not_kept(folder: Path, tmp_path: Path) -> None:
    assert "is not what it should be" in fonts._unpack(archive(tmp_path / "a.tgz", data=b"evil"))
    assert not folder.exists()
    assert not fonts.present()


def test_the_known_face_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = fonts._hash(b"face")
    known = {inside: (name, digest) for inside, (name, _) in fonts.FILES.items()}
    monkeypatch.setattr(fonts, "FILES", known)
    assert fonts._unpack(archive(tmp_path / "a.tgz", data=b"face")) == ""
    assert (folder / "nastaliq.woff2").read_bytes() == b"face"
    assert fonts.present()
    (folder / "OFL.txt").write_bytes(b"another")
    assert not fonts.present()


def test_without_npm_pages_do_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    fonts.main()
    assert capsys.readouterr().out == (
        "No Nastaliq face (npm is not installed); Urdu pages use the reader's own.\n"
    )
    assert not folder.exists()


def test_a_browser_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(system_programs.CHROMIUM, "/somewhere/chromium")
    assert system_programs.chromium() == Path("/somewhere/chromium")
    monkeypatch.delenv(system_programs.CHROMIUM)
    monkeypatch.setattr(shutil, "which", lambda name: "/b" if name == "google-chrome" else None)
    assert system_programs.chromium() == Path("/b")


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_a_missing_browser_is_said_and_an_error_in_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, status: int
) -> None:
    monkeypatch.delenv(system_programs.CHROMIUM, raising=False)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "argv", ["system_programs.py"])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        system_programs.main()
    assert ended.value.code == status
    said = capsys.readouterr().out
    assert "apt-get install chromium" in said
    assert "slurm" not in said


def test_slurm_is_asked_for_in_the_nightly_run_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(system_programs.CHROMIUM, "/somewhere/chromium")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["system_programs.py"])
    system_programs.main()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys, "argv", ["system_programs.py", "--nightly"])
    with pytest.raises(SystemExit) as ended:
        system_programs.main()
    assert ended.value.code == 0
    how = "apt-get install slurm-wlm munge (as root)"
    assert capsys.readouterr().out == f"The test with Slurm will be skipped: {how}\n"
