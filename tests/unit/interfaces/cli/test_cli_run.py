"""``markaz run`` as contracted: lines, streams, exit codes, order. The library is a fake
here; ``test_cli_real`` runs it for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Invocation

from markaz.interfaces.cli import run as run_module
from markaz.interfaces.cli.main import cli
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.result import Plan, Result
from tests.waiting import until

KEYS = [
    "clbits", "counts", "engines", "error", "fidelity", "file", "measured", "ok", "plan",
    "program_hash", "qubits", "seconds", "seed", "shots",
]  # fmt: skip


def fake(task: run_module.Task, progress: Callable[[str], None]) -> run_module.Outcome:
    """Counts are the task's own name and size, so that order and options can be seen."""
    if task.file == "missing":
        raise ProgramError("file", "there is no such file")
    if task.file == "broken":
        raise ProgramError("parse", "unexpected '}'", 3, 5)
    if task.file == "crowded" and task.threads is not None:
        raise ProgramError("limit-memory", "needs 8 GiB")
    if task.file.startswith("slow"):
        time.sleep(float(task.file[4:]))
    progress("running")
    values = [0.5 * (i + 1) for i in range(len(task.observables))]
    found = Result(
        shots=task.shots,
        seed=11 if task.seed is None else task.seed,
        num_qubits=3,
        num_clbits=3,
        registers=(("a", 1), ("b", 2)),
        measured="explicit",
        plan=Plan("stim:stabilizer", f"{task.engine} {dict(task.parameters)}", 0.0, 0),
        seconds={"parse": 0.0, "plan": 0.0, "run": 0.0, "total": 0.0},
        circuit=Builder().build(),
        counts=None if values or task.wanted != "counts" else {"011": task.shots},
        probabilities={"011": 0.75, "000": 0.25} if task.wanted == "probabilities" else None,
        statevector=np.array([0.6, -0.8j]) if task.wanted == "statevector" else None,
        memory=["011"] * task.shots if task.memory else None,
        values=values or None,
        standard_errors=[0.0] * len(values) if values else None,
        fidelity=task.min_fidelity,
        engines={"stim": "1.16"},
    )
    return run_module.Outcome(found, 4, found.to_json())


@pytest.fixture
def markaz(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Invocation]:
    monkeypatch.setattr(run_module, "simulate", fake)

    def call(*arguments: str, stdin: bytes | None = None) -> Invocation:
        return CliRunner().invoke(cli, ["run", *arguments], input=stdin)

    return call


def lines(found: Invocation) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.stdout.splitlines()]


Markaz = Callable[..., Invocation]


def test_one_object_a_line_in_order_of_the_files(markaz: Markaz) -> None:
    found = markaz("--json", "--jobs", "2", "slow0.3", "a", "slow0.1", "b")
    assert found.exit_code == 0
    assert [line["file"] for line in lines(found)] == ["slow0.3", "a", "slow0.1", "b"]
    assert [sorted(line) for line in lines(found)] == [KEYS] * 4
    assert lines(found)[1]["counts"] == {"011": 1024}
    assert lines(found)[1]["ok"] is True
    assert lines(found)[1]["error"] is None


def test_a_failed_file_does_not_stop_the_others(markaz: Markaz) -> None:
    found = markaz("--json", "--seed", "5", "missing", "a", "broken")
    assert found.exit_code == 1
    first, second, third = lines(found)
    assert first["error"] == {"kind": "file", "message": "there is no such file"}
    assert third["error"] == {"kind": "parse", "message": "line 3, column 5: unexpected '}'"}
    assert [first["ok"], second["ok"], third["ok"]] == [False, True, False]
    assert (first["counts"], first["plan"], first["seed"], first["shots"]) == (None, None, 5, 1024)
    assert found.stderr.splitlines() == [
        "missing: file: there is no such file",
        "broken:3:5: parse: unexpected '}'",
    ]


def test_a_failure_with_observables_has_no_counts(markaz: Markaz) -> None:
    (line,) = lines(markaz("--json", "--observable", "Z0", "missing"))
    assert "counts" not in line
    assert (line["values"], line["standard_errors"]) == (None, None)


