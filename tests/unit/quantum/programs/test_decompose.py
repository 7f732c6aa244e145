from __future__ import annotations

import math
import time

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.decompose_rules import identities
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import BY_NAME, TABLE, Flag, Op
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.reference import amplitudes, distribution, unitary
from markaz.quantum.programs.transform import compose
from markaz.testing.random_gates import random_gates


def ops(names):
    return frozenset(int(BY_NAME[name].op) for name in names.split())


UNIVERSAL = [
    "u cx",
    "rx ry rz cz",
    "rz sx cx",
    "rz sx ecr",
    "p h cx",
    "rx ry rzz",
    "rx rz rxx",
    "h p cp",
    "u rzx",
    "u cu",
    "u mcx",
    "u mcp",
    "h rz ccx cx mcx mcp",
]
CLIFFORD = ["h s cx", "h sdg cz", "sx s cx", "h s ecr", "h s sdg x y z cx cy cz swap iswap"]


def one(op, size=None, seed=0):
    rng = np.random.default_rng(seed + int(op))
    size = size or TABLE[op].num_qubits
    builder = Builder(max(size, 3))
    builder.gate(op, rng.permutation(max(size, 3))[:size].tolist(), rng.uniform(-3, 3, 4).tolist())
    return builder.build()


def check(circuit, allowed):
    written = to_ops(circuit, allowed)
    assert set(written.op.tolist()) <= allowed
    assert np.allclose(unitary(written), unitary(circuit), atol=1e-12)


@pytest.mark.parametrize("number", range(len(identities())))
def test_every_identity_holds_with_its_phase(number):
    op, steps = identities()[number]
    angles = np.random.default_rng(number).uniform(-3, 3, 4)
    left, right = Builder(TABLE[op].num_qubits), Builder(TABLE[op].num_qubits)
    left.gate(op, range(TABLE[op].num_qubits), angles[: TABLE[op].num_params].tolist())
    for step in steps:
        values = [a.const + float(np.dot(a.scale, angles)) for a in step.angles]
        if step.op is None:
            right.global_phase += values[0]
        else:
            right.gate(step.op, step.operands, values)
    assert np.allclose(unitary(left.build()), unitary(right.build()), atol=1e-14)


@pytest.mark.parametrize("names", UNIVERSAL)
def test_every_gate_in_every_universal_set(names):
    for gate in TABLE.values():
        for size in [gate.num_qubits] if gate.num_qubits else range(1, 6):
            check(one(gate.op, size), ops(names))


@pytest.mark.parametrize("names", CLIFFORD)
def test_clifford_gates_stay_clifford(names):
    for gate in TABLE.values():
        if Flag.CLIFFORD in gate.flags:
            check(one(gate.op), ops(names))


@pytest.mark.parametrize("names", ["h t tdg cx", "h t cx", "h t s sdg tdg cz"])
def test_clifford_and_t(names):
    fixed = [g for g in TABLE.values() if g.num_params == 0 and g.num_qubits]
    for gate in fixed:
        check(one(gate.op), ops(names))


@pytest.mark.parametrize("op", [Op.MCX, Op.MCP])
@pytest.mark.parametrize("size", [6, 8, 9, 10])
def test_many_controls_without_extra_qubits(op, size):
    """On one random product state: a difference would vanish on a set of measure zero."""
    angles = np.random.default_rng(size).uniform(-3, 3, (size, 3)).tolist()
    start = Builder(size)
    for q in range(size):
        start.gate(Op.U, (q,), angles[q])
    circuit = compose(start.build(), one(op, size))
    written = to_ops(circuit, ops("u cx"))
    assert set(written.op.tolist()) == ops("u cx")
    assert np.allclose(amplitudes(written), amplitudes(circuit), atol=1e-12)


def test_many_controls_grow_quadratically():
    counts = [len(to_ops(one(Op.MCX, size), ops("u cx"))) for size in (40, 80)]
    assert counts[1] < 4.8 * counts[0]


