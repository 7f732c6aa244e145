"""A process with all imports done, that forks children on request.

Started as ``python -m markaz.centre.workers.zygote ROLE FD`` with one end of a Unix socket,
by ``nursery.Nursery``. It stays single-threaded and opens nothing of anybody's: what a
child sees at its birth is Markaz's own code and nothing else. A request is a line of JSON;
``fork`` comes with the descriptor that the child will talk over.

A child is only ever killed from here: until this process has reaped it, its id cannot
belong to another process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any, Final, NoReturn, Protocol, cast

ROLES: Final = {
    "intake": "markaz.centre.workers.intake_child",
    "run": "markaz.centre.workers.run_child",
    "agent": "markaz.centre.workers.agent_child",
}
REQUEST_BYTES: Final = 1 << 16
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38


class Role(Protocol):
    """What the children of a zygote do (a module)."""

    def prepare(self) -> None:
        """Import and warm everything that children need; in the zygote, once."""

    def serve(self, fd: int, parent: int, spec: dict[str, Any]) -> None:
        """Answer requests over ``fd`` until it closes; in a child."""


class Zygote:
    """The state of this process: its children that have not been reaped for anybody."""

    def __init__(self, control: socket.socket, role: Role) -> None:
        self._control, self._role = control, role
        self._children: set[int] = set()
        self._ended: dict[int, int] = {}

    def run(self) -> None:
        """Answer requests until the other end closes."""
        self._say({"ready": os.getpid()})
        while (request := self._next()) is not None:
            asked, fds = request
            if asked["do"] == "fork":
                self._say({"pid": self._fork(asked["spec"], fds[0])})
                os.close(fds[0])
            else:
                self._say({"status": self._end(asked["pid"], asked["patience"])})

    def _next(self) -> tuple[dict[str, Any], list[int]] | None:
        data, fds, _, _ = socket.recv_fds(self._control, REQUEST_BYTES, 1)
        while data and not data.endswith(b"\n"):
            chunk = self._control.recv(REQUEST_BYTES)
            if not chunk:
                return None
            data += chunk
        return (json.loads(data), list(fds)) if data else None

    def _say(self, answer: dict[str, Any]) -> None:
        self._control.sendall(json.dumps(answer).encode() + b"\n")

    def _fork(self, spec: dict[str, Any], fd: int) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_child(spec, fd, parent)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._children.add(pid)
        return pid

    def _be_child(self, spec: dict[str, Any], fd: int, parent: int) -> NoReturn:
        code = 1
        try:
            self._control.close()
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            wall_off(parent)
            self._role.serve(fd, parent, spec)
            code = 0
        finally:
            os._exit(code)

    def _end(self, pid: int, patience: float) -> int | None:
        """Reap a child: its exit code as ``subprocess`` counts it, after ``patience`` seconds
        in which it may end by itself; None if it had to be killed."""
        if pid not in self._children:
            return None
        deadline = time.monotonic() + patience
        self._reap()
        while pid not in self._ended and time.monotonic() < deadline:
            time.sleep(0.001)
            self._reap()
        natural = pid in self._ended
        # What it started may still run: the group is its own.
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        while pid not in self._ended:
            time.sleep(0.0002)
            self._reap()
        self._children.discard(pid)
        code = self._ended.pop(pid)
        return code if natural else None

    def _reap(self) -> None:
        """Note who has ended, of the children and of orphans that came to this process."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._ended[pid] = os.waitstatus_to_exitcode(status)


def wall_off(parent: int) -> None:
    """Die with the zygote; no new rights; no other process of the same user may look inside."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main(role: str, fd: int) -> None:
    """Prepare, then serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent says when it is over
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    module = cast("Role", importlib.import_module(ROLES[role]))
    module.prepare()
    gc.collect()
    gc.freeze()  # children share these pages as long as nobody counts references in them
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        Zygote(socket.socket(fileno=fd), module).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
