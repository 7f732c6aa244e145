"""Strings that stay few on their way back through a circuit need no state and no plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.cones import Cone, cones
from markaz.quantum.simulate.cost_model import power
from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.engines.pauli import ROUNDING, PauliEngine
from markaz.quantum.simulate.kernels_pauli import SHARES, run_strings
from markaz.quantum.simulate.pauli_rules import steps_of
from markaz.quantum.simulate.pipeline import Job
from markaz.quantum.simulate.result import Candidate, PartPlan
from markaz.quantum.simulate.states_pauli import Allowance, carry_back

ENGINE: Final = PauliEngine.key
FROM_SECONDS: Final = 2e-3  # what the strings would cost otherwise, below which no try is made
PLAN_SECONDS: Final = 4e-4  # a light cone's own simplification and plan
AMPLITUDE_SECONDS: Final = 3e-10  # one amplitude under one gate
STEP_SECONDS, SLOW_STEP_SECONDS = 1.2e-8, 2e-6  # one string under one gate: compiled or not
WASTE_SHARE, WASTE_SECONDS = 0.2, 5e-4
TOTAL_SECONDS: Final = 0.5
CONE_WORK: Final = 4_000_000  # gates times words of strings, up to which cones are looked for


@dataclass(frozen=True, slots=True)
class Carried:
    """Values of the strings that were carried back; ``bound`` is 0.0 if they are exact up
    to floating point."""

    circuit: Circuit | None = None
    values: dict[Pauli, float] = field(default_factory=dict)
    bound: float = 0.0
    allowance: Allowance = field(default_factory=lambda: Allowance(0, 0))
    steps: int = 0

    @property
    def engine(self) -> str:
        """The engine that was tried; empty where none was."""
        return ENGINE if self.steps else ""

    def parts(self) -> list[PartPlan]:
        """The line of the plan; none where no string was finished."""
        if not self.values or self.circuit is None:
            return []
        allowed = self.allowance
        facts = {"strings": len(self.values), "waste": allowed.waste, "total": allowed.total}
        row = Candidate(ENGINE, self.steps * STEP_SECONDS, 0)
        circuit = self.circuit
        return [PartPlan(circuit.num_qubits, len(circuit), facts, [row], ENGINE)]

    def in_words(self) -> list[str]:
        """For people, what was done."""
        if not self.values:
            return []
        strings = "1 Pauli string" if len(self.values) == 1 else f"{len(self.values)} Pauli strings"
        return [f"{strings} carried back through the circuit"]


def cones_within_reason(circuit: Circuit, paulis: Sequence[Pauli]) -> list[Cone]:
    """The light cones; one of everything where finding them would take long."""
    if len(circuit) * (1 + len(paulis) // 64) <= CONE_WORK and len(paulis) > 0:
        return cones(circuit, paulis)
    return [Cone(tuple(range(len(paulis))), (1 << circuit.num_qubits) - 1)]


def carry(job: Job, circuit: Circuit, paulis: Sequence[Pauli], groups: Sequence[Cone]) -> Carried:
    """Carry back what stays few; never more than a share of what else it would cost."""
    if job.replay is not None:
        allowance = replayed(job.replay)
    else:
        allowance = _allowance(circuit, paulis, otherwise(circuit, groups))
    if allowance is None or not paulis or ENGINE not in job.engines():
        return Carried()
    try:
        steps = steps_of(circuit, engine=ENGINE)
    except EngineRefusal:
        return Carried()
    values, lost, taken = carry_back(paulis, circuit.num_qubits, steps, allowance)
    found = {p: v for p, v in zip(paulis, values.tolist(), strict=True) if not np.isnan(v)}
    return Carried(circuit, found, lost if lost > ROUNDING else 0.0, allowance, taken)


def otherwise(circuit: Circuit, groups: Sequence[Cone]) -> float:
    """Seconds that state vectors would take, all strings on one or each group on its own."""
    n, gates = circuit.num_qubits, len(circuit)
    joint = PLAN_SECONDS + gates * power(n) * AMPLITUDE_SECONDS
    apart = sum(
        PLAN_SECONDS + gates * (g.width / n) * power(g.width) * AMPLITUDE_SECONDS for g in groups
    )
    return min(joint, apart)


def _allowance(circuit: Circuit, paulis: Sequence[Pauli], seconds: float) -> Allowance | None:
    if seconds < FROM_SECONDS:
        return None
    # The compiled loop may not be loaded yet, and loading it costs more than most circuits.
    least = 2 * SHARES * len(circuit)
    compiled = run_strings.worth_it(least * len(paulis))
    step = STEP_SECONDS if compiled else SLOW_STEP_SECONDS
    waste = min(WASTE_SHARE * seconds, WASTE_SECONDS) / step
    total = min(seconds, TOTAL_SECONDS) / step
    return Allowance(int(waste) + least, int(total) + least)


def replayed(document: Mapping[str, Any]) -> Allowance | None:
    """The allowance of an earlier run, from the JSON of its result; None if it had none."""
    parts = document.get("plan", {}).get("parts") or [{}]
    facts = parts[0].get("facts", {})
    if "waste" not in facts:
        return None
    return Allowance(int(facts["waste"]), int(facts["total"]))
