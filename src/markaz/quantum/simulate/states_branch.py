"""States that can be measured step by step: what a branch of a dynamic circuit holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op
from markaz.quantum.simulate.draws import columns, draw
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.kernels_dense import run_dense
from markaz.quantum.simulate.micro import Micro, lowered
from markaz.quantum.simulate.states_sparse import SparseState, bits_of
from markaz.quantum.simulate.views_dense import run_views

Rows = tuple[NDArray[np.uint8], NDArray[np.int64]]  # outcomes (rows, qubits), shots of each

DENSE_QUBITS = 20  # above this, states are sparse or refused
FEW_STATES = 32  # up to which a dictionary is quicker than NumPy
MANY_STATES = 1 << 18
SEARCHED_STATES = 1 << 12
_PRODUCT = 1e-24  # squared sine of the angle between states that are the same but for rounding


class BranchState(Protocol):
    """A normalised state of all qubits; a segment is a run of gates made by ``prepare``."""

    @staticmethod
    def prepare(circuit: Circuit) -> Any:
        """Bring a circuit of gates into the form that ``run`` takes."""

    def copy(self) -> Self:
        """An independent copy."""

    def run(self, segment: Any) -> None:
        """Apply a segment."""

    def probability(self, qubit: int) -> float:
        """Probability that ``qubit`` is 1."""

    def project(self, qubit: int, value: int, probability: float) -> None:
        """Keep what has ``qubit`` in ``value``, which has ``probability``."""

    def flip(self, qubit: int) -> None:
        """Apply X to ``qubit``."""

    def is_product(self, qubit: int) -> bool:
        """Whether ``qubit`` is known to be independent of all others."""

    def sample(self, qubits: Sequence[int], shots: int, rng: np.random.Generator) -> Rows:
        """Sample ``qubits`` without changing the state."""


class Amplitudes:
    """Amplitudes: a dictionary while few are nonzero, else an array where that fits."""

    def __init__(self, num_qubits: int) -> None:
        limit = FEW_STATES if num_qubits <= DENSE_QUBITS else MANY_STATES
        self.sparse: SparseState | None = SparseState(num_qubits, limit, 1 << 62)
        self.psi = np.empty(0, np.complex128)
        self.num_qubits = num_qubits
        self.spent = [0]  # interpreted steps so far, shared by all copies

    @staticmethod
    def prepare(circuit: Circuit) -> Micro:
        """The circuit's micro-operations."""
        return lowered(circuit, engine="markaz:branch")

    def copy(self) -> Amplitudes:
        """An independent copy."""
        other = Amplitudes.__new__(Amplitudes)
        other.sparse = self.sparse and self.sparse.copy()
        other.psi, other.num_qubits, other.spent = self.psi.copy(), self.num_qubits, self.spent
        return other

    def run(self, segment: Micro) -> None:
        """Apply a segment; raises EngineRefusal where a sparse state grows too large."""
        if self.sparse is not None:
            before = self.sparse.copy()
            try:
                self.sparse.apply(segment)
                return
            except EngineRefusal:
                if self.num_qubits > DENSE_QUBITS:
                    raise
                self._make_dense(before)
        self.spent[0] += segment.count * (10 + len(self.psi) // 60)
        if run_dense.worth_it(self.spent[0]):
            micro = segment.arrays()
            run_dense.fast(self.psi, micro.count, micro.rows, micro.coefs, micro.controls)
        else:
            run_views(self.psi, segment.lists())
        self.psi *= segment.scalar

    def probability(self, qubit: int) -> float:
        """Probability that ``qubit`` is 1."""
        if self.sparse is not None:
            return self.sparse.probability(qubit)
        ones = self._split(qubit)[:, 1]
        return float(np.vdot(ones, ones).real)

    def project(self, qubit: int, value: int, probability: float) -> None:
        """Keep what has ``qubit`` in ``value``, which has ``probability``."""
        if self.sparse is not None:
            self.sparse.project(qubit, value, probability)
            return
        halves = self._split(qubit)
        halves[:, 1 - value] = 0
        halves[:, value] *= probability**-0.5

    def flip(self, qubit: int) -> None:
        """Apply X to ``qubit``."""
        if self.sparse is not None:
            self.sparse.flip(qubit)
        else:
            halves = self._split(qubit)
            halves[:] = halves[:, ::-1].copy()

    def is_product(self, qubit: int) -> bool:
        """Whether the states left by the two outcomes are parallel, up to rounding; False
        without looking where that would take long."""
        if self.sparse is not None and len(self.sparse) > SEARCHED_STATES:
            return False
        zero, one = self._halves(qubit)
        a, b = np.vdot(zero, zero).real, np.vdot(one, one).real
        rest = one - zero * (np.vdot(zero, one) / a)
        return bool(np.vdot(rest, rest).real <= _PRODUCT * b)

    def sample(self, qubits: Sequence[int], shots: int, rng: np.random.Generator) -> Rows:
        """Sample ``qubits`` without changing the state."""
        if self.sparse is None:
            states, weights = draw(self.psi.real**2 + self.psi.imag**2, shots, rng)
            return columns(states, qubits), weights
        keys, amps = self.sparse.sorted_arrays()
        states, weights = draw(amps.real**2 + amps.imag**2, shots, rng)
        return bits_of(keys[states], qubits), weights

    def _split(self, qubit: int) -> NDArray[np.complex128]:
        return self.psi.reshape(-1, 2, 1 << qubit)

    def _halves(self, qubit: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        if self.sparse is None:
            halves = self._split(qubit)
            return halves[:, 0].ravel(), halves[:, 1].ravel()
        return self.sparse.halves(qubit)

    def _make_dense(self, state: SparseState) -> None:
        keys, amps = state.arrays()
        self.psi = np.zeros(1 << self.num_qubits, np.complex128)
        self.psi[keys[:, 0]] = amps
        self.sparse = None


_STIM = {
    Op.ID: "I",
    Op.S: "S",
    Op.SDG: "S_DAG",
    Op.SX: "SQRT_X",
    Op.SXDG: "SQRT_X_DAG",
}


class Tableau:
    """A stabiliser state of any number of qubits, held by Stim."""

    def __init__(self, num_qubits: int) -> None:
        import stim  # only circuits that need it pay for the import

        self.simulator: Any = stim.TableauSimulator(seed=0)
        self.simulator.set_num_qubits(num_qubits)

    @staticmethod
    def takes(circuit: Circuit) -> bool:
        """Whether all gates are Clifford gates for every parameter."""
        clifford = [op for op, gate in TABLE.items() if gate.flags & Flag.CLIFFORD]
        gates = circuit.op[circuit.op < Op.MEASURE]
        return bool(np.isin(gates, clifford).all())

    @staticmethod
    def prepare(circuit: Circuit) -> Any:
        """A Stim circuit, equal up to a global phase."""
        import stim

        lines = [
            line
            for op, (a, b, _) in zip(circuit.op.tolist(), circuit.qubits.tolist(), strict=True)
            for line in _stim_lines(op, a, b)
        ]
        return stim.Circuit("\n".join(lines))

    def copy(self) -> Tableau:
        """An independent copy."""
        other = Tableau.__new__(Tableau)
        other.simulator = self.simulator.copy()
        return other

    def run(self, segment: Any) -> None:
        """Apply a Stim circuit."""
        self.simulator.do(segment)

    def probability(self, qubit: int) -> float:
        """Probability that ``qubit`` is 1: 0, 1/2 or 1."""
        return float(1 - self.simulator.peek_z(qubit)) / 2

    def project(self, qubit: int, value: int, probability: float) -> None:
        """Keep what has ``qubit`` in ``value``."""
        if probability < 1:
            self.simulator.postselect_z(qubit, desired_value=bool(value))

    def flip(self, qubit: int) -> None:
        """Apply X to ``qubit``."""
        self.simulator.x(qubit)

    def is_product(self, qubit: int) -> bool:
        """Whether ``qubit`` is in a pure state of its own."""
        return bool(self.simulator.peek_bloch(qubit).weight)

    def sample(self, qubits: Sequence[int], shots: int, rng: np.random.Generator) -> Rows:
        """Sample ``qubits`` without changing the state."""
        seed = int(rng.integers(1 << 62))
        if shots == 1:
            bits = np.array([self._measured(qubits, seed)], np.uint8)
        else:
            circuit = self.simulator.current_inverse_tableau().inverse().to_circuit("elimination")
            circuit.append("M", list(qubits))
            bits = circuit.compile_sampler(seed=seed).sample(shots).astype(np.uint8)
        return bits, np.ones(shots, np.int64)

    def _measured(self, qubits: Sequence[int], seed: int) -> list[bool]:
        other = self.simulator.copy(seed=seed)
        return list(other.measure_many(*qubits))


def _stim_lines(op: int, a: int, b: int) -> list[str]:
    if op == Op.ECR:
        return [f"S {a}", f"SQRT_X {b}", f"CX {a} {b}", f"X {a}"]
    if op == Op.DCX:
        return [f"CX {a} {b}", f"CX {b} {a}"]
    name = _STIM.get(Op(op)) or Op(op).name
    return [f"{name} {a}" if b < 0 else f"{name} {a} {b}"]
