"""A lab: a device behind HTTP that may misbehave, an agent beside it, a centre far away."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markaz.centre.access import CentreRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices, ledger
from markaz.centre.devices import verbs as device_verbs
from markaz.centre.jobs.submit import submit
from markaz.centre.storage import blobs
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.links import LinkClosed, SocketLink, pair
from markaz.centre.workers.pool import Pool
from markaz.centre.workers.slots import Runner
from markaz.interfaces.agent import agent as agents
from markaz.interfaces.agent.serving import Counts, Device, Handler, Server
from markaz.quantum.devices.model import DeviceModel, parse
from markaz.quantum.devices.sheet import Row, Sheet
from markaz.quantum.programs.circuit import Circuit
from tests.centre_rows import person, put, rows
from tests.dispatcher_tools import Time
from tests.waiting import until
from tests.worker_tools import BELL, Shop, opened

FILE = Path(__file__).parents[1] / "examples" / "devices" / "lab.toml"
TEXT = FILE.read_text(encoding="utf-8")
LAB = parse(TEXT, "lab.toml")
MEMORY = 2 << 30


class LabDevice(Device):
    """Gives one outcome, all zeros, at once, or when ``gate`` opens; counts what it ran."""

    def __init__(self, model: DeviceModel = LAB) -> None:
        self.ran: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.published: Sheet | None = None
        super().__init__(model, self._zeros, lambda: self.published)

    def _zeros(self, circuit: Circuit, shots: int, seed: int) -> Counts:
        self.gate.wait(60)
        self.ran.append(f"{shots}")
        return {"0" * circuit.visible_clbits: shots}

    def close(self) -> None:
        self.gate.set()
        super().close()


@contextlib.contextmanager
def served(device: Device, handler: type[Handler] = Handler, **more: Any) -> Iterator[str]:
    """The device's address; ``more``: attributes of the handler."""
    server = Server(device)
    kind = type("Chosen", (handler,), {"device": device, **more})
    server._server.RequestHandlerClass = kind
    server.start()
    try:
        yield server.url
    finally:
        server.close()
        device.close()


def lab_sheet(t1: float, at: int = 1_700_000_000_000_000, device: str = "lab") -> Sheet:
    """A sheet with T1 (µs) of each qubit."""
    found = [Row.of("T1", [q], t1, measured_at=at) for q in range(LAB.num_qubits)]
    return Sheet(device, at, tuple(found))


