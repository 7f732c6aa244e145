"""The parent's side of a zygote: start it, have it fork, end children."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

START_SECONDS: Final = 600.0  # a machine without compiled kernels compiles them first
ANSWER_SECONDS: Final = 20.0

# What a child may know of the environment; nothing that says where the centre is, or a key.
_KEPT: Final = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME"}
)
_KEPT_PREFIXES: Final = ("LC_", "PYTHON", "NUMBA_", "COVERAGE_")
_THREADS: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"),
)


class NurseryClosed(Exception):
    """The zygote has died; its children died with it."""


@dataclass(slots=True)
class Child:
    """A forked child: its process id and the socket to it."""

    pid: int
    socket: socket.socket = field(repr=False)

    @property
    def fd(self) -> int:
        """Descriptor of the socket."""
        return self.socket.fileno()


def scrubbed(environment: Mapping[str, str], threads: int = 1) -> dict[str, str]:
    """The environment that a zygote gets: no secrets, and ``threads`` for every library."""
    kept = {k: v for k, v in environment.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    return kept | dict.fromkeys(_THREADS, str(threads))


class Nursery:
    """One zygote of a role ("intake" or "run"), started at once and used from any thread."""

    def __init__(self, role: str, threads: int = 1) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "markaz.centre.workers.zygote", role, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=scrubbed(os.environ, threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._ready = False

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Until its imports are done. Raises NurseryClosed if it died over them."""
        with self._lock:
            self._warm()

    def fork(self, spec: dict[str, Any]) -> Child:
        """A new child, which gets ``spec``. Raises NurseryClosed."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                self._warm()
                answer = self._ask({"do": "fork", "spec": spec}, [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return Child(int(answer["pid"]), ours)

    def end(self, child: Child, patience: float = 0.0) -> int | None:
        """Kill a child and whatever it started, and reap it: its exit code if it ended by
        itself within ``patience`` seconds, else None. Nothing of it runs afterwards."""
        child.socket.close()
        try:
            with self._lock:
                answer = self._ask({"do": "end", "pid": child.pid, "patience": patience})
        except NurseryClosed:
            return None
        code: int | None = answer["status"]
        return code

    def close(self) -> None:
        """End the zygote and its children."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _warm(self) -> None:
        if not self._ready:
            self._socket.settimeout(START_SECONDS)
            self._line()
            self._socket.settimeout(ANSWER_SECONDS)
            self._ready = True

    def _ask(self, request: dict[str, Any], fds: list[int] | None = None) -> dict[str, Any]:
        data = json.dumps(request).encode() + b"\n"
        try:
            if fds:
                socket.send_fds(self._socket, [data], fds)
            else:
                self._socket.sendall(data)
        except OSError as error:
            raise self._dead(error) from None
        return self._line()

    def _line(self) -> dict[str, Any]:
        data = b""
        try:
            while not data.endswith(b"\n"):
                chunk = self._socket.recv(1 << 16)
                if not chunk:
                    raise self._dead("it ended")
                data += chunk
        except OSError as error:
            raise self._dead(error) from None
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _dead(self, reason: object) -> NurseryClosed:
        """It does not answer (any more): make sure that it is dead, and its children."""
        with contextlib.suppress(OSError):
            self._process.kill()
        return NurseryClosed(f"the zygote died: {reason}")
