"""F10: a device that misbehaves in every way, through the real queue and a real agent."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import update

from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit, devices, jobs, ledger
from markaz.centre.settings import Settings
from markaz.centre.workers.pool import Pool
from markaz.centre.workers.slots import Runner
from markaz.interfaces.agent import executing
from markaz.interfaces.agent.drivers import wire
from markaz.interfaces.agent.serving import Handler, HttpError
from markaz.quantum.devices.status import Status
from tests.agent_tools import Lab, LabDevice, lab_sheet, new_children, served
from tests.centre_rows import do, rows
from tests.waiting import until

# what goes wrong -> (state, error kind, part of the message)
FAULTS: Final[dict[str, tuple[str, str | None, str]]] = {
    "nothing": ("completed", None, ""),
    "times out": ("failed", "engine", "did not end within"),
    "answers twice in one": ("failed", "engine", "is said twice"),
    "answers twice, differently": ("completed", None, ""),
    "too few shots": ("failed", "engine", "99 shots; 100 were asked for"),
    "too many shots": ("failed", "engine", "101 shots; 100 were asked for"),
    "drops the job": ("failed", "engine", "does not know"),
    "hangs up once": ("completed", None, ""),
    "hangs up for good": ("failed", "engine", "does not answer"),
    "loses the answer to the program": ("completed", None, ""),
    "out of calibration": ("completed", None, ""),
    "wrong width": ("failed", "engine", "is not 2 bits"),
    "no bits": ("failed", "engine", "is not 2 bits"),
    "negative": ("failed", "engine", "is -1"),
    "not a number": ("failed", "engine", "NaN is no number"),
    "half a shot": ("failed", "engine", "is 100.0"),
    "counts in a list": ("failed", "engine", "are no object"),
    "no counts": ("failed", "engine", "are no object"),
    "500 to the program": ("failed", "engine", "answered 500"),
    "500 twice": ("completed", None, ""),
    "trickles": ("failed", "engine", "does not answer"),
    "huge": ("failed", "engine", "more than"),
    "no JSON": ("failed", "engine", "is no JSON"),
    "another job's": ("failed", "engine", "of program"),
    "an unknown state": ("failed", "engine", "state 'confused'"),
    "fails": ("failed", "engine", "the cryostat is warm"),
    "cancels by itself": ("failed", "engine", "cancelled"),
    "refuses the program": ("failed", "unsupported", "too hot"),
}
SHOTS: Final = 100
LIES: Final[dict[str, Any]] = {
    "too few shots": {"00": 99},
    "too many shots": {"00": 100, "11": 1},
    "wrong width": {"000": 100},
    "no bits": {"0x": 100},
    "negative": {"00": 101, "11": -1},
    "half a shot": {"00": 100.0},
    "counts in a list": [["00", 100]],
    "no counts": None,
}


class Plot:
    """Which fault befalls which program, in the order in which they come; seeded."""

    def __init__(self, device: LabDevice, seed: int) -> None:
        self.device, self.chance = device, random.Random(seed)
        self.of: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.started: Counter[str] = Counter()
        self._deck: list[str] = []
        self._lock = threading.Lock()

    def fault(self, name: str) -> str:
        """That of a program; an attempt that was given back is not hit again."""
        job = name.partition(".")[0]
        with self._lock:
            if job not in self.of:
                if not self._deck:
                    self._deck = list(FAULTS)
                    self.chance.shuffle(self._deck)
                self.of[job] = self._deck.pop()
            return self.of[job]

    def warm_up(self) -> None:
        """The device leaves its calibration, and is measured anew a moment later."""
        self.device.status = Status.NEEDS_CALIBRATION

        def calibrate() -> None:
            at = self.device.published.measured_at if self.device.published else 10**15
            self.device.published = lab_sheet(40.0, at + 1)
            self.device.status = Status.IDLE

        threading.Timer(0.15, calibrate).start()


class Faulty(Handler):
    """Does to each program what its plot says."""

    plot: Plot

    def do_PUT(self) -> None:
        body, name = self._body(), self._name()
        fault = self.plot.fault(name)
        self.plot.asked[name] += 1
        if fault == "500 to the program":
            return self.reply(500, b'{"error": "answered 500"}')
        if fault == "refuses the program":
            return self.reply(422, b'{"error": "too hot"}')
        if fault == "out of calibration" and name.endswith(".1.0"):
            self.plot.warm_up()
            return self.reply(503, b'{"error": "drifted", "status": "needs-calibration"}')
        if fault == "times out":
            return self.reply(201, b'{"id": "x", "state": "queued"}')
        try:
            known = name in self.device.jobs
            code, document = self.device.put(name, json.loads(body))
            self.plot.started[name] += not known
        except HttpError as error:
            code, document = error.code, error.document
        if fault == "loses the answer to the program" and not known:
            self.close_connection = True
            return None
        return self.reply(code, json.dumps(document).encode())

    def do_GET(self) -> None:
        if not self.path.startswith("/v1/jobs/"):
            return self._answer()
        name = self._name()
        fault, found = self.plot.fault(name), self.device.jobs.get(name)
        self.plot.asked["GET " + name] += 1
        nth = self.plot.asked["GET " + name]
        if fault == "times out":
            return self._say({"id": name, "state": "running"})
        until(lambda: found is not None and found.state == "completed")
        assert found is not None
        good = found.document()
        return self._lie(fault, name, good, nth)

    def _lie(self, fault: str, name: str, good: dict[str, Any], nth: int) -> None:
        """Answer with what the device did, or with what the fault makes of it."""
        text = json.dumps(good)
        raw = {
            "answers twice in one": (200, text.replace('"counts":', '"counts": {}, "counts":')),
            "drops the job": (404, "{}"),
            "not a number": (200, text.replace(f": {SHOTS}}}", ": NaN}")),
            "no JSON": (200, "<html>"),
            "500 twice": (500, "oh") if nth <= 2 else (200, text),
        }
        hangs_up = fault == "hangs up for good" or (fault == "hangs up once" and nth == 1)
        if hangs_up:
            self.close_connection = True
        elif fault == "trickles":
            self._trickle(text.encode())
        elif fault == "huge":
            self.reply(200, text.encode() + b" " * (wire.MOST_BYTES + 1))
        elif fault in raw:
            self.reply(raw[fault][0], raw[fault][1].encode())
        elif fault in LIES:
            self._say(good | {"counts": LIES[fault]})
        else:
            self._say(good | self._other(fault, nth))

    def _other(self, fault: str, nth: int) -> dict[str, Any]:
        """What is said in the place of the truth."""
        if fault == "answers twice, differently":
            return {"counts": {"11": SHOTS}} if nth > 1 else {}
        return {
            "another job's": {"id": "other"},
            "an unknown state": {"state": "confused"},
            "fails": {"state": "failed", "error": "the cryostat is warm"},
            "cancels by itself": {"state": "cancelled"},
        }.get(fault, {})

    def _trickle(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        for k in range(len(data)):
            self.wfile.write(data[k : k + 1])
            self.wfile.flush()
            time.sleep(0.05)  # the fault: an answer that hardly comes

    def _name(self) -> str:
        return self.path.rpartition("/")[2]

    def _say(self, document: Any) -> None:
        self.reply(200, json.dumps(document).encode())


@pytest.fixture(scope="module")
def children() -> Iterator[Pool[Runner]]:
    pool = new_children()
    yield pool
    pool.close()


@pytest.fixture
def torn(
    settings_for: Callable[..., Settings], tmp_path: Path, children: Pool[Runner],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Lab, Plot]]:  # fmt: skip
    monkeypatch.setattr(wire, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(executing, "RETRY_SECONDS", (0.02, 0.1))
    device = LabDevice()
    plot = Plot(device, seed=20261122)
    settings = settings_for(heartbeat_seconds=0.2, worker_grace_seconds=0.5, lease_seconds=30.0,
                            max_running_per_user=1000)  # fmt: skip
    with Centre.open(settings) as centre, served(device, Faulty, plot=plot) as url:
        lab = Lab(centre, tmp_path, url, children)
        do(centre, lambda w: w.run(update(devices.devices).values(slots=8)))
        yield lab, plot
        lab.close()


def faulty_device(lab: Lab, plot: Plot, count: int) -> None:
    lab.start(slots=8, timeout_seconds=2.0, seconds=0.5, status_seconds=0.05)
    lab.until_status("idle")
    handed_in = [lab.submit(seed=n) for n in range(count)]
    for job in handed_in:
        lab.wait(job, 120)
    check(lab, plot, handed_in)


def check(lab: Lab, plot: Plot, handed_in: list[str]) -> None:
    """Each has exactly one end, the one that its fault leads to, and costs what it should."""
    found = {row["id"]: row for row in rows(lab.centre, jobs.jobs)}
    assert sorted(found) == sorted(handed_in)
    for job, row in found.items():
        fault = plot.of[job]
        state, kind, words = FAULTS[fault]
        assert (row["state"], row["error_kind"]) == (state, kind), (fault, row["error_message"])
        assert words in (row["error_message"] or ""), (fault, row["error_message"])
        kinds = lab.kinds(job)
        if state == "completed":
            assert lab.shop.result(job)["counts"] == {"00": SHOTS}, fault
            assert row["charged"] > 0
            assert kinds.count("charge") == 1
        else:
            assert row["charged"] == 0, fault
            assert kinds == ["reserve", "release"], fault
            assert sum(amount for _, amount in lab.entries(job)) == 0
        assert row["attempt"] >= 1 + (fault == "out of calibration")
    ends = [e["subject"] for e in rows(lab.centre, audit.audit_entries)
            if e["verb"] == "jobs.finish"]  # fmt: skip
    assert Counter(ends) == dict.fromkeys(handed_in, 1)
    assert set(plot.started.values()) <= {1}  # nothing was begun twice on the device
    [allocation] = rows(lab.centre, ledger.allocations)
    assert allocation["reserved"] == 0
    assert allocation["charged"] == sum(row["charged"] for row in found.values())
    until(lambda: lab.spooled() == [])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_f10_a_faulty_device_loses_and_charges_nothing(torn: tuple[Lab, Plot]) -> None:
    lab, plot = torn
    faulty_device(lab, plot, 100)
    assert set(plot.of.values()) == set(FAULTS)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_f10_at_length(torn: tuple[Lab, Plot]) -> None:
    lab, plot = torn
    faulty_device(lab, plot, 2000)
