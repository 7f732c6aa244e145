"""From rows to figures: solved, wrong, truncated, means, verdicts."""

from __future__ import annotations

import pytest

from benchmarks import agree, report


def row(circuit: str, engine: str, seconds: float, counts=None, status="ok", **note):
    """One row as ``benchmarks.oracle`` writes it."""
    return {
        "circuit": circuit,
        "family": "f",
        "source": "own",
        "qubits": 2,
        "limit": 10.0,
        "engine": engine,
        "status": status,
        "total": seconds,
        "error": "",
        "note": note,
        "summary": agree.summary(counts or {"00": 500, "11": 524}) if status == "ok" else {},
    }


def test_summary_reads_bit_zero_on_the_right() -> None:
    found = agree.summary({"01": 768, "10": 256})
    assert found["bit"] == {"0": 0.75, "1": 0.25}
    assert found["parity"] == {"0": 1.0}
    assert found["outcome"] == {"01": 0.75, "10": 0.25}


def test_a_fast_wrong_answer_is_found_and_counts_as_unsolved() -> None:
    rows = [row("c", e, 1.0) for e in ("a", "b", "d")]
    rows.append(row("c", "markaz", 0.001, {"01": 1024}))
    found = report.circuits(rows)[0]
    assert found.lost == {"markaz": "wrong"}
    assert found.seconds("markaz") == 10.0
    assert found.judged


def test_uniform_noise_is_told_from_a_frequent_outcome() -> None:
    noise = agree.summary({f"{i:03b}": 128 for i in range(8)})
    skew = agree.summary({"000": 512, "011": 512})
    assert agree.distance(noise, skew) > agree.BOUND


def test_other_widths_never_agree() -> None:
    assert agree.distance(agree.summary({"0": 1}), agree.summary({"00": 1})) == 1.0


def test_two_engines_that_disagree_are_both_left_and_not_judged() -> None:
    wrong, judged = agree.wrong({"a": agree.summary({"0": 9}), "b": agree.summary({"1": 9})})
    assert (wrong, judged) == (set(), False)


def test_truncated_runs_are_not_solved_unless_asked() -> None:
    rows = [row("c", "a", 1.0, truncated=True), row("c", "b", 2.0)]
    assert report.circuits(rows)[0].solved == {"b": 2.0}
    assert report.circuits(rows, keep_truncated=True)[0].solved == {"a": 1.0, "b": 2.0}


def test_floor_and_limit_enter_the_means() -> None:
    rows = [row("c", "a", 1e-6), row("c", "b", 0.0, status="timeout")]
    found = report.circuits(rows)[0]
    assert (found.seconds("a"), found.seconds("b")) == (1e-3, 10.0)
    assert found.best(["a", "b"]) == ("a", 1e-3)
    assert found.best(["b"]) == ("", 10.0)


def test_geometric_mean() -> None:
    assert report.geomean([0.01, 1.0, 100.0]) == pytest.approx(1.0)


def test_the_figures_say_what_was_reached_and_missed() -> None:
    rows = []
    for circuit, mine in (("x", 0.02), ("y", 0.03)):
        rows += [row(circuit, "aer_auto", 1.0), row(circuit, "prism_auto", 0.1)]
        rows.append(row(circuit, "markaz", mine))
    rows += [row("z", "prism_auto", 0.1), row("z", "markaz", 0.0, status="timeout")]
    text = report.figures(report.circuits(rows))
    assert "coverage 2 of 3   MISSED: z" in text
    ratio = (0.02 * 0.03 * 10) ** (1 / 3) / 0.1
    assert f"{ratio:.3f}   target <= 1      MISSED" in text


def test_a_circuit_that_only_markaz_solves_is_counted_apart() -> None:
    rows = [row("x", "aer_auto", 1.0), row("x", "markaz", 0.1)]
    rows += [row("y", "aer_auto", 0.0, status="memory"), row("y", "markaz", 0.1)]
    text = report.figures(report.circuits(rows))
    assert text.startswith("circuits 2, solved by some engine 1, by Markaz alone 1")


def test_the_report_without_markaz_has_no_ratio() -> None:
    assert "ratio" not in report.full([row("x", "aer_auto", 1.0)])
