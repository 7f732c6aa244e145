"""PRISM-Q (Rust): statevector, sparse, MPS, stabilizer rank, Pauli propagation."""

from __future__ import annotations

import cmath
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op, matrix
from markaz.quantum.simulate.engines.adapter import (
    STATEVECTOR_QUBITS,
    Adapter,
    truncation_bound,
)
from markaz.quantum.simulate.engines.base import EngineRefusal, Expectation, Method, Pauli
from markaz.quantum.simulate.engines.feed import Emit, drive
from markaz.quantum.simulate.samples import Samples

T = TypeVar("T")

MAX_BOND = 1024
PAULI_TERMS = 1 << 20

NAMES = {
    **{
        op: op.name.lower()
        for op in (
            *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG),
            *(Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CY, Op.CZ, Op.CH),
            *(Op.CRX, Op.CRY, Op.CRZ, Op.SWAP, Op.ISWAP),
            *(Op.RXX, Op.RYY, Op.RZZ, Op.CCX, Op.CSWAP),
        )
    },
    Op.CP: "cphase",
}
CONTROLLED = frozenset({Op.CSX, Op.CU, Op.CCZ, Op.MCX, Op.MCP})
_X = [[0, 1], [1, 0]]


class _Prism(Adapter):
    """Circuits go in through ``CircuitBuilder``; the seed is taken modulo 2**64. The
    global phase of amplitudes is kept by the library."""

    package = "prism_q"
    licence = "MIT OR Apache-2.0"
    established = False
    ops = frozenset(int(op) for op in (*NAMES, *CONTROLLED))
    can_expect = True
    refusals = ("is incompatible", "exceeding the cap", "not supported", "unsupported")

    require_exact: ClassVar[bool] = True

    def _kind(self, library: Any, circuit: Any) -> Any:
        """The library's ``BackendKind`` for a circuit."""
        raise NotImplementedError

    def _simulation(self, circuit: Circuit, qubits: Sequence[int], seed: int) -> Any:
        import prism_q  # noqa: PLC0415

        built = build(circuit, qubits)
        kind = self._kind(prism_q.BackendKind, built)
        simulation = prism_q.simulate(built).backend(kind).seed(seed % 2**64)
        return simulation.require_exact() if self.require_exact else simulation

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        simulation = self._simulation(circuit, qubits, seed)
        result = limited(lambda: simulation.shots(shots), threads)
        return Samples(result.shots.view(np.uint8), fidelity=_fidelity(result.metadata))

    def _expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int
    ) -> Expectation:
        # The library takes no empty string; the identity's value is 1.
        asked = [(k, list(p.factors)) for k, p in enumerate(paulis) if p.factors]
        values = np.ones(len(paulis))
        if not asked:
            return Expectation(values)
        simulation = self._simulation(circuit, (), 0)
        strings = [factors for _, factors in asked]
        result = limited(lambda: simulation.expectation_values_reported(strings), threads)
        if result.std_errors is not None:
            raise EngineRefusal(f"{self.key} would estimate these values by sampling")
        values[[k for k, _ in asked]] = result.values
        return Expectation(values, truncation_bound(_fidelity(result.metadata)))

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        simulation = self._simulation(circuit, (), 0)
        state: NDArray[np.complex128] = limited(simulation.state_vector, threads)
        return state


class PrismAuto(_Prism):
    """The library's own choice among its exact methods."""

    key = "prism:auto"
    method = Method.AUTOMATIC

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


class PrismStabilizerRank(_Prism):
    """Clifford + T by stabilizer rank; without T gates a stabilizer tableau. Takes no
    non-Clifford gate but T and what decomposes into it."""

    key = "prism:stabilizer-rank"
    method = Method.NEAR_CLIFFORD
    can_expect = False

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.stabilizer() if circuit.t_count() == 0 else library.stabilizer_rank()


class PrismPauli(_Prism):
    """Pauli propagation without truncation, for expectation values only."""

    key = "prism:pauli"
    method = Method.PAULI

    def _kind(self, library: Any, circuit: Any) -> Any:
        return library.deterministic_pauli(0.0, PAULI_TERMS)

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        raise EngineRefusal(f"{self.key} computes expectation values only")


def build(circuit: Circuit, qubits: Sequence[int]) -> Any:
    """A ``prism_q.Circuit`` that measures ``qubits`` into classical bits 0, 1, …"""
    import prism_q  # noqa: PLC0415

    builder = prism_q.CircuitBuilder(circuit.num_qubits, len(qubits))
    drive(circuit, builder, NAMES, controlled(builder))
    for j, qubit in enumerate(qubits):
        builder.measure(qubit, j)
    return builder.build()


def controlled(builder: Any) -> dict[Op, Emit]:
    """Gates that the library takes as a controlled 2 x 2 matrix."""
    phase: Callable[[float], list[list[complex]]] = lambda x: [[1, 0], [0, cmath.exp(1j * x)]]  # noqa: E731
    sx = [list(row) for row in matrix(Op.SX)]

    def cu(qubits: list[int], params: list[float]) -> None:
        scale = cmath.exp(1j * params[3])
        rows = matrix(Op.U, tuple(params[:3]))
        builder.cu([[scale * x for x in row] for row in rows], *qubits)

    return {
        Op.CSX: lambda q, _: builder.cu(sx, *q),
        Op.CU: cu,
        Op.CCZ: lambda q, _: builder.mcu([[1, 0], [0, -1]], q[:-1], q[-1]),
        Op.MCX: lambda q, _: builder.mcu(_X, q[:-1], q[-1]),
        Op.MCP: lambda q, p: builder.mcu(phase(p[0]), q[:-1], q[-1]),
    }


def limited(call: Callable[[], T], threads: int) -> T:
    """``call()`` on a pool of ``threads`` threads (entering one costs about 0.1 ms)."""
    if os.environ.get("RAYON_NUM_THREADS") == str(threads):
        return call()  # the global pool has that size already
    result: T = _pool(threads, os.getpid()).install(call)
    return result


@lru_cache(maxsize=8)
def _pool(threads: int, _process: int) -> Any:
    """A pool of this process: threads do not survive a fork."""
    import prism_q  # noqa: PLC0415

    return prism_q.ThreadPool(threads)


def _fidelity(metadata: Any) -> float:
    bound = metadata.fidelity_lower_bound
    if metadata.is_exact:
        return 1.0
    return 0.0 if bound is None else float(bound)
