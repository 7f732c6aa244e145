from __future__ import annotations

import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.classical import evaluate
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.prism_dynamic import condition
from markaz.quantum.simulate.engines.registry import engines

ENGINES = {
    key: engine
    for key, engine in engines(without=("markaz",)).items()
    if engine.dynamic and not key.startswith("aer:s")
}
A, B, ALL = ("bits", 0, 2), ("bits", 2, 1), ("bits", 0, 3)

# A condition on registers a (bits 0, 1) and b (bit 2), and who refuses it.
CONDITIONS = [
    (("bits", 1, 1), ""),
    (("not", ("bits", 1, 1)), ""),
    (A, ""),
    (("not", ("eq", A, ("const", 2))), ""),
    (("eq", A, ("const", 3)), ""),
    (("ne", A, ("const", 1)), ""),
    (("ne", B, ("const", 0)), ""),
    (("eq", A, ("const", 7)), ""),
    (("ne", B, ("const", 2)), "ddsim"),
    (("eq", ALL, ("const", 5)), "ddsim"),
    (("gt", A, ("const", 1)), "ddsim"),
    (("le", A, B), "ddsim"),
    (("ge", ("xor", A, B), ("const", 2)), "ddsim"),
    (("land", ("bits", 0, 1), ("lor", B, ("eq", A, ("const", 1)))), "ddsim"),
    (("and", ALL, ("const", 5)), "ddsim"),
    (("or", ("bits", 1, 1), B), "ddsim"),
    (("const", 1), "ddsim"),
    (("add", A, B), "all"),
]


def outcomes(engine, expr, wrap_else=False):
    """Value of bit 3, set under a condition, for each value of bits 0 to 2."""
    found = []
    for value in range(8):
        builder = Builder()
        builder.qreg("q", 4)
        for name, size in (("a", 2), ("b", 1), ("c", 1)):
            builder.creg(name, size)
        for k in range(3):
            if value >> k & 1:
                builder.gate(Op.X, [k])
            builder.measure(k, k)
        builder.control(Op.IF, expr)
        builder.gate(Op.X, [3])
        builder.gate(Op.Z, [3])
        if wrap_else:
            builder.control(Op.ELSE)
            builder.gate(Op.Y, [2])
            builder.gate(Op.CX, [2, 3])
        builder.control(Op.END)
        builder.measure(3, 3)
        row = engine.sample_dynamic(builder.build(), 2, 5).bits.tolist()[0]
        assert row[:3] == [value >> k & 1 for k in range(3)]
        found.append(row[3])
    return found


@pytest.mark.parametrize(("expr", "refusing"), CONDITIONS)
@pytest.mark.parametrize("key", ENGINES)
def test_conditions(key, expr, refusing):
    if refusing == "all" or refusing == key.partition(":")[0]:
        with pytest.raises(EngineRefusal):
            outcomes(ENGINES[key], expr)
        return
    right = [int(bool(evaluate(expr, [v >> k & 1 for k in range(3)]))) for v in range(8)]
    assert outcomes(ENGINES[key], expr) == right


@pytest.mark.parametrize("key", ENGINES)
def test_else_part_runs_where_the_condition_fails(key):
    expr = ("eq", B, ("const", 1))
    # b set: x on the target; b clear: y flips qubit 2 to one, which then flips the target.
    assert outcomes(ENGINES[key], expr, wrap_else=True) == [1] * 8


@pytest.mark.parametrize("key", ENGINES)
def test_wide_register_conditions(key):
    for flipped, expected in ((), 1), ((69,), 0):
        builder = Builder()
        builder.qreg("q", 2)
        builder.creg("a", 70)
        builder.creg("b", 1)
        for bit in flipped:
            builder.gate(Op.X, [0])
            builder.measure(0, bit)
            builder.reset(0)
        builder.control(Op.IF, ("eq", ("bits", 0, 70), ("const", 0)))
        builder.gate(Op.X, [1])
        builder.control(Op.END)
        builder.measure(1, 70)
        try:
            bits = ENGINES[key].sample_dynamic(builder.build(), 1, 1).bits
        except EngineRefusal:
            continue
        assert bits.shape == (1, 71)
        assert bits[0, 70] == expected


def test_prism_condition_texts():
    assert condition(("eq", A, ("const", 2))) == "(c[0] == 0 && c[1] == 1)"
    assert condition(("eq", A, ("const", 4))) == "false"
    assert condition(("not", B)) == "!(c[2])"
    with pytest.raises(EngineRefusal, match="more than 62 bits"):
        condition(("gt", ("bits", 0, 63), ("const", 1)))
    with pytest.raises(EngineRefusal, match="operator or value const"):
        condition(("const", -1))


@pytest.mark.skipif("prism:auto" not in ENGINES, reason="no prism")
def test_endless_loop_is_refused():
    builder = Builder()
    builder.qreg("q", 1)
    builder.creg("a", 1)
    builder.control(Op.WHILE, ("eq", ("bits", 0, 1), ("const", 0)))
    builder.measure(0, 0)
    builder.control(Op.END)
    with pytest.raises(EngineRefusal, match="stopped after"):
        ENGINES["prism:auto"].sample_dynamic(builder.build(), 1, 1)
