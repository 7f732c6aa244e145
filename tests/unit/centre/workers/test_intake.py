from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers import intake as module
from markaz.centre.workers import intake_talk
from markaz.centre.workers.intake import Intake, Opened, Program
from markaz.centre.workers.nursery import scrubbed
from markaz.quantum.programs import wire
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from tests.attacks import hostile_openqasm, hostile_qpy
from tests.waiting import until
from tests.worker_tools import BELL, dense

BOMB = b"OPENQASM 3.0; qubit[1000000] q;"
ROTATION = (
    b"OPENQASM 3.0; input float theta; qubit[2] q; U(theta, 0, 0) q[0]; ctrl @ U(1,0,0) q[0], q[1];"
)


SECRETS = {
    "MARKAZ_DATABASE_URL": "postgresql://u:p@h/n",
    "AWS_SECRET_ACCESS_KEY": "k",
    "MARKAZ_KEY": "mkz_u_x",
    "SSH_AUTH_SOCK": "/x",
}


@pytest.fixture(scope="module")
def intake() -> Iterator[Intake]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        opened = Intake(Settings({"workers": 2}))
    opened.wait_ready()
    yield opened
    opened.close()


def children(intake: Intake) -> dict[int, str]:
    """Tenant of each idle child."""
    return {pid: warm.tenant for pid, warm in intake._pool._idle.items()}


def child_of(intake: Intake, tenant: str) -> int:
    return next(pid for pid, owner in children(intake).items() if owner == tenant)


def refused(intake: Intake, data: bytes, fmt: str | None = None, **options: Any) -> CentreError:
    with pytest.raises(CentreError) as caught:
        intake.open("ada", data, fmt, options)
    return caught.value


def test_a_program_is_opened_as_markaz_run_opens_it(intake: Intake) -> None:
    found = intake.open("ada", BELL, None, {"shots": 100, "seed": 3})
    circuit = load(BELL)
    assert isinstance(found.circuit, bytes)
    assert found.circuit == wire.encode(circuit)
    assert (found.program_hash, found.qubits, found.clbits) == (program_hash(circuit), 2, 2)
    assert (found.options["shots"], found.options["seed"]) == (100, 3)
    assert found.facts["format"] == "openqasm"
    assert (found.facts["gates"], found.facts["dynamic"]) == (2, False)


def test_a_child_without_a_processor_gets_more_time(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.open("grace", BELL, None, {})
    child, looks = child_of(intake, "grace"), itertools.count(1)

    def looked(pid: int) -> float:
        if next(looks) == 2:  # its time has passed, and it had none of the processor
            os.kill(child, signal.SIGCONT)
        return processor_seconds(pid)

    processor_seconds = intake_talk.processor_seconds
    monkeypatch.setattr(intake_talk, "BASE_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(intake_talk, "processor_seconds", looked)
        patch.setattr(intake_talk, "STARVED", 100.0)  # should it have to wait for others too
        os.kill(child, signal.SIGSTOP)
        assert intake.open("grace", BELL, None, {}).qubits == 2
    assert next(looks) > 2
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(CentreError, match="took longer than"):
        intake.open("grace", BELL, None, {})


_EXPLAIN = """
import json, sys
from markaz.quantum import api
plan = api.explain(sys.stdin.buffer.read(), shots=50, memory_limit=1 << 30)
print(json.dumps([plan.engine, plan.predicted_seconds, int(plan.predicted_bytes)]))
"""


def test_the_prediction_is_the_plans(intake: Intake) -> None:
    program = dense(12, 6)
    # Loading an engine is part of a prediction: a process of its own has loaded none yet,
    # as the child has; this one has those of the tests before.
    command = [sys.executable, "-c", _EXPLAIN]
    told = subprocess.run(command, input=program, capture_output=True, check=True).stdout
    engine, seconds, size = json.loads(told)
    found = intake.open("ada", program, "openqasm", {"shots": 50, "memory_limit": 1 << 30})
    assert found.facts["engine"] == engine
    assert found.predicted_seconds == pytest.approx(seconds, rel=1e-6)
    assert found.predicted_bytes == size


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OPENQASM 2.0;\nqreg q[2];\n  foo q[0];",
        b"\0\0",
        b'OPENQASM 2.0; include "/etc/passwd";',
        b"QISKIT" + bytes(100),
        b"H Q0\nH X0\n",
        BOMB,
    ],
)
def test_a_program_that_is_none_is_the_users_error(intake: Intake, data: bytes) -> None:
    with pytest.raises(ProgramError) as caught:
        load(data)
    error = refused(intake, data)
    place = {"line": caught.value.line, "column": caught.value.column}
    assert (error.kind, error.field, error.message) == ("program", "program", caught.value.message)
    assert error.details == {"program_kind": caught.value.kind, **place}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"observables": ["ZZ", "ZZZ"]}, "options/observables/1"),
        ({"observables": ["Z5"]}, "options/observables/0"),
        ({"observables": ["nonsense ("]}, "options/observables/0"),
        ({"parameters": {"theta": 1.0}}, "options/parameters"),
        ({"engine": "nope"}, "options/engine"),
        ({"shots": 10**9}, "options/shots"),
        ({"shots": 10**7, "memory": True, "observables": None}, None),
        ({"unknown": 1}, "options/unknown"),
    ],
)
def test_options_are_checked_against_the_circuit(
    intake: Intake, options: dict[str, Any], field: str | None
) -> None:
    if field is None:
        assert intake.open("ada", BELL, None, options).clbits == 2
        return
    error = refused(intake, BELL, **options)
    assert (error.kind, error.field) == ("invalid", field)


