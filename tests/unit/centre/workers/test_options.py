from __future__ import annotations

from typing import Any

import pytest

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers.options import TABLE, checked

SETTINGS = Settings({"max_shots": 1000, "max_job_seconds": 100})
MEMORY = 1 << 30


def test_what_is_missing_takes_its_default() -> None:
    defaults = {name: default for name, (default, _) in TABLE.items()}
    assert checked({}, SETTINGS, memory=MEMORY) == defaults
    assert checked(dict.fromkeys(TABLE), SETTINGS, memory=MEMORY) == defaults


def test_what_is_good_is_taken() -> None:
    asked = {
        "shots": 1000, "seed": 0, "engine": "stim:stabilizer", "observables": ["ZZ", "0.5*X0"],
        "parameters": {"θ": 1, "phi": -0.5}, "memory": True, "min_fidelity": 0.9,
        "time_limit": 100, "memory_limit": 1 << 30, "compile_level": 3, "precompiled": True,
        "mitigation": 4,
    }  # fmt: skip
    assert checked(asked, SETTINGS, memory=MEMORY) == asked


BAD: list[tuple[str, Any]] = [
    *(("shots", v) for v in (0, -1, 1001, 10**9, 1.0, "5", True, [])),
    *(("seed", v) for v in (-1, 1 << 63, 0.5, "x", False)),
    *(("engine", v) for v in ("", "AUTO", "a b", "x" * 100, "../x", 3, ["auto"])),
    *(("observables", v) for v in ([], "ZZ", {}, ["ZZ"] * 1001, ["Z" * 200_001])),
    *(("parameters", v) for v in ([], "x", {str(i): 0 for i in range(100_001)})),
    *(("memory", v) for v in (0, 1, "yes", [])),
    *(("min_fidelity", v) for v in (0, 1.1, float("nan"), "1", True)),
    *(("time_limit", v) for v in (0, -1, 101, float("inf"), "60")),
    *(("compile_level", v) for v in (-1, 4, "2", True)),
    *(("precompiled", v) for v in (1, "yes")),
    *(("mitigation", v) for v in (-1, 5, 1.0, False)),
    *(("memory_limit", v) for v in (0, 1 << 20, (1 << 30) + 1, 1e9, "1G")),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_not_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(CentreError) as caught:
        checked({"shots": 10, name: value}, SETTINGS, memory=MEMORY)
    assert (caught.value.kind, caught.value.field) == ("invalid", f"options/{name}")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"Shots": 3}, "options/Shots"),
        ({"x" * 1000: 1}, "options/" + "x" * 192),
        ({"observables": ["ZZ", ""]}, "options/observables/1"),
        ({"observables": ["ZZ", 5]}, "options/observables/1"),
        ({"parameters": {"a": "1"}}, "options/parameters/a"),
        ({"parameters": {"a": float("nan")}}, "options/parameters/a"),
        ({"parameters": {"a": 10**400}}, "options/parameters/a"),
        ({"parameters": {"a": True}}, "options/parameters/a"),
    ],
)
def test_the_offending_part_is_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(CentreError) as caught:
        checked(options, SETTINGS, memory=MEMORY)
    assert (caught.value.kind, caught.value.field) == ("invalid", field)


def test_every_option_is_documented_and_checked() -> None:
    assert {name for name, _ in BAD} == set(TABLE)
    assert all(meaning.endswith(".") for _, meaning in TABLE.values())
