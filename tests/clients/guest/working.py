"""Jobs, sessions and the service: everything but results."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from common import bell, device, fitted, heavy, sampler, service
from qiskit_ibm_runtime import Batch, Session


def run_bell(tags: list[str], shots: int = 10) -> str:
    """A job with tags, when it has ended; its id."""
    job = sampler(environment={"job_tags": tags}).run([bell()], shots=shots)
    job.result()
    return str(job.job_id())


def about() -> dict[str, Any]:
    """What the service says of itself and of the device."""
    backend = device()
    return {
        "active": service().active_instance(),
        "instances": [one["crn"] for one in service().instances()],
        "names": [one["name"] for one in service().instances()],
        "backends": [one.name for one in service().backends()],
        "least_busy": service().least_busy().name,
        "qubits": backend.num_qubits,
        "simulator": backend.configuration().simulator,
        "operational": backend.status().operational,
        "pending": backend.status().pending_jobs,
        "operations": sorted(backend.target.operation_names),
        "usage": service().usage(),
    }


def job_facts(job_id: str) -> dict[str, Any]:
    """What a job says of itself, fetched anew."""
    job = service().job(job_id)
    metrics = job.metrics()
    return {
        "id": job.job_id(),
        "backend": job.backend().name,
        "program": job.primitive_id,
        "tags": sorted(job.tags),
        "status": job.status(),
        "usage": job.usage(),
        "metrics": metrics,
        "instance": job.instance,
        "logs": job.logs(),
        "shots": [pub.data.meas.num_shots for pub in job.result()],
        "age": (datetime.now().astimezone() - job.creation_date).total_seconds(),
        "pubs": len(job.inputs["pubs"]),
    }


def listing(**filters: Any) -> list[str]:
    """Ids of jobs, as listed."""
    for name in ("created_after", "created_before"):
        if name in filters:
            filters[name] = datetime.now() + timedelta(seconds=filters[name])
    return [job.job_id() for job in service().jobs(**filters)]


def retag(job_id: str, tags: list[str]) -> list[str]:
    """A job's tags after they were replaced."""
    job = service().job(job_id)
    job.update_tags(tags)
    return sorted(service().job(job_id).tags)


def counts_of(job_id: str) -> dict[str, int]:
    """The result of a job of earlier."""
    found: dict[str, int] = service().job(job_id).result()[0].data.meas.get_counts()
    return found


def start_heavy(**options: Any) -> str:
    """A job that would run for very long; its id."""
    return str(sampler(**options).run([heavy()], shots=10).job_id())


def cancel(job_id: str) -> str:
    """Cancel a job; its final status."""
    job = service().job(job_id)
    job.cancel()
    job.wait_for_final_state(timeout=20)
    return str(job.status())


def result_of(job_id: str) -> None:
    """Wait for a job's result, whatever becomes of it."""
    service().job(job_id).result(timeout=30)


def delete(job_id: str) -> None:
    """Delete a job, then look for it."""
    service().delete_job(job_id)
    service().job(job_id)


def private() -> dict[str, Any]:
    """A private job: read once, and what is there afterwards."""
    job = sampler(environment={"private": True}).run([bell()], shots=10)
    first = sum(job.result()[0].data.meas.get_counts().values())
    again = service().job(job.job_id())
    found: dict[str, Any] = {"id": job.job_id(), "first": first, "private": again.private}
    try:
        again.result()
    except Exception as error:
        found["again"] = type(error).__name__
    try:
        found["inputs"] = again.inputs
    except Exception as error:
        found["inputs"] = type(error).__name__
    return found


def grouped(kind: str, name: str | None = None) -> dict[str, Any]:
    """Two jobs in a session or a batch, on the device ``name``."""
    kinds = {"session": Session, "batch": Batch}
    circuit = fitted(bell(), name)
    with kinds[kind](backend=device(name)) as mode:
        jobs = [sampler(mode=mode).run([circuit], shots=20 + i) for i in range(2)]
        shots = [job.result()[0].data.meas.num_shots for job in jobs]
    details = mode.details() if mode.session_id else None
    listed = listing(session_id=mode.session_id) if mode.session_id else None
    return {
        "session": mode.session_id,
        "shots": shots,
        "details": details,
        "jobs": [job.job_id() for job in jobs],
        "listed": listed,
        "status": mode.status() if mode.session_id else None,
    }


def backend_named(device_name: str) -> str:
    """A backend by name."""
    return str(service().backend(device_name).name)
