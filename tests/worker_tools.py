"""A centre with a dispatcher, and worker processes that talk to it over a Unix socket."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from markaz.centre.access import Principal, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import jobs, ledger, projects
from markaz.centre.ids import new_id
from markaz.centre.jobs.states import FINAL
from markaz.centre.jobs.submit import submit
from markaz.centre.storage import blobs
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.intake_talk import Opened
from markaz.centre.workers.links import SocketLink
from markaz.centre.workers.options import checked
from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from tests.centre_rows import DAY, look, person, project, put, rows, simulator
from tests.forking import DEVNULL, Forked
from tests.waiting import until

BELL = (
    b'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
    b"h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n"
)
DRAIN_SECONDS = "10"
# Where scripts of tests find the others.
PATH = {"PYTHONPATH": str(Path(__file__).parents[1])}


def dense(qubits: int, layers: int) -> bytes:
    """A program that no shortcut simulates: ``layers`` of rotations and entanglers."""
    lines = [f'OPENQASM 2.0;include "qelib1.inc";qreg q[{qubits}];creg c[{qubits}];']
    for layer in range(layers):
        lines += [f"rx({0.1 + 0.01 * layer + 0.1 * q}) q[{q}];" for q in range(qubits)]
        lines += [f"cu1(0.{layer % 9 + 1}) q[{q}],q[{(q + layer % (qubits - 1) + 1) % qubits}];"
                  for q in range(qubits)]  # fmt: skip
    return "\n".join([*lines, "measure q -> c;"]).encode()


def opened(
    centre: Centre, program: bytes, *, predicted: float | None = 0.001, **options: Any
) -> Opened:
    """What the intake would say of ``program``, without a child."""
    circuit, encoded, hashed = checked_circuit(program)
    full = checked(options, centre.services.settings, memory=1 << 40)
    return Opened(
        blobs.prepare(centre.services, encoded), hashed, circuit.num_qubits,
        circuit.visible_clbits, predicted, 1000, full, {},
    )  # fmt: skip


@functools.cache
def checked_circuit(program: bytes) -> tuple[Circuit, bytes, str]:
    """What is known of a program once it was opened: circuit, wire form, hash."""
    circuit = load(program)
    return circuit, wire.encode(circuit), program_hash(circuit)


def submit_to(
    centre: Centre,
    program: bytes,
    actor: Any = None,
    *,
    project: str = "",
    predicted: float | None = 0.001,
    name: str = "",
    limit_seconds: float = 60.0,
    **options: Any,
) -> str:
    """Hand a program in, by default as the shop's member for the shop's project."""
    if actor is None:
        (member,) = rows(centre, projects.memberships)
        actor, project = Principal(member["user_id"], "user"), member["project_id"]
    answer = centre.perform(
        submit, actor, project=project, device="simulator", name=name,
        opened=opened(centre, program, predicted=predicted, **options),
        data=blobs.prepare(centre.services, program), limit_seconds=limit_seconds,
    )  # fmt: skip
    return str(answer["job"])


class Shop:
    """A centre with a simulator, a project with credits and its member."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.counted: Counter[str] = Counter()
        self._count_lock = threading.Lock()
        centre.services.count = self._count
        simulator(centre)
        put(centre, ledger.rates, device_id="simulator", starts_at=0, per_second=1_000_000,
            per_shot=10, per_job=1000)  # fmt: skip
        self.member = person(centre, "ada")
        self.project = project(centre, "physics", {self.member: ProjectRole.PI})
        self.fund(self.project)

    def _count(self, name: str) -> None:
        with self._count_lock:
            self.counted[name] += 1

    def fund(self, key: str, amount: int = 10**12) -> None:
        centre, now = self.centre, self.centre.services.clock.now()
        identity = new_id(now)
        put(centre, ledger.allocations, id=identity, project_id=key, starts_at=now - DAY,
            ends_at=now + 365 * DAY, state="active", granted=amount, created_at=now)  # fmt: skip

    def submit(self, program: bytes = BELL, *, actor: Any = None, **about: Any) -> str:
        return submit_to(self.centre, program, actor or self.member, project=self.project, **about)

    def job(self, job: str) -> dict[str, Any]:
        (found,) = self.jobs([job])
        return found

    def jobs(self, wanted: list[str]) -> list[dict[str, Any]]:
        asked = select(jobs.jobs).where(jobs.jobs.c.id.in_(wanted))
        found = look(self.centre, lambda work: work.all(asked))
        return [dict(row._mapping) for row in found]

    def result(self, job: str) -> dict[str, Any]:
        digest = self.job(job)["result_hash"]
        found: dict[str, Any] = json.loads(look(self.centre, lambda w: blobs.read(w, digest)))
        return found


