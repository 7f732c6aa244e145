"""Calibrations and benchmarks through the emulator: do intervals cover the hidden truth, and
does what changes there show on the sheet, from counts alone?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from markaz.quantum.accept.contract import Criterion
from markaz.quantum.calibrate import parts
from markaz.quantum.devices.emulator import truth as truths
from markaz.quantum.devices.emulator.truth import Truth, cz_infidelity, pulse_infidelity, truth_at
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.devices.sheet import Row, from_document
from markaz.quantum.operate import driver as drivers
from markaz.quantum.operate.driver import Emulated
from markaz.quantum.operate.measuring import calibrate, judge
from markaz.quantum.operate.shipped import shipped_sheet
from markaz.quantum.operate.station import Station
from markaz.quantum.programs.errors import ProgramError
from tools.sheets import part_of

DAY = 24 * 3_600_000_000
SAMPLES = 4  # moments of a measurement at which the truth is looked up
PULSE_NS, CZ_NS = 30.0, 40.0


@pytest.fixture(scope="module")
def indus() -> DeviceModel:
    return load_shipped("indus")


def measured(
    model: DeviceModel, part: str, seed: int, at: int = DAY
) -> tuple[list[Row], list[Truth]]:
    """Rows of a part, and the truth while it was measured."""
    driver = Emulated(model, seed, at, at, threads=1, passing=True)
    found = calibrate(Station(model, None, driver), part, seed)
    moments = np.linspace(at, driver.now(), SAMPLES).astype(int).tolist()
    return list(from_document(found["sheet"]).rows), [truth_at(model, seed, t, at) for t in moments]


def true_value(model: DeviceModel, row: Row) -> Callable[[Truth], float] | None:
    """How to read the true value of a row; None for rows that are not compared."""
    q = row.target[0]
    if row.quantity == "gate_error:cz":
        a, b = row.target
        coupler = next(k for k, p in enumerate(model.couplers) if set(p) == {a, b})
        return lambda t: cz_infidelity(t, coupler, (a, b), CZ_NS)
    return {
        "T1": lambda t: float(t.t1[q]),
        "T2echo": lambda t: float(t.t2_echo()[q]),
        "T2star": lambda t: float(t.t2_star()[q]),
        "prob_meas1_prep0": lambda t: float(t.read1[q]),
        "prob_meas0_prep1": lambda t: float(t.read0[q]),
        "gate_error:x2p": lambda t: pulse_infidelity(t, q, math.pi / 2, PULSE_NS),
    }.get(row.quantity)


PARTS = [
    *((f"coherence:{k}", seed) for k in (0, 1) for seed in (1, 2, 3)),
    ("readout", 1), ("pulses:0", 1), ("pairs:4", 1), ("pairs:5", 1), ("pairs:6", 1),
]  # fmt: skip


def test_the_stated_intervals_cover_the_hidden_truth(indus: DeviceModel) -> None:
    hits = []
    for part, seed in PARTS:
        rows, seen = measured(indus, part, seed)
        for row in rows:
            read = true_value(indus, row)
            if read is not None and row.value is not None and row.uncertainty is not None:
                true = np.mean([read(one) for one in seen])
                hits.append(abs(row.value - true) <= 1.96 * row.uncertainty)
    assert len(hits) >= 200
    assert 0.90 <= np.mean(hits) <= 0.99


def test_a_doubled_error_shows_on_the_next_sheet(
    indus: DeviceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SEQUENCES", 4)
    monkeypatch.setattr(parts, "LENGTHS", (2, 30, 90, 200))
    before = {r.target: r.value for r in measured(indus, "pulses:0", 1)[0]}

    def doubled(*args: Any) -> Truth:
        found = truths.truth_at(*args)
        worse = found.pulse_error.copy()
        worse[2] += pulse_infidelity(found, 2, math.pi / 2, PULSE_NS) * 1.5
        return replace(found, pulse_error=worse)

    monkeypatch.setattr(drivers, "truth_at", doubled)
    after = {r.target: r.value for r in measured(indus, "pulses:0", 1)[0]}
    change = {q: float(after[q] or 0) / float(before[q] or 1) for q in before}
    assert change.pop((2,)) == pytest.approx(2.0, rel=0.35)
    assert all(0.5 < ratio < 1.7 for ratio in change.values())


@pytest.mark.parametrize("part", ["coherence:0"])
def test_shipped_sheets_are_what_the_code_measures(indus: DeviceModel, part: str) -> None:
    sheet = shipped_sheet(indus)
    assert sheet is not None
    # The first part begins at device time 0, and the next when it is done.
    began = part_of(indus, "readout", 0)[1]
    rows, _ = part_of(indus, part, began)
    for row in rows:
        listed = sheet.row(row.quantity, *row.target)
        assert listed is not None
        assert listed.value == pytest.approx(row.value, rel=1e-6)
        assert listed.measured_at == row.measured_at


def test_an_unknown_part_is_refused(indus: DeviceModel) -> None:
    station = Station(indus, None, Emulated(indus, 1, DAY, DAY, threads=1))
    with pytest.raises(ProgramError, match="no part 'pairs:99'"):
        calibrate(station, "pairs:99", 1)


def test_a_benchmark_is_judged_by_what_the_device_did(indus: DeviceModel) -> None:
    station = Station(indus, None, Emulated(indus, 1, DAY, DAY, threads=1, passing=True))
    ghz = judge(station, asdict(Criterion("ghz_fidelity", 0.5, True, qubits=3)), 5)
    assert 0.7 < ghz["measured"]["value"] < 0.99
    assert 0 < ghz["measured"]["error"] < 0.03
    assert ghz["device"]["emulated"] == "EMULATED"
    speed = judge(station, asdict(Criterion("layers_per_second", 1, True, depth=4)), 5)
    assert 10_000 < speed["measured"]["value"] < 4 / 200e-6
    with pytest.raises(ProgramError, match="connected"):
        judge(station, asdict(Criterion("ghz_fidelity", 0.5, True, qubits=60)), 5)
