"""Runs of CX gates are replaced by shorter ones that do the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.programs.transform import remove_measurements, select
from markaz.quantum.simulate.simplify import networks, simplify
from markaz.quantum.simulate.simplify.kernel_networks import gather
from markaz.quantum.simulate.simplify.networks import eliminated, shortened
from markaz.testing.circuits import random_circuit


def network(qubits: int, *layers: list[tuple[int, int]]) -> Circuit:
    """Rotations of all qubits, then the CX gates of a layer, for each layer."""
    builder = Builder()
    builder.qreg("q", qubits)
    for number, layer in enumerate(layers):
        for q in range(qubits):
            builder.gate(Op.RY, [q], [0.1 + 0.3 * q + number])
        for pair in layer:
            builder.gate(Op.CX, pair)
    return builder.build()


def random_run(rng: np.random.Generator, qubits: int, gates: int) -> list[tuple[int, int]]:
    pairs = [rng.choice(qubits, 2, replace=False).tolist() for _ in range(gates)]
    return [(a, b) for a, b in pairs]


def test_all_pairs_come_down_to_neighbours() -> None:
    pairs = list(itertools.combinations(range(40), 2))
    found, fewer = shortened(network(40, pairs))

    left = found.qubits[found.op == Op.CX, :2].tolist()
    assert left == [[q, q + 1] for q in reversed(range(39))]
    assert fewer == 780 - 39


@pytest.mark.parametrize("seed", range(12))
def test_the_state_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    qubits = int(rng.integers(2, 6))
    gates = int(rng.integers(30, 60))
    circuit = network(qubits, *(random_run(rng, qubits, gates) for _ in range(2)))

    found, fewer = shortened(circuit)

    assert fewer > 0
    assert len(found) == len(circuit) - fewer
    np.testing.assert_allclose(amplitudes(found), amplitudes(circuit), atol=1e-12)


def shuffled(circuit: Circuit, rng: np.random.Generator) -> Circuit:
    """The same circuit in another order of time that its wires allow."""
    waiting = [circuit.operands(i) for i in range(len(circuit))]
    left, order = list(range(len(circuit))), []
    while left:
        busy: set[int] = set()
        ready = []
        for i in left:
            if busy.isdisjoint(waiting[i]):
                ready.append(i)
            busy.update(waiting[i])
        order.append(int(rng.choice(ready)))
        left.remove(order[-1])
    return select(circuit, np.array(order))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_gates_between_them_do_not_keep_cx_gates_apart(
    seed: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "worth_it", lambda work: compiled)
    rng = np.random.default_rng(seed)
    qubits = int(rng.integers(3, 6))
    layers = [random_run(rng, qubits, int(rng.integers(20, 40))) for _ in range(3)]
    circuit = shuffled(network(qubits, *layers, []), rng)

    found, fewer = shortened(circuit)

    assert fewer > 0
    assert np.count_nonzero(found.op == Op.RY) == 4 * qubits
    np.testing.assert_allclose(amplitudes(found), amplitudes(circuit), atol=1e-12)


def test_random_circuits_keep_their_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "LONG", 0)
    monkeypatch.setattr(networks, "LEAST", 2)
    monkeypatch.setattr(networks, "WORTH", 5.0)
    monkeypatch.setattr(networks, "MOST_ELIMINATION", 1000)
    rng = np.random.default_rng(7)
    ops = (Op.CX, Op.CX, Op.CX, Op.H, Op.T, Op.CZ, Op.CCX, Op.MCX, Op.SWAP, Op.RZZ)
    for _ in range(60):
        made = random_circuit(rng, int(rng.integers(2, 6)), 40, "any", ops=ops)
        circuit = remove_measurements(made)
        found, _ = shortened(circuit)
        np.testing.assert_allclose(amplitudes(found), amplitudes(circuit), atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_elimination_makes_the_map(count: int) -> None:
    rng = np.random.default_rng(count)
    rows = [1 << i for i in range(count)]
    for control, target in random_run(rng, count, 10 * count) if count > 1 else []:
        rows[target] ^= rows[control]
    wanted = list(rows)

    made = [1 << i for i in range(count)]
    for control, target in eliminated(rows):
        made[target] ^= made[control]

    assert made == wanted
    assert rows == [1 << i for i in range(count)]


def test_what_is_not_much_shorter_stays() -> None:
    chain = network(6, [(q, q + 1) for q in range(5)])
    spread = network(12, random_run(np.random.default_rng(3), 12, 50))

    for circuit in (chain, spread):
        found, fewer = shortened(circuit)
        assert (found is circuit, fewer) == (True, 0)


def test_measurements_stay_and_the_gates_are_counted() -> None:
    circuit = network(12, list(itertools.combinations(range(12), 2)))
    builder = Builder(num_qubits=12, num_clbits=12)
    for q in range(12):
        builder.measure(q, 11 - q)
    measured = builder.build()
    whole = circuit.with_arrays(
        num_clbits=12,
        op=np.concatenate([circuit.op, measured.op]),
        qubits=np.concatenate([circuit.qubits, measured.qubits]),
        params=np.concatenate([circuit.params, measured.params]),
        aux=np.concatenate([circuit.aux, measured.aux]),
    )

    done = simplify(whole)

    assert done.gates_before == 12 + 66
    assert done.gates_after <= 12
    assert done.output_bits.tolist() == list(range(11, -1, -1))
