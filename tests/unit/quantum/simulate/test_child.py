"""The engine child: answers, refusals, overruns and deaths."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate import child as child_module
from markaz.quantum.simulate.child import Host, OutOfMemory, Overrun, Running, host
from markaz.quantum.simulate.engines.base import EngineRefusal, Expectation, Pauli
from markaz.quantum.simulate.engines.registry import get
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.tasks import (
    EXPECT,
    SAMPLE,
    STATE,
    Answer,
    Task,
    from_message,
    perform,
    to_message,
)
from tests.waiting import until

GIB = 1 << 30


@pytest.fixture(scope="module")
def child() -> Iterator[Host]:
    started = Host()
    yield started
    started.close()


def layers(qubits: int, depth: int) -> Circuit:
    builder = Builder()
    builder.qreg("q", qubits)
    for layer in range(depth):
        for q in range(qubits):
            builder.gate(Op.U, [q], [0.3 + layer, 0.2 * q, 0.7])
        for q in range(layer % 2, qubits - 1, 2):
            builder.gate(Op.CX, [q, q + 1])
    return builder.build()


def sampling(qubits: int) -> Task:
    return Task(SAMPLE, 64, 5, 1, tuple(range(qubits)))


def test_child_and_this_process_give_the_same_samples(child: Host) -> None:
    circuit = layers(4, 3)

    there = child.run("markaz:dense", circuit, sampling(4), 20.0, GIB)
    here = perform(get("markaz:dense"), circuit, sampling(4))

    assert isinstance(there, Samples)
    assert isinstance(here, Samples)
    assert np.array_equal(there.bits, here.bits)


def test_expectation_values_and_states_come_back(child: Host) -> None:
    circuit = layers(3, 2)
    tasks = (Task(EXPECT, paulis=(Pauli(((0, "Z"), (2, "X"))),)), Task(STATE))

    values, state = (child.run("markaz:dense", circuit, t, 20.0, GIB) for t in tasks)

    assert isinstance(values, Expectation)
    expected = perform(get("markaz:dense"), circuit, tasks[0])
    assert isinstance(expected, Expectation)
    assert values.values.tolist() == expected.values.tolist()
    assert np.linalg.norm(np.asarray(state)) == pytest.approx(1.0, abs=1e-12)


def test_a_refusal_comes_back_as_one(child: Host) -> None:
    with pytest.raises(EngineRefusal, match="20 qubits"):
        child.run("markaz:dense", layers(25, 1), sampling(25), 20.0, GIB)


def test_an_overrun_is_ended_in_time_and_the_child_lives_on(child: Host) -> None:
    started = time.monotonic()

    with pytest.raises(Overrun):
        child.run("markaz:dense", layers(20, 400), sampling(20), 0.3, GIB)

    assert time.monotonic() - started < 5.0
    answer = child.run("markaz:dense", layers(3, 1), sampling(3), 20.0, GIB)
    assert isinstance(answer, Samples)


def test_a_worker_that_answered_takes_the_next_task(child: Host) -> None:
    pids = set()
    for _ in range(6):
        body = np.frombuffer(wire.encode(layers(2, 1)), np.uint8)
        header = {"engine": "markaz:dense", "task": sampling(2).to_json(), "memory": GIB}
        with child._lock:
            pid, pipe = child._request(wire.pack(header, [body]), 20.0)
        assert isinstance(Running("markaz:dense", pid, pipe).read(20.0), Samples)
        pids.add(pid)

    assert len(pids) <= 2


def test_a_paused_task_goes_on_where_it_was(child: Host) -> None:
    circuit = layers(15, 100)
    whole = perform(get("markaz:dense"), circuit, sampling(15))
    with pytest.raises(Overrun) as first:
        child.run("markaz:dense", circuit, sampling(15), 0.02, GIB, keep=GIB)
    paused = first.value.paused
    assert paused is not None
    time.sleep(0.3)  # while it is stopped it does nothing
    assert state_of(paused.task.pid) == "T"

    between = child.run("markaz:dense", layers(3, 1), sampling(3), 20.0, GIB)
    answer = paused.go_on(60.0)

    assert isinstance(between, Samples)
    assert isinstance(answer, Samples)
    assert isinstance(whole, Samples)
    assert np.array_equal(answer.bits, whole.bits)


def resume(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def stopped_task(child: Host, circuit: Circuit) -> Running:
    """A task whose worker gets no processor."""
    body = np.frombuffer(wire.encode(circuit), np.uint8)
    task = sampling(circuit.num_qubits)
    header = {"engine": "markaz:dense", "task": task.to_json(), "memory": GIB}
    message = wire.pack(header, [body])
    with child._lock:
        pid, pipe = child._request(message, 20.0)
    os.kill(pid, signal.SIGSTOP)
    return Running("markaz:dense", pid, pipe)


def test_a_task_has_its_time_on_a_busy_machine_too(
    child: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    child.run("markaz:dense", layers(14, 60), sampling(14), 60.0, GIB)
    task, asked = stopped_task(child, layers(14, 60)), []

    def waited(read: list[int], _write: Any, _other: Any, seconds: float) -> Any:
        asked.append(seconds)
        if len(asked) > 1:
            return select.select(read, [], [], seconds)
        resume(task.pid)  # all its time has passed, and it had none of the processor
        return [], [], []

    monkeypatch.setattr(child_module, "select", SimpleNamespace(select=waited))
    assert isinstance(task.read(30.0, most=60.0), Samples)
    assert asked[0] == 30.0


def test_but_not_beyond_what_is_allowed_in_all(
    child: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    child.run("markaz:dense", layers(14, 60), sampling(14), 60.0, GIB)
    asked: list[float] = []

    def waited(read: list[int], _write: Any, _other: Any, seconds: float) -> Any:
        asked.append(seconds)
        return select.select(read, [], [], seconds)

    monkeypatch.setattr(child_module, "select", SimpleNamespace(select=waited))
    with pytest.raises(Overrun):
        stopped_task(child, layers(20, 400)).read(0.02, most=60.0)  # nobody lets it go on
    assert 0.02 <= sum(asked) < 0.5


def test_a_task_that_holds_much_memory_is_ended_rather_than_paused(child: Host) -> None:
    with pytest.raises(Overrun) as overrun:
        child.run("markaz:dense", layers(20, 400), sampling(20), 0.3, GIB, keep=1 << 20)

    assert overrun.value.paused is None


def test_a_slice_shorter_than_a_fork_ends_no_child(child: Host) -> None:
    pid = child._process.pid
    for _ in range(4):  # more than there are spare workers
        with pytest.raises(Overrun) as overrun:
            child.run("markaz:dense", layers(20, 400), sampling(20), 1e-4, GIB, keep=GIB)
        assert overrun.value.paused is not None
        overrun.value.paused.end()

    assert child.alive
    assert child._process.pid == pid


def test_paused_tasks_die_with_the_host() -> None:
    other = Host()
    other.run("markaz:dense", layers(2, 1), sampling(2), 20.0, GIB)
    with pytest.raises(Overrun) as overrun:
        other.run("markaz:dense", layers(20, 400), sampling(20), 0.3, GIB, keep=GIB)
    assert overrun.value.paused is not None
    pid = overrun.value.paused.task.pid

    other.close()

    until(lambda: state_of(pid) in ("", "Z"), 5.0)


def state_of(pid: int) -> str:
    """The letter of a process's state, nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""


def test_too_little_memory_is_told_apart(child: Host) -> None:
    with pytest.raises(OutOfMemory):
        child.run("markaz:dense", layers(20, 2), sampling(20), 20.0, 8 << 20)


def test_one_child_a_process_and_thread_count() -> None:
    assert host(1) is host(1)
    assert host(1).alive


def test_it_dies_with_its_parents_socket() -> None:
    other = Host()
    other.run("markaz:dense", layers(2, 1), sampling(2), 20.0, GIB)
    pid = other._process.pid

    other.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Samples(np.array([[0, 1]], np.uint8), np.array([5]), 0.5),
        Samples(np.array([[0, 1], [1, 1]], np.uint8)),
        Expectation(np.array([0.5, -1.0]), 1e-9),
        np.array([1, 1j], np.complex128),
    ],
    ids=["weighted", "shots", "values", "state"],
)
def test_answers_survive_the_wire(answer: Answer) -> None:
    again = from_message(*to_message(answer))

    assert repr(again) == repr(answer)


def test_tasks_survive_the_wire() -> None:
    task = Task(EXPECT, 3, 4, 2, (0, 5), (Pauli(((1, "X"), (2, "Z"))),))

    assert Task.from_json(task.to_json()) == task
