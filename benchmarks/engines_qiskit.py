"""Engines that are fed over Qiskit: Aer, Stim, qsim, Qulacs."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any, ClassVar

import numpy as np

from benchmarks import qiskit_path
from benchmarks.engines_direct import Adapter
from benchmarks.warm import CLIFFORD

_LARGEST = {"qsim": 30, "qulacs": 29}  # qubits whose amplitudes fit into 11 GiB


class Aer(Adapter):
    """Aer with its ``automatic`` method."""

    name, library, method = "aer_auto", "aer", "automatic"
    options: ClassVar[dict[str, Any]] = {}

    def load(self) -> None:
        from qiskit_aer import AerSimulator

        self.engine = AerSimulator(method=self.method, max_parallel_threads=1, **self.options)
        self.names = frozenset(self.engine.configuration().basis_gates) | {"if_else"}

    def convert(self, text: str) -> Any:
        from qiskit import QuantumCircuit, transpile

        circuit = qiskit_path.parse(text)
        used = {item.operation.name for item in circuit.data} - {"measure", "reset", "barrier"}
        if used <= self.names:
            return circuit
        if "if_else" in used:
            return transpile(circuit, self.engine, optimization_level=0)
        flat = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
        for operation, where, bit in qiskit_path.operations(circuit, self.names):
            flat.append(operation, where, [bit] if operation.name == "measure" else [])
        return flat

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        result = self.engine.run(circuit, shots=shots, seed_simulator=seed).result()
        if not result.success:
            raise RuntimeError(str(result.status))
        return result, result.get_counts()

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        return {key.replace(" ", ""): n for key, n in outcome[1].items()}

    def note(self, outcome: Any) -> dict[str, Any]:
        return {"backend": outcome[0].results[0].metadata.get("method", "")}


class AerStatevector(Aer):
    """Aer's state vector."""

    name, method = "aer_sv", "statevector"


class AerMps(Aer):
    """Aer's matrix product state, without a bond limit."""

    name, method = "aer_mps", "matrix_product_state"
    options: ClassVar[dict[str, Any]] = {
        "matrix_product_state_truncation_threshold": 1e-12,
        "max_memory_mb": -1,  # its estimate of bonds refuses what it can do
    }


class AerStabilizer(Aer):
    """Aer's stabilizer tableau."""

    name, method = "aer_stab", "stabilizer"

    def warm(self) -> None:
        """A Clifford run only."""
        self.sample(self.convert(CLIFFORD), 16, 1)


