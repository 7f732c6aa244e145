"""The scripts that the how-to pages show do what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.conftest import SECOND_PROJECT
from tests.clients.guests import ROOT, Place, fresh, run_script, variables
from tests.clients.test_client_qrmi import resource_variables

SCRIPTS = ROOT / "examples/clients"
PAGES = ROOT / "docs/how-to"


def output(place: Place, environment: str, script: str, tmp_path: Path, **more: str) -> str:
    printed = {**variables(place), **more}
    found = run_script(environment, SCRIPTS / script, fresh(tmp_path, **printed))
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


def assert_shown(page: str, lines: list[str]) -> None:
    """The page shows, in a block of their own, lines that the script printed."""
    text = "".join(f"{line}\n" for line in lines)
    assert f"```\n{text}" in (PAGES / page).read_text()


def test_bell_pair(place: Place, tmp_path: Path) -> None:
    counts, job = output(place, "newest", "qiskit_bell.py", tmp_path).splitlines()
    zeros, ones = map(int, re.findall(r"'(?:00|11)': (\d+)", counts))
    assert zeros + ones == 1000
    assert_shown("qiskit.md", [counts])
    shown = r"job \w+ used \d+\.\d{3} s"
    assert re.fullmatch(shown, job)
    assert re.search(shown, (PAGES / "qiskit.md").read_text())


def test_hydrogen_molecule(place: Place, tmp_path: Path) -> None:
    (line,) = output(place, "newest", "qiskit_vqe.py", tmp_path).splitlines()
    found, exact = re.findall(r"(-?\d\.\d{3}) hartree.*exact (-?\d\.\d{3})", line)[0]
    assert exact == "-1.857"
    assert abs(float(found) - float(exact)) < 0.03
    assert_shown("qiskit.md", [line])


def test_qrmi(place: Place, tmp_path: Path) -> None:
    more = resource_variables(place)
    (line,) = output(place, "newest", "qrmi_sampler.py", tmp_path, **more).splitlines()
    assert sum(map(int, re.findall(r"'(?:00|11)': (\d+)", line))) == 1000
    assert_shown("slurm-qrmi.md", [line])


def test_pennylane(place: Place, tmp_path: Path) -> None:
    more = {"MARKAZ_PROJECT": SECOND_PROJECT}
    lines = output(place, "pennylane", "pennylane_circuit.py", tmp_path, **more).splitlines()
    assert sum(map(int, re.findall(r"'(?:00|11)': (\d+)", lines[0]))) == 4000
    energy, angle = re.findall(r"energy (-?[\d.]+) at (-?[\d.]+)", lines[1])[0]
    assert float(energy) < -0.95
    assert abs(abs(float(angle)) - 3.14) < 0.4
    assert_shown("pennylane.md", lines)


@pytest.mark.parametrize("script", sorted(p.name for p in SCRIPTS.iterdir()))
def test_pages_show_the_scripts(script: str) -> None:
    assert any(f"examples/clients/{script}" in page.read_text() for page in PAGES.glob("*.md"))
