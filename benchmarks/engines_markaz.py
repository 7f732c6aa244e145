"""Markaz itself, as the figures run it: from text to counts in one call."""

from __future__ import annotations

import contextlib
from typing import Any

from benchmarks.engines_direct import Adapter
from benchmarks.warm import BELLS


def ghz(n: int) -> Any:
    """Flat circuit of a GHZ state, without measurements."""
    from markaz.quantum.programs.circuit import Builder
    from markaz.quantum.programs.gates import Op

    builder = Builder(num_qubits=n)
    builder.gate(Op.H, [0])
    for q in range(n - 1):
        builder.gate(Op.CX, [q, q + 1])
    return builder.build()


class Markaz(Adapter):
    """``markaz.quantum.run``; conversion is part of the call."""

    name, library = "markaz", "markaz"
    resident = True  # it keeps an engine child of its own between runs

    def load(self) -> None:
        """Import Markaz; libraries are loaded by ``warm``, in the process that runs."""
        from markaz.quantum import run, warm

        self.run, self.preload = run, warm

    def warm(self) -> None:
        """A four-qubit run on each engine and through the whole path."""
        from markaz.quantum.simulate.engines.registry import engines

        found = engines()
        self.preload(list(found))
        circuit = ghz(4)
        for engine in found.values():
            with contextlib.suppress(Exception):  # an engine that refuses is not to be warmed
                engine.sample(circuit, range(4), 16, 1)
        for text in BELLS:
            self.run(text, shots=16, seed=1, threads=1)

    def convert(self, text: str) -> Any:
        return text

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        return self.run(
            circuit,
            shots=shots,
            seed=seed,
            threads=1,
            time_limit=self.limit,
            memory_limit=self.memory,
        )

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return {key.replace(" ", ""): n for key, n in outcome.counts.items()}

    def note(self, outcome: Any) -> dict[str, Any]:
        plan = outcome.plan
        text = f"{plan.engine} {'; '.join(plan.simplifications)}"
        if plan.attempts:
            text += f" AFTER {'; '.join(plan.attempts)}"
        facts = {k: v for k, v in plan.facts.items() if k != "diagonal"}
        seconds = {k: round(v, 5) for k, v in outcome.seconds.items()}
        predicted = float(plan.predicted_seconds)
        return {"plan": text, "facts": facts, "seconds": seconds, "predicted": predicted}
