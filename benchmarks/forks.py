"""One circuit on one engine in a forked child: time limit, memory limit, a warm library.

A server process per library imports it once; each run is a fork of it, so that no run sees
another's leftovers, a hung engine can be killed, and nothing is imported while the clock runs.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import agree, qiskit_path, registry
from benchmarks.engines_direct import Terms

LIBRARIES = ("OMP", "RAYON", "OPENBLAS", "MKL", "NUMBA", "QULACS")
THREADS = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES} | {"QISKIT_NUM_PROCS": "1"}
SHORT = 0.4  # seconds; shorter runs are repeated and the median is taken
WARM_UP = 60.0
SUMMARY = 20.0
FOREVER = 1e9


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is to do. ``memory`` in bytes of address space, ``limit`` in seconds;
    ``observable`` for engines of kind ``value``."""

    engine: str
    text: str
    width: int
    shots: int = 1024
    seed: int = 1
    limit: float = 10.0
    memory: int = 11 << 30
    observable: Terms = ()


@dataclass(slots=True)
class Outcome:
    """``status``: ok, timeout, refused, memory or crash; seconds are medians of ``reps``."""

    status: str
    convert: float = 0.0
    run: float = 0.0
    reps: int = 0
    error: str = ""
    note: dict[str, Any] = field(default_factory=dict)
    summary: agree.Summary = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds from text to samples."""
        return self.convert + self.run


def send(fd: int, value: Any) -> None:
    """Write one value to a pipe."""
    data = pickle.dumps(value)
    data = len(data).to_bytes(8, "little") + data
    while data:
        data = data[os.write(fd, data) :]


def receive(fd: int, seconds: float) -> Any:
    """The next value; None after ``seconds``. Raises EOFError if the child died."""
    deadline, data, need = time.monotonic() + seconds, b"", 8
    while len(data) < need:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return None
        chunk = os.read(fd, min(need - len(data), 1 << 20))
        if not chunk:
            raise EOFError
        data += chunk
        if need == 8 and len(data) >= 8:
            need = 8 + int.from_bytes(data[:8], "little")
    return pickle.loads(data[8:need])  # noqa: S301 - from our own child


def _once(adapter: Any, task: Task, seed: int) -> tuple[float, float, Any]:
    start = time.perf_counter()
    circuit = adapter.convert(task.text)
    middle = time.perf_counter()
    outcome = adapter.sample(circuit, task.shots, seed)
    return middle - start, time.perf_counter() - middle, outcome


def prepare(adapter: Any, memory: int) -> None:
    """In a child: silence it, limit its address space, warm the engine up."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    adapter.warm()


def _perform(adapter: Any, task: Task, fd: int) -> None:
    adapter.limit, adapter.memory, adapter.observable = task.limit, task.memory, task.observable
    send(fd, "warm")
    try:
        times = [_once(adapter, task, task.seed)]
        send(fd, "first")
        if sum(times[0][:2]) < SHORT:
            times += [_once(adapter, task, task.seed + i) for i in (1, 2)]
        note, found = adapter.finish(times[0][2], task.shots, task.width)
    except MemoryError as error:
        send(fd, Outcome("memory", error=str(error)[:200]))
        return
    except Exception as error:
        kind = "memory" if "memory" in str(error).lower() else "refused"
        send(fd, Outcome(kind, error=f"{type(error).__name__}: {error}"[:300]))
        return
    convert, run, _ = sorted(times, key=lambda t: t[0] + t[1])[len(times) // 2]
    send(fd, Outcome("ok", convert, run, len(times), "", note, found))


def _collect(fd: int, limit: float) -> Outcome:
    try:
        warm = receive(fd, WARM_UP)
        if warm != "warm":
            return warm if isinstance(warm, Outcome) else Outcome("crash", error="no warm-up")
        first = receive(fd, limit + 0.05)
        if first is None:
            return Outcome("timeout")
        result = first if isinstance(first, Outcome) else receive(fd, SUMMARY)
    except EOFError:
        return Outcome("crash")
    if result is None:
        return Outcome("timeout", error="counts were not written out")
    return Outcome("timeout") if result.total > limit else result


class Child:
    """A fork of this process that performs tasks: one, or (``resident``) one after another."""

    def __init__(self, adapter: Any, memory: int) -> None:
        requests, self.write = os.pipe()
        self.read, answers = os.pipe()
        self.memory = memory
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.write)
            os.close(self.read)
            self._live(adapter, requests, answers)
        os.close(requests)
        os.close(answers)

    def _live(self, adapter: Any, requests: int, answers: int) -> None:
        os.setpgid(0, 0)
        try:
            prepare(adapter, self.memory)
            while (task := receive(requests, FOREVER)) is not None:
                _perform(adapter, task, answers)
        except EOFError:
            os._exit(0)
        except BaseException as error:
            send(answers, Outcome("crash", error=f"{type(error).__name__}: {error}"[:300]))
        os._exit(0)

    def run(self, task: Task) -> Outcome:
        """Perform one task here; afterwards ``alive`` says whether the child can go on."""
        send(self.write, task)
        return _collect(self.read, task.limit)

    def close(self) -> int:
        """Kill the child and whatever it started; its wait status."""
        os.close(self.read)
        os.close(self.write)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]


class Runner:
    """Runs tasks of one adapter: each in a fresh fork, or all in one for engines that keep a
    process of their own between runs."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.child: Child | None = None

    def run(self, task: Task) -> Outcome:
        """Run one task."""
        if self.child is None or self.child.memory != task.memory:
            self.close()
            self.child = Child(self.adapter, task.memory)
        result = self.child.run(task)
        if result.status in ("timeout", "crash") or not self.adapter.resident:
            status = self.close()
            if result.status == "crash" and not result.error:
                result.error = f"the process died with wait status {status}"
        return result

    def close(self) -> int:
        """End the child, if there is one; its wait status."""
        status = self.child.close() if self.child else 0
        self.child = None
        return status


def _serve(link: Connection, library: str, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    runners = {}
    try:
        for adapter in registry.adapters():
            if adapter.library == library:
                adapter.load()
                runners[adapter.name] = Runner(adapter)
    except ImportError as error:
        link.send(str(error))
        return
    qiskit_path.warm()
    link.send("")
    while True:
        task = link.recv()
        if task is None:
            break
        link.send(runners[task.engine].run(task))
    for runner in runners.values():
        runner.close()


class Server:
    """Handle of the process that has one library imported, pinned to ``core``."""

    def __init__(self, library: str, core: int | None = None) -> None:
        os.environ.update(THREADS)
        context = get_context("spawn")
        self.link, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, library, core), daemon=False)
        self.process.start()
        other.close()
        self.missing: str = self.link.recv()

    def run(self, task: Task) -> Outcome:
        """Run one task; ``refused`` if the library is not installed."""
        if self.missing:
            return Outcome("refused", error=self.missing)
        self.link.send(task)
        result: Outcome = self.link.recv()
        return result

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self.link.send(None)
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()


class Pool:
    """Servers of one core, started when first needed."""

    def __init__(self, core: int | None = None) -> None:
        self.core = core
        self.servers: dict[str, Server] = {}
        self.library: Callable[[str], str] = registry.library_of

    def run(self, task: Task) -> Outcome:
        """Run one task on the server of its library."""
        library = self.library(task.engine)
        if library not in self.servers:
            self.servers[library] = Server(library, self.core)
        return self.servers[library].run(task)

    def close(self) -> None:
        """End all servers."""
        for server in self.servers.values():
            server.close()
