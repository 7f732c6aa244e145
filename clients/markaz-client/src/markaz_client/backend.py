"""A device of a centre as Qiskit sees it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qiskit import QuantumCircuit, qpy
from qiskit.circuit import (
    Barrier,
    Delay,
    ForLoopOp,
    IfElseOp,
    Measure,
    Parameter,
    Reset,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2, Options
from qiskit.qpy.common import QPY_VERSION
from qiskit.transpiler import Target

from markaz_client.connection import MarkazError
from markaz_client.job import MarkazJob

if TYPE_CHECKING:
    from markaz_client.provider import Markaz

BATCH: Final = 100  # programs that a centre takes in one request
# The newest format that centres are sure to read; a newer Qiskit writes it too.
NEWEST_QPY: Final = 17
# Qiskit's passes take time for each qubit of a target, used or not: a second for 100,000.
WIDEST_TARGET: Final = 1000
_CONTROL: Final = {
    "if_else": IfElseOp,
    "for_loop": ForLoopOp,
    "while_loop": WhileLoopOp,
    "switch_case": SwitchCaseOp,
}


class MarkazBackend(BackendV2):  # type: ignore[misc]
    """A device; ``run`` submits circuits to its queue.

    ``target`` is what the centre takes: it fits circuits to the device itself. Made by
    ``Markaz.get_backend``.
    """

    def __init__(self, provider: Markaz, device: dict[str, Any]) -> None:
        super().__init__(
            provider=provider,
            name=device["device"],
            description=device["title"],
            backend_version="1",
        )
        self._markaz = provider
        self._device = device
        self._target: Target | None = None

    @property
    def target(self) -> Target:
        """The instructions that a circuit may use, on any qubits; 1,000 qubits at most.

        ``run`` takes wider circuits if the device does; they need no transpilation.
        """
        if self._target is None:
            self._target = _target(self._device)
        return self._target

    @property
    def max_circuits(self) -> int:
        """How many circuits one job may have."""
        return BATCH

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=1024, memory=False, seed_simulator=None, name="", tags=())

    @property
    def document(self) -> dict[str, Any]:
        """What the centre says of the device, as of when this backend was made."""
        return dict(self._device)

    def run(
        self, run_input: QuantumCircuit | Sequence[QuantumCircuit], **options: Any
    ) -> MarkazJob:
        """Submit one circuit or several (``max_circuits`` at most), without free parameters.

        ``options``: ``shots``, ``memory`` (keep the outcome of every shot), ``seed_simulator``,
        ``name`` and ``tags``. Raises ValueError for what cannot be sent and MarkazError for what
        the centre refuses; then nothing runs.
        """
        circuits = [run_input] if isinstance(run_input, QuantumCircuit) else list(run_input)
        if not 1 <= len(circuits) <= BATCH:
            raise ValueError(f"a job takes 1 to {BATCH} circuits, not {len(circuits)}")
        given = self._given(options)
        items = [_item(circuit, given) for circuit in circuits]
        place = {"device": self.name, "project": self._markaz.project}
        connection = self._markaz.connection
        answer = connection.post("/job-batches", {"items": items, **place})
        ids = [one["job"] for one in answer["items"] if "job" in one]
        if len(ids) < len(items):
            if ids:
                MarkazJob(self, connection, ids).cancel()
            raise _refusal(answer["items"])
        return MarkazJob(self, connection, ids, circuits)

    def _given(self, options: dict[str, Any]) -> dict[str, Any]:
        known = dict(self.options)
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ValueError(f"unknown options: {', '.join(unknown)}; known: {', '.join(known)}")
        return known | {k: v for k, v in options.items() if v is not None}


def _target(device: dict[str, Any]) -> Target:
    qubits = min(device["qubits"], WIDEST_TARGET)
    target = Target(description=device["title"], num_qubits=qubits)
    gates = get_standard_gate_name_mapping()
    for name in device["description"].get("basis", gates):
        if name in gates and name not in target:
            target.add_instruction(gates[name], None, name)
    for instruction in (Measure(), Reset(), Delay(Parameter("t"))):
        if instruction.name not in target:
            target.add_instruction(instruction, None)
    target.add_instruction(Barrier, None, "barrier")
    for name, kind in _CONTROL.items():
        target.add_instruction(kind, None, name)
    return target


def _item(circuit: QuantumCircuit, given: dict[str, Any]) -> dict[str, Any]:
    if circuit.parameters:
        names = ", ".join(parameter.name for parameter in circuit.parameters)
        raise ValueError(f"circuit {circuit.name!r} has free parameters: {names}")
    options = {"shots": given["shots"], "memory": given["memory"], "seed": given["seed_simulator"]}
    return {
        "program_base64": base64.b64encode(_qpy(circuit)).decode(),
        "format": "qpy",
        "options": options,
        "name": given["name"] or circuit.name[:200],
        "tags": list(given["tags"]),
    }


def _qpy(circuit: QuantumCircuit) -> bytes:
    sent = circuit.copy()
    sent.metadata = {}  # anything, even what is no JSON; it stays here
    buffer = io.BytesIO()
    qpy.dump(sent, buffer, version=min(QPY_VERSION, NEWEST_QPY))
    return buffer.getvalue()


def _refusal(items: list[dict[str, Any]]) -> MarkazError:
    number, refused = next((i, one["error"]) for i, one in enumerate(items) if "error" in one)
    return MarkazError(f"circuit {number}: {refused['message']}", 422, refused["kind"])
