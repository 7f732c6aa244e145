from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum import api
from markaz.quantum.calibrate import circuits, cliffords
from markaz.quantum.devices.model import DeviceModel, load_shipped, shipped
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.programs.reference import amplitudes


@pytest.fixture(scope="module")
def indus() -> DeviceModel:
    return load_shipped("indus")


def outcome(circuit: Circuit) -> str:
    """The one outcome of a circuit without noise, first measured qubit first."""
    (bits,) = api.run(circuit, shots=20, seed=1).counts
    return bits[::-1]


def test_the_groups_have_their_known_sizes() -> None:
    assert len(cliffords.one_qubit()) == 24
    assert len(cliffords._pairs()) == 11_520
    assert sum(e.pulses for e in cliffords.one_qubit()) == 24 * cliffords.pulses_per_element()
    mean = np.mean([e.couplings for e in cliffords._pairs().values()])
    assert mean == pytest.approx(cliffords.couplings_per_element())


def test_steps_make_the_unitary_that_an_element_claims() -> None:
    rng = np.random.default_rng(1)
    for element in [cliffords.random_pair(rng) for _ in range(20)]:
        builder = circuits.Builder()
        builder.qreg("q", 2)
        circuits._put(builder, element, (0, 1))
        state = amplitudes(builder.build())
        assert abs(np.vdot(state, element.unitary[:, 0])) == pytest.approx(1.0)


@pytest.mark.parametrize("interleaved", [False, True])
def test_sequences_end_where_they_say(indus: DeviceModel, interleaved: bool) -> None:
    rng = np.random.default_rng(2)
    group = circuits.qubit_groups(indus)[0]
    for length in (1, 7):
        one = circuits.benchmarking(indus, group, length, rng, interleaved=interleaved)
        assert outcome(one.circuit) == "".join(map(str, one.ends))
    pairs = circuits.pair_groups(indus)[0]
    two = circuits.pair_benchmarking(indus, pairs, 5, rng, interleaved=interleaved)
    assert outcome(two.circuit) == "".join(map(str, two.ends))


def test_sequences_end_in_both_states_equally_often(indus: DeviceModel) -> None:
    rng = np.random.default_rng(3)
    ends = [e for _ in range(60) for e in circuits.benchmarking(indus, [0, 2], 2, rng).ends]
    assert 40 < sum(ends) < 80


def test_experiments_on_an_ideal_device(indus: DeviceModel) -> None:
    (relaxed,) = circuits.relaxation(indus, [0, 7], [3.0])
    assert outcome(relaxed.circuit) == "11"
    (echoed,) = circuits.echo(indus, [1, 4], [2.0])
    assert outcome(echoed.circuit) == "00"
    quarter, half = circuits.ramsey(indus, [5], [0.0, 5.0], 100.0)  # half a turn in 5 us
    assert (outcome(quarter.circuit), outcome(half.circuit)) == ("1", "0")
    low, high = circuits.readout(indus, range(20))
    assert (outcome(low), outcome(high)) == ("0" * 20, "1" * 20)


@pytest.mark.parametrize("name", shipped())
def test_groups_hold_everything_once_and_no_neighbours(name: str) -> None:
    model = load_shipped(name)
    groups = circuits.qubit_groups(model)
    assert sorted(q for g in groups for q in g) == list(range(model.num_qubits))
    assert all(n not in g for g in groups for q in g for n in model.neighbours[q])
    pairs = circuits.pair_groups(model)
    assert sorted(p for g in pairs for p in g) == sorted(model.live_couplers)
    for group in pairs:
        used = [q for pair in group for q in pair]
        assert len(set(used)) == len(used)
        for a, b in group:
            around = {n for q in (a, b) for n in model.neighbours[q]} - {a, b}
            assert around.isdisjoint(used)


def test_circuits_hold_native_gates_only(indus: DeviceModel) -> None:
    rng = np.random.default_rng(4)
    made = [
        circuits.benchmarking(indus, [0], 30, rng).circuit,
        circuits.pair_benchmarking(indus, [(0, 1)], 9, rng, interleaved=True).circuit,
        *(timed.circuit for timed in circuits.echo(indus, [0], [1.0])),
    ]
    for circuit in made:
        gates = circuit.op <= LAST_GATE
        kinds = {
            indus.native(op, params)
            for op, params in zip(circuit.op[gates], circuit.params[gates], strict=True)
        }
        assert kinds <= {"x2p", "rz", "cz"}
    assert Op.DELAY in made[-1].op
