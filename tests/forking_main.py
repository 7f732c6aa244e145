"""Forks what tests ask for (see ``forking``): ``python forking_main.py SOCKET``.

It stays single-threaded and does nothing else, so that a fork of it is a fresh process. It ends
with its standard input, and what it has forked ends with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NoReturn

from markaz.centre.workers import crash, nursery, zygote
from tests import forking

_PR_SET_PDEATHSIG: Final = 1


# What can be run: what must be done once beforehand, and the body of a process.


def be_worker(path: str, slots: str, memory: str, drain_seconds: str) -> int:
    """A worker at a socket."""
    from markaz.centre.workers.supervisor import Supervisor, hello
    from tests.unix_links import connect

    supervisor = Supervisor(
        partial(connect, path), hello(int(slots)), memory=int(memory),
        drain_seconds=float(drain_seconds),
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: supervisor.drain())
    print("working", flush=True)
    print(supervisor.run(), file=sys.stderr, end="")
    return 0


def be_command(*arguments: str) -> int:
    """The command ``markaz``."""
    from markaz.interfaces.cli.main import cli

    cli.main(args=list(arguments), prog_name="markaz")
    return 0


def be_writing(data: str, actor: str, project: str) -> int:
    """A server that works until it is killed."""
    from tests.faults.writing_child import main

    main(Path(data), actor, project)
    return 0


def be_crashing(*arguments: str) -> int:
    """A server that dies at a named point."""
    from tests.faults.crashing_server import serve

    serve(*arguments)
    return 0


def be_zygote(role: str, control: int) -> int:
    """A zygote of a nursery, with all imports done indeed."""
    zygote.main(role, control)
    return 0


RUNS: Final[dict[str, Callable[..., int]]] = {
    "worker": be_worker, "markaz": be_command, "zygote": be_zygote, "writing": be_writing,
    "crashing": be_crashing,
}  # fmt: skip
MODULES: Final[dict[str, tuple[str, ...]]] = {
    "worker": ("markaz.centre.workers.supervisor", "tests.unix_links"),
    "markaz": (
        "markaz.interfaces.start", "markaz.interfaces.server", "markaz.interfaces.cli.main",
        "markaz.interfaces.cli.serve", "markaz.interfaces.cli.up", "markaz.centre.workers.local",
    ),
    "writing": ("tests.faults.writing_child",),
    "crashing": ("tests.faults.crashing_server",),
}  # fmt: skip


@cache
def prepare(what: str, role: str) -> None:
    """Have done once what every process of this kind needs."""
    names = MODULES[what] if what != "zygote" else (zygote.ROLES[role],)
    for module in map(importlib.import_module, names):
        if hasattr(module, "prepare"):
            module.prepare()
            setattr(module, "prepare", lambda: None)  # noqa: B010 - done for all that come
    if what == "markaz":
        from markaz.interfaces.rest_api.app import describe

        describe()  # what the first application of a process compiles
    gc.collect()
    gc.freeze()


class Mother:
    """Forks, reaps and tells of deaths, over one socket for each process."""

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._callers: dict[int, socket.socket] = {}  # by the process that they asked for
        self._selector = selectors.DefaultSelector()
        woken, wake = os.pipe2(os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        self._selector.register(woken, selectors.EVENT_READ, lambda: self._reap(woken))
        self._selector.register(0, selectors.EVENT_READ, lambda: self._end(Path(path).parent))
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._own = [woken, wake, self._selector.fileno(), self._listener.fileno()]
        self._listener.bind(path + ".new")
        self._listener.listen(64)
        os.rename(path + ".new", path)  # there is nothing at the path until it is listened on

    def run(self) -> NoReturn:
        """Until standard input ends."""
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _end(self, folder: Path) -> NoReturn:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    def _accept(self) -> None:
        caller = self._listener.accept()[0]
        self._selector.register(caller, selectors.EVENT_READ, lambda: self._asked(caller))

    def _asked(self, caller: socket.socket) -> None:
        """Fork what a caller wants."""
        self._selector.unregister(caller)
        data, descriptors = b"", []
        with contextlib.suppress(ConnectionResetError):
            data, descriptors, _, _ = socket.recv_fds(caller, 1 << 18, 8)
        if not data:
            caller.close()  # it was killed before it could say
            return
        asked = json.loads(data)
        prepare(asked["what"], asked["arguments"][0] if asked["what"] == "zygote" else "")
        pid = os.fork()
        self._callers[pid] = caller
        if pid == 0:
            self._be(asked, descriptors)
        for one in descriptors:
            os.close(one)
        self._selector.register(caller, selectors.EVENT_READ, lambda: self._hear(pid))
        with contextlib.suppress(OSError):  # it was killed since
            caller.send(json.dumps({"pid": pid}).encode())

    def _hear(self, pid: int) -> None:
        """A signal to send, or whoever asked is gone."""
        caller = self._callers.get(pid)
        if caller is None:
            return  # reaped a moment ago
        said = b""
        with contextlib.suppress(ConnectionResetError):
            said = caller.recv(1 << 10)
        if said:
            os.kill(pid, json.loads(said)["signal"])
        else:
            self._selector.unregister(caller)

    def _reap(self, woken: int) -> None:
        os.read(woken, 1 << 10)
        while self._callers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            caller = self._callers.pop(pid)
            if caller in self._selector.get_map():
                self._selector.unregister(caller)
                code = os.waitstatus_to_exitcode(status)
                with contextlib.suppress(OSError):  # whoever asked has died since
                    caller.send(json.dumps({"code": code}).encode())
            caller.close()

    def _be(self, asked: dict[str, Any], descriptors: list[int]) -> NoReturn:
        """The life of a child."""
        code = 1
        try:
            self._settle(asked, descriptors)
            more = descriptors[2:] if asked["what"] == "zygote" else ()
            code = RUNS[asked["what"]](*asked["arguments"], *more)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else error.code is not None
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _settle(self, asked: dict[str, Any], descriptors: list[int]) -> None:
        """As a process that was started: descriptors, signals, session and environment."""
        signal.set_wakeup_fd(-1)
        for one in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        listened = {key.fd for key in self._selector.get_map().values()} - {0}
        callers = {caller.fileno() for caller in self._callers.values()}
        for number in listened | callers | set(self._own):
            os.close(number)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for number in (1, 2):
            os.dup2(descriptors[number - 1], number)
            os.close(descriptors[number - 1])
        os.close(null)
        os.environ.clear()
        os.environ.update(asked["environment"])
        importlib.reload(crash)


def main(path: str) -> None:
    forking.place["here"] = Path(path).parent
    setattr(nursery, "subprocess", forking.Quickly)  # noqa: B010 - no attribute that mypy knows
    Mother(path).run()


if __name__ == "__main__":
    main(sys.argv[1])
