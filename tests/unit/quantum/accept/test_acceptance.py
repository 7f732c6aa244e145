from __future__ import annotations

import math

import pytest

from markaz.quantum import api
from markaz.quantum.accept import benchmarks, contract, verdict
from markaz.quantum.accept.benchmarks import Ran, Trial
from markaz.quantum.accept.contract import Criterion
from markaz.quantum.accept.verdict import Measured
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.devices.sheet import Row, Sheet
from tests.description_tools import place

GOOD = """title = "Lot 1"
device = "indus"

[[criteria]]
measure = "T1"
statistic = "minimum"
at_least = 12.0

[[criteria]]
measure = "gate_error:cz"
at_most = 0.02

[[criteria]]
measure = "mirror_polarisation"
qubits = 6
at_least = 0.5
"""


@pytest.fixture(scope="module")
def indus() -> DeviceModel:
    return load_shipped("indus")


def ideal(trial: Trial) -> Ran:
    return Ran(api.run(trial.circuit, shots=trial.shots, seed=7).counts or {}, 0.5)


def measured(model: DeviceModel, measure: str, qubits: int = 0, depth: int = 0) -> Measured:
    criterion = Criterion(measure, 0.5, True, qubits=qubits, depth=depth)
    return benchmarks.judge(
        criterion, [(t, ideal(t)) for t in benchmarks.trials(criterion, model, 3)]
    )


def test_a_contract_says_what_it_asks() -> None:
    found = contract.parse(GOOD.encode())
    assert (found.title, found.device, found.reference) == ("Lot 1", "indus", "")
    assert [c.words for c in found.criteria] == [
        "minimum T1", "median gate_error:cz", "mirror polarisation, 6 qubits, 10 layers",
    ]  # fmt: skip
    assert [(c.bound, c.at_least, c.unit) for c in found.criteria] == [
        (12.0, True, "us"), (0.02, False, ""), (0.5, True, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ('"T1"', '"T7"', "criteria[0].measure", 5),
        ("at_most = 0.02", "at_most = 0.02\nat_least = 0.1", "criteria[1]", 9),
        ("at_most = 0.02", "", "criteria[1]", 9),
        ("qubits = 6", "qubits = 600", "criteria[2].qubits", 15),
        ('statistic = "minimum"', 'statistic = "mode"', "criteria[0].statistic", 6),
        ("at_least = 12.0", 'at_least = "12"', "criteria[0].at_least", 7),
        ('title = "Lot 1"', "", "title", None),
        ("[[criteria]]", "[[kriteria]]", "kriteria", None),
    ],
)
def test_a_malformed_contract_is_told_where(
    old: str, new: str, field: str, line: int | None
) -> None:
    assert place(lambda text: contract.parse(text.encode()), GOOD, old, new) == (field, line)


@pytest.mark.parametrize("content", [b"\xff", b"a = ", b"x" * (contract.MOST_BYTES + 1)])
def test_what_is_no_toml_is_refused(content: bytes) -> None:
    with pytest.raises(DescriptionError):
        contract.parse(content)


@pytest.mark.parametrize("qubits", [2, 5, 9])
def test_an_ideal_ghz_state_has_fidelity_one(indus: DeviceModel, qubits: int) -> None:
    found = measured(indus, "ghz_fidelity", qubits)
    assert found.value == pytest.approx(1.0)
    assert 0 < found.error < 0.02


def test_a_mixed_state_has_the_fidelity_of_chance(indus: DeviceModel) -> None:
    criterion = Criterion("ghz_fidelity", 0.5, True, qubits=2)
    even = Ran({"00": 500, "01": 500, "10": 500, "11": 500}, 1.0)
    found = benchmarks.judge(criterion, [(t, even) for t in benchmarks.trials(criterion, indus, 1)])
    assert found.value == pytest.approx(0.25)


def test_mirror_circuits_return(indus: DeviceModel) -> None:
    found = measured(indus, "mirror_polarisation", 6, 10)
    assert (found.value, found.error) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))


