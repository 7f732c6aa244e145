"""Engines that read OpenQASM text themselves: prism-q, qevedo, panta, DDSIM.

Every adapter holds the most direct path that we know from text to samples. ``sample`` ends
where the engine has its own outcome in hand; turning that into Qiskit-ordered counts
(``counts``) is not timed, to the engine's advantage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from benchmarks import agree, qiskit_path
from benchmarks.warm import BELLS

# An observable: (coefficient, ((qubit, "X" | "Y" | "Z"), …)) for each Pauli string.
Terms = tuple[tuple[float, tuple[tuple[int, str], ...]], ...]


class Adapter(ABC):
    """One engine as the oracle runs it. ``convert`` and ``sample`` raise to refuse."""

    name = ""
    library = ""
    resident = False  # whether one process serves all runs (else each gets a fresh fork)
    limit = 10.0  # seconds, and bytes: set before each run, for engines with limits of their own
    memory = 11 << 30
    observable: Terms = ()
    kind = "counts"  # or "value": the outcome is an expectation value

    def load(self) -> None:  # noqa: B027 - some engines have nothing to load
        """Import the library and make what a user would keep between runs."""

    def warm(self) -> None:
        """Run four qubits once, so that what is loaded or compiled lazily is there."""
        for text in BELLS:
            self.sample(self.convert(text), 16, 1)

    @abstractmethod
    def convert(self, text: str) -> Any:
        """The engine's own circuit."""

    @abstractmethod
    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        """The engine's own outcome of ``shots`` shots."""

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        """Counts with bit 0 on the right, keys of ``width`` characters."""
        raise TypeError(f"the outcomes of {self.name} are of kind {self.kind!r}")

    def note(self, outcome: Any) -> dict[str, Any]:
        """What the engine says about its run: backend, fidelity."""
        return {}

    def finish(self, outcome: Any, shots: int, width: int) -> tuple[dict[str, Any], agree.Summary]:
        """Note and summary of an outcome; ValueError if shots are missing."""
        counts = self.counts(outcome, width)
        if sum(counts.values()) != shots:
            raise ValueError(f"{sum(counts.values())} shots returned")
        return self.note(outcome), agree.summary(counts)


class TextAdapter(Adapter):
    """Tries the engine's parser; where that refuses, the text with common gates only."""

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The engine's parser."""

    def convert(self, text: str) -> Any:
        """The engine's own circuit, by way of Qiskit if need be."""
        try:
            return self.parse(text)
        except Exception:
            return self.parse(qiskit_path.common_text(text))


class Prism(TextAdapter):
    """prism-q, its automatic choice."""

    name, library = "prism_auto", "prism"

    def load(self) -> None:
        import prism_q

        self.lib = prism_q

    def parse(self, text: str) -> Any:
        return self.lib.parse_qasm(text)

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        result = self.lib.simulate(circuit).seed(seed).sample_counts(shots)
        return result, result.counts()

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return {key[::-1]: n for key, n in outcome[1].items()}

    def note(self, outcome: Any) -> dict[str, Any]:
        meta = outcome[0].metadata
        fidelity = 1.0 if meta.fidelity_lower_bound is None else float(meta.fidelity_lower_bound)
        return {"backend": str(meta.backend), "truncated": fidelity < 0.99, "fidelity": fidelity}


class Qevedo(TextAdapter):
    """qevedo, its automatic choice."""

    name, library = "qevedo_auto", "qevedo"
    options: dict[str, Any] = {}  # noqa: RUF012 - read only

    def load(self) -> None:
        from qevedo import simulator

        self.lib = simulator

    def parse(self, text: str) -> Any:
        return self.lib.Circuit.from_qasm(text)

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        return self.lib.run(circuit, shots, seed=seed, threads=1, **self.options)

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return dict(outcome.counts)

    def note(self, outcome: Any) -> dict[str, Any]:
        fidelity = 1.0 if outcome.fidelity is None else float(outcome.fidelity)
        return {"backend": outcome.backend, "truncated": fidelity < 0.99, "fidelity": fidelity}


class QevedoMps(Qevedo):
    """qevedo's matrix product state with a bond of up to 1024."""

    name = "qevedo_mps"
    options = {  # noqa: RUF012 - read only
        "backend": "mps",
        "max_bond_dimension": 1024,
        "truncation_threshold": 1e-12,
    }


class Panta(TextAdapter):
    """panta, its automatic choice (bond of at most 64)."""

    name, library = "panta_auto", "panta"

    def load(self) -> None:
        import panta_sim

        self.lib = panta_sim

    def parse(self, text: str) -> Any:
        return self.lib.QuantumCircuit.from_qasm(text)

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        result = circuit.run(shots=shots, seed=seed, method="auto")
        return result, result.counts()

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return dict(outcome[1])

    def note(self, outcome: Any) -> dict[str, Any]:
        lost = getattr(outcome[0], "mps_truncation_error_sum", None) or 0.0
        backend = str(getattr(outcome[0], "backend", ""))
        return {"backend": backend, "truncated": lost > 0.01, "lost": float(lost)}


class Ddsim(TextAdapter):
    """DDSIM's decision diagrams."""

    name, library = "ddsim", "ddsim"

    def load(self) -> None:
        from mqt import ddsim
        from mqt.core.ir import QuantumComputation

        self.lib, self.read = ddsim, QuantumComputation.from_qasm_str

    def parse(self, text: str) -> Any:
        return self.read(text)

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        return self.lib.CircuitSimulator(circuit, seed=seed).simulate(shots)

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return dict(outcome)
