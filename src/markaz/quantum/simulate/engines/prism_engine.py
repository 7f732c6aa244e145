"""PRISM-Q (Rust): statevector, sparse, MPS, stabilizer rank, Pauli propagation."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.chain import chained
from markaz.quantum.simulate.engines.adapter import (
    STATEVECTOR_QUBITS,
    Adapter,
    seed_within,
    truncation_bound,
)
from markaz.quantum.simulate.engines.base import EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.engines.clifford import clifford_t
from markaz.quantum.simulate.engines.prism_circuit import (
    CLIFFORD_T,
    CONTROLLED,
    NAMES,
    PAULI_OPS,
    build,
)
from markaz.quantum.simulate.engines.prism_dynamic import build_dynamic, read_dynamic
from markaz.quantum.simulate.pairs import paired
from markaz.quantum.simulate.samples import Samples

T = TypeVar("T")

MAX_BOND = 1024
PAULI_TERMS = 1 << 20


class _Prism(Adapter):
    """Circuits go in through ``CircuitBuilder``; The
    global phase of amplitudes is kept by the library."""

    package = "prism_q"
    modules = ("prism_q",)
    licence = "MIT OR Apache-2.0"
    established = False
    ops = frozenset(int(op) for op in (*NAMES, *CONTROLLED))
    can_expect = True
    refusals = ("is incompatible", "exceeding the cap", "not support", "stopped after")

    require_exact: ClassVar[bool] = True

    @abstractmethod
    def _kind(self, library: Any, circuit: Any) -> Any:
        """The library's ``BackendKind`` for a circuit."""

    def _simulation(self, circuit: Circuit, qubits: Sequence[int], seed: int) -> Any:
        return self._started(self._measured(circuit, qubits), seed)

    def _measured(self, circuit: Circuit, qubits: Sequence[int]) -> Any:
        """The library's circuit, which measures ``qubits`` into bits 0, 1, …"""
        return build(circuit, qubits)

    def _started(self, built: Any, seed: int) -> Any:
        import prism_q

        kind = self._kind(prism_q.BackendKind, built)
        simulation = prism_q.simulate(built).backend(kind).seed(seed_within(seed, 64))
        return simulation.require_exact() if self.require_exact else simulation

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        simulation = self._simulation(circuit, qubits, seed)
        result = limited(lambda: simulation.shots(shots), threads)
        return Samples(result.shots.view(np.uint8), fidelity=_fidelity(result.metadata))

    def _expectations(self, circuit: Circuit, paulis: Sequence[Pauli], threads: int) -> Expectation:
        # The library takes no empty string; the identity's value is 1.
        asked = [(k, list(p.factors)) for k, p in enumerate(paulis) if p.factors]
        values = np.ones(len(paulis))
        if not asked:
            return Expectation(values)
        simulation = self._started(self._built(circuit), 0)
        strings = [factors for _, factors in asked]
        result = limited(lambda: simulation.expectation_values_reported(strings), threads)
        if result.std_errors is not None:
            raise EngineRefusal(f"{self.key} would estimate these values by sampling")
        values[[k for k, _ in asked]] = result.values
        return Expectation(values, truncation_bound(_fidelity(result.metadata)))

    def _built(self, circuit: Circuit) -> Any:
        """The circuit for expectation values."""
        return build(circuit, ())

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        simulation = self._simulation(circuit, (), 0)
        state: NDArray[np.complex128] = limited(simulation.state_vector, threads)
        return state


class PrismAuto(_Prism):
    """The library's own choice among its exact methods."""

    key = "prism:auto"
    method = Method.AUTOMATIC
    dynamic = True

    def _sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int) -> Samples:
        import prism_q

        read = read_dynamic(circuit)
        if read is not None:
            simulation = prism_q.simulate(read)
        else:
            simulation = prism_q.simulate_program(build_dynamic(circuit))
        simulation = simulation.seed(seed_within(seed, 64))
        result = limited(lambda: simulation.shots(shots), threads)
        return Samples(result.shots.view(np.uint8), fidelity=_fidelity(result.metadata))

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.auto()


class PrismStatevector(_Prism):
    """Double-precision statevector."""

    key = "prism:statevector"
    method = Method.STATEVECTOR
    can_state = True
    max_qubits = STATEVECTOR_QUBITS

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.statevector()


class PrismSparse(_Prism):
    """Hash map of non-zero amplitudes; basis states are 64-bit numbers."""

    key = "prism:sparse"
    method = Method.SPARSE
    max_qubits = 64

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.sparse()


class PrismMps(_Prism):
    """Matrix product state of bond dimension up to MAX_BOND; the library reports a lower
    bound on the fidelity."""

    key = "prism:mps"
    method = Method.MPS
    exact = False
    require_exact = False

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.mps(MAX_BOND)

    def _measured(self, circuit: Circuit, qubits: Sequence[int]) -> Any:
        import prism_q

        chain = chained(circuit)
        if chain is None:
            return build(circuit, qubits)
        builder = prism_q.CircuitBuilder(circuit.num_qubits, len(qubits))
        for place, unitary in chain.alone:
            builder.gate(prism_q.Gate.unitary(unitary), [place])
        for site, block in zip(chain.sites, chain.blocks, strict=True):
            # The library's first target is the highest bit of the index.
            builder.gate(prism_q.Gate.unitary(block), [site + 1, site])
        for j, qubit in enumerate(qubits):
            builder.measure(chain.place[qubit], j)
        return builder.build()

    def _built(self, circuit: Circuit) -> Any:
        import prism_q

        blocks = paired(circuit)
        if blocks is None:
            return build(circuit, ())
        builder = prism_q.CircuitBuilder(circuit.num_qubits)
        for block in blocks:
            # The library's first target is the highest bit of the index.
            builder.gate(prism_q.Gate.unitary(block.matrix), list(block.qubits[::-1]))
        return builder.build()


class PrismStabilizerRank(_Prism):
    """Clifford + T by stabilizer rank; without T gates a stabilizer tableau."""

    key = "prism:stabilizer-rank"
    method = Method.NEAR_CLIFFORD
    ops = frozenset(int(op) for op in CLIFFORD_T)
    clifford_t = True
    can_expect = False

    def _native(self, circuit: Circuit) -> Circuit:
        return clifford_t(circuit, self.ops, self.key)

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.stabilizer() if circuit.t_count() == 0 else library.stabilizer_rank()


class PrismPauli(_Prism):
    """Pauli propagation without truncation, for expectation values only."""

    key = "prism:pauli"
    can_sample = False
    method = Method.PAULI
    ops = frozenset(int(op) for op in PAULI_OPS)

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.deterministic_pauli(0.0, PAULI_TERMS)

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        raise EngineRefusal(f"{self.key} computes expectation values only")


def limited(call: Callable[[], T], threads: int) -> T:
    """``call()`` on a pool of ``threads`` threads (entering one costs about 0.1 ms)."""
    if os.environ.get("RAYON_NUM_THREADS") == str(threads):
        return call()  # the global pool has that size already
    result: T = _pool(threads, os.getpid()).install(call)
    return result


@lru_cache(maxsize=8)
def _pool(threads: int, _process: int) -> Any:
    """A pool of this process: threads do not survive a fork."""
    import prism_q

    return prism_q.ThreadPool(threads)


def _fidelity(metadata: Any) -> float:
    bound = metadata.fidelity_lower_bound
    if metadata.is_exact:
        return 1.0
    return 0.0 if bound is None else float(bound)
