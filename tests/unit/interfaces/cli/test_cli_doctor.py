"""What ``markaz doctor`` says of an installation that is not well."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from markaz.interfaces.cli import doctor
from markaz.interfaces.cli.render import Style
from markaz.quantum.programs import sandbox
from markaz.quantum.simulate import jit


def test_an_engine_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {"json": True, "no_such_library": True, "also_missing": False}
    monkeypatch.setattr(doctor, "packages_of_engines", lambda: packages)
    first, second, third = doctor._engines(Style())
    assert (first.name, first.state) == ("engine library json", doctor.OK)
    assert (second.name, second.state) == ("engine library no_such_library", doctor.WARNING)
    assert second.found.startswith("cannot be imported: ModuleNotFoundError: No module named")
    assert second.mend == "reinstall it, or uninstall it: Markaz works without any one engine"
    assert (third.found, third.state) == ("not installed: also_missing (optional)", doctor.OK)


@pytest.mark.parametrize(
    ("held", "state"),
    [
        ({"fork": True, "files": True}, doctor.OK),
        ({"fork": True, "files": False}, doctor.WARNING),
        ({"fork": False, "files": False}, doctor.FAILURE),
    ],
)
def test_walls(monkeypatch: pytest.MonkeyPatch, held: dict[str, bool], state: str) -> None:
    monkeypatch.setattr(sandbox, "probe", lambda: held)
    finding = doctor._walls()
    assert finding.state == state
    assert bool(finding.mend) == (state != doctor.OK)


def test_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "cache_folder", lambda: None)
    assert doctor._kernels().mend == "set NUMBA_CACHE_DIR to a folder that you can write"
    monkeypatch.setattr(doctor, "cache_folder", lambda: "/cache")
    assert doctor._kernels().found == "kept in /cache"
    monkeypatch.setattr(jit, "numba_is_installed", lambda: False)
    assert doctor._kernels().found == "Numba is not installed"


def test_a_failure_is_shown_with_its_mend_and_exits_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = doctor.Finding("x", doctor.FAILURE, "is broken", "mend x")
    monkeypatch.setattr(doctor, "findings", lambda _: iter([bad]))
    monkeypatch.setattr(doctor.doctor_centre, "findings", lambda *_: iter([]))
    found = CliRunner().invoke(doctor.command, [])
    assert found.exit_code == 1
    assert found.stdout == "failure  x: is broken\n         mend: mend x\n"
