"""The hidden truth: replay, drift, retuning, commitment."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import pytest

from markaz.quantum.devices.decay import dephasing_rate, envelope, t2_echo, t2_star
from markaz.quantum.devices.emulator.truth import (
    Truth,
    commitment,
    cz_infidelity,
    pulse_infidelity,
    truth_at,
)
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.model import DeviceModel, load, load_shipped, shipped
from tests.emulated import AT, HALF, HOUR, silent

INDUS = load_shipped("indus")


def same(a: Truth, b: Truth) -> dict[str, bool]:
    return {f.name: bool(np.array_equal(getattr(a, f.name), getattr(b, f.name)))
            for f in fields(Truth)}  # fmt: skip


@pytest.mark.parametrize("name", shipped())
def test_truth_is_replayed(name: str) -> None:
    model = load_shipped(name)
    found = truth_at(model, 5, AT + HOUR, AT)
    truth_at(model, 5, AT, AT)
    assert all(same(found, truth_at(model, 5, AT + HOUR, AT)).values())
    assert found.t1.shape == (model.num_qubits,)
    assert found.cz_error.shape == (len(model.couplers),)
    for field in fields(Truth):
        assert np.isfinite(getattr(found, field.name)).all()
    assert (found.read0 <= 0.5).all()


def test_drift_moves_what_drifts() -> None:
    before, after = (truth_at(INDUS, 5, AT + k * HOUR, AT) for k in (1, 2))
    assert {name for name, kept in same(before, after).items() if kept} == {
        "slow", "pulse_error", "cz_error", "cz_phase", "zz", "leakage",
    }  # fmt: skip


def test_retuning_brings_offsets_back_and_nothing_else() -> None:
    stale, fresh = (truth_at(INDUS, 5, AT + 48 * HOUR, AT + k * HOUR) for k in (0, 48))
    assert np.array_equal(fresh.detuning, np.zeros(20))
    assert np.abs(stale.detuning).max() > 1.0
    moved = {name for name, kept in same(stale, fresh).items() if not kept}
    assert moved == {"detuning", "rotation", "cz_phase"}


def test_offsets_grow_with_the_time_since_retuning() -> None:
    sizes = [
        np.mean([np.square(truth_at(INDUS, s, AT + gap, AT).detuning).mean() for s in range(12)])
        for gap in (HOUR // 60, 4 * HOUR, 400 * HOUR)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_two_level_systems_hit_single_qubits_for_a_while() -> None:
    calm = INDUS.emulator | {"tls_per_day": 0.0, "events_per_year": 0.0}
    hit = INDUS.emulator | {"tls_per_day": 24.0, "events_per_year": 0.0}
    ratio = truth_at(replace(INDUS, emulator=hit), 5, AT, AT).t1 / (
        truth_at(replace(INDUS, emulator=calm), 5, AT, AT).t1
    )
    assert sorted(set(np.round(ratio, 12).tolist())) == [0.25, 1.0]


def test_event_hits_the_whole_device() -> None:
    often = INDUS.emulator | {"tls_per_day": 0.0, "events_per_year": 1e6}
    never = INDUS.emulator | {"tls_per_day": 0.0, "events_per_year": 0.0}
    bad, good = (truth_at(replace(INDUS, emulator=e), 5, AT + HOUR, AT) for e in (often, never))
    np.testing.assert_allclose(bad.t1, good.t1 / 2)
    np.testing.assert_allclose(bad.read1, np.minimum(good.read1 * 2, 0.5))
    np.testing.assert_allclose(bad.detuning, good.detuning * 5)


def test_moments_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="retuned at"):
        truth_at(INDUS, 5, AT, AT + 1)


def test_commitment_binds_to_truth_seed_and_model() -> None:
    truth = truth_at(INDUS, 5, AT, AT)
    bond = commitment(INDUS, 5, truth)
    t1 = truth.t1.copy()
    t1[3] = np.nextafter(t1[3], 1)
    others = (
        commitment(INDUS, 6, truth),
        commitment(INDUS, 5, replace(truth, t1=t1)),
        commitment(replace(INDUS, digest="x"), 5, truth),
    )
    assert bond == commitment(INDUS, 5, truth_at(INDUS, 5, AT, AT))
    assert len({bond, *others}) == 4


TEXT = (files("markaz.quantum.devices") / "shipped/indus.toml").read_text()
LINE = {line.split(" =")[0]: k for k, line in enumerate(TEXT.splitlines(), 1) if " =" in line}


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("t1_us = 45.0", "t1_us = 0", "t1_us", "must be above 0"),
        ("t1_us = 45.0", "t1_us = [1, 2]", "t1_us", "lists 2 values for 20"),
        ("cz_error = 0.003", "cz_error = [0.1]", "cz_error", "lists 1 values for 31"),
        ("leakage = 0.00002", "leakage = 0.7", "leakage", "at most 0.5"),
        ("tls_factor = 0.25", "tls_factor = 0", "tls_factor", "must be above 0"),
        ("slow_khz = 8.0", 'slow_khz = "8"', "slow_khz", "must be a number"),
    ],
)
def test_error_in_the_physics_names_field_and_line(
    old: str, new: str, field: str, message: str
) -> None:
    with pytest.raises(DescriptionError, match=message) as caught:
        truth_at(load(TEXT.replace(old, new)), 1, AT, AT)
    assert (caught.value.field, caught.value.line) == (f"emulator.{field}", LINE[field])


def test_unknown_and_missing_physics_are_refused() -> None:
    with pytest.raises(DescriptionError, match=r"emulator\.t2_us: is not a field"):
        truth_at(load(TEXT.replace("t1_us", "t2_us")), 1, AT, AT)
    with pytest.raises(DescriptionError, match=r"emulator\.t1_us: is missing"):
        truth_at(load(TEXT.replace("t1_us = 45.0\n", "")), 1, AT, AT)


def test_times_of_decay_belong_together() -> None:
    assert t2_echo(50.0, 100.0) == pytest.approx(50.0)
    assert t2_star(50.0, 0.0) == pytest.approx(50.0)
    found = t2_star(50.0, dephasing_rate(8.0))
    assert envelope(found, 50.0, dephasing_rate(8.0)) == pytest.approx(np.exp(-1))
    truth = silent(INDUS, t1=50.0, t_phi=100.0, slow=8.0)
    assert truth.t2_star()[0] == pytest.approx(found)
    assert truth.t2_echo()[0] == pytest.approx(50.0)


def test_infidelities_add_up() -> None:
    assert pulse_infidelity(silent(INDUS, pulse_error=0.003), 0, HALF, 30) == pytest.approx(0.002)
    assert pulse_infidelity(silent(INDUS, rotation=0.02), 0, HALF, 30) == pytest.approx(
        2 / 3 * (0.02 * HALF / 2) ** 2, rel=1e-3
    )
    # Phys. Lett. A 303, 249: waiting loses t/6 (1/T1 + 2/T2) of average fidelity.
    lost = pulse_infidelity(silent(INDUS, t1=50.0, t_phi=100.0), 0, HALF, 30)
    assert lost == pytest.approx(0.030 / 6 * (1 / 50 + 2 / 50), rel=1e-6)
    pair = INDUS.couplers[0]
    assert cz_infidelity(silent(INDUS, cz_error=0.01), 0, pair, 40) == pytest.approx(0.008)


def test_model_is_not_changed() -> None:
    assert isinstance(INDUS, DeviceModel)
    with pytest.raises(TypeError):
        INDUS.gates["cz"] = 1.0  # type: ignore[index]
