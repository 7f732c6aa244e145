"""Levels, and the runtime client's options in terms of them."""

from __future__ import annotations

from typing import Any

import pytest

from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.options import Mitigation, from_runtime_options, of_level


def test_levels_are_what_they_say() -> None:
    assert [of_level(k).level for k in range(5)] == [0, 1, 2, 3, 4]
    assert of_level(0) == Mitigation()
    assert of_level(1) == Mitigation(readout=True)
    assert of_level(3).factors == (1.0, 2.0, 3.0)
    assert of_level(4).cancel
    assert not of_level(4).factors
    with pytest.raises(MitigationError) as refused:
        of_level(5)
    assert refused.value.message == "level must be one of 0, 1, 2, 3, 4, not 5"


@pytest.mark.parametrize(
    ("options", "level", "wanted"),
    [
        ({}, 0, Mitigation()),
        ({}, None, Mitigation(readout=True, twirl_measure=True)),
        ({}, 1, Mitigation(readout=True, twirl_measure=True)),
        ({}, 2, Mitigation(readout=True, twirl_measure=True, twirl_gates=True,
                           factors=(1.0, 3.0, 5.0))),
        ({"twirling": {"enable_gates": True, "num_randomizations": 8}}, 0,
         Mitigation(twirl_gates=True, copies=8)),
        ({"twirling": {"enable_measure": False, "strategy": "active"}}, 1,
         Mitigation(readout=True)),
        ({"dynamical_decoupling": {"enable": True, "sequence_type": "XpXm"}}, 0,
         Mitigation(decoupling="XpXm")),
        ({"dynamical_decoupling": {"enable": True}}, 0, Mitigation(decoupling="XX")),
        ({"dynamical_decoupling": {"enable": False}}, 0, Mitigation()),
        ({"resilience": {"measure_mitigation": False}}, 1, Mitigation(twirl_measure=True)),
        ({"resilience": {"zne_mitigation": True, "zne": {
            "noise_factors": [1, 2, 4], "extrapolator": ["exponential", "linear"]}}}, 0,
         Mitigation(factors=(1.0, 2.0, 4.0))),
        ({"resilience": {"zne": {"extrapolator": "linear"}}}, 2,
         Mitigation(readout=True, twirl_measure=True, twirl_gates=True, factors=(1.0, 3.0, 5.0),
                    extrapolator="linear")),
        ({"resilience": {"zne_mitigation": False}}, 2,
         Mitigation(readout=True, twirl_measure=True, twirl_gates=True)),
        ({"resilience": {"zne": {"noise_factors": [1, 3]}}}, 1,
         Mitigation(readout=True, twirl_measure=True)),
        ({"resilience": {"pec_mitigation": True, "pec": {"max_overhead": 50}}}, 0,
         Mitigation(cancel=True, most_overhead=50.0)),
        ({"twirling": "Unset", "default_shots": 5, "execution": {"rep_delay": 1}}, 0,
         Mitigation()),
    ],
)  # fmt: skip
def test_runtime_options(options: dict[str, Any], level: int | None, wanted: Mitigation) -> None:
    assert from_runtime_options(options, resilience_level=level) == wanted


def test_a_sampler_has_no_level_of_its_own() -> None:
    assert from_runtime_options({}, estimator=False) == Mitigation()
    made = from_runtime_options({"twirling": {"enable_gates": True}}, estimator=False)
    assert made == Mitigation(twirl_gates=True)


@pytest.mark.parametrize(
    ("options", "level", "message"),
    [
        ({}, 3, "resilience_level must be 0, 1 or 2, and for an estimator only, not 3"),
        ({"twirling": {"enable": True}}, 0, "twirling.enable is not a known option"),
        ({"twirling": {"enable_gates": 1}}, 0,
         "twirling.enable_gates must be true or false, not 1"),
        ({"twirling": {"strategy": "all"}}, 0,
         "twirling.strategy: idle qubits are not twirled; use active or active-accum"),
        ({"twirling": {"shots_per_randomization": 9}}, 0,
         "twirling.shots_per_randomization follows from the shots; leave it at auto"),
        ({"twirling": {"num_randomizations": 0}}, 0, "copies must be from 1 to 1000, not 0"),
        ({"dynamical_decoupling": {"enable": True, "sequence_type": "XY8"}}, 0,
         "decoupling must be one of XX, XpXm, XY4, not 'XY8'"),
        ({"dynamical_decoupling": {"scheduling_method": "asap"}}, 0,
         "dynamical_decoupling.scheduling_method: only alap"),
        ({"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}, 0,
         "resilience.zne.amplifier: only gate_folding"),
        ({"resilience": {"zne": {"extrapolated_noise_factors": [0, 1]}}}, 2,
         "resilience.zne.extrapolated_noise_factors: only 0"),
        ({"resilience": {"zne_mitigation": True, "zne": {"noise_factors": [3, 1]}}}, 0,
         "factors must be 2 to 8 rising numbers from 1 to 15, not (3.0, 1.0)"),
        ({"resilience": {"zne": {"extrapolator": "polynomial_degree_2"}}}, 2,
         "resilience.zne.extrapolator must be one of auto, linear, exponential, richardson, "
         "not 'polynomial_degree_2'"),
        ({"resilience": {"layer_noise_model": [1]}}, 0,
         "resilience.layer_noise_model: not adjustable here"),
        ({"resilience": {"pec_mitigation": True}}, 2,
         "extrapolation and cancellation exclude each other"),
        ({"resilience": {"pec_mitigation": True, "pec": {"noise_gain": 0.5}}}, 0,
         "resilience.pec.noise_gain: only full cancellation"),
        ({"resilience": [1]}, 0, "resilience must be a table, not [1]"),
    ],
)  # fmt: skip
def test_what_is_not_done_is_said(options: dict[str, Any], level: int, message: str) -> None:
    with pytest.raises(MitigationError) as refused:
        from_runtime_options(options, resilience_level=level)
    assert (refused.value.kind, refused.value.message) == ("option", message)


def test_a_sampler_refuses_resilience() -> None:
    with pytest.raises(MitigationError, match="resilience is an option of an estimator"):
        from_runtime_options({"resilience": {"zne_mitigation": True}}, estimator=False)
    with pytest.raises(MitigationError, match="for an estimator only"):
        from_runtime_options({}, resilience_level=1, estimator=False)
