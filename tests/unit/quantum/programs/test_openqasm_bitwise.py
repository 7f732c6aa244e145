"""popcount, rotl and rotr: against Python on every value, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.classical import evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_openqasm import to_openqasm3
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.reference import distribution

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\n'


def rotated(value: int, width: int, left: int) -> int:
    bits = f"{value:0{width}b}"
    left %= width
    return int(bits[left:] + bits[:left], 2)


def angle(text: str) -> float:
    return float(read_openqasm(f"{HEAD}rz({text}) q;").params[0, 0])


def condition(text: str, declared: str = "bit[5] c;") -> list[int]:
    """The value of ``text`` for each value of the five bits ``c``."""
    circuit = read_openqasm(f"{HEAD}{declared} if ({text} == 77) x q;")
    comparison = circuit.exprs[circuit.aux[list(circuit.op).index(Op.IF)]]
    assert comparison[0] == "eq"
    rows = [[v >> k & 1 for k in range(5)] for v in range(32)]
    return [evaluate(comparison[1], [*row, *[0] * 200]) for row in rows]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('popcount("10110")', 3.0),
        ("popcount(11)", 3.0),
        ("popcount(uint[4](-1))", 4.0),
        ("popcount(0)", 0.0),
        ('int[8](rotl("1101", 1))', 11.0),
        ('uint[8](rotr("1101", 1))', 14.0),
        ('uint[8](rotl("1101", -1))', 14.0),
        ('uint[8](rotr("1101", 4000000001))', 14.0),
        ("popcount(rotl(bit[8](200), 3))", 3.0),
        ('sizeof(rotl("00110", 2))', 5.0),
    ],
)
def test_constants_have_constant_results(text: str, value: float) -> None:
    assert angle(text) == value


def test_the_set_bits_of_a_register_are_counted() -> None:
    assert condition("popcount(c)") == [v.bit_count() for v in range(32)]
    assert condition("popcount(c[1:3])") == [(v >> 1 & 7).bit_count() for v in range(32)]
    assert condition("popcount(c[2])") == [v >> 2 & 1 for v in range(32)]


def test_a_count_is_a_whole_number_of_full_width() -> None:
    assert condition("popcount(c) + 30") == [v.bit_count() + 30 for v in range(32)]


@pytest.mark.parametrize("distance", [-6, -1, 0, 1, 3, 5, 12])
def test_registers_turn_by_any_distance(distance: int) -> None:
    assert condition(f"rotl(c, {distance})") == [rotated(v, 5, distance) for v in range(32)]
    assert condition(f"rotr(c, {distance})") == [rotated(v, 5, -distance) for v in range(32)]


def test_calls_within_calls() -> None:
    assert condition("popcount(rotl(c, 2)[0])") == [v >> 3 & 1 for v in range(32)]
    assert condition("rotl(rotr(c, 1), 3)") == [rotated(v, 5, 2) for v in range(32)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("d = rotl(d, 1);", "00111"),
        ("d = rotr(d, 1);", "11001"),
        ("bit[5] e = rotl(d, 2); d = e;", "01110"),
        ("uint[5] u = d; u = rotl(u, 1); d = u;", "00111"),
        ("uint[3] u = d[2:4]; d[2:4] = rotr(u, 1);", "01011"),
        ("uint[8] u = popcount(d); d = bit[5](u);", "00011"),
    ],
)
def test_what_is_assigned_is_read_first(statement: str, expected: str) -> None:
    measured = "bit[5] d; x q; d[0] = measure q; d[1] = measure q; d[4] = measure q;"
    circuit = read_openqasm(f"{HEAD}{measured} {statement}")
    shown = {key.replace(" ", "")[-5:]: p for key, p in distribution(circuit).items()}
    assert shown == {expected: pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("popcount(-1)", "parse", "popcount takes bits or a uint"),
        ("popcount(0.5)", "parse", "popcount takes bits or a uint"),
        ("popcount(q)", "parse", "popcount takes bits or a uint"),
        ("popcount(k)", "parse", "popcount takes bits or a uint"),
        ("rotr(k, 1)", "parse", "rotr takes bits or a uint"),
        ("popcount()", "parse", "popcount takes another number of arguments"),
        ("rotl(c)", "parse", "rotl takes another number of arguments"),
        ("rotl(c, c)", "unsupported", "the distance of rotl must be a constant whole number"),
        ("rotr(c, 0.5)", "unsupported", "the distance of rotr must be a constant whole number"),
        (
            "rotl(6, 1)",
            "unsupported",
            "rotl of a constant without a width; give it one, as in rotl(bit[8](x), 1)",
        ),
        (
            "popcount(c & 3)",
            "unsupported",
            "popcount of a measured value that was computed; assign it to a variable first",
        ),
        (
            "rotl(c + 1, 1)",
            "unsupported",
            "rotl of a measured value that was computed; assign it to a variable first",
        ),
    ],
)
def test_what_has_no_bits_is_refused_in_words(text: str, kind: str, message: str) -> None:
    with pytest.raises(ProgramError) as error:
        read_openqasm(f"{HEAD}bit[5] c; c[0] = measure q; int[5] k = c; if ({text} == 1) x q;")
    assert (error.value.kind, error.value.message.rpartition(": ")[2]) == (kind, message)


def test_counts_of_wide_registers_cost_what_they_are() -> None:
    rounds = "".join("if (popcount(c) > 3) x q;" for _ in range(60))
    with pytest.raises(ProgramError) as error:
        read_openqasm(f"{HEAD}bit[10000] c; c[0] = measure q; {rounds}")
    assert error.value.kind == "limit-size"


def test_shifts_by_shifts_do_not_multiply() -> None:
    text = "c"
    for _ in range(60):
        text = f"c << ({text})"
    with pytest.raises(ProgramError) as error:
        read_openqasm(f"{HEAD}bit[20] c; c[0] = measure q; if ({text} > 3) x q;")
    assert error.value.kind == "unsupported"
    assert error.value.message.endswith("computed in many steps; assign it to a variable first")


@pytest.mark.parametrize("text", ["popcount(c)", "rotl(c, 2)", "popcount(rotr(c[1:3], 1)) + 30"])
def test_exported_they_mean_the_same(text: str) -> None:
    exported = to_openqasm3(
        read_openqasm(f"{HEAD}bit[5] c; uint[8] u; u = {text}; if (u == 77) x q;")
    )
    again = read_openqasm(exported)
    (*_, last) = np.flatnonzero(again.op == Op.ASSIGN)
    assigned = again.exprs[again.aux[last]]
    rows = [[v >> k & 1 for k in range(5)] for v in range(32)]
    found = [evaluate(assigned, [*row, *[0] * 200]) for row in rows]
    assert found == condition(text)
