"""Hostile bodies of the runtime client, through the intake of the server: each refused as the
fault of whoever sent it, in time, and without a trace for whoever comes next."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from markaz.centre.errors import KINDS, CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers.intake import Intake, Opened
from tests.attacks import hostile_bodies
from tests.processes import family_busy
from tests.runtime_tools import circuit, golden

SECONDS = 2.0  # of processor time, so that a busy machine fails nothing
PATIENCE = 10.0  # by the clock, for who waits instead of working
GROWTH = 50 << 20  # bytes that this process may gain over all attacks
LONG = 150_000  # bytes beyond which a text is left to the tests of its reader
TRACE = Path("/tmp/markaz-was-here")

BODIES = hostile_bodies.bodies()
TEXTS = [a for a in hostile_bodies.texts() if len(a[2]) < LONG]
FILES = hostile_bodies.files()
GOOD = golden("sampler", "0_51")


def _resident() -> int:
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


@pytest.fixture(scope="module")
def intake() -> Iterator[Intake]:
    opened = Intake(Settings({"workers": 2}))
    opened.wait_ready()
    assert isinstance(opened.open("eve", GOOD, "sampler", {}), Opened)
    before = _resident()
    yield opened
    assert isinstance(opened.open("ada", GOOD, "sampler", {}), Opened)
    assert _resident() - before < GROWTH
    assert not TRACE.exists()
    opened.close()


def answered(intake: Intake, kind: str, data: bytes) -> Opened | CentreError:
    """What becomes of a body, in time."""
    start, began = family_busy(os.getpid()), time.monotonic()
    try:
        found: Opened | CentreError = intake.open("eve", data, kind, {})
    except CentreError as error:
        found = error
    waited, seconds = time.monotonic() - began, family_busy(os.getpid()) - start
    assert seconds < SECONDS, (seconds, found)
    assert waited < PATIENCE, (waited, found)
    return found


def assert_refused(found: Opened | CentreError) -> None:
    assert isinstance(found, CentreError), found
    status = KINDS[found.kind][0]
    assert 400 <= status < 500
    assert found.kind == "program"
    assert len(found.message) <= 600
    assert found.message.isprintable()
    assert "root:" not in found.message


@pytest.mark.parametrize(
    ("kind", "data"), [a[1:] for a in BODIES], ids=[f"{k}-{n}" for n, k, _ in BODIES]
)
def test_bodies(intake: Intake, kind: str, data: bytes) -> None:
    assert_refused(answered(intake, kind, data))


@pytest.mark.parametrize(
    ("kind", "data", "kinds"),
    [a[1:] for a in (*TEXTS, *FILES)],
    ids=[a[0] for a in (*TEXTS, *FILES)],
)
def test_circuits_in_bodies(intake: Intake, kind: str, data: bytes, kinds: frozenset[str]) -> None:
    """What the readers' own tests refuse is refused inside a pub, with the pub's number."""
    found = answered(intake, kind, data)
    if isinstance(found, Opened):
        assert "opened" in kinds
        return
    assert_refused(found)
    assert found.details["program_kind"] in kinds | {"limit-time", "limit-memory"}
    assert found.field in ("pubs[0]", "program")


def test_a_good_body_of_somebody_else_opens_in_between(intake: Intake) -> None:
    """Eve's child dies, hers alone; she gets another."""
    deadly = next(data for name, _, data in BODIES if name == "samplex-nodes")
    for _ in range(3):
        assert_refused(answered(intake, "executor", deadly))
        assert intake.open("ada", GOOD, "sampler", {}).facts["pubs"] == 3
        assert intake.open("eve", GOOD, "sampler", {}).kind == "sampler"


def test_attacks_sent_together_are_told_from_good_bodies(intake: Intake) -> None:
    from markaz.centre.workers.intake import Program

    bad = [Program(data, {}, kind) for _, kind, data in BODIES[60:70]]
    good = Program(GOOD, {"seed": 1}, "sampler")
    answers = intake.open_many("eve", [p for one in bad for p in (one, good)])
    for attack, after in zip(answers[::2], answers[1::2], strict=True):
        assert_refused(attack)
        assert isinstance(after, Opened)
        assert after.kind == "sampler"


def test_there_are_as_many_attacks_as_promised() -> None:
    names = [(a[0], a[1]) for a in BODIES]
    assert len(set(names)) == len(names)
    assert len(names) > 180
    assert len(TEXTS) + len(FILES) > 200


def test_a_circuit_that_another_format_names_is_not_guessed(intake: Intake) -> None:
    """A body is JSON and nothing else: neither QPY nor text opens as one."""
    for data in (hostile_bodies.GOOD_QPY, hostile_bodies.TEXT.encode(), b""):
        for kind in ("sampler", "estimator", "executor"):
            assert_refused(answered(intake, kind, data))
    assert circuit(hostile_bodies.GOOD_QPY) == hostile_bodies.GOOD
