"""In a child of one tenant at an agent: jobs on hardware, compiled and evaluated here.

What the job wants executed is asked of the parent, which has the driver and the journal; the
counts come back. The child knows nothing of the device but its file and sheet, and repeats
itself exactly if it is started again with the same job, so that the parent can answer from
its journal what was executed before.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from markaz.centre.workers import frames, run_child
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.operate import native
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.result import Plan, Result


@dataclass(slots=True)
class Hardware:
    """The parent's device, as ``quantum.operate.driver.Driver``; ``form``: see ``native``.
    ``at``: the laboratory's time when the job was begun, µs UTC."""

    fd: int
    incoming: frames.Incoming
    name: str
    form: str
    at: int = 0
    busy: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def execute(self, circuit: Circuit, shots: int, seed: int, *, memory: bool = False) -> Result:
        """Have a circuit run. Raises ProgramError with what the parent says."""
        begun = time.monotonic()
        program = native.program(circuit, self.form)
        counts, self.busy = self._counts(program, shots)
        shown = native.visible(circuit, counts)
        seen = [r for r in circuit.cregs if not r.hidden]
        seconds = {"parse": 0.0, "plan": 0.0, "run": self.busy, "total": time.monotonic() - begun}
        return Result(
            shots=shots,
            seed=seed,
            num_qubits=circuit.num_qubits,
            num_clbits=sum(r.size for r in seen),
            registers=tuple((r.name, r.size) for r in seen),
            measured=circuit.measured,
            plan=Plan(f"device:{self.name}", "it ran on the device", self.busy, 0),
            seconds=seconds,
            circuit=circuit,
            counts=shown,
            memory=shuffled(shown, seed) if memory else None,
        )

    def _counts(self, program: native.Program, shots: int) -> tuple[dict[str, int], float]:
        if not program.bits:
            return {"": shots}, 0.0  # nothing is measured: there is nothing to run
        text = program.text.encode()
        what = hashlib.sha256(b"%d %d " % (shots, program.bits) + text).hexdigest()
        asked = {"what": what, "shots": shots, "bits": program.bits, "qubits": program.qubits}
        frames.write(self.fd, frames.pack({"execute": asked}, text))
        header, body = self.incoming.next()
        if (error := header.get("error")) is not None:
            raise ProgramError(error["kind"], error["message"])
        return json.loads(body), header["seconds"]

    def now(self) -> int:
        """µs UTC."""
        return self.at + round(1e6 * (time.monotonic() - self.begun))

    def facts(self) -> dict[str, Any]:
        """That shots come as counts: their order, where one is shown, is drawn."""
        return {"emulated": None, "shot_order": "drawn"}


def shuffled(counts: dict[str, int], seed: int) -> list[str]:
    """An outcome for each shot, in an order that ``seed`` draws."""
    keys = sorted(counts)
    which = np.repeat(np.arange(len(keys)), [counts[key] for key in keys])
    np.random.default_rng(seed).shuffle(which)
    return [keys[i] for i in which.tolist()]


def prepare() -> None:
    """Load what compiling takes; in the zygote."""
    from markaz.quantum.calibrate import circuits  # noqa: PLC0415
    from markaz.quantum.compile import qiskit_passes  # noqa: F401, PLC0415 - loads Qiskit
    from markaz.quantum.programs import qiskit_bridge  # noqa: F401, PLC0415 - loads Qiskit

    for timed in circuits.ramsey(load_shipped("indus"), [0], [1.0], 0.0):
        native.program(timed.circuit, "openqasm3")


def serve(fd: int, parent: int, spec: dict[str, Any]) -> None:
    """Run what is asked until the other end closes; ``spec["memory"]`` is the most.

    A request is that of ``run_child`` with ``form``, the format of the device, ``name``, the
    device, and ``at``, the time there.
    """
    del parent
    run_child.settle(spec)
    incoming = frames.Incoming(fd, run_child.REQUEST_BYTES)
    try:
        while True:
            header, body = incoming.next()
            about = (header.pop(key) for key in ("name", "form", "at"))
            hardware = Hardware(fd, incoming, *about)
            answer, result = run_child.answered({**header, "driver": hardware}, body)
            frames.write(fd, frames.pack({"answer": answer}, result))
    except EOFError:
        return
