"""The commands over the real library, on small programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli import doctor, options
from markaz.interfaces.cli.main import cli
from markaz.quantum import api
from markaz.quantum.programs.errors import KINDS

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0], q[1];\n'
MEASURED = BELL + "measure q -> c;\n"
TURN = 'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float[64] t;\nqubit[1] q;\nrx(t) q[0];\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bell.qasm").write_text(MEASURED)
    (tmp_path / "bare.qasm").write_text(BELL.replace("creg c[2];\n", ""))
    (tmp_path / "turn.qasm").write_text(TURN)
    (tmp_path / "bad.qasm").write_text("OPENQASM 2.0;\nqreg q[1];\nfly q[0];\n")
    return tmp_path


def markaz(*arguments: str, stdin: str | None = None, code: int = 0) -> Result:
    found = CliRunner().invoke(cli, arguments, input=stdin)
    assert found.exit_code == code, found.output
    return found


def lines(found: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_counts_as_contracted(folder: Path) -> None:
    arguments = ("run", "--json", "--shots", "200", "--seed", "5", str(folder / "bell.qasm"))
    (line,) = lines(markaz(*arguments))
    assert line["ok"] is True
    assert set(line["counts"]) == {"00", "11"}
    assert sum(line["counts"].values()) == line["shots"] == 200
    assert (line["seed"], line["qubits"], line["clbits"]) == (5, 2, 2)
    assert line["measured"] == "explicit"
    assert set(line["plan"]) >= {
        "engine", "why", "predicted_seconds", "predicted_bytes", "simplifications",
    }  # fmt: skip
    assert set(line["seconds"]) == {"parse", "plan", "run", "total"}
    assert lines(markaz(*arguments))[0]["counts"] == line["counts"]


def test_failures_have_their_kind_and_place(folder: Path) -> None:
    found = markaz("run", "--json", str(folder / "none.qasm"), str(folder / "bad.qasm"),
                   str(folder / "bell.qasm"), code=1)  # fmt: skip
    missing, bad, good = lines(found)
    assert missing["error"]["kind"] == "file"
    assert bad["error"]["kind"] in {"parse", "unsupported"}
    assert bad["error"]["message"].startswith("line 3")
    assert {missing["error"]["kind"], bad["error"]["kind"]} < set(KINDS)
    assert good["ok"] is True


def test_a_program_without_measurement_is_measured(folder: Path) -> None:
    (line,) = lines(markaz("run", "--json", str(folder / "bare.qasm")))
    assert line["measured"] == "implicit"
    assert set(line["counts"]) == {"00", "11"}
    assert "measured: implicit" in markaz("run", str(folder / "bare.qasm")).stdout


def test_standard_input() -> None:
    (line,) = lines(markaz("run", "--json", "-", stdin=MEASURED))
    assert (line["file"], set(line["counts"])) == ("-", {"00", "11"})


def test_expectation_values(folder: Path) -> None:
    (line,) = lines(markaz("run", "--json", "--observable", "ZZ + 0.5*XX", "--observable", "Z0",
                           str(folder / "bell.qasm")))  # fmt: skip
    assert line["values"] == pytest.approx([1.5, 0.0], abs=1e-9)
    assert line["standard_errors"] == [0.0, 0.0]
    assert "counts" not in line


def test_an_observable_that_does_not_fit(folder: Path) -> None:
    found = markaz("run", "--json", "--observable", "ZZZ", str(folder / "bell.qasm"), code=1)
    assert lines(found)[0]["error"] == {
        "kind": "parse",
        "message": "observable Z0 Z1 Z2 has 3 letters a label, but the circuit has 2 qubits",
    }


def test_parameters_are_bound_by_name(folder: Path) -> None:
    (line,) = lines(markaz("run", "--json", "--param", "t=pi", "--observable", "Z",
                           str(folder / "turn.qasm")))  # fmt: skip
    assert line["values"] == pytest.approx([-1.0], abs=1e-9)
    (line,) = lines(markaz("run", "--json", str(folder / "turn.qasm"), code=1))
    assert "'t'" in line["error"]["message"]


def test_an_unknown_engine_is_bad_usage(folder: Path) -> None:
    found = markaz("run", "--engine", "warp", str(folder / "bell.qasm"), code=2)
    assert "'warp'" in found.stderr
    assert found.stdout == ""


def test_a_result_replays(folder: Path) -> None:
    first = markaz("run", "--json", str(folder / "bell.qasm"))
    saved = folder / "result.json"
    saved.write_text(first.stdout)
    again = markaz("run", "--json", "--replay", str(saved))
    assert lines(again)[0]["counts"] == lines(first)[0]["counts"]
    assert again.stderr.startswith("replay: identical to the recorded result")


def test_explain_runs_nothing_and_lists_engines(folder: Path) -> None:
    (line,) = lines(markaz("explain", "--json", str(folder / "bell.qasm")))
    assert (line["ok"], line["error"]) == (True, None)
    assert set(line["plan"]) >= {"engine", "why", "predicted_seconds", "predicted_bytes"}
    for candidate in line["candidates"]:
        assert set(candidate) == {"engine", "predicted_seconds", "predicted_bytes", "refused"}
    text = markaz("explain", str(folder / "bell.qasm")).stdout
    assert text.splitlines()[0] == str(folder / "bell.qasm")
    assert "plan: " in text
    (line,) = lines(markaz("explain", "--json", str(folder / "bad.qasm"), code=1))
    assert (line["ok"], line["plan"]) == (False, None)


@pytest.mark.parametrize("target", ["openqasm3", "openqasm2", "qcis", "qpy"])
def test_convert_there_and_back(folder: Path, target: str) -> None:
    suffix = {"openqasm3": "qasm", "openqasm2": "qasm"}.get(target, target)
    out = folder / f"converted.{suffix}"
    markaz("convert", str(folder / "bell.qasm"), "--to", target, "-o", str(out))
    (line,) = lines(markaz("run", "--json", "--shots", "300", str(out)))
    assert set(line["counts"]) == {"00", "11"}
    assert line["measured"] == "explicit"


def test_convert_adds_no_measurement(folder: Path) -> None:
    text = markaz("convert", str(folder / "bare.qasm"), "--to", "openqasm3").stdout
    assert "measure" not in text
    assert "bit[" not in text.replace("qubit[", "")


def test_convert_refuses_in_words(folder: Path) -> None:
    found = markaz("convert", str(folder / "turn.qasm"), "--to", "openqasm2", code=1)
    assert "'t'" in found.stderr
    assert found.stdout == ""
    bound = markaz("convert", str(folder / "turn.qasm"), "--to", "openqasm2", "--param", "t=pi")
    assert "rx(pi)" in bound.stdout
    found = markaz("convert", str(folder / "bell.qasm"), "--to", "qcis", "-o",
                   str(folder / "no" / "where"), code=1)  # fmt: skip
    assert "No such file or directory" in found.stderr


def test_engines_are_listed() -> None:
    found = lines(markaz("engines", "--json"))
    keys = [row["engine"] for row in found]
    assert keys == sorted(keys)
    assert "markaz:dense" in keys
    assert all(set(row) >= {"method", "version", "licence", "installed"} for row in found)
    text = markaz("engines").stdout.splitlines()
    assert text[0].split() == ["engine", "method", "version", "licence", "installed"]
    assert len(text) == len(found) + 1


def test_doctor_finds_this_installation_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Some libraries take many seconds to import; one of them stands for all.
    monkeypatch.setattr(doctor, "packages_of_engines", lambda: {"numpy": True})
    found = lines(markaz("doctor", "--json", "--data", str(tmp_path / "none")))
    assert {row["state"] for row in found} <= {"ok", "warning"}
    assert found[0]["name"] == "Python"
    assert [line["name"] for line in found[-2:]] == ["a Bell program", "centre"]
    assert [line["state"] for line in found[-2:]] == ["ok", "ok"]


def test_limits_of_the_options_are_those_of_the_library() -> None:
    assert options.MAX_SHOTS == api.MAX_SHOTS
    assert options.MAX_SEED == (1 << api.SEED_BITS) - 1