def test_exact_numbers_take_the_place_of_counts(markaz: Markaz) -> None:
    (odds,) = lines(markaz("--json", "--probabilities", "--spaces", "f"))
    (state,) = lines(markaz("--json", "--statevector", "f"))
    (failed,) = lines(markaz("--json", "--statevector", "missing"))
    assert odds["probabilities"] == {"01 1": 0.75, "00 0": 0.25}
    assert state["statevector"] == [[0.6, 0.0], [0.0, -0.8]]
    assert failed["statevector"] is None
    assert not any("counts" in line for line in (odds, state, failed))


def test_exact_numbers_are_shown_with_their_weights(markaz: Markaz) -> None:
    odds = markaz("--probabilities", "f").stdout.splitlines()
    state = markaz("--statevector", "f").stdout.splitlines()
    assert [x.split()[:3] for x in odds[-3:-1]] == [
        ["00", "0", "0.2500000000"],
        ["01", "1", "0.7500000000"],
    ]
    assert [x.split()[:5] for x in state[-3:-1]] == [
        ["0", "+0.600000", "+0.000000i", "36.0", "%"],
        ["1", "+0.000000", "-0.800000i", "64.0", "%"],
    ]


@pytest.mark.parametrize("other", [("--observable", "Z"), ("--memory",), ("--plot", "a.png")])
def test_exact_numbers_go_alone(markaz: Markaz, other: tuple[str, ...]) -> None:
    found = markaz("--statevector", *other, "f")
    assert found.exit_code == 2
    assert f"--statevector does not go with {other[0]}" in found.stderr


def test_options_reach_the_library(markaz: Markaz) -> None:
    options = "--shots 10 --seed 3 --engine stim:stabilizer --param a=pi --param b=2"
    found = markaz("--json", *options.split(), "--memory", "--approximate", "f")
    (line,) = lines(found)
    assert (line["shots"], line["seed"], line["fidelity"]) == (10, 3, 0.99)
    assert line["plan"]["why"] == "stim:stabilizer {'a': 3.141592653589793, 'b': 2.0}"
    assert line["memory"] == ["011"] * 10
    (line,) = lines(markaz("--json", "--approximate", "--min-fidelity", "0.5", "f"))
    assert line["fidelity"] == 0.5


def test_values_take_the_place_of_counts(markaz: Markaz, tmp_path: Path) -> None:
    terms = tmp_path / "terms.txt"
    terms.write_text("XXX\n")
    found = markaz("--json", "--observable", "ZZZ", "--observables-file", str(terms), "f")
    (line,) = lines(found)
    assert "counts" not in line
    assert (line["values"], line["standard_errors"]) == ([0.5, 1.0], [0.0, 0.0])
    report = markaz("--observable", "ZZZ", "--observables-file", str(terms), "f").stdout
    assert "  ZZZ       +0.5000000000  (exact)" in report.splitlines()
    assert "  X0 X1 X2  +1.0000000000  (exact)" in report.splitlines()


def test_spaces_only_when_asked_for(markaz: Markaz) -> None:
    assert lines(markaz("--json", "f"))[0]["counts"] == {"011": 1024}
    (line,) = lines(markaz("--json", "--spaces", "--memory", "--shots", "2", "f"))
    assert line["counts"] == {"01 1": 2}
    assert line["memory"] == ["01 1", "01 1"]


