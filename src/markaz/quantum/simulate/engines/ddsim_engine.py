"""MQT Core (the decision diagrams of DDSIM)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.engines.adapter import Adapter, seed_within
from markaz.quantum.simulate.engines.base import Method
from markaz.quantum.simulate.engines.ddsim_dynamic import append_dynamic
from markaz.quantum.simulate.engines.feed import drive
from markaz.quantum.simulate.samples import Samples

_BY_SETS = frozenset({Op.CU, Op.CCX, Op.CCZ, Op.MCX, Op.MCP})
NAMES = {
    **{op: gate.name for op, gate in TABLE.items() if op not in _BY_SETS},
    Op.ID: "i",
}


class DdsimDecisionDiagram(Adapter):
    """Decision diagrams. Circuits go in through the library's builder; the seed is taken
    modulo 2**63 - 1, plus 1. The global phase of amplitudes is set here."""

    key = "ddsim:decision-diagram"
    package = "mqt.core"
    modules = ("mqt.core.dd", "mqt.core.ir")
    method = Method.DECISION_DIAGRAM
    licence = "MIT"
    established = True
    ops = frozenset(int(op) for op in (*NAMES, *_BY_SETS))
    can_state = True
    dynamic = True
    child_only = True  # at exit the library reports its leaks on stderr

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        import mqt.core.dd

        target = new_circuit(circuit, len(qubits))
        for j, qubit in enumerate(qubits):
            target.measure(qubit, j)
        counts = mqt.core.dd.sample(target, shots, seed_within(seed, 63) + 1)
        return Samples.from_strings(counts)

    def _sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int) -> Samples:
        import mqt.core.dd
        from mqt.core.ir import QuantumComputation

        target = QuantumComputation(circuit.num_qubits, 0)
        append_dynamic(circuit, target, append_gates)
        counts = mqt.core.dd.sample(target, shots, seed_within(seed, 63) + 1)
        return Samples.from_strings(counts)

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        import mqt.core.dd

        state = mqt.core.dd.simulate_statevector(new_circuit(circuit, 0))
        return np.asarray(state, np.complex128)


def new_circuit(circuit: Circuit, clbits: int) -> Any:
    """A ``QuantumComputation`` of the gates, with room for measurements."""
    from mqt.core.ir import QuantumComputation

    target = QuantumComputation(circuit.num_qubits, clbits)
    append_gates(circuit, target)
    return target


def append_gates(circuit: Circuit, target: Any) -> None:
    """All operations of a circuit of gates."""
    drive(circuit, target, NAMES, _by_sets(target))


def _by_sets(target: Any) -> dict[Op, Callable[[list[int], list[float]], None]]:
    """Gates whose controls the library takes as a set, and CU without its phase."""

    def cu(qubits: list[int], params: list[float]) -> None:
        target.cu(*params[:3], *qubits)
        target.p(params[3], qubits[0])

    return {
        Op.CU: cu,
        Op.CCX: lambda q, _: target.mcx(set(q[:-1]), q[-1]),
        Op.CCZ: lambda q, _: target.mcz(set(q[:-1]), q[-1]),
        Op.MCX: lambda q, _: target.mcx(set(q[:-1]), q[-1]),
        Op.MCP: lambda q, p: target.mcp(p[0], set(q[:-1]), q[-1]),
    }
