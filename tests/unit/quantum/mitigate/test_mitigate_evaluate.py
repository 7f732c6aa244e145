"""Mitigation as a whole against a device whose noise is known exactly.

Statistics: 20 circuits with two observables each, on 4 qubits with 6 layers (cancellation: 3 and
4). All draws are seeded, so that the figures are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from markaz.quantum import api
from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.fabric import fabric_of
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.evaluate import Mitigated, evaluate
from markaz.quantum.mitigate.options import Mitigation, of_level
from markaz.quantum.mitigate.plan import MitigationPlan, plan
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.transform import remove_measurements
from tests.compile_check import measured_all, random_circuit
from tests.noisy_box import Box

INDUS = load_shipped("indus")
FABRIC = fabric_of(INDUS, None)
CIRCUITS = 20


def ansatz(qubits: int, layers: int, seed: int) -> str:
    g = np.random.default_rng(seed)
    text = f'OPENQASM 3.0; include "stdgates.inc"; qubit[{qubits}] q;'
    for layer in range(layers):
        for q in range(qubits):
            a, b = g.uniform(-0.6, 0.6, 2)
            text += f"ry({a}) q[{q}]; rz({b}) q[{q}];"
        for q in range(layer % 2, qubits - 1, 2):
            text += f"cz q[{q}], q[{q + 1}];"
    return text


@dataclass
class Study:
    """Errors and errors over error bars by level, and the results themselves."""

    errors: dict[int, np.ndarray]
    scaled: dict[int, np.ndarray]
    results: list[Mitigated]
    truths: list[np.ndarray]


def study(level: int, qubits: int, layers: int, labels: list[str], box: Box, shots: int) -> Study:
    errors: dict[int, list[float]] = {}
    scaled: dict[int, list[float]] = {}
    results, truths = [], []
    sums = [PauliSum.of(label) for label in labels]
    wanted = replace(of_level(level), copies=16)
    for seed in range(CIRCUITS):
        text = ansatz(qubits, layers, seed)
        truth = np.array(api.run(text, observables=labels, seed=1).values)
        compiled = program(text, seed)
        made = plan(wanted, compiled, sums, shots, INDUS, None, seed)
        result = evaluate(made, box.run(made, seed))
        for k, (values, bars) in result.by_level.items():
            errors.setdefault(k, []).extend(np.array(values) - truth)
            scaled.setdefault(k, []).extend((np.array(values) - truth) / np.array(bars))
        results.append(result)
        truths.append(truth)
    return Study({k: np.array(v) for k, v in errors.items()},
                 {k: np.array(v) for k, v in scaled.items()}, results, truths)  # fmt: skip


def program(text: str, seed: int = 0) -> Compiled:
    return compile(remove_measurements(load(text)), INDUS, None, CompileOptions(seed=seed))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.fixture(scope="module")
def third() -> Study:
    box = Box(FABRIC, mix=0.008, phase=0.08)
    return study(3, 4, 6, ["ZZII + 0.5*IIZZ", "XIXI"], box, 16000)


def test_each_level_errs_less_than_the_one_before(third: Study) -> None:
    found = [rms(third.errors[k]) for k in (0, 1, 2, 3)]
    assert found[1] < 0.8 * found[0]
    assert found[2] < 0.9 * found[1]
    assert found[3] < 0.75 * found[2]


def test_error_bars_of_extrapolated_values_cover_the_truth(third: Study) -> None:
    """40 values: 95 % are meant to lie within two error bars; 34 or fewer of 40 would have a
    probability below 1 %."""
    inside = np.sum(np.abs(third.scaled[3]) < 2)
    assert inside >= 35
    assert 0.7 < rms(third.scaled[3]) < 1.4


def test_raw_error_bars_do_not(third: Study) -> None:
    assert np.mean(np.abs(third.scaled[0]) < 2) < 0.6


def test_the_bias_estimate_is_of_the_right_size(third: Study) -> None:
    """Beside two error bars it covers what is wrong, and without mitigation it is not small."""
    inside = 0
    for result, truth in zip(third.results, third.truths, strict=True):
        wrong = np.abs(np.array(result.values) - truth)
        inside += np.sum(wrong <= 2 * np.array(result.standard_errors) + result.bias_estimates)
    assert inside >= 37


def test_what_was_done_is_said(third: Study) -> None:
    result = third.results[0]
    assert (result.asked, result.level) == (3, 3)
    assert result.applied == (
        "readout correction", "gate twirling", "measurement twirling",
        "dynamical decoupling XY4", "zero-noise extrapolation (auto)",
    )  # fmt: skip
    assert set(result.canary.distance) == {0, 1, 2, 3}
    assert result.canary.distance[3] < result.canary.distance[0]
    assert 10 < result.shot_multiplier < 20
    assert result.overhead > 1
    assert result.to_json()["by_level"]["3"]["values"] == list(result.values)


def test_cancellation_errs_less_than_twirling() -> None:
    found = study(4, 3, 4, ["ZZI + 0.5*IZZ", "XIX"], Box(FABRIC, mix=0.01, phase=0.08), 4000)
    assert rms(found.errors[4]) < 0.75 * rms(found.errors[2])
    assert np.sum(np.abs(found.scaled[4]) < 2) >= 35
    assert {r.level for r in found.results} == {4}


def test_without_noise_every_level_is_right() -> None:
    box = Box(FABRIC, 0, 0, 0, 0, 0, 0, 0)
    text = ansatz(3, 4, 5)
    truth = api.run(text, observables=["ZZI", "XIX"], seed=1).values
    made = plan(3, program(text), [PauliSum.of("ZZI"), PauliSum.of("XIX")], 20000, INDUS, None, 1)
    result = evaluate(made, box.run(made, 1))
    for values, bars in result.by_level.values():
        assert np.all(np.abs(np.array(values) - truth) < 5 * np.array(bars) + 1e-3)
    assert max(result.canary.distance.values()) < 0.02


def planted(made: MitigationPlan, counts: list[dict[str, int]]) -> list[dict[str, int]]:
    """Counts in which amplified circuits lie: the more noise, the better they look."""
    found, runs = [], iter(counts)
    for batch in made.batches:
        for _ in batch.circuits:
            mine = next(runs)
            if batch.kind == "twirled" and batch.factor > 1.4:
                total = sum(mine.values())
                width = len(next(iter(mine)))
                mine = {"0" * width: total - total // 3, "1" * width: total // 3}
            found.append(mine)
    return found


def test_a_mitigation_that_makes_the_canary_worse_falls_back_and_says_so() -> None:
    box = Box(FABRIC)
    compiled = program(ansatz(4, 6, 3), 3)
    sums = [PauliSum.of("ZZII"), PauliSum.of("XIXI")]
    made = plan(3, compiled, sums, 4000, INDUS, None, 3)
    honest = evaluate(made, box.run(made, 3))
    fooled = evaluate(made, planted(made, box.run(made, 3)))
    assert honest.level == 3
    assert (fooled.asked, fooled.level) == (3, 2)
    assert fooled.values == fooled.by_level[2][0] == honest.by_level[2][0]
    assert "zero-noise extrapolation (auto)" not in fooled.applied
    (note,) = fooled.notes
    assert note.startswith("level 3 made the canary worse (distance ")
    assert note.endswith("the result is that of level 2")


def test_without_a_canary_nothing_falls_back() -> None:
    compiled = program(ansatz(4, 6, 3), 3)
    wanted = replace(of_level(3), canary=False)
    made = plan(wanted, compiled, [PauliSum.of("ZZII")], 4000, INDUS, None, 3)
    result = evaluate(made, planted(made, Box(FABRIC).run(made, 3)))
    assert (result.level, result.notes, result.canary.distance) == (3, (), {})
    assert all(not b.twin for b in made.batches)


def test_a_plan_repeats() -> None:
    compiled = program(ansatz(3, 4, 1))
    first, second = (plan(3, compiled, [PauliSum.of("ZZI")], 1000, INDUS, None, 5)
                     for _ in range(2))  # fmt: skip
    other = plan(3, compiled, [PauliSum.of("ZZI")], 1000, INDUS, None, 6)
    assert [r.shots for r in first.runs] == [r.shots for r in second.runs]
    same = [a.circuit.params.tobytes() == b.circuit.params.tobytes()
            for a, b in zip(first.runs, second.runs, strict=True)]  # fmt: skip
    assert all(same)
    assert any(a.circuit.params.tobytes() != b.circuit.params.tobytes()
               for a, b in zip(first.runs, other.runs, strict=True))  # fmt: skip
    assert first.total_shots == sum(r.shots for r in first.runs)
    counts = Box(FABRIC).run(first, 1)
    assert evaluate(first, counts).to_json() == evaluate(second, counts).to_json()


# -- counts ----------------------------------------------------------------------------------


def sampled(level: int, seed: int) -> tuple[Mitigated, dict[str, float], MitigationPlan]:
    circuit = measured_all(random_circuit(4, 14, seed, [Op.H, Op.RY, Op.CX, Op.RZ]), seed)
    compiled = compile(circuit, INDUS, None, CompileOptions(seed=seed))
    made = plan(level, compiled, None, 8000, INDUS, None, seed)
    counts = Box(FABRIC, detuning=0.0).run(made, seed)
    ideal = api.run(circuit, shots=200_000, seed=1).counts
    return evaluate(made, counts), {k: n / 200_000 for k, n in ideal.items()}, made


def distance(a: dict[str, float], b: dict[str, float]) -> float:
    return sum(abs(a.get(k, 0.0) - b.get(k, 0.0)) for k in a.keys() | b.keys()) / 2


@pytest.mark.parametrize("level", [1, 2])
def test_corrected_frequencies_are_nearer_and_raw_counts_stay(level: int) -> None:
    before, after = [], []
    for seed in range(12):
        result, ideal, made = sampled(level, seed)
        assert result.counts is not None
        assert result.quasi is not None
        assert made.runs[0].circuit is made.circuit  # the circuit itself, as compiled
        assert sum(result.counts.values()) == 8000
        assert sum(result.quasi.nearest.values()) == pytest.approx(1)
        before.append(distance({k: n / 8000 for k, n in result.counts.items()}, ideal))
        after.append(distance(result.quasi.nearest, ideal))
    assert np.mean(after) < 0.5 * np.mean(before)


def test_level_zero_changes_nothing() -> None:
    result, _, made = sampled(0, 1)
    assert len(made.runs) == 1
    assert (result.level, result.applied, result.quasi) == (0, (), None)
    assert result.shot_multiplier == 1


# -- what means nothing ------------------------------------------------------------------------


def refusal(wanted: Mitigation | int, circuit: Circuit, observables: list[PauliSum] | None) -> str:
    with pytest.raises(MitigationError) as refused:
        plan(wanted, compile(circuit, INDUS), observables, 100, INDUS, None, 1)
    assert refused.value.kind == "refused"
    return refused.value.message


def test_levels_that_mean_nothing_are_refused_with_the_reason() -> None:
    z = [PauliSum.of("Z0")]
    single = random_circuit(1, 4, 1, [Op.RX, Op.H])
    assert refusal(3, single, z) == (
        "level 3: the circuit has no two-qubit gate whose noise could be amplified"
    )
    assert refusal(4, single, z) == (
        "level 4: the circuit has no two-qubit gate whose noise could be undone"
    )
    assert refusal(2, single, z) == (
        "level 2: the circuit has no two-qubit gate to twirl, and no wait that is long enough "
        "for an echo"
    )
    assert refusal(Mitigation(decoupling="XY4"), single, z) == (
        "level 2: the circuit has no wait that is long enough for an echo"
    )
    pair = random_circuit(3, 20, 1, [Op.CX, Op.RY])
    assert refusal(3, measured_all(pair, 1), None) == (
        "level 3: counts cannot be extrapolated or cancelled, only expectation values; ask for "
        "observables, or for level 2"
    )
    assert refusal(1, pair, None) == "level 1: the circuit measures nothing"
    assert refusal(1, measured_all(pair, 1), z) == (
        "for expectation values compile the circuit without its measurements"
    )
    long = random_circuit(3, 900, 1, [Op.CX, Op.RY])
    assert refusal(4, long, z).startswith("level 4: ")
    assert "raise the variance" in refusal(4, long, z)
    wide = random_circuit(16, 200, 1, [Op.CX, Op.RY])
    assert "couplers; the noise of more than 12 cannot be learned" in refusal(4, wide, z)


def test_dynamic_circuits_are_refused() -> None:
    circuit = load('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; '
                   "c[0] = measure q[0]; if (c[0]) { x q[1]; } c[1] = measure q[1];")  # fmt: skip
    compiled = compile(circuit, INDUS)
    assert plan(0, compiled, None, 100, INDUS, None, 1).total_shots == 100
    with pytest.raises(MitigationError, match="a branch that was taken cannot be corrected"):
        plan(1, compiled, None, 100, INDUS, None, 1)


def test_echoes_need_a_device_that_can_wait() -> None:
    compiled = program(ansatz(3, 4, 1))
    model = replace(INDUS, features=())
    with pytest.raises(MitigationError, match="indus has no waits of a stated length"):
        plan(2, compiled, [PauliSum.of("ZZI")], 100, model, None, 1)


def test_counts_that_do_not_fit_are_refused() -> None:
    compiled = program(ansatz(3, 4, 1))
    made = plan(1, compiled, [PauliSum.of("ZZI")], 100, INDUS, None, 1)
    with pytest.raises(MitigationError, match="1 results for 4 runs"):
        evaluate(made, [{"0": 1}])
    with pytest.raises(MitigationError, match=r"run 0 \(calibration\) has no shots"):
        evaluate(made, [{}] * 4)


def test_unbound_parameters_and_impossible_shots_are_refused() -> None:
    circuit = remove_measurements(load(
        'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; ry(a) q[0]; cx q[0],q[1];'
    ))  # fmt: skip
    compiled = compile(circuit, INDUS)
    with pytest.raises(MitigationError, match="give parameter 'a' a value first"):
        plan(1, compiled, [PauliSum.of("ZZ")], 100, INDUS, None, 1)
    bound = compiled.bind({"a": 0.3})
    assert plan(1, bound, [PauliSum.of("ZZ")], 100, INDUS, None, 1).shots == 100
    for shots in (0, 1.5, True):
        with pytest.raises(MitigationError, match="shots must be a whole number from 1"):
            plan(1, bound, [PauliSum.of("ZZ")], shots, INDUS, None, 1)  # type: ignore[arg-type]


def test_the_emulator_runs_a_plan_and_mitigation_helps() -> None:
    """One circuit on the emulated device, drift and all."""
    from markaz.quantum.devices.emulator import execute

    text = ansatz(3, 4, 4)
    labels = ["ZZI + 0.5*IZZ", "IXI"]
    truth = np.array(api.run(text, observables=labels, seed=1).values)
    wanted = replace(of_level(3), copies=8)
    sums = [PauliSum.of(label) for label in labels]
    made = plan(wanted, program(text), sums, 4000, INDUS, None, 1)
    noon = 1_790_000_000_000_000
    counts = [
        execute(
            INDUS, 7, noon, noon - 6 * 3600 * 10**6, run.circuit, shots=run.shots, run_seed=k
        ).counts
        for k, run in enumerate(made.runs)
    ]
    result = evaluate(made, counts)
    raw = np.array(result.by_level[0][0])
    assert result.level == 3
    assert rms(np.array(result.values) - truth) < 0.6 * rms(raw - truth)
