"""Is a compiled circuit what it was compiled from? For the compiler's tests."""

from __future__ import annotations

import math

import numpy as np

from markaz.quantum.compile.compiled import Compiled, used_qubits
from markaz.quantum.compile.physical import violations
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.qiskit_bridge import to_qiskit
from markaz.quantum.programs.transform import relabel, remove_measurements

PLAIN = [op for op, gate in TABLE.items() if gate.num_qubits in (1, 2, 3)]
CLIFFORD = [Op.H, Op.S, Op.SX, Op.X, Op.CX, Op.CZ, Op.SWAP, Op.ISWAP, Op.ECR]


def random_circuit(qubits: int, gates: int, seed: int, ops: list[Op] = PLAIN) -> Circuit:
    """Random gates with random angles on random qubits; nothing is measured."""
    g = np.random.default_rng(seed)
    builder = Builder()
    builder.qreg("q", qubits)
    for _ in range(gates):
        gate = TABLE[ops[g.integers(len(ops))]]
        if gate.num_qubits > qubits:
            continue
        on = g.permutation(qubits)[: gate.num_qubits].tolist()
        builder.gate(gate.op, on, g.uniform(-math.pi, math.pi, gate.num_params).tolist())
    return builder.build()


def measured_all(circuit: Circuit, seed: int) -> Circuit:
    """The circuit with its qubits measured into a register in random order."""
    n = circuit.num_qubits
    builder = Builder()
    builder.qreg("q", n)
    builder.creg("c", n)
    for bit, qubit in enumerate(np.random.default_rng(seed).permutation(n).tolist()):
        builder.measure(qubit, bit)
    tail = builder.build()
    return circuit.with_arrays(
        num_clbits=n,
        cregs=tail.cregs,
        op=np.concatenate([circuit.op, tail.op]),
        qubits=np.concatenate([circuit.qubits, tail.qubits]),
        params=np.concatenate([circuit.params, tail.params]),
        aux=np.concatenate([circuit.aux, tail.aux]),
    )


def state(circuit: Circuit) -> np.ndarray:
    """The state after all gates, from zero."""
    from qiskit.quantum_info import Statevector

    return np.asarray(Statevector(to_qiskit(remove_measurements(circuit))).data)


def on_places(compiled: Compiled, circuit: Circuit) -> tuple[list[int], Circuit]:
    """The physical qubits that matter, and the compiled circuit on those alone."""
    used = sorted({*used_qubits(compiled.circuit), *(p for p in compiled.end if p >= 0)})
    mapping = np.full(compiled.circuit.num_qubits, -1)
    mapping[used] = np.arange(len(used))
    bare = remove_measurements(compiled.circuit)
    return used, relabel(bare, mapping, len(used))


def same_state(circuit: Circuit, compiled: Compiled) -> float:
    """Overlap of the program's state with the compiled one, seen through its last layout."""
    used, small = on_places(compiled, circuit)
    wanted = state(circuit)
    got = state(small)
    place = {p: k for k, p in enumerate(used)}
    index = np.zeros(len(wanted), np.int64)
    for q, p in enumerate(compiled.end):
        if p >= 0:
            index |= ((np.arange(len(wanted)) >> q & 1) << place[p]).astype(np.int64)
    unused = [q for q, p in enumerate(compiled.end) if p < 0]
    zero = np.all([(np.arange(len(wanted)) >> q & 1) == 0 for q in unused], axis=0)
    return float(abs(np.vdot(wanted[zero], got[index[zero]])))


def distribution(circuit: Circuit) -> dict[int, float]:
    """Exact probabilities of the classical bits of a circuit that measures at its end."""
    pairs = circuit.measurements()
    chance = np.abs(state(circuit)) ** 2
    found: dict[int, float] = {}
    for i in np.flatnonzero(chance > 1e-12).tolist():
        key = sum((i >> q & 1) << c for q, c in pairs)
        found[key] = found.get(key, 0.0) + float(chance[i])
    return found


def same_distribution(circuit: Circuit, compiled: Compiled) -> bool:
    """Whether the measured bits have the same probabilities."""
    used = used_qubits(compiled.circuit)
    mapping = np.full(compiled.circuit.num_qubits, -1)
    mapping[used] = np.arange(len(used))
    kept = np.flatnonzero(compiled.circuit.op != Op.BARRIER)
    bare = compiled.circuit.with_arrays(
        op=compiled.circuit.op[kept],
        qubits=compiled.circuit.qubits[kept],
        params=compiled.circuit.params[kept],
        aux=compiled.circuit.aux[kept],
    )
    wanted, got = distribution(circuit), distribution(relabel(bare, mapping, len(used)))
    keys = wanted.keys() | got.keys()
    return all(abs(wanted.get(k, 0) - got.get(k, 0)) < 1e-7 for k in keys)


def stabilisers(circuit: Circuit, places: list[int] | None, total: int) -> str:
    """Canonical stabilisers of a Clifford circuit's state on ``total`` qubits, with qubit
    ``q`` put at ``places[q]``."""
    import stim

    simulator = stim.TableauSimulator()
    simulator.set_num_qubits(total)
    where = list(range(total)) if places is None else places
    for i, op in enumerate(circuit.op.tolist()):
        if op in (Op.BARRIER, Op.MEASURE):
            continue
        on = [where[q] for q in circuit.operands(i)]
        if op == Op.RZ:
            turns = round(circuit.params[i, 0] / (math.pi / 2))
            assert abs(circuit.params[i, 0] - turns * math.pi / 2) < 1e-6
            for _ in range(turns % 4):
                simulator.s(*on)
        elif op == Op.ECR:  # S on the control, SX on the target, CX, X on the control
            simulator.s(on[0])
            simulator.sqrt_x(on[1])
            simulator.cx(*on)
            simulator.x(on[0])
        else:
            getattr(simulator, _STIM[Op(op)])(*on)
    return "\n".join(str(s) for s in simulator.canonical_stabilizers())


_STIM = {
    Op.H: "h", Op.S: "s", Op.SDG: "s_dag", Op.X: "x", Op.Y: "y", Op.Z: "z", Op.SX: "sqrt_x",
    Op.SXDG: "sqrt_x_dag", Op.CX: "cx", Op.CZ: "cz", Op.SWAP: "swap", Op.ISWAP: "iswap",
}  # fmt: skip


def runs_on(compiled: Compiled, model: DeviceModel) -> bool:
    """Whether the device could execute it as it stands."""
    return not list(violations(compiled.circuit, model))
