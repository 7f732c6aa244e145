"""Keeps worker processes of this machine running: ``markaz up`` has its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.workers.supervisor import PARENT

_log: Final = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.05
HEALTHY_SECONDS: Final = 10.0  # one that lived so long, or was killed, is replaced at once
PAUSES: Final = (0.2, 10.0)  # seconds before one that died early is replaced, first and last


def worker_command() -> list[str]:
    """The beginning of a worker's command line: the ``markaz`` script of this environment.

    Raises CentreError ``unavailable`` if there is none.
    """
    script = Path(sys.executable).with_name("markaz")
    found = str(script) if script.exists() else shutil.which("markaz")
    if found is None:
        raise CentreError("unavailable", "there is no `markaz` command to start workers with")
    return [sys.executable, found, "worker"]


@dataclass(slots=True)
class _Place:
    """Where one worker is, or will be again at ``start_at`` (monotonic seconds)."""

    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    pause: float = field(default=PAUSES[0])


class LocalWorkers:
    """``count`` processes of ``command``; ``died(pid)`` is called for each that ends.

    They drain and end when the process that made this dies. Their environment is this
    process's and ``environment``. Start it; close it to have them drain.
    """

    def __init__(
        self,
        count: int,
        command: Sequence[str],
        died: Callable[[int], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._died = list(command), died
        self._environment = {**os.environ, **(environment or {}), PARENT: str(os.getpid())}
        self._places = [_Place() for _ in range(count)]
        self._stop = threading.Event()
        # A worker follows the thread that started it: this one lives as long as they may.
        self._thread = threading.Thread(target=self._keep, name="markaz-workers", daemon=True)

    def start(self) -> None:
        """Start them all."""
        self._thread.start()

    def pids(self) -> list[int]:
        """Process ids of those that run."""
        running = [place.process for place in self._places]
        return [p.pid for p in running if p is not None and p.poll() is None]

    def close(self, seconds: float) -> None:
        """Have them drain; kill those that are still there after ``seconds``."""
        self._stop.set()
        if not self._thread.is_alive():
            return
        for pid in self.pids():
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for process in [p.process for p in self._places if p.process is not None]:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("worker.killed", pid=process.pid)
                process.kill()
                process.wait()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for place in self._places:
                self._look(place)
        while self.pids():  # a worker would follow this thread into its end
            time.sleep(LOOK_SECONDS)

    def _look(self, place: _Place) -> None:
        now = time.monotonic()
        if place.process is None:
            if now >= place.start_at:
                place.process = subprocess.Popen(
                    self._command, env=self._environment, stdin=subprocess.DEVNULL
                )
                place.started = now
            return
        code = place.process.poll()
        if code is None:
            return
        _log.warning("worker.ended", pid=place.process.pid, code=code)
        self._died(place.process.pid)
        place.process = None
        healthy = code == -signal.SIGKILL or now - place.started > HEALTHY_SECONDS
        place.pause = PAUSES[0] if healthy else min(PAUSES[1], 2 * place.pause)
        place.start_at = now if healthy else now + place.pause