class Stim(Adapter):
    """Stim; refuses whatever is not Clifford."""

    name, library = "stim", "stim"
    NAMES: ClassVar[dict[str, str]] = {
        **{"id": "I", "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "S_DAG"},
        **{"sx": "SQRT_X", "sxdg": "SQRT_X_DAG", "cx": "CX", "cy": "CY", "cz": "CZ"},
        **{"swap": "SWAP", "iswap": "ISWAP", "reset": "R"},
    }
    TURNS: ClassVar[dict[str, tuple[str, str, str, str]]] = {
        "z": ("I", "S", "Z", "S_DAG"),
        "x": ("I", "SQRT_X", "X", "SQRT_X_DAG"),
        "y": ("I", "SQRT_Y", "Y", "SQRT_Y_DAG"),
    }

    def load(self) -> None:
        import stim

        self.lib = stim

    def warm(self) -> None:
        """A Clifford run only."""
        self.sample(self.convert(CLIFFORD), 16, 1)

    def _turn(self, axis: str, angle: float, where: int) -> list[str]:
        quarters = angle / (pi / 2)
        if abs(quarters - round(quarters)) > 1e-9:
            raise ValueError("not Clifford")
        return [f"{self.TURNS[axis][round(quarters) % 4]} {where}"]

    def _gate(self, name: str, params: list[float], where: list[int]) -> list[str]:
        if name in self.NAMES:
            return [f"{self.NAMES[name]} {' '.join(map(str, where))}"]
        turn = {"rx": "x", "ry": "y", "rz": "z", "p": "z", "u1": "z"}.get(name)
        if turn:
            return self._turn(turn, float(params[0]), where[0])
        if name in ("u", "u2", "u3"):
            theta, phi, lam = [pi / 2, *params] if name == "u2" else params
            q = where[0]
            return [
                *self._turn("z", float(lam), q),
                *self._turn("y", float(theta), q),
                *self._turn("z", float(phi), q),
            ]
        raise ValueError(f"not Clifford: {name}")

    def _if(self, circuit: Any, item: Any, written: dict[int, int], count: int) -> list[str]:
        bit, value = item.operation.condition
        then = item.operation.blocks[0]
        index = circuit.find_bit(bit).index if bit in circuit.clbits else -1
        if index < 0 or not value or len(item.operation.blocks) > 1:
            raise ValueError("condition that Stim cannot express")
        lines = []
        for inner in then.data:
            if inner.operation.name not in ("x", "y", "z"):
                raise ValueError("only Pauli gates may be conditional")
            where = circuit.find_bit(item.qubits[then.find_bit(inner.qubits[0]).index]).index
            back = written[index] - count
            lines.append(f"C{inner.operation.name.upper()} rec[{back}] {where}")
        return lines

    def convert(self, text: str) -> Any:
        circuit = qiskit_path.parse(text)
        names = {*self.NAMES, "rx", "ry", "rz", "p", "u", "u1", "u2", "u3"}
        lines: list[str] = []
        order: list[int] = []
        written: dict[int, int] = {}
        for item in circuit.data:
            if item.operation.name == "if_else":
                lines += self._if(circuit, item, written, len(order))
                continue
            where = [circuit.find_bit(q).index for q in item.qubits]
            bit = circuit.find_bit(item.clbits[0]).index if item.clbits else -1
            for operation, qubits, into in qiskit_path.inline(item.operation, where, bit, names):
                if operation.name == "measure":
                    lines.append(f"M {qubits[0]}")
                    written[into] = len(order)
                    order.append(into)
                else:
                    lines += self._gate(operation.name, operation.params, qubits)
        return self.lib.Circuit("\n".join(lines)), order

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        return circuit[0].compile_sampler(seed=seed).sample(shots), circuit[1]

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        bits = np.zeros((len(outcome[0]), width), np.uint8)
        for column, bit in enumerate(outcome[1]):
            bits[:, bit] = outcome[0][:, column]
        return rows_to_counts(bits)


def rows_to_counts(bits: np.ndarray) -> dict[str, int]:
    """Counts of rows of bits, column 0 on the right of each key."""
    rows = np.ascontiguousarray(bits[:, ::-1] + np.uint8(48))
    keys, n = np.unique(rows.view(f"S{rows.shape[1]}").ravel(), return_counts=True)
    return {k.decode(): int(c) for k, c in zip(keys, n, strict=True)}


def terminal(circuit: Any, names: frozenset[str]) -> tuple[list[qiskit_path.Flat], dict[int, int]]:
    """Gates of a static circuit and the qubit of each classical bit."""
    gates, into = [], {}
    done: set[int] = set()
    for flat in qiskit_path.flatten(circuit, names):
        if flat[0] == "measure":
            into[flat[3]] = flat[2][0]
            done.add(flat[2][0])
        elif flat[0] == "reset" or not done.isdisjoint(flat[2]):
            raise ValueError("dynamic circuit")
        else:
            gates.append(flat)
    return gates, into


def _u3(theta: float, phi: float, lam: float) -> np.ndarray:
    c, s = cos(theta / 2), sin(theta / 2)
    left, right = np.exp(1j * lam), np.exp(1j * phi)
    return np.array([[c, -left * s], [right * s, left * right * c]])


class Qsim(Adapter):
    """qsim through Cirq, on one thread."""

    name, library = "qsim", "qsim"
    NAMES = frozenset(
        "id x y z h s sdg t tdg sx sxdg rx ry rz p u1 u2 u3 u cx cz swap iswap ccx ccz cswap "  # noqa: SIM905
        "cp cu1 rzz".split()
    )

    def load(self) -> None:
        import cirq
        import qsimcirq

        self.cirq: Any = cirq
        options = qsimcirq.QSimOptions(cpu_threads=1)
        self.make: Any = lambda seed: qsimcirq.QSimSimulator(options, seed=seed)
        self.fixed = {
            **{"id": cirq.I, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H},
            **{"s": cirq.S, "sdg": cirq.S**-1, "t": cirq.T, "tdg": cirq.T**-1},
            **{"sx": cirq.X**0.5, "sxdg": cirq.X**-0.5, "cx": cirq.CX, "cz": cirq.CZ},
            **{"swap": cirq.SWAP, "iswap": cirq.ISWAP, "ccx": cirq.CCX, "ccz": cirq.CCZ},
            "cswap": cirq.CSWAP,
        }
        self.turned = {
            "rx": cirq.rx,
            "ry": cirq.ry,
            "rz": cirq.rz,
            "p": lambda a: cirq.ZPowGate(exponent=a / pi),
            "u1": lambda a: cirq.ZPowGate(exponent=a / pi),
            "cp": lambda a: cirq.CZPowGate(exponent=a / pi),
            "cu1": lambda a: cirq.CZPowGate(exponent=a / pi),
            "rzz": lambda a: cirq.ZZPowGate(exponent=a / pi, global_shift=-0.5),
            "u2": lambda a, b: cirq.MatrixGate(_u3(pi / 2, a, b), unitary_check=False),
            "u3": lambda *a: cirq.MatrixGate(_u3(*a), unitary_check=False),
            "u": lambda *a: cirq.MatrixGate(_u3(*a), unitary_check=False),
        }

    def ops(self, gates: list[qiskit_path.Flat], line: list[Any]) -> list[Any]:
        """Cirq operations of gates."""
        found = []
        for name, params, where, _ in gates:
            gate = self.fixed.get(name) or self.turned[name](*map(float, params))
            found.append(gate.on(*[line[q] for q in where]))
        return found

    def convert(self, text: str) -> Any:
        circuit = qiskit_path.parse(text)
        if circuit.num_qubits > _LARGEST["qsim"]:
            raise MemoryError("too many qubits for a state vector")
        gates, into = terminal(circuit, self.NAMES)
        line = self.cirq.LineQubit.range(circuit.num_qubits)
        ops = self.ops(gates, line)
        measured = sorted(set(into.values()))
        ops += [self.cirq.I(q) for q in line]
        ops.append(self.cirq.measure(*[line[q] for q in measured], key="m"))
        return self.cirq.Circuit(ops), into, measured

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        result = self.make(seed).run(circuit[0], repetitions=shots)
        return result.measurements["m"], circuit[1], circuit[2]

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        rows, into, measured = outcome
        bits = np.zeros((len(rows), width), np.uint8)
        for bit, qubit in into.items():
            bits[:, bit] = rows[:, measured.index(qubit)]
        return rows_to_counts(bits)


class Qulacs(Adapter):
    """Qulacs with its light optimiser."""

    name, library = "qulacs", "qulacs"
    NAMES = frozenset(
        "id x y z h s sdg t tdg sx sxdg rx ry rz p u1 u2 u3 u cx cz swap ccx cswap cp cu1 "  # noqa: SIM905
        "rzz rxx ryy".split()
    )

    def load(self) -> None:
        import qulacs
        from qulacs import gate
        from qulacs.circuit import QuantumCircuitOptimizer

        self.lib, self.optimise = qulacs, QuantumCircuitOptimizer().optimize_light

        def controlled_phase(a: float, control: int, target: int) -> Any:
            made = gate.to_matrix_gate(gate.U1(target, a))
            made.add_control_qubit(control, 1)
            return made

        def pauli(kind: int) -> Any:
            return lambda a, p, q: gate.PauliRotation([p, q], [kind, kind], -a)

        self.build = {
            **{"id": gate.Identity, "x": gate.X, "y": gate.Y, "z": gate.Z, "h": gate.H},
            **{"s": gate.S, "sdg": gate.Sdag, "t": gate.T, "tdg": gate.Tdag},
            **{"sx": gate.sqrtX, "sxdg": gate.sqrtXdag, "cx": gate.CNOT, "cz": gate.CZ},
            **{"swap": gate.SWAP, "ccx": gate.TOFFOLI, "cswap": gate.FREDKIN},
            # Qulacs' rotations turn the other way.
            "rx": lambda a, q: gate.RX(q, -a),
            "ry": lambda a, q: gate.RY(q, -a),
            "rz": lambda a, q: gate.RZ(q, -a),
            "p": lambda a, q: gate.U1(q, a),
            "u1": lambda a, q: gate.U1(q, a),
            "u2": lambda a, b, q: gate.U2(q, a, b),
            "u3": lambda a, b, c, q: gate.U3(q, a, b, c),
            "u": lambda a, b, c, q: gate.U3(q, a, b, c),
            "cp": controlled_phase,
            "cu1": controlled_phase,
            **{"rxx": pauli(1), "ryy": pauli(2), "rzz": pauli(3)},
        }

    def convert(self, text: str) -> Any:
        circuit = qiskit_path.parse(text)
        n = circuit.num_qubits
        if n > _LARGEST["qulacs"]:
            raise MemoryError("too many qubits for a state vector")
        gates, into = terminal(circuit, self.NAMES)
        made = self.lib.QuantumCircuit(n)
        for name, params, where, _ in gates:
            made.add_gate(self.build[name](*map(float, params), *where))
        self.optimise(made)
        return made, n, into

    def sample(self, circuit: Any, shots: int, seed: int) -> Any:
        state = self.lib.QuantumState(circuit[1])
        circuit[0].update_quantum_state(state)
        return state.sampling(shots, seed), circuit[2]

    def counts(self, outcome: Any, width: int) -> dict[str, int]:
        values = np.array(outcome[0], np.int64)
        bits = np.zeros((len(values), width), np.uint8)
        for bit, qubit in outcome[1].items():
            bits[:, bit] = (values >> qubit) & 1
        return rows_to_counts(bits)
