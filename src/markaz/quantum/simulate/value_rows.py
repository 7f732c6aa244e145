"""Candidates for the expectation values on one component."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from markaz.quantum.simulate.cost_model import load_seconds, predicted_bytes
from markaz.quantum.simulate.engines.base import Engine, Method
from markaz.quantum.simulate.facts import Facts
from markaz.quantum.simulate.pipeline import Job
from markaz.quantum.simulate.plan import BOUNDED_BOND, INSTANT
from markaz.quantum.simulate.result import Candidate
from markaz.quantum.simulate.value_cost import predicted_seconds, table, value_terms

SOON_QUBITS: Final = 12
SOON_SECONDS: Final = 1e-3


def value_rows(
    job: Job, facts: Facts, index: int, paulis: int, given_up: str = ""
) -> list[Candidate]:
    """Engines for the values of ``paulis`` strings on component ``index``, best first.

    Of the engines that hold a matrix product state, which fail together where entanglement
    is too high, two are tried at most: a library of long standing and the best of the others.
    The engine ``given_up`` has been tried already and is left out where another one is
    certain to finish or does the same.
    """
    engines = job.engines()
    if job.replay is None and facts.qubits <= SOON_QUBITS:
        soon = _vectors(engines, facts, paulis)
        if soon and soon[0].predicted_seconds <= SOON_SECONDS:
            return soon
    rows = job.rows(facts, index, paulis=paulis)
    if job.replay is not None or (len(rows) == 1 and rows[0].engine == INSTANT):
        return rows
    rows = [_with_value_cost(row, engines[row.engine], facts, paulis) for row in rows]
    if any(_is_other_way(r, engines, given_up) for r in rows):
        rows = [_given_up(r) if r.engine == given_up else r for r in rows]
    rows.sort(key=_by_cost)
    mps = [r for r in rows if r.refused is None and engines[r.engine].method is Method.MPS]
    kept = {engines[r.engine].established: r.engine for r in reversed(mps)}
    beside = {r.engine for r in mps} - set(kept.values())
    return sorted((_dropped(r) if r.engine in beside else r for r in rows), key=_by_cost)


def _vectors(engines: dict[str, Engine], facts: Facts, paulis: int) -> list[Candidate]:
    """The state vectors alone, for components so small that a comparison costs more."""
    steps = value_terms(facts, Method.STATEVECTOR, paulis)
    needed = predicted_bytes(facts, Method.STATEVECTOR)
    rows = [
        Candidate(key, table()[key].predict(steps) + load_seconds(engine), needed)
        for key, engine in engines.items()
        if engine.method is Method.STATEVECTOR and key in table()
    ]
    return sorted(rows, key=_by_cost)


def _by_cost(row: Candidate) -> tuple[bool, float]:
    return row.refused is not None, row.predicted_seconds


def _with_value_cost(row: Candidate, engine: Engine, facts: Facts, paulis: int) -> Candidate:
    if row.refused is not None:
        return row
    bounded = engine.method is Method.MPS and facts.bond <= BOUNDED_BOND
    seconds = predicted_seconds(engine, facts, paulis, bounded=bounded) + load_seconds(engine)
    return replace(row, predicted_seconds=seconds)


def _is_other_way(row: Candidate, engines: dict[str, Engine], given_up: str) -> bool:
    open_to = row.refused is None and row.engine != given_up
    return open_to and (row.certain or engines[row.engine].method is Method.PAULI)


def _given_up(row: Candidate) -> Candidate:
    return row if row.refused else replace(row, refused="the strings soon became too many")


def _dropped(row: Candidate) -> Candidate:
    return replace(row, refused="another matrix product state is predicted to be faster")
