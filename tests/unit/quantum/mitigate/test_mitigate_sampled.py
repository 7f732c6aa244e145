"""Twirled and decoupled samples: what is done, what it means, and what it does to errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.devices.emulator.execute import execute_under
from markaz.quantum.devices.emulator.truth import Truth
from markaz.quantum.devices.model import load, load_shipped, shipped_text
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.sampled import (
    NOTHING_TO_TWIRL,
    NOTHING_WAITS,
    Sampling,
    sampling,
    whole,
)
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from tests.emulated import HALF, built, layers, pulses, silent, wait

INDUS = load_shipped("indus")
TWIRL = Mitigation(twirl_gates=True, copies=40)
ECHO = Mitigation(decoupling="XY4")


def made(wanted: Mitigation, circuit: Circuit, shots: int = 4000) -> Sampling:
    return sampling(wanted, circuit, shots, INDUS, None, 7)


def share(truth: Truth, sampled: Sampling, outcome: str) -> float:
    """How often an outcome is read in all copies together."""
    rows = []
    for k, copy in enumerate(sampled.copies):
        found = execute_under(
            INDUS, truth, copy.circuit, shots=copy.shots, run_seed=k, memory=True
        ).memory
        assert found is not None
        bits = np.array([[int(b) for b in reversed(text)] for text in found], np.uint8)
        rows.append(copy.undone(bits))
    wanted = np.array([int(b) for b in reversed(outcome)])
    return float((np.concatenate(rows) == wanted).all(axis=1).mean())


def test_copies_mean_the_same_and_share_the_shots() -> None:
    circuit = layers(INDUS, [0, 1, 5, 6], 3, 5)
    wanted = Mitigation(twirl_gates=True, twirl_measure=True, decoupling="XY4", copies=8)
    sampled = made(wanted, circuit, 4003)
    assert [c.shots for c in sampled.copies] == [501, 501, 501, 500, 500, 500, 500, 500]
    quiet = silent(INDUS)
    plain = execute_under(INDUS, quiet, circuit, shots=4000, run_seed=1).counts or {}
    likely = max(plain, key=lambda k: plain[k])
    found = share(quiet, sampled, likely)
    assert abs(found - plain[likely] / 4000) < 5 * math.sqrt(0.5 / 4000)
    assert len({c.circuit.params.tobytes() for c in sampled.copies}) == 8


def over_rotating(cycles: int) -> Circuit:
    """CZ twice is nothing, unless each has an error of phase that adds up."""

    def fill(b: Builder) -> None:
        pulses(b, 0, HALF, HALF)
        pulses(b, 1, HALF)
        for _ in range(2 * cycles):
            b.gate(Op.CZ, [0, 1])
        pulses(b, 1, -HALF)
        b.measure(1, 0)

    return built(INDUS, 1, fill)


def test_twirling_makes_a_coherent_error_random() -> None:
    """Ten phase errors of 0.15 rad turn by 1.5 together; twirled, each flips with sin²."""
    truth, cycles, error = silent(INDUS, cz_phase=0.15), 5, 0.15
    circuit = over_rotating(cycles)
    raw = share(truth, whole(circuit, 4000), "1")
    assert abs(raw - math.sin(2 * cycles * error / 2) ** 2) < 5 * math.sqrt(0.25 / 4000)
    # The phase error is a turn about ZZ and about each z by half of it: four independent signs
    # in a twirl leave cos²(e/4) of each on average, as for a phase flip.
    many = replace(TWIRL, copies=400)
    twirled = share(truth, made(many, circuit, 8000), "1")
    kept = (1 - 2 * 2 * math.sin(error / 4) ** 2) ** (2 * 2 * cycles)
    assert twirled < raw / 4
    assert abs(twirled - (1 - kept) / 2) < 0.03


def beside_an_excited_neighbour(us: float) -> Circuit:
    def fill(b: Builder) -> None:
        pulses(b, 5, HALF, HALF)
        b.barrier([0, 5])
        pulses(b, 0, HALF)
        b.barrier([0, 5])
        wait(b, 5, us)
        b.barrier([0, 5])
        pulses(b, 0, -HALF)
        b.measure(0, 0)

    return built(INDUS, 1, fill)


@pytest.mark.parametrize("sequence", ["XX", "XpXm", "XY4"])
def test_decoupling_undoes_crosstalk_and_slow_noise(sequence: str) -> None:
    """5 us of 50 kHz beside an excited qubit turn by a quarter; slow noise blurs besides."""
    circuit = beside_an_excited_neighbour(5.0)
    for truth, lost in ((silent(INDUS, zz=50.0), 0.5), (silent(INDUS, slow=60.0), 0.4)):
        raw = share(truth, whole(circuit, 2000), "0")
        echoed = made(replace(ECHO, decoupling=sequence), circuit, 2000)
        assert raw < 1 - lost / 2
        assert share(truth, echoed, "0") > 0.98
        assert echoed.applied == (f"dynamical decoupling {sequence} in 1 waits",)


def test_flips_before_measurements_make_reading_errors_alike() -> None:
    truth = silent(INDUS, read1=0.0, read0=0.2)
    sampled = made(Mitigation(twirl_measure=True, copies=20), built(
        INDUS, 1, lambda b: (pulses(b, 0, HALF, HALF), b.measure(0, 0))[0]))  # fmt: skip
    assert abs(share(truth, sampled, "0") - 0.1) < 5 * math.sqrt(0.1 / 4000)
    assert sampled.applied == ("flips before measurements in 20 copies, undone in the samples",)


def test_what_came_to_nothing_is_said() -> None:
    lonely = built(INDUS, 1, lambda b: (pulses(b, 0, HALF), b.measure(0, 0))[0])
    sampled = made(replace(ECHO, twirl_gates=True), lonely)
    assert (sampled.applied, sampled.not_applied) == ((), (NOTHING_TO_TWIRL, NOTHING_WAITS))
    assert sampled.to_json()["shots_per_randomization"] == [4000]


def refused(fill: Callable[[Builder], None], text: str) -> str:
    model = load(text)
    with pytest.raises(MitigationError) as caught:
        sampling(ECHO, built(model, 1, fill), 10, model, None, 1)
    assert caught.value.kind == "refused"
    return caught.value.message


def test_refusals_say_why() -> None:
    text = shipped_text("indus")

    def again(b: Builder) -> None:
        b.measure(0, 0)
        b.measure(0, 0)

    assert "measurements before the end" in refused(again, text)
    blunt = text.replace('"delay", ', "")
    assert refused(lambda b: b.measure(0, 0), blunt) == (
        "dynamical decoupling: indus has no waits of a stated length"
    )
