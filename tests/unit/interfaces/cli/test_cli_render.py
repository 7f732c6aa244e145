"""What people read fits 80 columns and says what it must."""

from __future__ import annotations

import io
import re

import pytest

from markaz.interfaces.cli import render
from markaz.interfaces.cli.render import Style
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.simulate.result import Candidate, PartPlan, Plan, Result

STYLE = Style()
ASCII = Style(unicode=False)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def make_plan(**changes: object) -> Plan:
    parts = [PartPlan(2, 2, {"qubits": 2, "gates": 2}, [
        Candidate("stim:stabilizer", 0.0012, 2048),
        Candidate("qsim:statevector", 7.0, 1 << 30),
        Candidate("ddsim:decision-diagram", float("inf"), 0, "mqt.ddsim is not installed"),
    ])]  # fmt: skip
    fields: dict[str, object] = {
        "engine": "stim:stabilizer",
        "why": "all gates are Clifford",
        "predicted_seconds": 0.0012,
        "predicted_bytes": 2048,
        "simplifications": [],
        "parts": parts,
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]


def make_result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "shots": 1000,
        "seed": 7,
        "num_qubits": 2,
        "num_clbits": 2,
        "registers": (("c", 2),),
        "measured": "explicit",
        "plan": make_plan(),
        "seconds": {"parse": 0.001, "plan": 0.0002, "run": 1.5, "total": 1.6},
        "circuit": Builder().build(),
        "counts": {"00": 250, "11": 750},
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


def report(found: Result, style: Style = STYLE, names: list[str] | None = None) -> str:
    return render.result("bell.qasm", found, 2, names or [], style)


def test_a_report_from_top_to_bottom() -> None:
    assert report(make_result()).splitlines() == [
        "bell.qasm",
        "  2 qubits, 2 bits, 2 gates",
        "  plan: stim:stabilizer: all gates are Clifford (predicted 1.2 ms, 2 KiB).",
        "  00 250   25.0 %  " + "█" * 20 + "▍",
        "  11 750   75.0 %  " + "█" * 61,
        "  1,000 shots, seed 7; parse 1 ms, plan 200 µs, run 1.5 s, total 1.6 s",
    ]


def test_standard_input_has_a_name() -> None:
    assert render.result("-", make_result(), 2, [], STYLE).startswith("standard input\n")


def test_a_plan_names_its_simplifications() -> None:
    plan = make_plan(
        why="stim:stabilizer is predicted to be the fastest",
        simplifications=["9 gates became 2", "2 qubits sampled by hand"],
    )
    text = " ".join(x.strip() for x in render.plan_lines(plan, STYLE))
    assert text == (
        "plan: stim:stabilizer is predicted to be the fastest (predicted 1.2 ms, 2 KiB); "
        "simplified: 9 gates became 2, 2 qubits sampled by hand."
    )


def test_implicit_measurement_and_approximation_are_said() -> None:
    lines = report(make_result(measured="implicit", fidelity=0.97)).splitlines()
    assert "  measured: implicit (all qubits, into meas)" in lines
    assert "  APPROXIMATE: the fidelity is at least 0.97, not 1" in lines
    assert "\x1b[1;33mAPPROXIMATE" in report(make_result(fidelity=0.97), Style(colour=True))


def test_values_stand_in_for_the_histogram() -> None:
    found = make_result(counts=None, values=[0.5, -1.25], standard_errors=[0.0, 0.03])
    lines = report(found, STYLE, ["ZZ", "X + Y"]).splitlines()
    assert lines[3:] == [
        "  ZZ     +0.5000000000  (exact)",
        "  X + Y  -1.2500000000 ± 0.03",
        "  seed 7; parse 1 ms, plan 200 µs, run 1.5 s, total 1.6 s",
    ]


def test_many_outcomes_become_sixteen_and_others() -> None:
    counts = {format(i, "05b"): i + 1 for i in range(32)}
    lines = render.histogram(counts, (), ASCII)
    assert len(lines) == 17
    assert lines[0].split()[:2] == ["11111", "32"]
    assert lines[-1].split()[:3] == ["16", "others", "136"]
    assert sum(int(line.split()[-4 if "others" in line else 1]) for line in lines[:-1]) == 392


def test_ties_are_ordered_by_their_bits() -> None:
    counts = {format(i, "05b"): 1 for i in reversed(range(20))}
    assert [bits for bits, _ in render.top(counts, 16)] == [format(i, "05b") for i in range(16)]


@pytest.mark.parametrize("style", [STYLE, ASCII, Style(width=60), Style(colour=True)])
@pytest.mark.parametrize("width", [0, 1, 20, 127, 1000])
def test_nothing_is_wider_than_the_screen(style: Style, width: int) -> None:
    counts = {format(i, f"0{width}b")[:width]: 10**i for i in range(20 if width > 5 else 1)}
    found = make_result(
        counts=counts, registers=(("a", width // 2), ("b", width - width // 2)),
        plan=make_plan(why="long " * 60),
    )  # fmt: skip
    text = COLOURS.sub("", report(found, style))
    assert max(map(len, text.splitlines())) <= style.width
    if not style.unicode:
        text.encode("ascii")


def test_long_bit_strings_lose_their_middle_and_say_so() -> None:
    lines = render.histogram({"01" * 60: 1}, (), STYLE)
    assert "…" in lines[0]
    assert lines[-1] == "  bit strings are shortened; --json has them whole"


def test_registers_are_spaced_with_the_last_on_the_left() -> None:
    assert render.spaced("10110", (("a", 2), ("b", 3))) == "101 10"
    assert render.spaced("10", (("a", 2),)) == "10"
    assert render.spaced("101", (("a", 1), ("b", 1), ("c", 1))) == "1 0 1"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 µs"), (2.5e-6, "2.5 µs"), (0.0123, "12.3 ms"), (59.96, "60 s"), (86400, "86400 s")],
)
def test_durations(value: float, text: str) -> None:
    assert render.seconds(value, STYLE) == text
    assert render.seconds(value, ASCII) == text.replace("µ", "u")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1536, "1.5 KiB"), (1 << 40, "1 TiB"), (1 << 50, "1 PiB")]
)
def test_sizes(value: int, text: str) -> None:
    assert render.size(value) == text


def test_bars_are_proportional_and_never_vanish() -> None:
    assert render.bar(1.0, 10, STYLE) == "█" * 10
    assert render.bar(0.5, 1, STYLE) == "▌"
    assert render.bar(1e-9, 10, STYLE) == "▏"
    assert render.bar(0.0, 10, STYLE) == ""
    assert render.bar(0.5, 10, ASCII) == "#####"
    assert render.bar(1e-9, 10, ASCII) == "#"


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_style_follows_the_terminal_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    assert Style.of(Screen()).colour
    assert not Style.of(io.StringIO()).colour
    monkeypatch.setenv("COLUMNS", "200")
    assert Style.of(Screen()).width == 80
    monkeypatch.setenv("COLUMNS", "10")
    assert Style.of(Screen()).width == 60
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style.of(Screen()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Style.of(Screen()).colour


def test_an_ascii_stream_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert not Style.of(stream).unicode
    report(make_result(), Style.of(stream)).encode("ascii")


def test_explanation_lists_every_engine_considered() -> None:
    lines = render.explanation("f", make_plan(), STYLE).splitlines()
    assert lines[0] == "f"
    assert lines[-4:] == [
        "  engines considered:",
        "  * stim:stabilizer         1.2 ms  2 KiB",
        "    qsim:statevector           7 s  1 GiB",
        "    ddsim:decision-diagram                 refused: mqt.ddsim is not installed",
    ]