def test_random_bits_have_no_polarisation() -> None:
    trial = Trial(benchmarks._start(load_shipped("indus")).build(), 4, True, {"ends": "01"})
    even = Ran({"00": 1, "01": 1, "10": 1, "11": 1}, 1.0)
    assert benchmarks._polarisation(trial, even) == pytest.approx(0.0)


def test_quantum_volume_of_an_ideal_device(indus: DeviceModel) -> None:
    found = measured(indus, "quantum_volume", 4)
    assert found.value == pytest.approx((1 + math.log(2)) / 2, abs=0.04)  # of random states
    assert "quantum volume of 16" in found.note


def test_layers_per_second_are_all_layers_of_all_shots(indus: DeviceModel) -> None:
    found = measured(indus, "layers_per_second", depth=10)
    assert found.value == pytest.approx(10 * benchmarks.SPEED_SHOTS / 0.5)


def test_connected_qubits_are_connected(indus: DeviceModel) -> None:
    for size in (1, 7, 20):
        qubits = benchmarks.connected(indus, size)
        assert len(set(qubits)) == size
        assert all(
            any(p in indus.neighbours[q] for p in qubits[:k]) for k, q in enumerate(qubits) if k
        )
    with pytest.raises(ValueError, match="no 21 connected"):
        benchmarks.connected(indus, 21)


SHEET = Sheet(
    "indus",
    1,
    (
        Row.of("T1", (0,), 40.0, uncertainty=2.0),
        Row.of("T1", (1,), 20.0, uncertainty=1.0),
        Row.of("T1", (2,), 30.0, uncertainty=1.0),
        Row.of("T2echo", (0,), None),
        Row.of("T2echo", (1,), 9.0, uncertainty=0.5),
    ),
)


@pytest.mark.parametrize(
    ("statistic", "value", "error"),
    [
        ("minimum", 20.0, 1.0),
        ("maximum", 40.0, 2.0),
        ("mean", 30.0, math.sqrt(6) / 3),
        ("median", 30.0, math.sqrt(6) / 3 * math.sqrt(math.pi / 2)),
    ],
)
def test_statistics_of_a_sheet(statistic: str, value: float, error: float) -> None:
    found = verdict.from_sheet(Criterion("T1", 1.0, True, statistic), SHEET)
    assert (found.value, found.error) == (pytest.approx(value), pytest.approx(error))


def test_a_minimum_needs_every_qubit() -> None:
    found = verdict.from_sheet(Criterion("T2echo", 1.0, True, "minimum"), SHEET)
    assert (found.value, found.note) == (None, "1 of 2 were not measured")
    median = verdict.from_sheet(Criterion("T2echo", 1.0, True), SHEET)
    assert (median.value, median.note) == (9.0, "1 of 2 were not measured")
    assert verdict.from_sheet(Criterion("leakage", 1.0, False), SHEET).value is None


@pytest.mark.parametrize(
    ("value", "error", "at_least", "expected"),
    [
        (10.0, 1.0, True, "pass"),
        (8.5, 1.0, True, "undecided"),
        (4.0, 1.0, True, "fail"),
        (10.0, 1.0, False, "fail"),
        (7.5, 1.0, False, "undecided"),
        (4.0, 1.0, False, "pass"),
        (None, 0.0, True, "fail"),
    ],
)
def test_the_whole_interval_decides(
    value: float | None, error: float, at_least: bool, expected: str
) -> None:
    found = verdict.decide(Criterion("T1", 8.0, at_least), Measured(value, error))
    assert found.verdict == expected
    assert verdict.overall([found]) == expected


def test_one_failure_fails_the_contract() -> None:
    kinds = {
        k: verdict.decide(Criterion("T1", 8.0, True), Measured(v, 1.0))
        for k, v in (("pass", 99.0), ("undecided", 8.0), ("fail", 1.0))
    }
    assert verdict.overall([kinds["pass"], kinds["undecided"]]) == "undecided"
    assert verdict.overall(list(kinds.values())) == "fail"