def test_a_random_circuit_in_one_go():
    circuit = random_gates(np.random.default_rng(3), 5, 200)
    for names in UNIVERSAL:
        check(circuit, ops(names))


def test_nothing_to_do_returns_the_circuit_itself():
    circuit = random_gates(np.random.default_rng(4), 5, 50, ops("h cx"))
    assert to_ops(circuit, ops("h cx t")) is circuit


@pytest.mark.parametrize(
    ("name", "names"), [("t", "h s cx"), ("rx", "h t cx"), ("cx", "u"), ("swap", "u rz")]
)
def test_the_impossible_is_named(name, names):
    with pytest.raises(ProgramError, match=f"^{name} cannot be written with") as caught:
        to_ops(one(BY_NAME[name].op), ops(names))
    assert caught.value.kind == "unsupported"


def test_other_operations_stay_where_they_are():
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("c", 2)
    builder.gate(Op.SWAP, (0, 1))
    builder.gate(Op.H, (0,))
    builder.barrier((1, 0))
    builder.measure(0, 0)
    builder.control(Op.IF, ("bits", 0, 1))
    builder.gate(Op.CH, (0, 1))
    builder.control(Op.ELSE)
    builder.gate(Op.MCX, (0, 1))
    builder.control(Op.END)
    builder.measure(1, 1)
    circuit = builder.build()
    written = to_ops(circuit, ops("u cx"))
    assert set(written.op[written.op <= Op.MCP].tolist()) == ops("u cx")
    assert distribution(written) == pytest.approx(distribution(circuit))
    assert written.operands(int(np.flatnonzero(written.op == Op.BARRIER)[0])) == [1, 0]


def test_pooled_replacements_get_their_own_operands():
    builder = Builder(4)
    builder.gate(Op.CCX, (3, 1, 0))
    builder.gate(Op.MCP, (2, 1, 0), (0.3,))
    builder.gate(Op.CCX, (0, 1, 2))
    written = to_ops(builder.build(), ops("mcx mcp"))
    assert [written.operands(i) for i in range(3)] == [[3, 1, 0], [2, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize("names", ["rz ry cx", "u cx", "rz sx cz", "rz h rzz"])
def test_unbound_parameters_are_carried_over(names):
    """Up to the global phase, which an unbound parameter cannot enter."""
    builder = Builder(3)
    builder.gate(Op.CU, (0, 1), (math.nan, 0.2, math.nan, 0.4))
    builder.gate(Op.RZZ, (1, 2), (math.nan,))
    builder.gate(Op.MCP, (2, 1, 0), (math.nan,))
    builder.gate(Op.RZ, (2,), (math.nan,))
    a, b = ("param", "a"), ("param", "b")
    builder.symbolic += [(0, 0, a), (0, 2, b), (1, 0, ("mul", a, b)), (2, 0, b), (3, 0, a)]
    builder.parameters += ["a", "b"]
    circuit, values = builder.build(), {"a": 0.7, "b": -1.9}
    written = to_ops(circuit, ops(names))
    slots = sorted((i, s) for i, s, _ in written.symbolic)
    assert slots == [tuple(x) for x in np.argwhere(np.isnan(written.params)).tolist()]
    product = unitary(bind(written, values)).conj().T @ unitary(bind(circuit, values))
    assert np.allclose(product, product[0, 0] * np.eye(8)) and abs(product[0, 0]) > 0.99


def test_cost_of_a_gate():
    """5 us a rewritten gate on an idle machine; ten times that is a broken loop."""
    circuit = random_gates(np.random.default_rng(5), 10, 20_000, ops("cp cx swap"))
    to_ops(circuit, ops("rx ry rz cz"))
    started = time.process_time()
    to_ops(circuit, ops("rx ry rz cz"))
    assert time.process_time() - started < 20_000 * 50e-6
