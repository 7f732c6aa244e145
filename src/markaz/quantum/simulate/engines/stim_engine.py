"""Stim: stabilizer circuits of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.simulate.engines.adapter import Adapter, seed_within
from markaz.quantum.simulate.engines.base import Expectation, Method, Pauli
from markaz.quantum.simulate.engines.clifford import clifford_t
from markaz.quantum.simulate.samples import Samples

NAMES = {
    **{op: op.name for op in (Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.CX, Op.CY, Op.CZ, Op.SWAP)},
    **{Op.ID: "I", Op.SDG: "S_DAG", Op.SX: "SQRT_X", Op.SXDG: "SQRT_X_DAG"},
    Op.ISWAP: "ISWAP",
}
_TEMPLATES = [""] * 256
for _op, _name in NAMES.items():
    _TEMPLATES[_op] = _name + " %d" * TABLE[_op].num_qubits


class StimStabilizer(Adapter):
    """Circuits go in as text. the same seed gives the same
    samples with the same version of Stim on the same kind of processor."""

    key = "stim:stabilizer"
    package = "stim"
    modules = ("stim",)
    method = Method.STABILIZER
    licence = "Apache-2.0"
    established = True
    ops = frozenset(int(op) for op in NAMES)
    can_expect = True

    def _native(self, circuit: Circuit) -> Circuit:
        return clifford_t(circuit, self.ops, self.key)

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        target = build(circuit, qubits)
        drawn = target.compile_sampler(seed=seed_within(seed, 63)).sample(shots)
        return Samples(drawn.view(np.uint8))

    def _expectations(self, circuit: Circuit, paulis: Sequence[Pauli], threads: int) -> Expectation:
        import stim

        simulator = stim.TableauSimulator(seed=0)
        simulator.set_num_qubits(circuit.num_qubits)
        simulator.do(build(circuit))
        values = []
        for pauli in paulis:
            string = stim.PauliString(circuit.num_qubits)
            for qubit, letter in pauli.factors:
                string[qubit] = letter
            values.append(simulator.peek_observable_expectation(string))
        return Expectation(np.array(values, np.float64))


def build(circuit: Circuit, measured: Sequence[int] = ()) -> Any:
    """A ``stim.Circuit`` of the gates, then of measurements of the qubits ``measured``."""
    import stim

    pairs = zip(circuit.op.tolist(), circuit.qubits[:, :2].tolist(), strict=True)
    lines = [_TEMPLATES[op] % (a, b) if b >= 0 else _TEMPLATES[op] % a for op, (a, b) in pairs]
    if measured:  # as text: appending them as numbers takes ten times as long
        lines.append("M " + " ".join(map(str, measured)))
    return stim.Circuit("\n".join(lines))
