"""Gates as lines that the compiled reader can put in: operations, wires, parameters.

What a gate does with its parameters is found by expanding it once with parameters that have
no values, which yields formulas.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.openqasm import kernel_layout as k
from markaz.quantum.programs.openqasm.gatedefs import PACKED_ROWS, Defined, Gate, Opaque, Phase
from markaz.quantum.programs.openqasm.rows import Budget, Row, Wires
from markaz.quantum.programs.openqasm.values import (
    CONSTANTS,
    Number,
    Symbolic,
    ValueProblem,
    is_function,
)

_STEPS: Final = {
    "add": k.ADD,
    "sub": k.SUBTRACT,
    "mul": k.MULTIPLY,
    "div": k.DIVIDE,
    "neg": k.NEGATE,
}
_OWN: Final = "#"  # before the number of a gate's parameter, as no name begins
_LONGEST: Final = 64  # steps of a formula


class Formula(NamedTuple):
    """Steps as ``kernel_gates`` follows them; constants are numbered from 0."""

    steps: list[int]
    constants: list[float]


class Line(NamedTuple):
    """One operation; parameters are numbers, positions among the gate's, or formulas."""

    op: int
    wires: Wires
    params: tuple[float | int | Formula, ...]


class Lines(NamedTuple):
    """What a gate is made of, its phase, and what expanding it cost."""

    lines: list[Line]
    phase: float
    cost: int


def lines_of(gate: Gate, budget: Budget) -> Lines | None:
    """The lines of a gate; None for what the compiled reader has no means to say.

    Expanding it counts as work, as it would at its first call.
    """
    if isinstance(gate, Opaque | Phase) or gate.num_qubits < 1 or gate.size > PACKED_ROWS:
        return None
    if gate.num_params > k.MOST_PARAMS or not _is_closed(gate, set()):
        return None
    before = budget.spent
    unknown = tuple(Symbolic(("param", f"{_OWN}{i}"), 1, 1) for i in range(gate.num_params))
    try:
        rows, phase = gate.rows(unknown, gate.num_qubits)
        lines = [_line(row) for row in rows]
    except (ProgramError, ValueProblem, KeyError, OverflowError):
        return None
    return None if isinstance(phase, Symbolic) else Lines(lines, phase, budget.spent - before)


def _is_closed(gate: Gate, seen: set[int]) -> bool:
    """Whether a gate's parameters are all that its body may differ by: no variables."""
    if not isinstance(gate, Defined) or id(gate) in seen:
        return True
    seen.add(id(gate))
    for item in gate.items:
        arguments = [m.argument for m in item.modifiers if m.argument is not None]
        for rpn in (*item.params, *arguments):
            if not all(_is_fixed(x.code, x.value, gate.param_names) for x in rpn):
                return False
        if item.gate is not None and not _is_closed(item.gate, seen):
            return False
    return True


def _is_fixed(code: str, value: Any, names: tuple[str, ...]) -> bool:
    if code == "name":
        return value in names or value in CONSTANTS
    return code in ("number", "unary", "binary") or (code == "call" and is_function(value[0]))


def _line(row: Row) -> Line:
    op, wires, params = row
    return Line(op, wires, tuple(_parameter(p) for p in params))


def _parameter(value: Number) -> float | int | Formula:
    if not isinstance(value, Symbolic):
        return float(value)
    if value.expr[0] == "param":
        return int(str(value.expr[1])[len(_OWN) :])
    formula = Formula([], [])
    _compile(value.expr, formula, 1)
    return formula


def _compile(expr: Expr, formula: Formula, depth: int) -> None:
    """Append the steps of ``expr``; KeyError for one that there is no step for."""
    name, *operands = expr
    if depth >= k.STACK or len(formula.steps) > _LONGEST:
        raise KeyError(name)
    if name == "const":
        formula.steps.extend((k.CONSTANT, len(formula.constants)))
        formula.constants.append(float(operands[0]))  # type: ignore[arg-type]
        return
    if name == "param":
        formula.steps.extend((k.PARAMETER, int(str(operands[0])[len(_OWN) :])))
        return
    step = _STEPS[str(name)]
    for operand in operands:
        assert isinstance(operand, tuple)
        _compile(operand, formula, depth + 1)
    formula.steps.append(step)
