"""Every example program gives the outcomes that ``examples/expected.toml`` promises.

A frequency may be off by six standard deviations: fewer than one false alarm in 10^7 runs
of this file, if the seed were not fixed.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((EXAMPLES / "expected.toml").read_text())
SHOTS = 1000
MAIN = "from markaz.interfaces.cli.main import main; main()"


@cache
def results() -> dict[str, dict[str, Any]]:
    """The JSON result of every example, from one command for each set of parameters."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, entry in EXPECTED.items():
        bindings = entry.get("parameters", {}).items()
        groups.setdefault(tuple(f"--param={k}={v}" for k, v in bindings), []).append(name)
    found = {}
    for options, names in groups.items():
        files = [str(EXAMPLES / name) for name in names]
        fixed = ("--json", "--seed=11", f"--shots={SHOTS}", *options)
        command = [sys.executable, "-c", MAIN, "run", *fixed, *files]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        found.update({Path(line["file"]).name: line for line in lines})
    return found


def is_close(count: int, probability: float) -> bool:
    """Whether ``count`` of SHOTS agrees with a probability (half a shot for its rounding)."""
    spread = math.sqrt(probability * (1 - probability) * SHOTS)
    return abs(count - probability * SHOTS) <= 6 * spread + 0.5


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example_gives_its_outcomes(name: str) -> None:
    entry, result = EXPECTED[name], results()[name]
    assert result["error"] is None
    assert (result["qubits"], result["clbits"]) == (entry["qubits"], entry["clbits"])
    counts = result["counts"]
    assert sum(counts.values()) == SHOTS
    outcomes = entry.get("outcomes", {})
    off = {b: counts.get(b, 0) for b, p in outcomes.items() if not is_close(counts.get(b, 0), p)}
    assert off == {}
    if entry["complete"]:
        assert set(counts) - set(outcomes) == set()


@pytest.mark.parametrize("name", sorted(n for n, e in EXPECTED.items() if "ones" in e))
def test_example_gives_its_marginals(name: str) -> None:
    counts = results()[name]["counts"]
    for bit, probability in enumerate(EXPECTED[name]["ones"]):
        ones = sum(n for bits, n in counts.items() if bits[-1 - bit] == "1")
        assert is_close(ones, probability), (bit, ones)
