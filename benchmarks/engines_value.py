"""Expectation values on each engine, from OpenQASM text without measurements."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks import agree, qiskit_path
from benchmarks.engines_direct import Adapter, Panta, Prism
from benchmarks.engines_qiskit import AerMps, AerStatevector, Qsim, Qulacs, terminal
from benchmarks.warm import PLAIN

DENSE = 26  # qubits up to which a state vector is tried


def labels(observable: Any, n: int) -> list[tuple[str, float]]:
    """Dense labels, highest qubit on the left, and coefficients."""
    found = []
    for coefficient, factors in observable:
        letters = ["I"] * n
        for qubit, letter in factors:
            letters[n - 1 - qubit] = letter
        found.append(("".join(letters), coefficient))
    return found


class Value:
    """Makes an adapter's outcome a number; mixed in before the engine's adapter."""

    kind = "value"
    observable: Any = ()

    def warm(self) -> None:
        """Four qubits, Z on each."""
        self.observable = tuple((1.0, ((q, "Z"),)) for q in range(4))
        self.sample(self.convert(PLAIN), 0, 1)  # type: ignore[attr-defined]

    def finish(self, outcome: Any, shots: int, width: int) -> tuple[dict[str, Any], agree.Summary]:
        """The value, as the summary."""
        return {}, {"value": {"value": float(outcome)}}


class AerValue(Value, AerStatevector):
    """Aer's state vector with a saved expectation value."""

    name = "aer_sv_value"

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        from qiskit.quantum_info import SparsePauliOp

        n = circuit.num_qubits
        operator = SparsePauliOp.from_list(labels(self.observable, n))
        circuit.save_expectation_value(operator, range(n))
        result = self.engine.run(circuit).result()
        if not result.success:
            raise RuntimeError(str(result.status))
        return result.data()["expectation_value"]


class AerMpsValue(AerValue):
    """The same on Aer's matrix product state."""

    name, method = "aer_mps_value", AerMps.method
    options: ClassVar[dict[str, Any]] = AerMps.options


class PrismValue(Value, Prism):
    """prism-q, its automatic choice."""

    name = "prism_value"

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        terms = [(c, list(f)) for c, f in self.observable]
        return self.prepared(circuit).observable_expectation(terms).mean

    def prepared(self, circuit: Any) -> Any:
        """The simulation with its method chosen."""
        return self.lib.simulate(circuit)


class PrismPauli(PrismValue):
    """prism-q's exact Pauli propagation."""

    name = "prism_pauli_value"

    def prepared(self, circuit: Any) -> Any:
        return self.lib.simulate(circuit).backend(self.lib.BackendKind.deterministic_pauli())


class PantaValue(Value, Panta):
    """panta: state vector where it fits, else matrix product state."""

    name = "panta_value"

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        n = circuit.num_qubits
        method = "statevector" if n <= DENSE else "mps"
        return circuit.expectation(labels(self.observable, n), method=method, max_bond_dim=256)


class PantaPauli(Value, Panta):
    """panta's Pauli propagation."""

    name = "panta_pauli_value"

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        n = circuit.num_qubits
        return circuit.pauli_propagation_expectation(labels(self.observable, n)).real


class QsimValue(Value, Qsim):
    """qsim."""

    name = "qsim_value"

    def convert(self, text: str) -> Any:
        circuit = qiskit_path.parse(text)
        if circuit.num_qubits > DENSE:
            raise MemoryError("too many qubits for a state vector")
        line = self.cirq.LineQubit.range(circuit.num_qubits)
        gates, _ = terminal(circuit, self.NAMES)
        return self.cirq.Circuit(self.ops(gates, line)), line

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        made, line = circuit
        paulis = {"X": self.cirq.X, "Y": self.cirq.Y, "Z": self.cirq.Z}
        total = self.cirq.PauliSum()
        for coefficient, factors in self.observable:
            total += coefficient * self.cirq.PauliString(
                {line[q]: paulis[letter] for q, letter in factors}
            )
        simulator = self.make(seed)
        return simulator.simulate_expectation_values(made, [total], qubit_order=line)[0].real


class QulacsValue(Value, Qulacs):
    """Qulacs."""

    name = "qulacs_value"

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        made, n, _ = circuit
        if n > DENSE:
            raise MemoryError("too many qubits for a state vector")
        state = self.lib.QuantumState(n)
        made.update_quantum_state(state)
        operator = self.lib.Observable(n)
        for coefficient, factors in self.observable:
            operator.add_operator(coefficient, " ".join(f"{p} {q}" for q, p in factors))
        return operator.get_expectation_value(state)


class MarkazValue(Value, Adapter):
    """``markaz.quantum.run`` with an observable."""

    name, library = "markaz_value", "markaz"
    resident = True

    def load(self) -> None:
        from markaz.quantum import run, warm

        self.run, self.preload = run, warm

    def warm(self) -> None:
        """Engines loaded, and one observable on four qubits."""
        from markaz.quantum.simulate.engines.registry import engines

        self.preload(list(engines()))
        self.run(PLAIN, observables=["Z0 + X1"], threads=1)

    def convert(self, text: str) -> Any:
        return text

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        text = " + ".join(
            f"{c!r}*{' '.join(f'{p}{q}' for q, p in factors)}" for c, factors in self.observable
        )
        result = self.run(
            circuit, observables=[text.replace("+ -", "- ")], threads=1, time_limit=self.limit
        )
        self.said = f"{result.plan.engine} {'; '.join(result.plan.simplifications)}"
        return (result.values or [float("nan")])[0]

    def finish(self, outcome: Any, shots: int, width: int) -> tuple[dict[str, Any], agree.Summary]:
        return {"plan": self.said}, {"value": {"value": float(outcome)}}


VALUES: tuple[Adapter, ...] = (
    AerValue(),
    AerMpsValue(),
    PrismValue(),
    PrismPauli(),
    PantaValue(),
    PantaPauli(),
    QsimValue(),
    QulacsValue(),
    MarkazValue(),
)
