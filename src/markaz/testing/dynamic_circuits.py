"""Small circuits with measurements, resets and control flow, one for each kind."""

from __future__ import annotations

from collections.abc import Iterator

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op


def dynamic_circuits() -> Iterator[tuple[str, Circuit]]:
    """Small dynamic circuits by name, each with registers a (2 bits) and b (1 bit)."""
    for name, write in (
        *(("measure", _measure_and_reset), ("if", _if), ("else", _else)),
        *(("nested", _nested), ("while", _while), ("assign", _assign)),
    ):
        builder = Builder()
        builder.qreg("q", 3)
        builder.creg("a", 2)
        builder.creg("b", 1)
        builder.gate(Op.RY, [0], [1.1])
        builder.measure(0, 1)
        write(builder)
        yield name, builder.build()


def _measure_and_reset(builder: Builder) -> None:
    builder.reset(0)
    builder.gate(Op.RY, [0], [0.7])
    builder.gate(Op.CX, [0, 2])
    builder.measure(2, 2)
    builder.barrier([0, 1])
    builder.gate(Op.RY, [2], [0.9])
    builder.measure(2, 0)


def _if(builder: Builder) -> None:
    builder.control(Op.IF, ("bits", 1, 1))
    builder.gate(Op.RY, [1], [2.0])
    builder.gate(Op.CX, [1, 2])
    builder.control(Op.END)
    builder.measure(2, 2)


def _else(builder: Builder) -> None:
    builder.control(Op.IF, ("eq", ("bits", 0, 2), ("const", 2)))
    builder.gate(Op.RY, [1], [2.0])
    builder.control(Op.ELSE)
    builder.gate(Op.RY, [1], [0.4])
    builder.gate(Op.H, [2])
    builder.control(Op.END)
    builder.measure(1, 0)
    builder.measure(2, 2)


def _nested(builder: Builder) -> None:
    builder.control(Op.IF, ("not", ("eq", ("bits", 1, 1), ("const", 1))))
    builder.gate(Op.H, [1])
    builder.measure(1, 0)
    builder.control(Op.IF, ("land", ("bits", 0, 1), ("lt", ("bits", 0, 2), ("const", 3))))
    builder.gate(Op.X, [2])
    builder.control(Op.ELSE)
    builder.gate(Op.RY, [2], [0.8])
    builder.control(Op.END)
    builder.control(Op.END)
    builder.measure(2, 2)


def _while(builder: Builder) -> None:
    builder.control(Op.WHILE, ("ne", ("bits", 1, 1), ("const", 0)))
    builder.gate(Op.RY, [1], [1.3])
    builder.measure(1, 2)
    builder.control(Op.IF, ("bits", 2, 1))
    builder.control(Op.BREAK)
    builder.control(Op.END)
    builder.reset(0)
    builder.gate(Op.H, [0])
    builder.measure(0, 1)
    builder.control(Op.END)
    builder.gate(Op.X, [0])
    builder.measure(0, 0)


def _assign(builder: Builder) -> None:
    builder.gate(Op.H, [1])
    builder.measure(1, 2)
    builder.assign(0, 2, ("xor", ("bits", 0, 2), ("bits", 2, 1)))
    builder.control(Op.IF, ("ge", ("bits", 0, 2), ("const", 2)))
    builder.gate(Op.X, [2])
    builder.control(Op.END)
    builder.measure(2, 2)
