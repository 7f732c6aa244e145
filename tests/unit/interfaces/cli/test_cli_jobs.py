"""Jobs by the command line, against a real centre."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from markaz.interfaces.cli import submit
from markaz.interfaces.cli.examples import NOTHING
from tests.running_centre import BELL, document, long_program

Markaz = Callable[..., Result]


def test_submit_says_job_and_state(markaz: Markaz, bell: str) -> None:
    made = document(markaz("submit", bell, "--json"))
    assert (made["state"], made["reason"]) == ("queued", None)
    found = document(markaz("job", made["job"], "--wait", "--json"))
    assert (found["job"], found["state"]) == (made["job"], "completed")


def test_the_document_of_a_finished_job_is_as_contracted(markaz: Markaz, bell: str) -> None:
    found = document(markaz("submit", bell, "--wait", "--json", "--shots", "300", "--seed", "7"))
    assert set(found["counts"]) == {"00", "11"}
    assert sum(found["counts"].values()) == 300
    assert (found["state"], found["device"]) == ("completed", "simulator")
    assert isinstance(found["charge"], int)
    assert found["charge"] > 0
    assert found["why"] == {}
    provenance = found["provenance"]
    assert set(provenance) >= {
        "program_hash", "circuit_hash", "device", "emulated", "sheet", "plan", "engines",
        "seed", "attempt", "times",
    }  # fmt: skip
    assert (provenance["seed"], provenance["attempt"]) == (7, 1)
    assert (provenance["emulated"], provenance["sheet"]) == (None, None)
    assert document(markaz("job", found["job"], "--json")) == found
    again = document(markaz("submit", bell, "--wait", "--json", "--shots", "300", "--seed", "7"))
    assert again["counts"] == found["counts"]


def test_observables_give_values_and_parameters_are_bound(markaz: Markaz, tmp_path: Path) -> None:
    turn = tmp_path / "turn.qasm"
    turn.write_text('OPENQASM 3.0;include "stdgates.inc";input float[64] t;qubit[1] q;rx(t) q[0];')
    options = ("--param", "t=pi", "-o", "Z", "-o", "2*Z")
    found = document(markaz("submit", str(turn), *options, "--wait", "--json"))
    assert found["values"] == pytest.approx([-1.0, -2.0])
    assert found["standard_errors"] == [0.0, 0.0]
    assert "counts" not in found
    said = markaz("submit", str(turn), *options, "--wait").stdout.splitlines()
    assert [line.split()[0] for line in said[1:3]] == ["Z", "2*Z"]


def test_people_see_a_histogram_the_price_and_the_engine(markaz: Markaz, bell: str) -> None:
    head, first, second, price, engine = markaz("submit", bell, "--wait").stdout.splitlines()
    assert head.endswith(": completed on simulator")
    assert [first.split()[0], second.split()[0]] == ["00", "11"]
    assert price.startswith("  charged 0.")
    assert engine.endswith("attempt 1")


def test_standard_input_bytes_and_several_files(markaz: Markaz, bell: str, tmp_path: Path) -> None:
    from qiskit import QuantumCircuit, qpy

    circuit = QuantumCircuit(2)
    circuit.x(1)
    circuit.measure_all()
    path = tmp_path / "flip.qpy"
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    found = markaz("submit", str(path), "-", bell, "--json", "--wait", "--tag", "three", input=BELL)
    flip, stdin, file_ = (json.loads(line) for line in found.stdout.splitlines())
    assert flip["counts"] == {"10": 1024}
    assert stdin["provenance"]["program_hash"] == file_["provenance"]["program_hash"]
    listed = document(markaz("jobs", "--json", "--tag", "three"))["items"]
    assert [job["job"] for job in listed] == [one["job"] for one in (file_, stdin, flip)]


def test_a_refused_file_does_not_stop_the_others(markaz: Markaz, bell: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.qasm"
    bad.write_text("OPENQASM 2.0;\nqreg q[1];\nfly q[0];\n")
    found = markaz("submit", str(tmp_path / "none.qasm"), str(bad), bell, "--json", code=1)
    missing, refused, taken = (json.loads(line) for line in found.stdout.splitlines())
    why = {"kind": "file", "message": "there is no such file"}
    none = str(tmp_path / "none.qasm")
    assert missing == {"file": none, "job": None, "state": None, "error": why}
    assert (refused["job"], refused["error"]["kind"]) == (None, "program")
    assert (refused["error"]["program_kind"], refused["error"]["line"]) == ("parse", 3)
    assert refused["error"]["message"] == "gate 'fly' is not defined"
    assert taken["state"] == "queued"
    assert found.stderr.splitlines() == [
        f"markaz: {none}: file: there is no such file",
        f"markaz: {bad}:3:1: parse: gate 'fly' is not defined",
    ]


def test_memory_and_observables_of_a_file(markaz: Markaz, bell: str, tmp_path: Path) -> None:
    found = document(markaz("submit", bell, "--memory", "--shots", "20", "--wait", "--json"))
    assert len(found["memory"]) == 20
    assert set(found["memory"]) <= {"00", "11"}
    sums = tmp_path / "sums.txt"
    sums.write_text("ZZ\n0.5*XX\n")
    program = tmp_path / "plain.qasm"
    program.write_text('OPENQASM 3.0;include "stdgates.inc";qubit[2] q;h q[0];cx q[0],q[1];')
    asked = ("-o", "Z0", "--observables-file", str(sums))
    found = document(markaz("submit", str(program), *asked, "--wait", "--json"))
    assert found["values"] == pytest.approx([0.0, 1.0, 0.5], abs=1e-9)
    said = markaz("submit", str(program), *asked, "--wait").stdout.splitlines()
    assert [line[2:].split("  ")[0] for line in said[1:4]] == ["Z0", "Z0 Z1", "0.5*X0 X1"]
    sums.write_text("\n")
    refused = markaz("submit", bell, "--observables-file", str(sums), code=2)
    assert "holds no observable" in refused.stderr


def test_limits_of_a_job_are_those_of_a_run(markaz: Markaz, bell: str) -> None:
    asked = ("--approximate", "--memory-limit", "0.5", "--wait", "--json")
    assert document(markaz("submit", bell, *asked))["state"] == "completed"
    given = NOTHING | {"min_fidelity": None, "approximate": True, "memory_limit": 0.5}
    options = submit.body_of(bell, given)["options"]
    assert (options["min_fidelity"], options["memory_limit"]) == (0.99, 1 << 29)
    least = submit.body_of(bell, given | {"min_fidelity": 0.9, "memory": True})["options"]
    assert (least["min_fidelity"], least["memory"]) == (0.9, True)
    assert set(submit.body_of(bell, NOTHING)["options"]) == {"seed"}
    priced = document(markaz("estimate", bell, "--min-fidelity", "0.9", "--json"))
    assert priced["seconds"] >= 0.002
    assert priced["cost"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--project", "nobodys"], "there is no such project"),
        (["--device", "nothing"], "there is no such device"),
        (["-o", "ZQ"], "'Q' is not one of"),
        (["--session", "0" * 20], "there is no such session"),
        (["--engine", "nothing"], "engine"),
    ],
)
def test_refusals_name_what_is_wrong(
    markaz: Markaz, bell: str, options: list[str], said: str
) -> None:
    assert said in markaz("submit", bell, *options, code=1).stderr


def test_a_file_without_end_is_not_read_to_its_end(markaz: Markaz) -> None:
    found = markaz("submit", "/dev/zero", "--json", code=1)
    assert document(found)["error"]["kind"] == "limit-size"


@pytest.mark.parametrize("arguments", [[], ["f", "--shots", "0"], ["f", "--param", "t"]])
def test_bad_usage_exits_with_two(markaz: Markaz, arguments: list[str]) -> None:
    markaz("submit", *arguments, code=2)


def test_a_failed_job_exits_with_one_and_says_why(markaz: Markaz, tmp_path: Path) -> None:
    long = tmp_path / "long.qasm"
    long.write_text(long_program(3000))
    found = markaz("submit", str(long), "--time-limit", "0.2", "--wait", "--json", code=1)
    job = document(found)
    assert (job["state"], job["error"]["kind"]) == ("failed", "limit-time")
    said = markaz("job", job["job"], code=1).stdout
    assert "limit-time: " in said
    assert "attempt 1" in said or "charged" in said


def test_a_waiting_job_says_why_in_words(markaz: Markaz, bell: str, blocked: str) -> None:
    waiting = [document(markaz("submit", bell, "--json"))["job"] for _ in range(2)]
    found = document(markaz("job", waiting[1], "--json"))
    assert (found["state"], found["why"]["position"]) == ("queued", 2)
    assert [f["name"] for f in found["why"]["factors"]] == ["qos", "fair share", "age", "size"]
    said = markaz("job", waiting[1]).stdout
    assert "  position 2\n" in said
    assert " for qos: normal: ordinary work" in said
    assert "institution: has " in said
    rows = markaz("queue").stdout
    assert rows.index(waiting[0]) < rows.index(waiting[1])
    hand = ("--reason", "the device is being looked at")
    markaz("queue", "hold", waiting[0], *hand)
    assert document(markaz("job", waiting[0], "--json"))["reason"] == "operator"
    assert "an operator held on " in markaz("job", waiting[0]).stdout
    assert "the device is being looked at" in markaz("job", waiting[0]).stdout
    markaz("queue", "release", waiting[0], *hand)
    markaz("queue", "override", waiting[1], "3", "--reason", "a demonstration")
    assert document(markaz("job", waiting[1], "--json"))["why"]["position"] == 1
    assert "an operator changed the priority of another job" in markaz("job", waiting[0]).stdout
    found = markaz("cancel", waiting[0], "0" * 20, waiting[1], "--json", code=1)
    assert [json.loads(line)["job"] for line in found.stdout.splitlines()] == waiting
    assert "there is no such job" in found.stderr
    assert markaz("cancel", blocked).stdout == f"{blocked}: is being stopped\n"


def test_without_credits_a_job_is_held(markaz: Markaz, bell: str) -> None:
    markaz("projects", "create", "poor", "--title", "No credits")
    assert "you are in several: name one" in markaz("submit", bell, code=1).stderr
    held = document(markaz("submit", bell, "--project", "poor", "--json"))
    assert (held["state"], held["reason"]) == ("held", "allocation")
    words = markaz("submit", bell, "-p", "poor").stdout.split(maxsplit=1)[1]
    assert words == "held: the project has no credits left for it\n"
    assert "no credits left" in markaz("job", held["job"]).stdout
    markaz("credits", "grant", "poor", "2.5", "--reason", "a beginning")
    assert document(markaz("job", held["job"], "--wait", "--json"))["state"] == "completed"
    credits = document(markaz("credits", "--json", "--project", "poor"))
    free = credits["projects"]["poor"]["free"]
    assert 0 < 2_500_000 - free < 2_500_000
    markaz("projects", "step", "poor", "close")
    assert document(markaz("submit", bell, "--json"))["state"] == "queued"  # again the only one