def test_parameters_must_all_have_values_that_give_finite_angles(intake: Intake) -> None:
    assert refused(intake, ROTATION).field == "options/parameters"
    found = intake.open("ada", ROTATION, None, {"parameters": {"theta": 0.25}})
    assert found.facts["parameters"] == ["theta"]


def test_outcomes_shot_by_shot_are_bounded(intake: Intake) -> None:
    wide = b"OPENQASM 2.0; qreg q[1000]; creg c[1000]; measure q -> c;"
    assert refused(intake, wide, shots=100_000, memory=True).field == "options/memory"


def test_formats_and_sizes_are_checked_before_a_child_is_asked(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake._pool, "hire", lambda tenant: pytest.fail("a child was asked"))
    assert refused(intake, BELL, "exe").field == "format"
    assert refused(intake, bytes((64 << 20) + 1)).kind == "too-large"
    assert refused(intake, BELL, shots=0).field == "options/shots"


def test_qcis_and_qpy_are_opened_too(intake: Intake) -> None:
    assert intake.open("ada", b"H Q0\nCZ Q0 Q1\nM Q0\n", None, {}).facts["format"] == "qcis"
    found = intake.open("ada", hostile_qpy.good(), None, {})
    assert found.facts["format"] == "qpy"
    assert found.program_hash == program_hash(load(hostile_qpy.good()))


def test_many_are_answered_in_order_each_for_itself(intake: Intake) -> None:
    programs = [Program(BELL, {"seed": i}) if i % 3 else Program(b"no program") for i in range(60)]
    answers = intake.open_many("ada", programs)
    for i, answer in enumerate(answers):
        if i % 3:
            assert isinstance(answer, Opened)
            assert answer.options["seed"] == i
        else:
            assert isinstance(answer, CentreError)
            assert answer.details["program_kind"] == "parse"


def test_one_that_kills_its_child_costs_the_others_nothing(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_talk, "BASE_SECONDS", 0.4)
    slow = next(data for name, data, _ in hostile_openqasm.openqasm() if name == "broadcast")
    answers = intake.open_many("ada", [Program(BELL), Program(slow), Program(BELL)])
    assert [type(answer) for answer in answers] == [Opened, CentreError, Opened]
    assert isinstance(answers[1], CentreError)
    assert answers[1].details["program_kind"] in ("limit-time", "limit-size")


def test_asyncio_can_wait_for_it(intake: Intake) -> None:
    async def both() -> list[Any]:
        futures = [intake.open_later("ada", data, None, {}) for data in (BELL, b"no")]
        return await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)

    good, bad = asyncio.run(both())
    assert (good.qubits, bad.kind) == (2, "program")


