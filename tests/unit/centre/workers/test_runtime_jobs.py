"""Bodies of the runtime client through the intake, and their bundles through a worker's child."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers import intake_talk, run_child
from markaz.centre.workers.frames import FrameError
from markaz.centre.workers.intake import Intake, Opened, Program
from markaz.centre.workers.options import checked_runtime
from markaz.quantum.programs import wire
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import KINDS, bundle, examples
from tests.runtime_tools import body, golden, plain

TEXT = "OPENQASM 3.0; qubit[2] q; bit[2] c; U(1,0,0) q[0]; c = measure q;"


@pytest.fixture(scope="module")
def intake() -> Iterator[Intake]:
    opened = Intake(Settings({"workers": 2}))
    opened.wait_ready()
    yield opened
    opened.close()


def ran(opened: Opened, **changes: Any) -> tuple[dict[str, Any], Any]:
    """The document and the decoded payload of an opened body, as a worker's child gives them."""
    assert isinstance(opened.circuit, bytes)
    asked = run_child.request(opened.kind, opened.options, opened.program_hash, 60.0, 1 << 30)
    result = run_child.KINDS[opened.kind](opened.circuit, asked | changes)
    document, _, payload = result.partition(b"\n")
    return json.loads(document), plain(json.loads(payload))


def test_a_body_is_opened_for_its_program(intake: Intake) -> None:
    found = intake.open("ada", golden("sampler", "0_51"), "sampler", {"time_limit": 5, "seed": 2})
    read = bundle.decode(bytes(found.circuit))  # type: ignore[arg-type]
    assert (found.kind, found.program_hash) == ("sampler", bundle.bundle_hash(read))
    assert (found.qubits, found.clbits) == (3, 11)
    assert found.options == {
        "seed": 2, "time_limit": 5.0, "device_kind": None, "shots": read.shots,
    }  # fmt: skip
    assert read.seed == 7
    wanted = {"format": "sampler", "pubs": 3, "circuits": 3, "points": 10, "dynamic": True}
    assert {name: found.facts[name] for name in wanted} == wanted
    assert found.facts["options"]["not_applied"]
    assert found.predicted_seconds is not None
    assert found.predicted_bytes is not None
    assert found.facts["engine"]


@pytest.mark.parametrize("name", ["sampler", "estimator", "executor_twirled"])
def test_what_the_intake_opens_a_worker_runs(intake: Intake, name: str) -> None:
    kind = name.partition("_")[0]
    found = intake.open("ada", golden(name, "0_49"), kind, {"seed": 2})
    document, payload = ran(found)
    assert document["kind"] == kind
    assert document["shots"] == found.options["shots"]
    assert "data" in payload if kind == "executor" else len(payload["pub_results"]) == 3
    assert ran(found)[1].keys() == payload.keys()


def test_ordinary_programs_are_what_they_were(intake: Intake) -> None:
    found = intake.open("ada", TEXT.encode(), None, {})
    assert found.kind == "run"
    assert "max_shots" not in found.options
    assert wire.decode(bytes(found.circuit)).num_qubits == 2  # type: ignore[arg-type]


def test_all_kinds_in_one_batch(intake: Intake) -> None:
    programs = [Program(data, {}, kind) for kind, data in examples.examples()]
    answers = intake.open_many("ada", [*programs, Program(TEXT.encode())])
    assert [a.kind for a in answers if isinstance(a, Opened)] == [*KINDS, "run"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"shots": 5}, "options/shots"),
        ({"max_shots": 5}, "options/max_shots"),
        ({"seed": -1}, "options/seed"),
        ({"time_limit": 1e9}, "options/time_limit"),
    ],
)
def test_options_are_seed_and_time(intake: Intake, options: dict[str, Any], field: str) -> None:
    with pytest.raises(CentreError) as caught:
        intake.open("ada", body([TEXT]), "sampler", options)
    assert (caught.value.kind, caught.value.field) == ("invalid", field)


def test_the_setting_bounds_shots() -> None:
    options = checked_runtime({"seed": None}, Settings({"max_shots": 7}))
    assert options == {"seed": None, "time_limit": None, "device_kind": None, "max_shots": 7}


def test_a_refusal_names_its_place(intake: Intake) -> None:
    with pytest.raises(CentreError) as caught:
        intake.open("ada", body([TEXT], [TEXT, None, 0]), "sampler", {})
    error = caught.value
    assert (error.kind, error.field, error.details["program_kind"]) == (
        "program",
        "pubs[1]",
        "parse",
    )
    assert error.message.startswith("pubs[1]: shots must be a whole number from 1 to")


def test_a_body_that_no_engine_runs_is_refused(intake: Intake) -> None:
    loop = "OPENQASM 3.0; qubit q; bit c; U(1,0,0) q; c = measure q; while (c) { c = measure q; }"
    with pytest.raises(CentreError) as caught:
        intake.open("ada", body([loop, "Z"]), "estimator", {})
    assert caught.value.details["program_kind"] == "unsupported"


HEADER = {"program_hash": "sha256:" + "0" * 64, "qubits": 2, "clbits": 2, "facts": {}}


@pytest.mark.parametrize("shots", [None, -1, 1.5, True, "9", 1 << 63])
def test_a_child_that_lies_about_shots_is_not_believed(shots: Any) -> None:
    good = intake_talk.opened({**HEADER, "shots": 9}, wire.MAGIC, {}, {"max_shots": 9}, "sampler")
    assert (good.kind, good.options) == ("sampler", {"shots": 9})
    with pytest.raises(FrameError):
        intake_talk.opened({**HEADER, "shots": shots}, wire.MAGIC, {}, {"max_shots": 9}, "sampler")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"options": {"shots": 1}}, "something else than was paid for"),
        ({"kind": "estimator"}, "something else than was paid for"),
        ({"program_hash": "sha256:0"}, "not the program that was handed in"),
    ],
)
def test_a_worker_checks_what_it_runs(intake: Intake, changes: dict[str, Any], says: str) -> None:
    found = intake.open("ada", body([TEXT, None, 5]), "sampler", {})
    with pytest.raises(ProgramError, match=says):
        ran(found, **changes)


def test_a_circuit_is_no_bundle(intake: Intake) -> None:
    circuit = intake.open("ada", TEXT.encode(), None, {}).circuit
    asked = run_child.request("sampler", {"shots": 1}, "", 1.0, 1 << 30)
    with pytest.raises(ProgramError, match="the stored bundle is not one"):
        run_child.KINDS["sampler"](bytes(circuit), asked)  # type: ignore[arg-type]
