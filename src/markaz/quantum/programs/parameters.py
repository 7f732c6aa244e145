"""Parameter expressions and their values.

An expression is ``("const", value)``, ``("param", name)``, ``(function, e)`` with neg, sin,
cos, tan, asin, acos, atan, exp, log, sqrt, abs, or ``(operator, a, b)`` with add, sub, mul,
div, pow, mod. ``mod`` has the sign of its first operand, as ``fmod`` in C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr
from markaz.quantum.programs.errors import ProgramError

Value = float | NDArray[np.float64]

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "mod": np.fmod,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
}


def evaluate_parameters(expr: Expr, values: Mapping[str, Value]) -> Value:
    """Value of ``expr``; with arrays in ``values`` by NumPy's broadcasting rules.

    Undefined results are NaN or infinite, without a warning. KeyError for a parameter
    that is not in ``values``; ProgramError ``limit-size`` for too deep a nesting.
    """
    try:
        with np.errstate(all="ignore"):
            return _value(expr, values)  # type: ignore[no-any-return]
    except RecursionError:
        raise ProgramError("limit-size", "parameter expression nested too deeply") from None


def _value(expr: Any, values: Mapping[str, Value]) -> Any:
    if expr[0] == "const":
        return np.float64(expr[1])
    if expr[0] == "param":
        return np.float64(values[expr[1]]) if np.ndim(values[expr[1]]) == 0 else values[expr[1]]
    return _FUNCTIONS[expr[0]](*[_value(e, values) for e in expr[1:]])


def bind(circuit: Circuit, values: Mapping[str, float]) -> Circuit:
    """The circuit with every parameter replaced by its value (radians).

    Raises ProgramError ``unsupported`` that names a parameter that is missing, unknown or
    not finite, or an angle that is not finite with these values.
    """
    row = np.array([[float(v) for v in values.values()]])
    angles = bind_many(circuit, list(values), row)[0]
    if not circuit.parameters:
        return circuit
    params = circuit.params.copy()
    where = np.array([s[:2] for s in circuit.symbolic], np.int64).reshape(-1, 2)
    params[where[:, 0], where[:, 1]] = angles
    return circuit.with_arrays(params=params, parameters=(), symbolic=())


def bind_many(
    circuit: Circuit, names: Sequence[str], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Angles of a sweep: float64 (points, len(circuit.symbolic)), in radians.

    ``values`` (points, len(names)) holds one row of parameter values a point. Every
    distinct expression is evaluated once for all points. Errors as for ``bind``.
    """
    _check_names(circuit, names)
    finite = np.isfinite(values).all(axis=0)
    for name in np.array(names, object)[~finite]:
        raise ProgramError("unsupported", f"the value of parameter {name!r} is not finite")
    columns: dict[str, Value] = {n: values[:, k] for k, n in enumerate(names)}
    done: dict[Expr, Value] = {}
    result = np.empty((len(values), len(circuit.symbolic)))
    for k, (_, _, expr) in enumerate(circuit.symbolic):
        if expr not in done:
            done[expr] = evaluate_parameters(expr, columns)
        result[:, k] = done[expr]
    _check_angles(circuit, result)
    return result


def _check_names(circuit: Circuit, names: Sequence[str]) -> None:
    known, given = set(circuit.parameters), set(names)
    if missing := [n for n in circuit.parameters if n not in given]:
        raise ProgramError("unsupported", f"no value for {_named(missing)}")
    if unknown := [n for n in names if n not in known]:
        raise ProgramError("unsupported", f"the program has no {_named(unknown)}")


def _named(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:5]) + (", …" if len(names) > 5 else "")
    return f"parameter{'s' if len(names) > 1 else ''} {shown}"


def _check_angles(circuit: Circuit, angles: NDArray[np.float64]) -> None:
    bad = np.argwhere(~np.isfinite(angles))
    if len(bad) == 0:
        return
    point, k = bad[0].tolist()
    names = _named(sorted(parameters_of(circuit.symbolic[k][2])))
    where = f" at point {point}" if len(angles) > 1 else ""
    raise ProgramError("unsupported", f"an angle computed from {names} is not finite{where}")


def parameters_of(expr: Expr) -> frozenset[str]:
    """Names of all parameters that ``expr`` depends on."""
    found: set[str] = set()
    todo: list[Any] = [expr]
    while todo:
        item = todo.pop()
        if item[0] == "param":
            found.add(item[1])
        else:
            todo += [x for x in item[1:] if isinstance(x, tuple)]
    return frozenset(found)
