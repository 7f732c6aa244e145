"""``markaz agent``: its tester, its table of drivers, and errors that name what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.agent import serving
from markaz.interfaces.agent.serving import Handler
from markaz.interfaces.cli.main import cli
from tests.agent_tools import FILE, LAB, TEXT, lab_sheet, served

KEY = {"MARKAZ_WORKER_KEY": "mkz_w_x", "MARKAZ_URL": ""}


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["agent", *arguments], env={**KEY, **environment})


def test_drivers_say_what_they_were_tested_with() -> None:
    lines = run("--drivers").stdout
    assert lines.count("protocol-tested, not hardware-tested; off unless enabled = true") == 4
    rows = json.loads(run("--drivers", "--json").stdout)["items"]
    assert [(row["driver"], row["on"]) for row in rows] == [
        ("http", True), ("tianyan", False), ("origin", False), ("quafu", False), ("aqt", False),
    ]  # fmt: skip


def test_the_tester_prints_each_clause() -> None:
    with served(serving.emulated(LAB, 7, lab_sheet(40.0))) as url:
        found = run("--check", url, "--device", str(FILE))
        again = run("--check", url, "--device", str(FILE), "--json")
    assert found.exit_code == 0
    assert found.stdout.count("  pass  ") == 15
    assert found.stdout.endswith("all 15 clauses hold\n")
    verdicts = [json.loads(line) for line in again.stdout.splitlines()]
    assert [v["ok"] for v in verdicts] == [True] * 15
    assert verdicts[3] == {
        "clause": "2.1", "ok": True, "seen": "5 values",
        "text": "GET /v1/calibration is a calibration sheet of the device, or 404",
    }  # fmt: skip


class WrongSheet(Handler):
    """Publishes a sheet whose third row has a wrong unit."""

    def route(self, body: bytes) -> tuple[int, dict[str, Any]]:
        code, found = super().route(body)
        if self.path == "/v1/calibration":
            del found["id"]
            found["rows"][2]["unit"] = "ns"
        return code, found


def test_a_wrong_sheet_is_named_by_field(tmp_path: Path) -> None:
    with served(serving.emulated(LAB, 7, lab_sheet(40.0)), WrongSheet) as url:
        found = run("--check", url, "--device", str(FILE))
    assert found.exit_code == 1
    at = found.stdout.index("2.1  FAIL")
    assert "rows[2].unit: must be 'us', not 'ns'" in found.stdout[at : at + 200]
    assert found.stdout.endswith("1 of 15 clauses do not hold\n")


def test_nobody_there_is_no_broken_clause() -> None:
    found = run("--check", "http://127.0.0.1:9", "--device", str(FILE))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "nothing answers at http://127.0.0.1:9" in found.stderr


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('kind = "qpu"', 'kind = "toaster"', "line 5: kind: "),
        ("[3, 4]]", "[3, 9]]", "line 9: couplers[4]: names qubit 9 of 5"),
        ("cz = 40.0", 'cz = "fast"', "line 20: gates.cz: "),
        ("rz = 0.0", "rz = 5.0", "line 19: gates.rz: "),
        ("T1 = 10.0", "T9 = 10.0", "line 25: tolerances.T9: "),
        ("[gates]", "[gates", "line 12: is not TOML"),
        ("max_shots = 10000", "", "max_shots: is missing"),
    ],
)
def test_a_malformed_device_file_is_named_by_field_and_line(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    assert TEXT.count(before) == 1
    file = tmp_path / "wrong.toml"
    file.write_text(TEXT.replace(before, after))
    found = run("--device", str(file), "--check", "http://127.0.0.1:9")
    assert found.exit_code == 2
    assert f"wrong.toml, {words}" in found.stderr or f"wrong.toml: {words}" in found.stderr


def test_an_emulator_needs_its_table(tmp_path: Path) -> None:
    file = tmp_path / "bare.toml"
    file.write_text(TEXT.partition("\n[emulator]")[0])
    found = run("--device", str(file), "--serve-emulator", "0")
    assert (found.exit_code, "lab has no table [emulator]" in found.stderr) == (2, True)
    found = run("--device", str(FILE), "--serve-emulator", "nowhere")
    assert "takes [HOST:]PORT, not 'nowhere'" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ([], {}, "--device is missing"),
        (["--device", "/nowhere.toml"], {}, "/nowhere.toml: No such file"),
        (["--device", str(FILE)], {}, "--driver is missing"),
        (["--device", str(FILE), "--driver", "http"], {}, "needs --url (or MARKAZ_URL)"),
        (
            ["--device", str(FILE), "--driver", "http", "--url", "http://127.0.0.1:9"],
            {"MARKAZ_WORKER_KEY": ""},
            "and MARKAZ_WORKER_KEY",
        ),
        (
            ["--device", str(FILE), "--driver", "laser", "--url", "http://127.0.0.1:9"],
            {},
            "there is no driver 'laser'",
        ),
        (
            ["--device", str(FILE), "--driver", "tianyan", "--url", "http://127.0.0.1:9"],
            {},
            "set enabled = true",
        ),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], words: str
) -> None:
    found = run(*arguments, "--data", str(tmp_path), **environment) if arguments else run()
    assert (found.exit_code, words in found.stderr) == (2, True), found.stderr


def test_options_that_are_no_toml_are_named(tmp_path: Path) -> None:
    options = tmp_path / "driver.toml"
    options.write_text('url = "http://127.0.0.1:9\n')
    found = run("--device", str(FILE), "--driver", "http", "--url", "http://127.0.0.1:9",
                "--options", str(options), "--data", str(tmp_path))  # fmt: skip
    assert (found.exit_code, "are no TOML" in found.stderr) == (2, True)
    assert "line 1" in found.stderr
