"""Processes of the product that begin in milliseconds, to be killed by the hundred.

Each is a process of its own that runs the product's own code; only its start is short: one
process (``forking_main``) has imported and compiled everything and forks them. What matters to
a test is the process's life and death, which are as ever; whether it also starts from nothing
is tested elsewhere (``running_centre``, and the tests of the nursery).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from markaz.centre.workers.nursery import scrubbed

PIPE = subprocess.PIPE
DEVNULL = subprocess.DEVNULL
START_SECONDS = 100.0  # a cold machine compiles the kernels first
_MAIN = Path(__file__).with_name("forking_main.py")
_BYTES = 1 << 18  # of a message; holds an environment
# Where whoever forks is asked; forked processes find it here too.
place: dict[str, Path] = {}


class Forked:
    """A process, to be used as a ``subprocess.Popen``. ``what``: a name in ``forking_main.RUNS``;
    ``descriptors`` are further ones that it gets."""

    def __init__(
        self,
        what: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self.stdout: BinaryIO | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(str(_place() / "socket"))
        known = os.environ if environment is None else environment
        asked = {"what": what, "arguments": list(arguments), "environment": dict(known)}
        null, standard = os.open(os.devnull, os.O_RDWR), [1, 2]
        reading = None
        if stdout == PIPE:
            reading, standard[0] = os.pipe()
            self.stdout = open(reading, "rb")  # noqa: SIM115 - the caller reads and closes it
        elif stdout == DEVNULL:
            standard[0] = null
        if stderr is not None:
            standard[1] = null if stderr == DEVNULL else stderr
        sent = [*standard, *descriptors]
        socket.send_fds(self._line, [json.dumps(asked).encode()], sent)
        os.close(null)
        if reading is not None:
            os.close(standard[0])
        self.pid = int(self._hear(START_SECONDS)["pid"])

    def _hear(self, seconds: float | None) -> dict[str, Any]:
        self._line.settimeout(seconds)
        try:
            data = self._line.recv(_BYTES)
        except (TimeoutError, BlockingIOError) as error:
            raise subprocess.TimeoutExpired(f"process {self.pid}", seconds or 0.0) from error
        said: dict[str, Any] = json.loads(data or b'{"code": -9}')
        return said

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._hear(timeout)["code"])
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sent by its parent, which knows whether it still is there."""
        if self.poll() is None:
            self._line.settimeout(None)
            with contextlib.suppress(OSError):  # it ends right now
                self._line.send(json.dumps({"signal": int(number)}).encode())

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Quickly:
    """In the place of ``subprocess`` in the module ``nursery``: zygotes are forked too."""

    DEVNULL = DEVNULL

    @staticmethod
    def Popen(
        command: Sequence[str], *, pass_fds: Sequence[int], env: Mapping[str, str], **_: Any
    ) -> Forked:
        role, _fd = command[-2:]
        return Forked("zygote", [role], environment=env, stdout=DEVNULL, descriptors=pass_fds)


def _place() -> Path:
    """The folder with the socket of whoever forks, which is started at the first use."""
    if "here" not in place:
        place["here"] = _start()
    return place["here"]


def _start() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="markaz-fork-"))
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, str(_MAIN), str(folder / "socket")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=scrubbed(os.environ) | {"PYTHONPATH": root},
        start_new_session=True,
    )
    atexit.register(_stop, process, folder)
    until = time.monotonic() + START_SECONDS
    while not (folder / "socket").exists():
        assert process.poll() is None, "the process that forks others has ended"
        assert time.monotonic() < until, "the process that forks others did not start"
        time.sleep(0.01)
    return folder


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    """It ends, and all that it has forked, once nobody holds its standard input."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
