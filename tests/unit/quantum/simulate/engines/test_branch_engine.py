"""Dynamic circuits against branch enumeration, known answers and Aer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes, distribution
from markaz.quantum.simulate import states_branch
from markaz.quantum.simulate.engines import branch
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.branch import BranchEngine
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.states_branch import Amplitudes, Tableau
from tests.native_circuits import (
    CLIFFORD,
    assert_drawn,
    counts_of,
    joined,
    marginal,
    random_dynamic,
    random_gates,
)

ENGINE = BranchEngine()
SHOTS = 20_000


def drawn(circuit: Circuit, shots: int = SHOTS, seed: int = 1) -> dict[str, int]:
    return counts_of(ENGINE.sample_dynamic(circuit, shots, seed))


def started(num_qubits: int, num_clbits: int) -> Builder:
    b = Builder()
    b.qreg("q", num_qubits)
    b.creg("c", num_clbits)
    return b


def then(b: Builder, clbit: int, op: Op, *qubits: int) -> None:
    """``op`` if a classical bit is set."""
    b.control(Op.IF, ("bits", clbit, 1))
    b.gate(op, qubits)
    b.control(Op.END)


def teleportation(theta: float) -> Circuit:
    b = started(3, 3)
    b.gate(Op.RY, [0], [theta])
    b.gate(Op.H, [1])
    b.gate(Op.CX, [1, 2])
    b.gate(Op.CX, [0, 1])
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.measure(1, 1)
    then(b, 1, Op.X, 2)
    then(b, 0, Op.Z, 2)
    b.measure(2, 2)
    return b.build()


def phase_estimation(phase: float, bits: int) -> Circuit:
    """Iterative phase estimation of p(2 pi phase) on one reused qubit, low bit first."""
    b = started(2, bits)
    b.gate(Op.X, [1])
    for k in range(bits):
        b.reset(0)
        b.gate(Op.H, [0])
        b.gate(Op.CP, [0, 1], [2 * math.pi * phase * 2 ** (bits - 1 - k)])
        for j in range(k):
            b.control(Op.IF, ("bits", j, 1))
            b.gate(Op.P, [0], [-math.pi / 2 ** (k - j)])
            b.control(Op.END)
        b.gate(Op.H, [0])
        b.measure(0, k)
    return b.build()


@pytest.mark.parametrize("seed", range(25))
def test_random_dynamic_circuits(seed: int) -> None:
    circuit = random_dynamic(2 + seed % 3, 20, seed)
    assert_drawn(drawn(circuit, seed=seed), distribution(circuit), SHOTS)


@pytest.mark.parametrize("seed", range(15))
def test_random_clifford_dynamic_circuits_on_tableaux(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branch, "_SMALL", 0)
    circuit = random_dynamic(4, 25, seed, ops=CLIFFORD)
    assert Tableau.takes(circuit)
    assert_drawn(drawn(circuit, seed=seed), distribution(circuit), SHOTS)


@pytest.mark.parametrize("seed", range(6))
def test_states_too_full_for_a_dictionary(seed: int) -> None:
    circuit = random_dynamic(7, 18, seed)
    assert_drawn(drawn(circuit, seed=seed), distribution(circuit), SHOTS)


def layers(count: int, seed: int) -> Circuit:
    """Random one-qubit Clifford gates on three qubits."""
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", 3)
    for q in 3 * [*range(count)]:
        b.gate(Op(rng.choice([Op.H, Op.S, Op.SX])), [q % 3])
    return b.build()


@pytest.mark.parametrize("op", CLIFFORD)
def test_tableaux_know_every_clifford_gate(op: Op) -> None:
    for seed in range(6):
        # Layers before and after the gate, so that its phases count.
        gate = random_gates(3, 1, seed, ops=[op])
        circuit = joined(layers(4, seed), random_gates(3, 1, 1, ops=[Op.CX]), gate, layers(2, 9))
        state = Tableau(3)
        state.run(Tableau.prepare(circuit))
        samples = Samples(*state.sample(range(3), 2000, np.random.default_rng(seed)))
        exact = marginal(np.abs(amplitudes(circuit)) ** 2, range(3))
        assert_drawn(counts_of(samples), exact, 2000)


def test_teleportation() -> None:
    circuit = teleportation(1.1)
    counts = drawn(circuit)
    assert_drawn(counts, distribution(circuit), SHOTS)
    received = {"0": 0, "1": 0}
    for key, count in counts.items():
        received[key[0]] += count
    chance = math.sin(0.55) ** 2
    assert_drawn(received, {"0": 1 - chance, "1": chance}, SHOTS)


def test_teleportation_agrees_with_aer() -> None:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    theirs = QuantumCircuit(3, 3)
    theirs.ry(1.1, 0)
    theirs.h(1)
    theirs.cx(1, 2)
    theirs.cx(0, 1)
    theirs.h(0)
    theirs.measure([0, 1], [0, 1])
    for clbit, gate in ((1, theirs.x), (0, theirs.z)):
        with theirs.if_test((theirs.clbits[clbit], 1)):
            gate(2)
    theirs.measure(2, 2)
    job = AerSimulator(seed_simulator=3).run(theirs, shots=4000)
    assert_drawn(job.result().get_counts(), distribution(teleportation(1.1)), 4000)
    assert_drawn(drawn(teleportation(1.1), 4000), distribution(teleportation(1.1)), 4000)


def test_iterative_phase_estimation() -> None:
    assert drawn(phase_estimation(0b1011 / 16, 4), 500) == {"1011": 500}
    rough = phase_estimation(0.3, 4)
    assert_drawn(drawn(rough), distribution(rough), SHOTS)


def test_repeat_until_success() -> None:
    """The number of failures before a fair coin shows one is geometric."""
    b = started(1, 6)
    b.assign(5, 1, ("const", 1))
    b.control(Op.WHILE, ("bits", 5, 1))
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.control(Op.IF, ("bits", 0, 1))
    b.control(Op.BREAK)
    b.control(Op.END)
    b.assign(1, 3, ("add", ("bits", 1, 3), ("const", 1)))
    b.control(Op.IF, ("eq", ("bits", 1, 3), ("const", 7)))
    b.assign(5, 1, ("const", 0))
    b.control(Op.END)
    b.control(Op.CONTINUE)
    b.gate(Op.X, [0])
    b.control(Op.END)
    exact = {f"10{k:03b}1": 2.0 ** -(k + 1) for k in range(7)} | {"001110": 2.0**-7}
    assert_drawn(drawn(b.build()), exact, SHOTS)


def test_mid_circuit_reset_of_an_entangled_qubit() -> None:
    b = started(2, 2)
    b.gate(Op.RY, [0], [0.8])
    b.gate(Op.CX, [0, 1])
    b.reset(0)
    b.gate(Op.CX, [1, 0])
    b.measure(0, 0)
    b.measure(1, 1)
    chance = math.sin(0.4) ** 2
    assert_drawn(drawn(b.build()), {"00": 1 - chance, "11": chance}, SHOTS)


def test_reset_of_an_independent_qubit_does_not_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = []
    original = Amplitudes.copy
    monkeypatch.setattr(Amplitudes, "copy", lambda s: copies.append(1) or original(s))
    b = started(3, 1)
    b.gate(Op.H, [0])
    b.gate(Op.CX, [0, 1])
    for _ in range(30):
        b.gate(Op.U, [2], [1.0, 0.3, 0.2])
        b.reset(2)
    b.measure(1, 0)
    assert_drawn(drawn(b.build()), {"0": 0.5, "1": 0.5}, SHOTS)
    assert copies == []


def test_a_switch_like_chain() -> None:
    b = started(3, 4)
    for q in range(2):
        b.gate(Op.H, [q])
        b.measure(q, q)
    for value, theta in ((0, 0.2), (1, 0.9), (2, 1.7)):
        b.control(Op.IF, ("eq", ("bits", 0, 2), ("const", value)))
        b.gate(Op.RY, [2], [theta])
        b.control(Op.ELSE)
    b.gate(Op.X, [2])
    for _ in range(3):
        b.control(Op.END)
    b.measure(2, 3)
    circuit = b.build()
    exact = {}
    for value, theta in ((0, 0.2), (1, 0.9), (2, 1.7), (3, math.pi)):
        one = math.sin(theta / 2) ** 2
        exact |= {f"00{value:02b}": (1 - one) / 4, f"10{value:02b}": one / 4}
    assert_drawn(drawn(circuit), exact | {"0011": 0.0}, SHOTS)


def test_fifty_qubit_ghz_by_measurement_and_correction() -> None:
    n = 25
    b = started(2 * n - 1, 2 * n - 1)
    for q in range(n):
        b.gate(Op.H, [2 * q])
    for q in range(n - 1):
        b.gate(Op.CX, [2 * q, 2 * q + 1])
        b.gate(Op.CX, [2 * q + 2, 2 * q + 1])
    for q in range(n - 1):
        b.measure(2 * q + 1, 2 * q + 1)
        b.assign(0, 1, ("xor", ("bits", 0, 1), ("bits", 2 * q + 1, 1)))
        then(b, 0, Op.X, 2 * q + 2)
    for q in range(n):
        b.measure(2 * q, 2 * q)
    samples = ENGINE.sample_dynamic(b.build(), 300, seed=4)
    rows = np.repeat(samples.bits[:, ::2], samples.weights, axis=0)
    assert set(map(bytes, rows)) == {bytes(n), b"\1" * n}
    ones = int(rows[:, 0].sum())
    assert_drawn({"0": 300 - ones, "1": ones}, {"0": 0.5, "1": 0.5}, 300)


def test_a_reused_qubit_on_a_wide_sparse_register() -> None:
    b = started(60, 5)
    for k in range(5):
        b.gate(Op.RX, [0], [1.0])
        b.gate(Op.CCX, [0, 1, 2])
        b.gate(Op.MCX, range(0, 60, 7))
        b.measure(0, k)
        b.reset(0)
    one = math.sin(0.5) ** 2
    exact = {
        format(v, "05b"): one ** v.bit_count() * (1 - one) ** (5 - v.bit_count()) for v in range(32)
    }
    assert_drawn(drawn(b.build()), exact, SHOTS)


def test_later_operations_on_measured_bits_and_qubits() -> None:
    b = started(1, 2)
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.measure(0, 1)
    b.barrier([0])
    b.gate(Op.X, [0])
    b.measure(0, 0)
    assert_drawn(drawn(b.build()), {"01": 0.5, "10": 0.5}, SHOTS)


def test_seed_decides_and_single_shots_are_possible() -> None:
    circuit = random_dynamic(4, 30, 11)
    assert drawn(circuit, 200, 1) == drawn(circuit, 200, 1)
    singles = [drawn(circuit, 1, seed) for seed in range(300)]
    total: dict[str, int] = {}
    for single in singles:
        for key in single:
            total[key] = total.get(key, 0) + 1
    assert_drawn(total, distribution(circuit), 300)


def test_waiting_states_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    original = branch._Run._split

    def watched(self: branch._Run, *args: object) -> object:
        nonlocal most
        result = original(self, *args)  # type: ignore[arg-type]
        most = max(most, len(self.todo))
        return result

    monkeypatch.setattr(branch._Run, "_split", watched)
    b = started(1, 40)
    for k in range(40):
        b.gate(Op.RY, [0], [0.7])
        b.measure(0, k)
        b.gate(Op.H, [0])
    drawn(b.build(), 1000)
    assert 0 < most <= 10  # log2 of the shots


def test_endless_loops_and_too_large_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_branch, "MANY_STATES", 1000)
    b = started(1, 1)
    b.control(Op.WHILE, ("const", 1))
    b.control(Op.END)
    with pytest.raises(ProgramError, match="loops run more than 1000 iterations") as caught:
        BranchEngine(max_iterations=1000).sample_dynamic(b.build(), 10, seed=1)
    assert caught.value.kind == "limit-size"
    b = started(30, 1)
    for q in range(30):
        b.gate(Op.RY, [q], [0.3])
    b.measure(0, 0)
    b.gate(Op.H, [0])
    with pytest.raises(EngineRefusal, match="more than 1000 basis states at the last gates"):
        ENGINE.sample_dynamic(b.build(), 10, seed=1)


def test_no_shots_and_no_bits() -> None:
    assert ENGINE.sample_dynamic(started(1, 1).build(), 0, seed=1).shots == 0
    samples = ENGINE.sample_dynamic(started(1, 0).build(), 10, seed=1)
    assert (samples.bits.shape, samples.shots) == ((1, 0), 10)


def test_circuits_of_gates_can_be_sampled_too() -> None:
    circuit = random_gates(5, 40, 3)
    samples = ENGINE.sample(circuit, [3, 0], SHOTS, seed=2)
    exact = marginal(np.abs(amplitudes(circuit)) ** 2, [3, 0])
    assert_drawn(counts_of(samples), exact, SHOTS)


def histories(random: int) -> Circuit:
    """A reset, a measurement and a reset in turn; ``random`` of the measurements are coins."""
    b = started(8, 6)
    for k in range(6):
        if k < random:
            b.gate(Op.H, [k])
        b.measure(k, k)
        b.gate(Op.CX, [k, 7])
        b.gate(Op.H, [k])
    return b.build()


def test_a_short_try_follows_few_histories_and_refuses_many() -> None:
    short = ENGINE.limited(60)

    assert short.sample_dynamic(histories(0), 1000, seed=1).shots == 1000
    with pytest.raises(EngineRefusal, match="more histories than a short try follows"):
        short.sample_dynamic(histories(6), 1000, seed=1)
    assert ENGINE.sample_dynamic(histories(6), 1000, seed=1).shots == 1000
