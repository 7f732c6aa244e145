"""Runs on emulated devices: schedules, physics against formulas, replay, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.devices.decay import dephasing_rate, envelope
from markaz.quantum.devices.emulator import MODEL_VERSION, EmulatedResult, execute
from markaz.quantum.devices.emulator.execute import execute_under
from markaz.quantum.devices.emulator.lower import lower
from markaz.quantum.devices.emulator.schedule import timed
from markaz.quantum.devices.emulator.truth import Truth, commitment, truth_at
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import STEPS, Op
from markaz.quantum.simulate.noisy.run import DENSITY, MPS, TRAJECTORIES, TWIRLED
from tests.emulated import AT, HALF, HOUR, built, layers, pulses, silent, wait

INDUS = load_shipped("indus")
SHOTS = 40_000


def share(truth: Truth, fill: Callable[[Builder], None], outcome: str = "1") -> float:
    bits = len(outcome)
    result = execute_under(INDUS, truth, built(INDUS, bits, fill), shots=SHOTS, run_seed=3)
    assert result.counts is not None
    return result.counts.get(outcome, 0) / SHOTS


def close(found: float, expected: float) -> bool:
    """Within five standard deviations: fails once in two million right answers."""
    return abs(found - expected) < 5 * math.sqrt(max(expected * (1 - expected), 1e-4) / SHOTS)


# -- schedule


def test_operations_happen_as_late_as_they_can() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 0, HALF)
        pulses(b, 1, HALF, HALF)
        b.gate(Op.RZ, [0], [0.1])
        b.gate(Op.CZ, [0, 1])
        b.measure(0, 0)
        b.measure(1, 1)
        pulses(b, 2, HALF)
        b.measure(2, 2)

    rows = timed(built(INDUS, 3, fill), INDUS)
    assert [(r.gate, r.qubits, r.start, r.duration) for r in rows] == [
        ("x2p", (0,), 30.0, 30.0),
        ("x2p", (1,), 0.0, 30.0),
        ("x2p", (1,), 30.0, 30.0),
        ("rz", (0,), 60.0, 0.0),
        ("cz", (0, 1), 60.0, 40.0),
        ("measure", (0,), 100.0, 1500.0),
        ("measure", (1,), 100.0, 1500.0),
        ("x2p", (2,), 70.0, 30.0),
        ("measure", (2,), 100.0, 1500.0),
    ]


def test_barriers_and_delays_hold_back() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 0, HALF)
        b.delay(0, 100, STEPS)
        b.barrier([0, 1])
        pulses(b, 1, HALF)
        b.measure(0, 0)
        b.measure(1, 1)

    rows = timed(built(INDUS, 2, fill), INDUS)
    assert [(r.gate, r.start) for r in rows] == [
        ("x2p", 0.0), ("delay", 30.0), ("x2p", 80.0), ("measure", 110.0), ("measure", 110.0),
    ]  # fmt: skip


def test_qubits_that_no_pulse_touched_are_left_alone() -> None:
    def fill(b: Builder) -> None:
        wait(b, 0, 100.0)
        b.measure(0, 0)

    program, clbits = lower(timed(built(INDUS, 1, fill), INDUS), INDUS, truth_at(INDUS, 1, AT, AT))
    assert (program.decay.sum(), program.wait.sum(), clbits) == (0.0, 0.0, [0])


# -- physics against formulas


@pytest.mark.parametrize("time", [0.0, 10.0, 60.0])
def test_excited_qubit_relaxes_with_t1(time: float) -> None:
    def fill(b: Builder) -> None:
        pulses(b, 4, HALF, HALF)
        wait(b, 4, time)
        b.measure(4, 0)

    # From the middle of the second pulse to the measurement; what relaxes in the middle of
    # the first quarter turn is lost by half.
    found = share(silent(INDUS, t1=30.0), fill)
    kept = math.exp(-(time + 0.015) / 30)
    first = math.exp(-0.030 / 30)
    assert close(found, kept * (1 + math.sqrt(first)) / 2)


@pytest.mark.parametrize("time", [1.0, 8.0, 20.0])
def test_ramsey_fringe_has_detuning_and_envelope(time: float) -> None:
    def fill(b: Builder) -> None:
        pulses(b, 4, HALF)
        wait(b, 4, time)
        pulses(b, 4, -HALF)
        b.measure(4, 0)

    truth = silent(INDUS, t1=60.0, t_phi=50.0, slow=6.0, detuning=20.0)
    t = time + 0.030
    contrast = envelope(t, 1 / (0.5 / 60 + 1 / 50), dephasing_rate(6.0))
    found = share(truth, fill, "0")
    expected = (1 + contrast * math.cos(2 * math.pi * 0.020 * t)) / 2
    # The last pulse's 15 ns of relaxation, and the classes of slow noise.
    assert abs(found - expected) < 0.015


def test_echo_removes_slow_noise_and_detuning() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 4, HALF)
        wait(b, 4, 10.0)
        pulses(b, 4, HALF, HALF)
        wait(b, 4, 10.0)
        pulses(b, 4, HALF)
        b.measure(4, 0)

    t = 20 + 0.090
    echo = share(silent(INDUS, t_phi=40.0, slow=10.0, detuning=15.0), fill, "0")
    assert close(echo, (1 + math.exp(-t / 40)) / 2)


def test_errors_of_pulses_multiply() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 4, *[HALF, -HALF] * 40)
        b.measure(4, 0)

    found = share(silent(INDUS, pulse_error=0.006), fill, "0")
    assert close(found, (1 + (1 - 0.008) ** 80) / 2)


def test_over_rotation_adds_up_coherently() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 4, *[HALF] * 20)
        b.measure(4, 0)

    found = share(silent(INDUS, rotation=0.01), fill)
    assert close(found, math.sin(10 * HALF * 0.01) ** 2)


def test_crosstalk_turns_a_qubit_when_its_neighbour_is_excited() -> None:
    def fill(excited: bool) -> Callable[[Builder], None]:
        def inner(b: Builder) -> None:
            if excited:
                pulses(b, 5, HALF, HALF)
            b.barrier([0, 5])
            pulses(b, 0, HALF)
            wait(b, 0, 10.0)
            pulses(b, 0, -HALF)
            b.measure(0, 0)
            b.measure(5, 1)

        return inner

    truth = silent(INDUS, zz=12.0)
    phase = 2 * math.pi * 0.012 * 10.03
    assert close(share(truth, fill(False), "00"), 1.0)
    assert close(share(truth, fill(True), "10"), (1 + math.cos(phase)) / 2)


def test_readout_errors_are_lopsided() -> None:
    truth = silent(INDUS, read1=0.02, read0=0.08)
    assert close(share(truth, lambda b: b.measure(3, 0)), 0.02)

    def fill(b: Builder) -> None:
        pulses(b, 3, HALF, HALF)
        b.measure(3, 0)

    assert close(share(truth, fill, "0"), 0.08)


def test_leaked_qubits_are_read_as_one() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 3, *[HALF, -HALF] * 50)
        b.measure(3, 0)

    leaked = 1 - 0.999**100
    assert close(share(silent(INDUS, leakage=0.001), fill), leaked + (1 - leaked) * leaked / 2)


def test_controlled_z_with_a_phase_error() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 0, HALF, HALF)
        pulses(b, 1, HALF)
        b.gate(Op.CZ, [0, 1])
        pulses(b, 1, HALF)
        b.measure(0, 0)
        b.measure(1, 1)

    # RX(pi/2) RZ(pi + e) RX(pi/2) |0> ends in 1 with probability cos²((pi + e)/2).
    assert close(share(silent(INDUS, cz_phase=0.4), fill, "11"), math.cos((math.pi + 0.4) / 2) ** 2)


def test_errors_of_controlled_z() -> None:
    def fill(b: Builder) -> None:
        for _ in range(10):
            b.gate(Op.CZ, [0, 1])
        b.measure(0, 0)
        b.measure(1, 1)

    kept = (1 - 16 / 15 * 0.02) ** 10
    assert close(share(silent(INDUS, cz_error=0.02), fill, "00"), kept + (1 - kept) / 4)


# -- the whole


def test_methods_agree_on_a_device_in_trouble() -> None:
    truth = truth_at(INDUS, 3, AT + 30 * HOUR, AT)
    circuit = layers(INDUS, [0, 1, 5, 6], 4, 2)
    found = {}
    for method, shots in ((DENSITY, SHOTS), (TRAJECTORIES, SHOTS), (TWIRLED, SHOTS), (MPS, 3000)):
        result = execute_under(INDUS, truth, circuit, shots=shots, run_seed=1, method=method)
        assert (result.plan.engine, result.counts is None) == (method, False)
        counts = [(result.counts or {}).get(f"{x:04b}", 0) / shots for x in range(16)]
        found[method] = np.array(counts)
    distance = {m: np.abs(f - found[DENSITY]).sum() / 2 for m, f in found.items()}
    # For 16 outcomes, sqrt(2 (16 ln 2 + ln 1e6) / shots) bounds what chance does.
    assert distance[TRAJECTORIES] < 0.02
    assert distance[TWIRLED] < 0.06
    assert distance[MPS] < 0.06


def replayed() -> EmulatedResult:
    circuit = layers(INDUS, [0, 1, 5], 3, 2)
    return execute(INDUS, 9, AT + HOUR, AT, circuit, shots=300, run_seed=4, memory=True)


def test_run_is_replayed_bit_for_bit() -> None:
    first, second = replayed(), replayed()
    assert (first.memory, first.truth) == (second.memory, second.truth)
    assert first.counts is not None
    assert sum(first.counts.values()) == 300


def test_result_says_that_it_is_emulated() -> None:
    result = replayed()
    document = json.loads(json.dumps(result.to_json()))
    assert {k: document[k] for k in ("emulated", "model_version", "truth", "shots", "seed")} == {
        "emulated": "EMULATED",
        "model_version": MODEL_VERSION,
        "truth": commitment(INDUS, 9, truth_at(INDUS, 9, AT + HOUR, AT)),
        "shots": 300,
        "seed": 4,
    }
    assert document["accuracy"].startswith(document["plan"]["engine"])
    assert document["plan"]["parts"][0]["qubits"] == 3
    assert result.registers == (("c", 3),)


def test_hidden_error_shows_in_counts() -> None:
    truth = truth_at(INDUS, 9, AT, AT)
    worse = truth.read0.copy()
    worse[7] *= 2

    def fill(b: Builder) -> None:
        pulses(b, 7, HALF, HALF)
        b.measure(7, 0)

    before, after = share(truth, fill, "0"), share(replace(truth, read0=worse), fill, "0")
    assert after - before == pytest.approx(truth.read0[7], rel=0.25)


def test_large_clifford_circuit_is_twirled() -> None:
    model = load_shipped("karakoram")
    result = execute(model, 1, AT, AT, layers(model, list(range(66)), 5, 1), shots=100, run_seed=1)
    assert result.plan.engine == TWIRLED
    assert result.counts is not None
    assert {len(k) for k in result.counts} == {66}


def test_qubits_that_do_not_meet_are_run_apart() -> None:
    def fill(b: Builder) -> None:
        for bit, qubit in enumerate((0, 2, 4, 10)):
            pulses(b, qubit, HALF)
            b.measure(qubit, bit)

    result = execute(INDUS, 1, AT, AT, built(INDUS, 4, fill), shots=100, run_seed=1)
    assert [p.qubits for p in result.plan.parts] == [1, 1, 1, 1]


def refused(circuit: Circuit) -> str:
    with pytest.raises(ProgramError) as caught:
        execute(INDUS, 1, AT, AT, circuit, shots=10, run_seed=1)
    assert caught.value.kind == "unsupported"
    return caught.value.message


def test_what_the_device_cannot_do_is_refused() -> None:
    def measured(fill: Callable[[Builder], None]) -> Circuit:
        return built(INDUS, 2, lambda b: (fill(b), b.measure(0, 0))[0])

    assert refused(measured(lambda b: b.gate(Op.H, [0]))) == (
        "operation 0: h is no native gate of indus"
    )
    assert refused(measured(lambda b: b.gate(Op.RX, [0], [0.3]))) == (
        "operation 0: rx is no native gate of indus"
    )
    assert refused(measured(lambda b: b.gate(Op.CZ, [3, 8]))) == (
        "operation 0: cz on qubits 3 and 8, which no working coupler of indus joins"
    )
    assert refused(built(load_shipped("karakoram"), 0, lambda b: None)) == (
        "indus has 20 qubits, the circuit 66"
    )


@pytest.mark.parametrize(
    ("shots", "seed", "message"),
    [(0, 1, "shots must be"), (100_001, 1, "shots must be"), (1, -1, "run_seed must be")],
)
def test_bad_options_are_refused(shots: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        execute(INDUS, 1, AT, AT, built(INDUS, 0, lambda b: None), shots=shots, run_seed=seed)


def test_circuit_without_measurements_gives_empty_outcomes() -> None:
    result = execute(INDUS, 1, AT, AT, built(INDUS, 0, lambda b: None), shots=7, run_seed=1)
    assert result.counts == {"": 7}
