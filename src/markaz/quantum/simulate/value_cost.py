"""Predicted time of expectation values.

Engines are quicker or slower at values than at samples, so ``cost_values.toml``, fitted by
``python -m benchmarks.fit_values``, has seconds per step of its own.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markaz.quantum.simulate import cost_model
from markaz.quantum.simulate.cost_model import CERTAIN, HUGE, power
from markaz.quantum.simulate.engines.base import Engine, Method
from markaz.quantum.simulate.facts import Facts


def value_terms(facts: Facts, method: Method, paulis: int) -> dict[str, float]:
    """Steps for the values of ``paulis`` strings: the state as for sampling (see
    ``cost_model.terms``), then ``draw``: a pass over it for each string (over the tensors of
    a matrix product state), and ``strings``."""
    steps = cost_model.terms(facts, method, 0)
    del steps["bits"]
    steps["strings"] = float(paulis)
    if method is Method.PAULI:
        steps["work"] = min(steps["work"] * paulis, HUGE)
        steps["draw"] = float(facts.gates * paulis)
        return steps
    passes = facts.qubits * power(3 * facts.bond) if method is Method.MPS else power(facts.qubits)
    steps["draw"] = min(paulis * passes, HUGE)
    return steps


@dataclass(frozen=True, slots=True)
class Line:
    """One engine's line: the factor that 9 in 10 fitted runs stayed within, and seconds per
    step of each term."""

    spread: float
    seconds: dict[str, float]

    def predict(self, steps: dict[str, float]) -> float:
        """Seconds for these steps, without loading."""
        return sum(seconds * steps[name] for name, seconds in self.seconds.items())


@cache
def table() -> dict[str, Line]:
    """The shipped table by engine key."""
    text = files(__package__).joinpath("cost_values.toml").read_text("utf-8")
    rows = tomllib.loads(text)["engines"]
    return {
        key: Line(row["spread"], {k: float(v) for k, v in row["seconds"].items()})
        for key, row in rows.items()
    }


def predicted_seconds(engine: Engine, facts: Facts, paulis: int, *, bounded: bool) -> float:
    """Predicted seconds for ``paulis`` strings, without loading the library; with the
    table's spread added on where the run could take much longer (not ``bounded``)."""
    row = table().get(engine.key)
    if row is None:
        steps = cost_model.value_terms(facts, engine.method, paulis)
        return cost_model.predicted_seconds(engine, steps)
    seconds = row.predict(value_terms(facts, engine.method, paulis))
    return seconds if bounded or engine.method in CERTAIN else seconds * row.spread
