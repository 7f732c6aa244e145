"""Emulated devices from the command line to real workers: jobs, files, calibration, acceptance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from markaz.quantum.devices.sheet import from_json
from markaz.quantum.devices.sheet_csv import from_csv
from tests.running_centre import RunningCentre, document

Markaz = Callable[..., Result]
TINY = """name = "tiny"
title = "Two emulated qubits"
kind = "emulated"
version = "1.0.0"
max_shots = 5000
features = ["delay"]
sites = [[0, 0], [1, 0]]
couplers = [[0, 1]]
[gates]
sx = 30.0
rz = 0.0
cz = 40.0
measure = 1000.0
[tolerances]
T1 = 5.0
[emulator]
t1_us = 40.0
t_phi_us = 60.0
slow_khz = 5.0
pulse_error = 0.0005
cz_error = 0.004
prob_meas1_prep0 = 0.01
prob_meas0_prep1 = 0.02
frequency_ghz = 5.0
"""
CONTRACT = """title = "Tiny"
device = "tiny"
[[criteria]]
measure = "T1"
at_least = 10.0
[[criteria]]
measure = "ghz_fidelity"
qubits = 2
at_least = 0.8
"""


def test_a_job_runs_on_an_emulated_device(
    markaz: Markaz, running: RunningCentre, bell: str
) -> None:
    asked = ("submit", bell, "--device", "indus", "--shots", "500", "--wait", "--json")
    found = document(markaz(*asked))
    assert found["state"] == "completed"
    assert found["counts"]["00"] + found["counts"]["11"] > 400
    said = found["provenance"]
    sheet = from_json(markaz("devices", "sheet", "indus").stdout)
    assert (said["device"], said["emulated"], said["sheet"]) == ("indus", "EMULATED", sheet.id)
    assert said["on_device"]["truth"].startswith("sha256:")
    assert said["on_device"]["accuracy"]
    assert found["charge"] > 0
    headers = {"Authorization": f"Bearer {running.environment['MARKAZ_KEY']}"}
    at = f"{running.environment['MARKAZ_URL']}/v1/jobs/{found['job']}/contents"
    for which, begins in (
        ("compiled", "OPENQASM 3"),
        ("compiled.qcis", ""),
        ("compiled.svg", "<svg"),
    ):
        answer = httpx.get(f"{at}/{which}", headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.text.startswith(begins)
    assert "measure $" in httpx.get(f"{at}/compiled", headers=headers).text


def test_what_a_device_cannot_take_is_refused_at_submission(markaz: Markaz, tmp_path: Path) -> None:
    wide = tmp_path / "wide.qasm"
    wide.write_text("OPENQASM 3.0; qubit[30] q; bit[30] c; c = measure q;")
    said = markaz("submit", str(wide), "--device", "indus", code=1).output
    assert "device indus has 20 qubits, the program 30" in said


def test_a_device_file_is_refused_with_its_line(markaz: Markaz, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(TINY.replace("cz = 40.0", "cz = -1"))
    said = markaz("devices", "add", str(path), code=1).output
    assert "line 12: gates.cz: must be above 0" in said


def test_a_device_is_added_calibrated_accepted_and_retired(
    markaz: Markaz, tmp_path: Path, bell: str
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    assert "2 qubits, emulated, offline" in markaz("devices", "add", str(path)).output
    assert "no calibration sheet yet" in markaz("devices", "sheet", "tiny", code=1).output
    done = document(markaz("calibrate", "tiny", "--wait", "--json"))
    assert (done["state"], len(done["parts"])) == ("completed", 6)
    sheet = from_csv(markaz("devices", "sheet", "tiny", "--csv").stdout)
    assert sheet.id == done["sheet"]
    assert 20 < (sheet.value("T1", 0) or 0) < 80
    markaz("devices", "set", "tiny", "--status", "idle", "--accepting", "--calibrate-hours", "24")
    assert document(markaz("submit", bell, "--device", "tiny", "--wait", "--json"))["counts"]

    contract, out = tmp_path / "contract.toml", tmp_path / "report"
    contract.write_text(CONTRACT)
    said = markaz("accept", "tiny", "--contract", str(contract), "--out", str(out)).output
    assert "Tiny: pass" in said
    assert (out / "acceptance.pdf").read_bytes().startswith(b"%PDF-")
    assert "EMULATED" in (out / "acceptance.html").read_text()
    record, key = str(out / "acceptance.json"), str(out / "centre.pub")
    assert "valid. acceptance" in markaz("verify", record, "--key", key).output
    assert "valid" in markaz("verify", record).output  # the key from the centre itself
    spoilt = json.loads(Path(record).read_text())
    spoilt["payload"] = spoilt["payload"][:-8] + "AAAAAAAA"
    Path(record).write_text(json.dumps(spoilt))
    assert "altered" in markaz("verify", record, "--key", key, code=1).output

    events = document(markaz("devices", "events", "tiny", "--json"))["items"]
    assert {e["kind"] for e in events} == {"file", "sheet", "calibration", "acceptance"}
    markaz("devices", "retire", "tiny")
    assert from_csv(markaz("devices", "sheet", "tiny", "--csv").stdout).device == "tiny"
    assert "retired" in markaz("calibrate", "tiny", code=1).output


LAB = Path(__file__).parents[4] / "examples/devices/lab.toml"
MEASURED = """# markaz calibration sheet 1
# device: lab
# measured_at: 2026-11-20T14:30:00+00:00
qubits,quantity,value,unit,uncertainty,measured_at,method
0,T1,44.1,us,1.2,2026-11-20T14:05:00+00:00,relaxation
0-1,gate_error:cz,0.0061,,0.0004,-,interleaved benchmarking
1,T1,-,us,-,-,not measured
"""


def test_a_sheet_that_was_measured_elsewhere_is_handed_in(markaz: Markaz, tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text("\ufeff" + MEASURED.replace("\n", "\r\n"), encoding="utf-8", newline="")
    markaz("devices", "add", str(LAB))
    said = markaz("devices", "sheet", "lab", "--file", str(path)).output
    assert ": 2 values; the device is offline." in said
    kept = from_csv(markaz("devices", "sheet", "lab", "--csv").stdout)
    assert kept == from_csv(MEASURED)
    path.write_text(MEASURED.replace("44.1,us", "44.1,ms"))
    said = markaz("devices", "sheet", "lab", "--file", str(path), code=1).output
    assert "line 5: rows[0].unit: must be 'us', not 'ms'" in said
    markaz("devices", "retire", "lab")


@pytest.mark.parametrize("words", ["calibrate simulator", "calibrate nothing"])
def test_what_cannot_be_calibrated_says_so(markaz: Markaz, words: str) -> None:
    markaz(*words.split(), code=1)
