"""qevedo (Rust, AVX2): statevector, MPS, near-Clifford."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op
from markaz.quantum.simulate.chain import chained
from markaz.quantum.simulate.engines.adapter import STATEVECTOR_QUBITS, Adapter, seed_within
from markaz.quantum.simulate.engines.base import EngineRefusal, Method
from markaz.quantum.simulate.engines.feed import drive
from markaz.quantum.simulate.samples import Samples

MAX_BOND = 1024
DROPPED_WEIGHT = 1e-15  # at most, at each truncation
ACTIVE_QUBITS = 26  # near-Clifford: 2**active amplitudes, 1 GiB

NAMES = {
    op: op.name.lower()
    for op in (
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG),
        *(Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CY, Op.CZ, Op.CH),
        *(Op.CP, Op.CRX, Op.CRY, Op.CRZ, Op.SWAP, Op.RXX, Op.RZZ, Op.CCX, Op.CSWAP),
    )
}
BY_NAME = (Op.CSX, Op.CU)  # only through the slower ``gate(name, …)``


class _Qevedo(Adapter):
    """Circuits go in through the library's builder; The
    global phase of amplitudes is kept by the library."""

    package = "qevedo.simulator"
    modules = ("qevedo.simulator",)
    licence = "MIT"
    established = False
    ops = frozenset(int(op) for op in (*NAMES, *BY_NAME))

    settings: ClassVar[dict[str, object]]

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        from qevedo.simulator import run

        built = self._measured(circuit, qubits)
        result = run(built, shots, seed=seed_within(seed, 64), threads=threads, **self.settings)
        fidelity = 1.0 if result.fidelity is None else min(1.0, float(result.fidelity))
        return Samples.from_strings(result.counts, fidelity)

    def _measured(self, circuit: Circuit, qubits: list[int]) -> Any:
        """The library's circuit, which measures ``qubits`` into bits 0, 1, …"""
        built = build(circuit)
        for j, qubit in enumerate(qubits):
            built.measure(qubit, j)
        return built


class QevedoStatevector(_Qevedo):
    """Double-precision statevector (the library's own default is single)."""

    key = "qevedo:statevector"
    method = Method.STATEVECTOR
    can_state = True
    max_qubits = STATEVECTOR_QUBITS
    settings: ClassVar[dict[str, object]] = {"backend": "statevector", "precision": "double"}

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        from qevedo.simulator import statevector

        state: NDArray[np.complex128] = statevector(build(circuit), threads=threads)
        return state


class QevedoMps(_Qevedo):
    """Matrix product state. The fidelity is the product of the weights kept at each
    truncation: the library's estimate, not a bound."""

    key = "qevedo:mps"
    method = Method.MPS
    exact = False
    settings: ClassVar[dict[str, object]] = {
        "backend": "mps",
        "max_bond_dimension": MAX_BOND,
        "truncation_threshold": DROPPED_WEIGHT,
    }

    def _measured(self, circuit: Circuit, qubits: list[int]) -> Any:
        from qevedo.simulator import Circuit as Target

        chain = chained(circuit)
        if chain is None:
            return super()._measured(circuit, qubits)
        target = Target(circuit.num_qubits, 0)
        for place, unitary in chain.alone:
            target.unitary(unitary, [place])
        for site, block in zip(chain.sites, chain.blocks, strict=True):
            target.unitary(block, [site, site + 1])
        for j, qubit in enumerate(qubits):
            target.measure(chain.place[qubit], j)
        return target


class QevedoNearClifford(_Qevedo):
    """Stabilizer tableau with a statevector over the qubits that non-Clifford gates made
    active."""

    key = "qevedo:near-clifford"
    method = Method.NEAR_CLIFFORD
    ops = frozenset(int(op) for op in NAMES)
    settings: ClassVar[dict[str, object]] = {"backend": "near_clifford"}

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        clifford = [int(op) for op, gate in TABLE.items() if Flag.CLIFFORD in gate.flags]
        others = int(np.count_nonzero(~np.isin(circuit.op, clifford)))
        if min(others, circuit.num_qubits) > ACTIVE_QUBITS:
            raise EngineRefusal(
                f"{self.key}: {others} non-Clifford gates could need more than "
                f"{ACTIVE_QUBITS} active qubits"
            )
        return super()._sample(circuit, qubits, shots, seed, threads)


def build(circuit: Circuit) -> Any:
    """A ``qevedo.simulator.Circuit`` of the gates, without measurements."""
    from qevedo.simulator import Circuit as Target

    target = Target(circuit.num_qubits, 0)
    special = {
        op: (lambda q, p, name=TABLE[op].name, k=TABLE[op].num_params: target.gate(name, q, p[:k]))
        for op in BY_NAME
    }
    drive(circuit, target, NAMES, special)
    return target