def test_standard_input_is_a_file(markaz: Markaz, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    original = run_module.options.read_program
    monkeypatch.setattr(
        run_module.options, "read_program", lambda f: seen.append(original(f)) or seen[-1]
    )
    (line,) = lines(markaz("--json", "-", stdin=b"OPENQASM 3;"))
    assert line["file"] == "-"
    assert seen == [b"OPENQASM 3;"]


def test_people_get_a_report_for_each_file(markaz: Markaz) -> None:
    found = markaz("a", "missing", "b")
    assert found.exit_code == 1
    titles = [x for x in found.stdout.splitlines() if x and not x.startswith(" ")]
    assert titles == ["a", "b"]
    assert "01 1" in found.stdout
    assert "  3 qubits, 3 bits, 4 gates" in found.stdout.splitlines()


def test_what_found_no_room_beside_others_runs_alone(markaz: Markaz) -> None:
    found = markaz("--json", "--jobs", "2", "crowded", "a", "b")
    assert found.exit_code == 0
    assert [line["file"] for line in lines(found)] == ["crowded", "a", "b"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--shots", "0", "f"],
        ["--shots", "many", "f"],
        ["--time-limit", "0", "f"],
        ["--memory-limit", "-1", "f"],
        ["--seed", "-1", "f"],
        ["--observable", "Q", "f"],
        ["--observables-file", "/nowhere", "f"],
        ["--param", "a", "f"],
        ["--min-fidelity", "1.5", "f"],
        ["--plot", "x.jpeg", "f"],
        ["--plot", "x.png", "f", "g"],
        ["--replay", "/nowhere", "f"],
        ["--unknown", "f"],
        ["-", "-"],
    ],
)
def test_bad_usage_exits_with_two_and_prints_nothing(markaz: Markaz, arguments: list[str]) -> None:
    found = markaz("--json", *arguments)
    assert found.exit_code == 2
    assert found.stdout == ""
    assert "Error: " in found.stderr


def test_replay_compares(markaz: Markaz, tmp_path: Path) -> None:
    saved = tmp_path / "result.json"
    saved.write_text(markaz("--json", "--seed", "9", "--shots", "5", "f").stdout)
    found = markaz("--json", "--replay", str(saved))
    assert found.exit_code == 0
    assert lines(found)[0]["file"] == "f"
    assert (lines(found)[0]["seed"], lines(found)[0]["shots"]) == (9, 5)
    assert found.stderr == "replay: identical to the recorded result (seed 9)\n"


def test_replay_says_what_differs(markaz: Markaz, tmp_path: Path) -> None:
    recorded = json.loads(markaz("--json", "--shots", "5", "f").stdout)
    recorded["counts"] = {"000": 5}
    recorded["engines"] = {"stim": "1.15", "aer": "1"}
    saved = tmp_path / "result.json"
    saved.write_text(json.dumps(recorded))
    found = markaz("--json", "--replay", str(saved), "f")
    assert found.exit_code == 1
    assert found.stderr.splitlines() == [
        "replay: NOT identical: counts differ",
        "replay: aer was 1 then and is absent now",
        "replay: stim was 1.15 then and is 1.16 now",
    ]


def test_replay_does_not_mind_spaces(markaz: Markaz, tmp_path: Path) -> None:
    saved = tmp_path / "result.json"
    saved.write_text(markaz("--json", "--spaces", "--memory", "--shots", "5", "f").stdout)
    assert markaz("--json", "--memory", "--replay", str(saved), "f").exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one line, found 0"),
        ("{}\n{}", "expected one line, found 2"),
        ("{", "Expecting"),
        ("[]", "not the result of a run that succeeded"),
        ('{"ok": false}', "not the result of a run that succeeded"),
        ('{"ok": true, "file": "f", "seed": "x"}', "no valid 'seed'"),
    ],
)
def test_a_file_that_is_no_result_cannot_be_replayed(
    markaz: Markaz, tmp_path: Path, text: str, message: str
) -> None:
    saved = tmp_path / "result.json"
    saved.write_text(text)
    found = markaz("--replay", str(saved), "f")
    assert found.exit_code == 2
    assert message in found.stderr


SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
from markaz.interfaces.cli import run
sys.path.insert(0, {here!r})
from test_cli_run import fake
run.simulate = fake
from markaz.interfaces.cli.main import main
sys.argv[0] = "markaz"
main()
"""


def test_ctrl_c_prints_what_finished_and_exits_with_130() -> None:
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(here=here), "run", "--json", "--jobs", "2",
         "slow0.1", "slow30", "a"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: len(children.read_text().split()) == 1)  # only the second file is running
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - begin < 5
    assert process.returncode == 130
    assert [json.loads(x)["file"] for x in [first, *out.splitlines()]] == ["slow0.1", "a"]
    assert err == "markaz: interrupted\n"
