from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.classical import MAX_BITS, bits_of, evaluate
from markaz.quantum.programs.errors import ProgramError

BITS = (1, 0, 1, 1, 0)  # bits 0..2 are 5, bits 2..4 are 3


def const(value):
    return ("const", value)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (const(7), 7),
        (("bits", 0, 3), 5),
        (("bits", 2, 3), 3),
        (("bits", 1, 1), 0),
        (("bits", 0, 0), 0),
        (("not", ("bits", 0, 3)), 0),
        (("not", const(0)), 1),
        (("inv", ("bits", 0, 3), 3), 2),
        (("inv", const(0), 5), 31),
        (("neg", const(3)), -3),
        (("cast", const(-1), 4), 15),
        (("cast", const(37), 3), 5),
        (("and", const(12), const(10)), 8),
        (("or", const(12), const(10)), 14),
        (("xor", const(12), const(10)), 6),
        (("add", const(12), const(10)), 22),
        (("sub", const(10), const(12)), -2),
        (("mul", const(-3), const(4)), -12),
        (("div", const(7), const(2)), 3),
        (("div", const(-7), const(2)), -3),
        (("div", const(7), const(-2)), -3),
        (("mod", const(7), const(2)), 1),
        (("mod", const(-7), const(2)), -1),
        (("mod", const(7), const(-2)), 1),
        (("pow", const(3), const(4)), 81),
        (("pow", const(0), const(0)), 1),
        (("shl", const(3), const(4)), 48),
        (("shl", const(0), const(10**9)), 0),
        (("shr", const(48), const(4)), 3),
        (("shr", const(1), const(10**9)), 0),
        (("eq", ("bits", 0, 3), const(5)), 1),
        (("ne", ("bits", 0, 3), const(5)), 0),
        (("lt", const(1), const(2)), 1),
        (("le", const(2), const(2)), 1),
        (("gt", const(1), const(2)), 0),
        (("ge", const(2), const(2)), 1),
        (("land", const(2), const(4)), 1),
        (("land", const(2), const(0)), 0),
        (("lor", const(0), const(8)), 1),
        (("lor", const(0), const(0)), 0),
    ],
)
def test_every_operator(expr, value):
    assert evaluate(expr, BITS) == value


def test_logic_leaves_the_second_operand_where_the_first_decides():
    broken = ("div", const(1), const(0))
    assert evaluate(("land", const(0), broken), ()) == 0
    assert evaluate(("lor", const(3), broken), ()) == 1
    with pytest.raises(ProgramError):
        evaluate(("land", const(1), broken), ())


def test_numpy_bits_do_not_overflow():
    bits = np.ones(70, np.uint8)
    assert evaluate(("bits", 0, 70), bits) == (1 << 70) - 1


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (("div", const(1), const(0)), "division by zero"),
        (("mod", const(1), const(0)), "division by zero"),
        (("shl", const(1), const(-1)), "negative shift -1"),
        (("shr", const(1), const(-1)), "negative shift -1"),
        (("pow", const(2), const(-1)), "negative exponent -1"),
        (("shl", const(1), const(MAX_BITS)), "more than"),
        (("pow", const(2), const(10**12)), "more than"),
        (("mul", const(1 << MAX_BITS - 2), const(8)), "more than"),
    ],
)
def test_what_has_no_value_is_refused(expr, message):
    with pytest.raises(ProgramError, match=message) as caught:
        evaluate(expr, ())
    assert caught.value.kind == "unsupported"


def test_a_very_deep_expression_is_refused():
    expr = const(1)
    for _ in range(5000):
        expr = ("neg", expr)
    with pytest.raises(ProgramError) as caught:
        evaluate(expr, ())
    assert caught.value.kind == "limit-size"


def test_bits_of_names_every_bit_read():
    expr = ("add", ("bits", 0, 2), ("cast", ("not", ("bits", 5, 1)), 3))
    assert bits_of(expr) == {0, 1, 5}
    assert bits_of(const(3)) == set()
