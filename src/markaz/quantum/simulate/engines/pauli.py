"""Markaz's own Pauli propagation: expectation values without a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.engines.dense import ALL_GATES
from markaz.quantum.simulate.pauli_rules import steps_of
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.states_pauli import packed, pull_back

MAX_TERMS: Final = 1 << 18
ROUNDING: Final = 1e-11  # dropped weight up to which a value is exact up to floating point

STEPS_PER_TERM: Final = 100  # a string lives through some hundred gates
MIN_TERMS: Final = 64


class PauliEngine(Engine):
    """Observables carried back through the circuit as sums of Pauli strings.

    Exact up to floating point: nothing is truncated but coefficients below 1e-15, which
    rounding leaves where exact ones cancel; if they ever add up to more than 1e-11, their
    weight is reported as the bound. Refuses where more than ``max_terms`` strings are
    needed at once. Only gates in the light cone of an observable cost anything.
    """

    key = "markaz:pauli"
    package = ""
    method = Method.PAULI
    licence = "Apache-2.0"
    established = True
    ops = ALL_GATES
    can_sample = False
    can_expect = True
    self_limiting = True

    def __init__(self, max_terms: int = MAX_TERMS) -> None:
        self.max_terms = max_terms

    def limited(self, steps: int) -> PauliEngine:
        """This engine with as many strings at once as ``steps`` allow for."""
        return PauliEngine(min(self.max_terms, max(steps // STEPS_PER_TERM, MIN_TERMS)))

    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Always refused: the method has no state to sample."""
        raise EngineRefusal(f"{self.key} computes expectation values only")

    def expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int = 1
    ) -> Expectation:
        """Expectation values of Pauli strings on the circuit's final state."""
        steps = steps_of(circuit, engine=self.key)
        n = circuit.num_qubits
        results = [pull_back({packed(pauli, n): 1.0}, n, steps, self.max_terms) for pauli in paulis]
        values = np.array([value for value, _ in results], np.float64)
        dropped = max((lost for _, lost in results), default=0.0)
        return Expectation(values, dropped if dropped > ROUNDING else 0.0)
