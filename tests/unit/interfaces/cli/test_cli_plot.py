"""``--plot`` writes a labelled picture and the same one for the same result."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from markaz.interfaces.cli import plot
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.simulate.result import Plan, Result
from tests.absent import library

library("matplotlib")


def result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "shots": 1000,
        "seed": 7,
        "num_qubits": 2,
        "num_clbits": 2,
        "registers": (("a", 1), ("b", 1)),
        "measured": "explicit",
        "plan": Plan("stim:stabilizer", "", 0.0, 0),
        "seconds": {},
        "circuit": Builder().build(),
        "counts": {"00": 250, "11": 750},
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


def svg(folder: Path, found: Result, names: list[str]) -> str:
    path = folder / "out.svg"
    plot.save(str(path), "folder/bell.qasm", found, names)
    return path.read_text("utf-8")


def test_counts_have_title_axes_and_labels(tmp_path: Path) -> None:
    text = svg(tmp_path, result(), [])
    for label in (
        "bell.qasm: stim:stabilizer, 1,000 shots",
        "outcome (highest bit on the left)",
        "share of shots",
        "0 0",
        "1 1",
    ):
        assert f">{label}<" in text
    assert text == svg(tmp_path, result(), [])


def test_many_outcomes_end_in_others(tmp_path: Path) -> None:
    counts = {format(i, "08b"): 1 + i % 3 for i in range(200)}
    text = svg(tmp_path, result(counts=counts, registers=(("c", 8),)), [])
    assert ">168 others<" in text


def test_values_are_labelled_by_their_observables(tmp_path: Path) -> None:
    found = result(counts=None, values=[0.5, -1.0], standard_errors=[0.1, 0.0])
    text = svg(tmp_path, found, ["ZZ", "X + Y"])
    for label in ("ZZ", "X + Y", "expectation value", "observable"):
        assert f">{label}<" in text


def test_an_approximate_result_says_so(tmp_path: Path) -> None:
    assert "APPROXIMATE (fidelity ≥ 0.97)" in svg(tmp_path, result(fidelity=0.97), [])


def test_png(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    plot.save(str(path), "-", result(), [])
    assert path.read_bytes().startswith(b"\x89PNG")


def test_other_names_are_bad_usage() -> None:
    plot.check("a.svg")
    plot.check("a.PNG")
    with pytest.raises(click.UsageError, match=r"must end in \.png or \.svg"):
        plot.check("a.jpg")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda _: None)
    with pytest.raises(click.UsageError, match=r"pip install 'markaz\[plot\]'"):
        plot.check("a.png")