class Floor:
    """Workers and the dispatcher that serves them, at a socket in ``folder``."""

    def __init__(self, shop: Shop, folder: Path, **arguments: Any) -> None:
        self.shop, self.folder = shop, folder
        self.path = folder / "workers.socket"
        self.workers: list[Forked] = []
        self._listener: socket.socket | None = None
        self.open(**arguments)

    def open(self, **arguments: Any) -> None:
        """Listen and dispatch (again, after ``shut``)."""
        self.dispatcher = Dispatcher(self.shop.centre, **arguments)
        self.dispatcher.start()
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                link = SocketLink(listener.accept()[0])
                threading.Thread(target=self.dispatcher.serve, args=(link,), daemon=True).start()

    def shut(self) -> None:
        """As a server that is stopped: connections end, jobs stay where they are."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.dispatcher.close()

    def hire(
        self, count: int = 1, slots: int = 1, memory: int = 1 << 30, **environment: str
    ) -> None:
        """Start workers; returns when they are connected."""
        started = [self.start(slots, memory, **environment) for _ in range(count)]
        self.workers += started
        until(lambda: {w.pid for w in started} <= self.connected(), 100)

    def connected(self) -> set[int]:
        """Process ids of the workers that are connected."""
        peers = list(self.dispatcher._peers.values())
        return {peer.hello.pid for peer in peers if peer.link is not None}

    def start(self, slots: int = 1, memory: int = 1 << 30, **environment: str) -> Forked:
        """Start a worker that nobody waits for."""
        arguments = [str(self.path), str(slots), str(memory), DRAIN_SECONDS]
        return Forked("worker", arguments, environment=os.environ | environment, stdout=DEVNULL)

    @contextlib.contextmanager
    def worker(self, **environment: str) -> Iterator[Forked]:
        """One more worker, which may end by itself at any time."""
        started = self.start(**environment)
        try:
            yield started
        finally:
            started.kill()
            started.wait()

    def kill(self, worker: Forked) -> None:
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def wait(self, jobs: list[str], seconds: float = 60) -> None:
        """Until all have ended."""
        until(lambda: not self.open_jobs() & set(jobs), seconds)

    def open_jobs(self) -> set[str]:
        wanted = select(jobs.jobs.c.id).where(jobs.jobs.c.state.not_in([s.value for s in FINAL]))
        return {row.id for row in look(self.shop.centre, lambda work: work.all(wanted))}

    def open_count(self) -> int:
        """How many jobs have not ended."""
        wanted = select(func.count()).where(jobs.jobs.c.state.not_in([s.value for s in FINAL]))
        found = look(self.shop.centre, lambda work: work.one(wanted))
        return int(found[0])

    def close(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
        for worker in self.workers:
            worker.wait()
        self.shut()


@contextlib.contextmanager
def floor(centre: Centre, folder: Path, **arguments: Any) -> Iterator[Floor]:
    """A shop floor without workers."""
    made = Floor(Shop(centre), folder, **arguments)
    try:
        yield made
    finally:
        made.close()
