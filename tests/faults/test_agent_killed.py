"""An agent that is killed, and its zygote with it: nothing runs twice on the device."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.db.schema import audit
from markaz.centre.settings import Settings
from markaz.centre.workers.links import SocketLink
from tests.agent_tools import Lab, LabDevice, served
from tests.centre_rows import rows
from tests.faults.books import check_books
from tests.waiting import until
from tests.worker_tools import PATH

MAIN = Path(__file__).parents[1] / "agent_main.py"


class Killed:
    """A lab whose agents are processes, one after another, with one spool."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.path = folder / "agents.socket"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        self.process = self.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link = SocketLink(self._listener.accept()[0])
                serve = self.lab.dispatcher.serve
                threading.Thread(target=serve, args=(link,), daemon=True).start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(MAIN), str(self.path), self.lab.url,
                   str(self.folder / "spool")]  # fmt: skip
        known = {**os.environ, **PATH}
        return subprocess.Popen(command, env=known, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """kill -9, and start the next."""
        self.process.kill()
        self.process.wait()
        self.process = self.start()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()


@pytest.fixture
def device() -> LabDevice:
    return LabDevice()


@pytest.fixture
def killed(
    settings_for: Callable[..., Settings], tmp_path: Path, device: LabDevice
) -> Iterator[Killed]:
    settings = settings_for(heartbeat_seconds=0.2, worker_grace_seconds=0.3, lease_seconds=30.0)
    with Centre.open(settings) as centre, served(device) as url:
        lab = Lab(centre, tmp_path, url, None)  # type: ignore[arg-type]
        made = Killed(lab, tmp_path)
        yield made
        made.close()
        lab.close()


def kill_often(killed: Killed, device: LabDevice, count: int, kills: int, seed: int) -> None:
    chance, lab = random.Random(seed), killed.lab
    jobs = [lab.submit(seed=n) for n in range(count)]
    slow = device.execute

    def execute(circuit: object, shots: int, drawn: int) -> dict[str, int]:
        time.sleep(0.1)  # a program takes long enough to be killed in
        return slow(circuit, shots, drawn)  # type: ignore[arg-type]

    device.execute = execute  # type: ignore[assignment]
    until(lambda: device.ran, 60)
    for _ in range(kills):
        before = len(device.ran)
        time.sleep(chance.uniform(0.0, 0.3))  # at any moment
        killed.kill()
        until(lambda n=before: len(device.ran) > n, 60)
    for job in jobs:
        lab.wait(job, 120)
    failed = [job for job in jobs if lab.state(job) == "failed"]
    for job in failed:  # killed just before the device heard of its program
        row = lab.shop.job(job)
        assert (row["error_kind"], row["charged"]) == ("engine", 0)
    assert len(failed) <= kills
    assert len(device.ran) == len(device.jobs) == count - len(failed)
    given_back = Counter(
        entry["subject"]
        for entry in rows(lab.centre, audit.audit_entries)
        if entry["verb"] == "jobs.give_back"
    )
    # What the killed agent had noted is never handed out again; what it had not, is.
    assert [lab.shop.job(job)["attempt"] for job in jobs] == [1 + given_back[job] for job in jobs]
    assert sum(given_back.values()) <= kills
    if not failed:
        check_books(lab.centre, jobs)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_killed_agents_run_nothing_twice(killed: Killed, device: LabDevice) -> None:
    kill_often(killed, device, count=12, kills=2, seed=20261122)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_job_that_the_killed_agent_had_not_noted_is_handed_out_again(
    killed: Killed, device: LabDevice
) -> None:
    lab = killed.lab
    lab.until_status("idle")
    killed.process.send_signal(signal.SIGSTOP)  # what is sent to it now it never reads
    job = lab.submit()
    until(lambda: lab.shop.job(job)["attempt"] == 1, 20)
    killed.kill()
    row = lab.wait(job, 60)
    assert (row["state"], row["attempt"], len(device.ran)) == ("completed", 2, 1)
    check_books(lab.centre, [job])


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_killed_agents_at_length(killed: Killed, device: LabDevice) -> None:
    kill_often(killed, device, count=200, kills=60, seed=random.randrange(1 << 32))
