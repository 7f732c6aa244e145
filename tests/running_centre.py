"""A real ``markaz up`` (or ``serve``) in a process of its own, to be talked to and killed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from markaz.interfaces.rest_api.client import Client
from tests.forking import PIPE, Forked
from tests.processes import children

MARKAZ = [sys.executable, str(Path(sys.executable).with_name("markaz"))]
START_SECONDS = 100.0  # a cold machine compiles the kernels first
BELL = 'OPENQASM 2.0;include "qelib1.inc";qreg q[2];h q[0];cx q[0],q[1];'


def long_program(layers: int, qubits: int = 20) -> str:
    """A program that no shortcut simulates, of ``layers`` layers."""
    lines = [f'OPENQASM 2.0;include "qelib1.inc";qreg q[{qubits}];']
    for layer in range(layers):
        lines += [f"rx({0.1 + 0.01 * layer + 0.1 * q}) q[{q}];" for q in range(qubits)]
        lines += [f"cu1(0.{layer % 9 + 1}) q[{q}],q[{(q + layer % (qubits - 1) + 1) % qubits}];"
                  for q in range(qubits)]  # fmt: skip
    return "\n".join(lines)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anybody's centre in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MARKAZ_")}
    return kept | more


def alive(pid: int) -> bool:
    """Whether ``pid`` runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    """The command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def document(found: Any) -> dict[str, Any]:
    """The one JSON document that a command (click's Result) printed."""
    (line,) = found.stdout.splitlines()
    loaded: dict[str, Any] = json.loads(line)
    return loaded


def started(
    arguments: list[str], environment: dict[str, str], log: int
) -> subprocess.Popen[bytes] | Forked:
    """``markaz`` as anybody starts it."""
    return subprocess.Popen(
        [*MARKAZ, *arguments], stdout=subprocess.PIPE, stderr=log, env=environment,
        start_new_session=True,
    )  # fmt: skip


def forked(arguments: list[str], environment: dict[str, str], log: int) -> Forked:
    """The same without the imports."""
    return Forked("markaz", arguments, environment=environment, stdout=PIPE, stderr=log)


class RunningCentre:
    """One process over the data in ``data``; ``document`` is its ready line.

    ``quick``: forked by one that has imported everything (``forking``), instead of started.
    """

    def __init__(
        self, data: Path, *arguments: str, command: str = "up", quick: bool = False, **settings: str
    ) -> None:
        self.data = data
        self.log = data.with_name(data.name + ".log")
        given = [command, "--data", str(data), "--json", *arguments]
        begin = forked if quick else started
        with self.log.open("ab") as log:
            self.process = begin(given, clean_environment(**settings), log.fileno())
        self.seen_workers: set[int] = set()
        self.document: dict[str, Any] = json.loads(self._line())
        first = data / "first-login.json"
        self.secrets = json.loads(first.read_text()) if first.exists() else {}

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(START_SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise AssertionError(f"it did not get ready:\n{self.log.read_text()[-4000:]}")
        return line

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self.document["url"])

    @property
    def key(self) -> str:
        """The first operator's key."""
        return str(self.secrets["api_key"])

    @property
    def environment(self) -> dict[str, str]:
        """What the commands need to find it."""
        return {"MARKAZ_URL": self.url, "MARKAZ_KEY": self.key}

    def client(self, key: str | None = None) -> Client:
        """A client, by default the first operator's."""
        return Client(self.url, key or self.key)

    def workers(self) -> list[int]:
        """Its worker processes."""
        found = [p for p in children(self.process.pid) if "markaz worker" in command_line(p)]
        self.seen_workers |= set(found)
        return found

    def rest_of_stdout(self) -> bytes:
        """What came after the ready line; to be asked once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 40.0) -> int:
        """Tell it to end; its exit code."""
        self.workers()
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """kill -9 it, and nothing else."""
        self.workers()
        self.process.kill()
        self.process.wait(10)

    def clean_up(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers are in its group
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def centre_running(
    data: Path, *arguments: str, quick: bool = False, **settings: str
) -> Iterator[RunningCentre]:
    """``markaz up`` on a free port, ready; killed at the end if it still runs."""
    running = RunningCentre(data, *(arguments or ("--port", "0")), quick=quick, **settings)
    try:
        yield running
    finally:
        running.clean_up()
