"""Jobs at a centre as one job of Qiskit's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from qiskit import QuantumCircuit
from qiskit.providers import JobStatus, JobTimeoutError, JobV1
from qiskit.result import Result

from markaz_client.connection import Connection, MarkazError

if TYPE_CHECKING:
    from markaz_client.backend import MarkazBackend

HELD: Final = 30  # seconds that one waiting request is held
FINAL: Final = frozenset({"completed", "failed", "cancelled"})
_STATUS: Final = {
    "completed": JobStatus.DONE,
    "failed": JobStatus.ERROR,
    "cancelled": JobStatus.CANCELLED,
    "running": JobStatus.RUNNING,
}
# The first of these that one of the circuits is in is the status of the whole.
_ORDER: Final = (JobStatus.ERROR, JobStatus.CANCELLED, JobStatus.RUNNING, JobStatus.QUEUED)


class MarkazJob(JobV1):  # type: ignore[misc]
    """The circuits of one ``run``; each is a job of its own at the centre.

    ``job_id()`` gives their identifiers, separated by commas; ``Markaz.job`` takes it.
    """

    def __init__(
        self,
        backend: MarkazBackend,
        connection: Connection,
        ids: Sequence[str],
        circuits: Sequence[QuantumCircuit] = (),
    ) -> None:
        super().__init__(backend, ",".join(ids))
        self._connection = connection
        self._ids = list(ids)
        self._circuits = list(circuits)
        self._ended: dict[str, dict[str, Any]] = {}

    def submit(self) -> None:
        """Nothing is left to do: ``run`` has submitted the circuits."""

    def documents(self) -> list[dict[str, Any]]:
        """For each circuit what the centre knows now: state, charge, provenance and so on."""
        return [self._look(job, 0) for job in self._ids]

    def status(self) -> JobStatus:
        """The status of the whole: done when all circuits are. Raises MarkazError."""
        found = {_STATUS.get(one["state"], JobStatus.QUEUED) for one in self.documents()}
        if JobStatus.QUEUED in found and JobStatus.DONE in found:
            found.add(JobStatus.RUNNING)
        return next((status for status in _ORDER if status in found), JobStatus.DONE)

    def cancel(self) -> bool:
        """Cancel what has not ended; whether anything was left to cancel."""
        asked = [self._cancel(job) for job in self._ids]
        return any(asked)

    def result(self, timeout: float | None = None) -> Result:
        """Wait for all circuits. Raises MarkazError if one failed or was cancelled.

        Raises JobTimeoutError after ``timeout`` seconds; the job goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        return self._result([self._wait(job, until) for job in self._ids])

    def _wait(self, job: str, until: float | None) -> dict[str, Any]:
        while True:
            left = HELD if until is None else min(HELD, until - time.monotonic())
            found = self._look(job, max(0, int(left)))
            if found["state"] in FINAL:
                return found
            if until is not None and time.monotonic() >= until:
                raise JobTimeoutError(f"job {job} is still {found['state']}")
            if left < 1:  # a request is held for whole seconds
                time.sleep(0.1)

    def _look(self, job: str, seconds: int) -> dict[str, Any]:
        if job in self._ended:
            return self._ended[job]
        found = self._connection.get(f"/jobs/{job}", **({"wait": seconds} if seconds else {}))
        if found["state"] in FINAL:
            self._ended[job] = found
        return found

    def _cancel(self, job: str) -> bool:
        try:
            self._connection.post(f"/jobs/{job}/cancel")
        except MarkazError as error:
            if error.kind != "conflict":
                raise
            return False  # it had ended
        return True

    def _result(self, documents: list[dict[str, Any]]) -> Result:
        for one in documents:
            if one["state"] != "completed":
                why = (one["error"] or {}).get("message") or one["note"] or one["state"]
                kind = (one["error"] or {}).get("kind", one["state"])
                raise MarkazError(f"job {one['job']} {one['state']}: {why}", 0, kind)
            if "counts" not in one:
                raise MarkazError(f"job {one['job']} has no counts any more", 404, "not-found")
        return Result.from_dict(
            {
                "backend_name": self.backend().name,
                "backend_version": self.backend().backend_version,
                "job_id": self.job_id(),
                "qobj_id": self.job_id(),
                "success": True,
                "results": [self._experiment(i, one) for i, one in enumerate(documents)],
            }
        )

    def _experiment(self, number: int, document: dict[str, Any]) -> dict[str, Any]:
        circuit = self._circuits[number] if self._circuits else None
        counts = {hex(int(bits, 2)): n for bits, n in document["counts"].items()}
        data: dict[str, Any] = {"counts": counts}
        if document.get("memory") is not None:
            data["memory"] = [hex(int(bits, 2)) for bits in document["memory"]]
        return {
            "success": True,
            "status": "DONE",
            "shots": document["shots"],
            "seed": document["provenance"]["seed"],
            "data": data,
            "header": {
                "name": circuit.name if circuit else document["name"],
                "metadata": (circuit.metadata or {}) if circuit else {},
                "n_qubits": document["qubits"],
                "creg_sizes": document["registers"],
                "memory_slots": sum(size for _, size in document["registers"]),
            },
            "provenance": document["provenance"],
        }
