"""The runtime client's programs: from the body of a request to the text of a result.

``opened`` runs where strangers' programs are opened, in a guarded child; ``run`` where jobs
run. Between them a bundle travels as bytes (``bundle.encode``).
"""

from __future__ import annotations

import math
from typing import Any, Final

from markaz.quantum.points import Options, Points
from markaz.quantum.programs.gates import LAST_GATE
from markaz.quantum.runtime import samplexes
from markaz.quantum.runtime.bundle import Bundle, Pub
from markaz.quantum.runtime.executor import open_executor
from markaz.quantum.runtime.opening import open_pubs
from markaz.quantum.runtime.running import Answer, run
from markaz.quantum.simulate.result import Plan

__all__ = ["Answer", "described", "opened", "predicted", "prepare", "run"]

PLANNED_GATES: Final = 20_000  # of circuits that are planned; the others are taken as alike


def prepare() -> None:
    """Import what opening takes; a confined child can open no module any more."""
    from markaz.quantum.programs import readers  # noqa: PLC0415 - loads Qiskit

    for fmt in ("openqasm", "qpy"):
        readers.prepare(fmt)
    samplexes.prepare()


def opened(
    kind: str, data: bytes, *, seed: int | None, max_shots: int, device_kind: str = "simulator"
) -> Bundle:
    """The bundle in ``data``, the JSON of a request's ``params``; see ``open_pubs``."""
    if kind == "executor":
        return open_executor(data, seed=seed, max_shots=max_shots)
    return open_pubs(kind, data, seed=seed, max_shots=max_shots, device_kind=device_kind)


def described(bundle: Bundle) -> dict[str, Any]:
    """Plain facts of a bundle."""
    circuits = [p.circuit for p in bundle.programs]
    return {
        "format": bundle.kind,
        "pubs": len(bundle.pubs),
        "circuits": len(circuits),
        "points": sum(len(pub.values) for pub in bundle.pubs),
        "shots": bundle.shots,
        "most_shots": max((_shots(pub) for pub in bundle.pubs), default=0),
        "gates": sum(int((c.op <= LAST_GATE).sum()) for c in circuits),
        "dynamic": any(c.is_dynamic for c in circuits),
        "options": bundle.notes,
    }


def _shots(pub: Pub) -> int:
    """Shots of one circuit; of an estimator those that give its precision."""
    return pub.shots or (math.ceil(pub.precision**-2 * (1 - 1e-9)) if pub.precision else 0)


def predicted(bundle: Bundle, memory: int) -> dict[str, Any]:
    """The prediction for a bundle, of all pubs together: seconds and bytes, and engine and
    reason of the costliest pub. Raises ProgramError where no engine can run one."""
    options = Options(memory_limit=memory)
    known: dict[Any, Plan] = {}
    left = PLANNED_GATES
    seconds, gates, other = 0.0, 0, 0  # of pubs that are planned; gates of those that are not
    for pub in bundle.pubs:
        circuit = bundle.programs[pub.program].circuit
        key = pub.program, len(pub.values), pub.shots, pub.observables
        work = (len(circuit) + 1) * len(pub.values)
        if key not in known and left <= 0:
            other += work
            continue
        if key not in known:
            points = Points(circuit, pub.values, options, repeatable=True)
            each = -(-math.prod(pub.result_shape) // max(points.count, 1))  # at every point
            known[key] = points.predicted(pub.shots, pub.observables[:each])
            left -= len(circuit) + 1
        seconds, gates = seconds + known[key].predicted_seconds, gates + work
    costliest = max(known.values(), key=lambda plan: plan.predicted_seconds)
    return {
        "seconds": seconds * (1 + other / max(gates, 1)),
        "bytes": max(plan.predicted_bytes for plan in known.values()),
        "engine": costliest.engine,
        "why": costliest.why,
    }
