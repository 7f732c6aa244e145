"""Workers that a test plays, for tests of the dispatcher."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from markaz.centre.db.schema import ledger
from markaz.centre.workers import messages
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.links import LinkClosed, pair
from markaz.centre.workers.messages import (
    Assign,
    Finished,
    Hello,
    Message,
    Welcome,
)
from tests.centre_rows import rows
from tests.worker_tools import Shop

RESULT = b'{"counts":{"00":1024}}'


class Worker:
    """One end of a link, and what came over it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.link, theirs = pair()
        self.dispatcher = dispatcher
        self.heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=dispatcher.serve, args=(theirs,), daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]
        for thread in threads:
            thread.start()

    def _listen(self) -> None:
        try:
            while True:
                for message in messages.decode(self.link.receive()):
                    self.heard.put(message)
        except LinkClosed:
            self.heard.put(None)

    def say(self, *said: Message) -> None:
        self.link.send(messages.encode(said))

    def hear(self, kind: type[Any], seconds: float = 5.0) -> Any:
        """The next message, which must be of ``kind``."""
        message = self.heard.get(timeout=seconds)
        assert isinstance(message, kind), message
        return message

    def hears_nothing(self, seconds: float = 0.15) -> None:
        with pytest.raises(queue.Empty):
            print(self.heard.get(timeout=seconds))

    def hello(self, worker: str = "", slots: int = 1, **values: Any) -> Welcome:
        known = {"host": socket.gethostname(), "pid": 4242, "drivers": ["simulate"], **values}
        self.say(Hello("w", slots=slots, cores=2, memory=1 << 30, worker=worker, **known))
        welcome: Welcome = self.hear(Welcome)
        return welcome

    def finish(self, job: Assign, state: str = "completed", times: int = 1, **values: Any) -> None:
        """Say that the job has ended, ``times`` times in one breath."""
        blob = RESULT if state == "completed" else b""
        said = Finished(job.job, job.attempt, state, 0.001, **{"blob": blob, **values})
        self.say(*[said] * times)


class Time:
    """A monotonic clock that a test can put forward, and stop: then only the test moves it,
    and nothing comes because time has passed, however slow the machine is."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stopped: float | None = None

    def stop(self) -> None:
        """Stand still from now on."""
        self._stopped = time.monotonic()

    def __call__(self) -> float:
        return (time.monotonic() if self._stopped is None else self._stopped) + self.ahead


Hire = Callable[..., Worker]
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def busy(shop: Shop, hire: Hire) -> tuple[Worker, Assign]:
    """A worker with a job that runs for seconds."""
    worker = hire()
    worker.hello()
    shop.submit(predicted=5.0)
    return worker, worker.hear(Assign)


def state(shop: Shop, job: str) -> tuple[str, int]:
    row = shop.job(job)
    return row["state"], row["attempt"]


def charges(shop: Shop, job: str) -> list[int]:
    entries = rows(shop.centre, ledger.ledger_entries)
    return [-e["amount"] for e in entries if e["job_id"] == job and e["kind"] == "charge"]
