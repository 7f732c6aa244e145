"""The fitting of the cost model recovers known costs."""

from __future__ import annotations

import tomllib

import numpy as np

from benchmarks import fit

TRUE = np.array([1e-4, 2e-6, 3e-9])


def rows(noise: float, count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Amounts and seconds of made-up runs."""
    rng = np.random.default_rng(1)
    amounts = np.column_stack(
        [np.ones(count), 10 ** rng.uniform(1, 4, count), 10 ** rng.uniform(3, 10, count)]
    )
    return amounts, amounts @ TRUE * np.exp(rng.normal(0, noise, count))


def test_known_costs_are_recovered() -> None:
    amounts, seconds = rows(0.1)
    found = fit.solve(amounts, seconds, np.zeros(len(seconds), bool))
    assert np.all(np.abs(np.log(found / TRUE)) < 0.3)
    assert 1.05 < fit.spread(amounts @ found, seconds) < 1.4


def test_runs_that_were_simpler_than_their_bound_do_not_drag_the_fit_down() -> None:
    amounts, seconds = rows(0.1)
    seconds[::10] /= 1000
    found = fit.solve(amounts, seconds, np.zeros(len(seconds), bool))
    assert abs(np.log(found[2] / TRUE[2])) < 0.7


def test_overruns_pull_predictions_up_only() -> None:
    amounts, seconds = rows(0.05)
    limit = 1.0
    overran = seconds > limit
    found = fit.solve(amounts, np.minimum(seconds, limit), overran)
    assert abs(np.log(found[2] / TRUE[2])) < 0.5


def test_terms_that_never_matter_become_zero() -> None:
    amounts, seconds = rows(0.05)
    amounts = np.column_stack([amounts, np.full(len(seconds), 1e-6)])
    found = fit.solve(amounts, seconds, np.zeros(len(seconds), bool))
    assert found[0] == 0.0 or found[3] == 0.0
    assert np.all(found >= 0)


def test_the_table_is_readable() -> None:
    line = {"engine": "a:b", "package": "p", "spread": 1.5, "seconds": {"call": 1e-4}}
    parsed = tomllib.loads(fit.as_toml([line], {line["engine"]: 0.25}))["engines"]
    assert parsed == {"a:b": {"load": 0.25, "spread": 1.5, "seconds": {"call": 1e-4}}}