# One tenant never gets a child that another has used.


def test_a_child_serves_one_tenant_for_life(intake: Intake) -> None:
    owners: dict[int, set[str]] = {}
    for turn in range(3):
        for tenant in ("one", "two", "three"):
            intake.open(tenant, BELL, None, {"seed": turn})
            owners.setdefault(child_of(intake, tenant), set()).add(tenant)
    assert sorted(map(sorted, owners.values())) == [["one"], ["three"], ["two"]]


def test_more_tenants_than_children_end_the_oldest_instead_of_sharing(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake._pool, "_most", 4)
    tenants = [f"tenant{i}" for i in range(7)]
    seen: dict[int, str] = {}
    for tenant in tenants:
        intake.open(tenant, BELL, None, {})
        seen[child_of(intake, tenant)] = tenant
    assert len(seen) == len(tenants)
    until(lambda: set(children(intake).values()) == set(tenants[-4:]))
    gone = [pid for pid in seen if pid not in children(intake)]
    until(lambda: not [pid for pid in gone if os.path.exists(f"/proc/{pid}")])


def test_at_once_too_nobody_meets_anothers_child(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[int, set[str]] = {}
    monkeypatch.setattr(intake._pool, "_most", 4)  # so that many are ended and begun
    hire = intake._pool.hire

    def hired(tenant: str) -> Any:
        warm = hire(tenant)
        used.setdefault(warm.child.pid, set()).add(tenant)
        return warm

    monkeypatch.setattr(intake._pool, "hire", hired)
    with ThreadPoolExecutor(16) as pool:
        tenants = [f"t{i % 8}" for i in range(80)]
        results = list(pool.map(lambda t: intake.open(t, BELL, None, {}), tenants))
    assert len(results) == 80
    assert max(map(len, used.values())) == 1


def test_a_tenant_who_hogs_leaves_children_to_others(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = next(data for name, data, _ in hostile_openqasm.openqasm() if name == "broadcast")
    opened, go_on = intake._opened, threading.Event()

    def endless(batch: Any) -> Any:
        found = opened(batch)
        if batch.tenant == "hog":
            go_on.wait(60)  # however long the hog's programs take
        return found

    monkeypatch.setattr(intake, "_opened", endless)
    waiting = [intake.submit("hog", [Program(slow)]) for _ in range(2 * module.CHILDREN)]
    until(lambda: intake._busy.get("hog", 0) >= module.CHILDREN // 2)
    try:
        assert intake.submit("ada", [Program(BELL)]).result(30), "it waited behind the hog"
        assert not any(future.done() for future in waiting)
    finally:
        for future in waiting:
            future.cancel()
        go_on.set()
    until(lambda: not intake._busy, 20)


def test_too_many_waiting_programs_of_one_are_refused(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 20)
    monkeypatch.setattr(intake, "_turn", lambda: None)  # nobody is served
    first = intake.submit("hog", [Program(BELL)] * 15)
    second = intake.submit("hog", [Program(BELL)] * 15)
    other = intake.submit("ada", [Program(BELL)] * 15)
    assert (first.done(), other.done()) == (False, False)
    with pytest.raises(CentreError) as caught:
        second.result(0)
    assert (caught.value.kind, caught.value.retry_after) == ("rate-limited", 1)
    monkeypatch.undo()
    with intake._changed:
        intake._changed.notify_all()
    assert [len(f.result(20)) for f in (first, other)] == [15, 15]


# What a child may not do, and what the server does not believe.


def test_a_child_knows_nothing_of_the_centre(intake: Intake) -> None:
    known = scrubbed({"PATH": "/bin", "LANG": "C", "LC_ALL": "C", **SECRETS})
    assert {k: v for k, v in known.items() if "THREADS" not in k} == {
        "PATH": "/bin", "LANG": "C", "LC_ALL": "C",
    }  # fmt: skip
    with open(f"/proc/{intake._pool.zygote}/environ", "rb") as environ:
        seen = environ.read()
    assert b"PATH=" in seen
    assert [name for name in SECRETS if name.encode() in seen] == []


def test_a_child_that_dies_between_two_programs_is_replaced(intake: Intake) -> None:
    intake.open("zoe", BELL, None, {})
    os.kill(child_of(intake, "zoe"), 9)
    answers = [intake.open_many("zoe", [Program(BELL)])[0] for _ in range(2)]
    assert isinstance(answers[-1], Opened)


def test_a_dead_zygote_is_replaced(intake: Intake) -> None:
    before = intake._pool.zygote
    os.kill(before, 9)
    until(lambda: not os.path.exists(f"/proc/{before}/fd/0"), 5)
    for _ in range(3):
        try:
            intake.open("new", BELL, None, {})
            break
        except CentreError as error:
            assert error.kind in ("unavailable", "program")
    assert intake.open("newer", BELL, None, {}).qubits == 2
    assert intake._pool.zygote != before


HONEST: dict[str, Any] = {
    "program_hash": "sha256:" + "0" * 64, "qubits": 2, "clbits": 2, "facts": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "lie",
    [
        {"qubits": -1}, {"qubits": 10**9}, {"qubits": "2"}, {"clbits": True}, {"facts": []},
        {"program_hash": "sha256:0"}, {"program_hash": None}, {"program_hash": "x" * 71},
    ],
)  # fmt: skip
def test_what_no_honest_child_says_is_not_believed(lie: dict[str, Any]) -> None:
    good = intake_talk.opened(HONEST, wire.MAGIC, {"seconds": 1, "bytes": 5}, {})
    assert (good.predicted_seconds, good.predicted_bytes) == (1.0, 5)
    with pytest.raises(module.frames.FrameError):
        intake_talk.opened({**HONEST, **lie}, wire.MAGIC, {}, {})


@pytest.mark.parametrize(
    "plan", [{"seconds": -1}, {"seconds": "x"}, {"seconds": 1e300}, {"bytes": -1}, {"bytes": 1.5}]
)
def test_nor_is_an_impossible_prediction(plan: dict[str, Any]) -> None:
    with pytest.raises(module.frames.FrameError):
        intake_talk.opened(HONEST, wire.MAGIC, plan, {})


def test_nor_is_something_that_is_no_circuit() -> None:
    with pytest.raises(module.frames.FrameError):
        intake_talk.opened(HONEST, b"#!/bin/sh", {}, {})


@pytest.mark.parametrize(
    "said", [None, 5, [], {}, {"kind": "owned", "message": "\x1b[2J" + "x" * 9999}]
)
def test_an_error_of_any_form_becomes_a_plain_one(said: Any) -> None:
    error = intake_talk.refusal(said)
    assert (error.kind, error.details["program_kind"]) == ("program", "parse")
    assert len(error.message) <= 600
    assert error.message.isprintable()


def test_a_circuit_too_hard_to_plan_is_opened_without_a_prediction(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = intake_talk.Reader.answer

    def late(self: intake_talk.Reader, program: Program) -> Any:
        take = self.incoming.next
        frames: list[Any] = []

        def next_frame(deadline: float | None = None) -> Any:
            if frames:
                raise module.frames.FrameLate
            frames.append(take(deadline))
            return frames[0]

        self.incoming.next = next_frame  # type: ignore[method-assign]
        return answer(self, program)

    monkeypatch.setattr(intake_talk.Reader, "answer", late)
    monkeypatch.setattr(intake_talk, "STARVED", 0.0)  # this child has answered, and is not slow
    found = intake.open("late", BELL, None, {})
    assert (found.qubits, found.predicted_seconds, found.predicted_bytes) == (2, None, None)
    assert "late" not in children(intake).values()


def test_closing_ends_every_child_and_refuses_what_waits(intake: Intake) -> None:
    intake.open("ada", BELL, None, {})
    pids = [*children(intake), intake._pool.zygote]
    intake.close()
    until(lambda: not [p for p in pids if os.path.exists(f"/proc/{p}/fd/0")], 5)
    with pytest.raises(CentreError) as caught:
        intake.open("ada", BELL, None, {})
    assert caught.value.kind == "unavailable"