class Lab:
    """A centre with the device ``lab``, and agents that come and go over a network that can
    be cut."""

    def __init__(self, centre: Centre, folder: Path, url: str, children: Pool[Runner]) -> None:
        self.shop, self.centre, self.folder = Shop(centre), centre, folder
        self.url, self.children = url, children
        self.clock = Time()
        self.options: dict[str, Any] = {
            "url": url, "poll_seconds": 0.01, "status_seconds": 0.1, "timeout_seconds": 20.0,
            "seconds": 5.0,
        }  # fmt: skip
        self.online = threading.Event()
        self.online.set()
        self._links: list[SocketLink] = []
        self._running: list[tuple[agents.Agent, threading.Thread]] = []
        self.reasons: list[str] = []
        self._add_device()
        self.dispatcher = Dispatcher(centre, self.clock)
        self.dispatcher.start()

    def _add_device(self) -> None:
        now = self.centre.services.clock.now()
        put(self.centre, devices.devices, id="lab", title="Lab", kind="qpu", driver="agent",
            qubits=5, slots=1, status="offline", accepting=True, is_default=False,
            description=json.dumps({}), created_at=now)  # fmt: skip
        put(self.centre, ledger.rates, device_id="lab", starts_at=0, per_second=1_000_000,
            per_shot=10, per_job=1000)  # fmt: skip

    def add_file(self) -> None:
        """Give the centre the device's file too."""
        operator = person(self.centre, "oona", CentreRole.OPERATOR)
        self.centre.perform(device_verbs.add_file, operator, file=TEXT)

    # The network.

    def connect(self) -> SocketLink:
        """The agent's way to the centre."""
        if not self.online.is_set():
            raise LinkClosed("the network is cut")
        ours, theirs = pair()
        self._links += [ours, theirs]
        threading.Thread(target=self.dispatcher.serve, args=(theirs,), daemon=True).start()
        return ours

    def cut(self) -> None:
        """No network from now on."""
        self.online.clear()
        for link in self._links:
            link.close()
        self._links.clear()

    def cut_off(self) -> None:
        """No network from now on, and the centre has noticed."""
        self.cut()
        self.until_status("offline")

    def restart_centre(self) -> None:
        """The server stops and starts."""
        self.dispatcher.close()
        self._links.clear()
        self.centre.services.queue = None
        self.dispatcher = Dispatcher(self.centre, self.clock)
        self.dispatcher.start()

    # Agents.

    def start(self, spool: str = "spool", **options: Any) -> agents.Agent:
        """An agent; wait for ``status`` to see it."""
        plan = agents.Plan(
            LAB, TEXT, "http", {**self.options, **options}, self.folder / spool, MEMORY,
            pauses=(0.02, 0.1),
        )  # fmt: skip
        ready: list[agents.Agent] = []
        done = threading.Event()

        def body() -> None:
            with agents.opened(plan, self.connect, self.children) as made:
                ready.append(made)
                done.set()
                self.reasons.append(made.work())

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        assert done.wait(20), "the agent did not start"
        self._running.append((ready[0], thread))
        return ready[0]

    def running(self) -> list[agents.Agent]:
        """Those that run."""
        return [running for running, _ in self._running]

    def stop(self) -> None:
        """Stop all agents, as SIGTERM does."""
        for running, thread in self._running:
            running.drain()
            thread.join(20)
            assert not thread.is_alive()
        self._running.clear()

    def close(self) -> None:
        self.stop()
        self.dispatcher.close()

    # What the centre knows.

    def submit(self, program: bytes = BELL, *, limit_seconds: float = 60.0, **options: Any) -> str:
        found = self.centre.perform(
            submit, self.shop.member, project=self.shop.project, device="lab", name="",
            opened=opened(self.centre, program, **{"shots": 100, **options}),
            data=blobs.prepare(self.centre.services, program), limit_seconds=limit_seconds,
        )  # fmt: skip
        return str(found["job"])

    def row(self) -> dict[str, Any]:
        """The row of the device."""
        return next(r for r in rows(self.centre, devices.devices) if r["id"] == "lab")

    def status(self) -> str:
        return str(self.row()["status"])

    def until_status(self, wanted: str) -> None:
        until(lambda: self.status() == wanted, 20)

    def state(self, job: str) -> str:
        return str(self.shop.job(job)["state"])

    def wait(self, job: str, seconds: float = 30.0) -> dict[str, Any]:
        """The job's row once it has ended."""
        until(lambda: self.state(job) in ("completed", "failed", "cancelled"), seconds)
        return self.shop.job(job)

    def entries(self, job: str) -> list[tuple[str, int]]:
        found = rows(self.centre, ledger.ledger_entries)
        return [(r["kind"], r["amount"]) for r in found if r["job_id"] == job]

    def kinds(self, job: str) -> list[str]:
        """Kinds of the job's entries, in their order."""
        return [kind for kind, _ in self.entries(job)]

    def spooled(self, spool: str = "spool") -> list[str]:
        return sorted(p.name for p in (self.folder / spool).glob("*.journal"))


def held_job(lab: Lab, device: LabDevice, **options: Any) -> str:
    """A job that an agent, started with ``options``, has given to the device, which keeps it
    until its gate opens."""
    lab.start(**options)
    lab.until_status("idle")
    device.gate.clear()
    job = lab.submit()
    until(lambda: device.jobs)
    return job


def new_children() -> Pool[Runner]:
    """Children for agents; slow to start."""
    return Pool("agent", {"memory": MEMORY}, 8, Runner)
