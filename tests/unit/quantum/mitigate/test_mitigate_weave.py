"""Random copies, amplified and echoed circuits do what the circuit does, without noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.fabric import fabric_of
from markaz.quantum.compile.schedule import schedule
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.mitigate.decouple import AXES, decoupled, windows
from markaz.quantum.mitigate.extrapolate import repeats
from markaz.quantum.mitigate.paulis import PAULIS, PauliString, adjoint, images, unitary
from markaz.quantum.mitigate.twirl import flips, twirls
from markaz.quantum.mitigate.weave import Loom, Pattern, euler, pair_gates, weave
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Flag, Op, matrix
from markaz.quantum.programs.transform import relabel
from tests.compile_check import random_circuit, state

INDUS, HUNZA = load_shipped("indus"), load_shipped("hunza")


def small(circuit: Circuit) -> Circuit:
    """A compiled circuit on the qubits in use alone."""
    used = sorted({q for i in range(len(circuit)) for q in circuit.operands(i)})
    mapping = np.full(circuit.num_qubits, -1)
    mapping[used] = np.arange(len(used))
    return relabel(circuit, mapping, len(used))


def compiled(seed: int, model=INDUS) -> Circuit:  # type: ignore[no-untyped-def]
    return compile(random_circuit(4, 20, seed), model).circuit


def alike(a: Circuit, b: Circuit) -> bool:
    return bool(abs(np.vdot(state(small(a)), state(small(b)))) > 1 - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_twirled_and_repeated_copies_keep_the_state(seed: int) -> None:
    circuit, fabric = compiled(seed), fabric_of(INDUS, None)
    g = np.random.default_rng(seed)
    times = repeats(len(pair_gates(circuit)), 2.4, g)
    before, after = twirls(circuit, times, 5, g)
    copies = weave(circuit, 5, fabric, Pattern(times, before, after)).finish(circuit)
    assert all(alike(circuit, c) for c in copies)
    assert len({c.params.tobytes() for c in copies}) == 5
    assert len({c.op.tobytes() for c in copies}) == 1
    assert len(pair_gates(copies[0])) == times.sum()


def test_weaving_without_draws_merges_pulses() -> None:
    circuit, fabric = compiled(1), fabric_of(INDUS, None)
    plain = Pattern(np.ones(len(pair_gates(circuit)), np.int64))
    (woven,) = weave(circuit, 1, fabric, plain).finish(circuit)
    assert alike(circuit, woven)
    assert np.sum(woven.op == Op.SX) <= np.sum(circuit.op == Op.SX)


@pytest.mark.parametrize("op", [Op.CZ, Op.ECR, Op.RZZ])
def test_twirls_cancel_for_every_native_gate_on_two_qubits(op: Op) -> None:
    builder = Builder()
    builder.qreg("q", 2)
    builder.gate(Op.RX, [0], [0.7])
    builder.gate(Op.RX, [1], [1.1])
    builder.gate(op, [0, 1], [0.4] if TABLE[op].num_params else [])
    circuit = builder.build()
    once = np.ones(1, np.int64)
    before, after = twirls(circuit, once, 200, np.random.default_rng(1))
    copies = weave(circuit, 200, fabric_of(INDUS, None), Pattern(once, before, after))
    assert all(alike(circuit, c) for c in copies.finish(circuit))
    assert len({tuple(b) for b in before[:, 0].tolist()}) == (8 if op == Op.RZZ else 16)


@pytest.mark.parametrize("sequence", AXES)
@pytest.mark.parametrize("model", [INDUS, HUNZA], ids=["indus", "hunza"])
def test_echoes_keep_the_state_and_the_schedule(sequence: str, model) -> None:  # type: ignore[no-untyped-def]
    circuit, fabric = compiled(5, model), fabric_of(model, None)
    found = windows(circuit, fabric, sequence)
    echoed = decoupled(circuit, fabric, sequence, model.dt)
    assert len(found) >= 1
    assert np.sum(echoed.op == Op.DELAY) == len(found) * (len(AXES[sequence]) + 1)
    assert alike(circuit, echoed)
    assert schedule(echoed, fabric).total == pytest.approx(schedule(circuit, fabric).total)
    waits = echoed.params[echoed.op == Op.DELAY, 0]
    assert np.all(waits > 0)
    # Windows that are echoed have no waiting left that the circuit does not state.
    plan = schedule(echoed, fabric)
    before = schedule(circuit, fabric).idle.sum()
    assert plan.idle.sum() == pytest.approx(before - sum(w.length for w in found))


@pytest.mark.parametrize("sequence", AXES)
def test_an_echo_cancels_a_constant_shift_of_frequency(sequence: str) -> None:
    fabric = fabric_of(INDUS, None)
    builder = Builder()
    builder.qreg("q", 3)
    builder.gate(Op.CZ, [0, 1])
    for _ in range(60):
        builder.gate(Op.SX, [1])
    builder.gate(Op.CZ, [0, 1])
    circuit = builder.build()
    (window,) = windows(circuit, fabric, sequence)
    assert (window.qubit, window.length) == (0, 60 * 30.0)
    echoed = decoupled(circuit, fabric, sequence, INDUS.dt)
    turn = np.eye(2, dtype=complex)
    for i in range(len(echoed)):
        if echoed.qubits[i, 0] != 0 or echoed.qubits[i, 1] >= 0:
            continue
        op, params = int(echoed.op[i]), tuple(echoed.params[i].tolist())
        # A wait turns about z by a large angle, in proportion to its length.
        gate = (
            np.array(matrix(Op.RZ, (0.01 * params[0],))) if op == Op.DELAY else unitary(op, params)
        )
        turn = gate @ turn
    angle = 2 * math.acos(min(1.0, abs(np.trace(turn)) / 2))
    assert angle < 0.01 * INDUS.dt * 8 + 1e-9  # what dt rounds, instead of 12 radians


def test_flips_are_balanced() -> None:
    circuit = random_circuit(3, 4, 1)
    builder = Builder()
    builder.qreg("q", 3)
    builder.creg("c", 3)
    for q in range(3):
        builder.measure(q, q)
    drawn = flips(builder.build(), 10, np.random.default_rng(1))
    assert drawn.sum(axis=0).tolist() == [5, 5, 5]
    assert flips(circuit, 4, np.random.default_rng(1)).shape == (4, 0)


def test_angles_of_random_gates_rebuild_them() -> None:
    g = np.random.default_rng(3)
    angles = g.uniform(-4, 4, (50, 3))
    angles[:6] = [[0, 1, 2], [math.pi, 1, 2], [math.pi / 2, 1, 2], [0, 0, 0], [-1, 0, 3], [9, 1, 1]]
    gates = np.array([matrix(Op.U, tuple(a)) for a in angles])
    again = np.array([matrix(Op.U, tuple(a)) for a in np.stack(euler(gates), axis=1)])
    overlap = np.abs(np.einsum("kij,kij->k", gates.conj(), again)) / 2
    np.testing.assert_allclose(overlap, 1, atol=1e-9)
    loom = Loom(1, 50, fabric_of(INDUS, None))
    loom.turn(0, gates)
    builder = Builder()
    builder.qreg("q", 1)
    for made, gate in zip(loom.finish(builder.build()), gates, strict=True):
        total = np.eye(2)
        for op, params in zip(made.op.tolist(), made.params.tolist(), strict=True):
            total = unitary(op, tuple(params)) @ total
        assert abs(np.vdot(total, gate)) / 2 == pytest.approx(1)


def test_images_of_paulis_are_those_of_the_matrices() -> None:
    for op, gate in TABLE.items():
        if gate.num_qubits not in (1, 2):
            continue
        found = images(op, (0.3, 0.2, 0.1, 0.0))
        if Flag.CLIFFORD not in gate.flags:
            assert found is None or 0 in found[1].tolist()
            continue
        assert found is not None
        matrix_of = unitary(op, (0.3, 0.2, 0.1, 0.0))
        many = 4**gate.num_qubits
        products = PAULIS if many == 4 else [np.kron(b, a) for b in PAULIS for a in PAULIS]
        for k in range(many):
            moved = matrix_of @ products[k] @ matrix_of.conj().T
            np.testing.assert_allclose(moved, found[1][k] * products[found[0][k]], atol=1e-9)


def test_a_pauli_carried_there_and_back_is_itself() -> None:
    ops = [(Op.SX, ()), (Op.RZ, (math.pi / 2,)), (Op.CZ, ()), (Op.ECR, ()), (Op.S, ()),
           (Op.U, (math.pi / 2, math.pi, -math.pi / 2)), (Op.RX, (-math.pi / 2,))]  # fmt: skip
    for op, angles in ops:
        params = tuple([*angles, 0.0, 0.0, 0.0, 0.0][:4])
        on = (4, 2)[: TABLE[op].num_qubits]
        for a in range(4):
            for b in range(4):
                start = {q: c for q, c in ((4, a), (2, b)) if c}
                pauli = PauliString(start)
                pauli.conjugate(int(op), params, on)
                pauli.conjugate(*adjoint(int(op), params), on)
                assert (pauli.letters, pauli.sign) == (start, 1)
