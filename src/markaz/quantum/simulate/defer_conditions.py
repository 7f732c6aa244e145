"""Conditions of a program in the few forms that a gate can be controlled by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.kernel_defer import ALL, PARITY

_IF = int(Op.IF)


class Condition(NamedTuple):
    """``kind`` ALL: all ``bits`` have their values; PARITY: the sum of the ``bits`` is
    ``wanted`` modulo 2; -1: something else."""

    kind: int
    wanted: int
    bits: dict[int, int]


_OTHER = Condition(-1, 0, {})


def numbered(circuit: Circuit) -> tuple[list[Condition], NDArray[np.int32]]:
    """The different conditions of a circuit, and ``aux`` with their numbers for each IF."""
    keys = list(map(id, circuit.exprs))  # equal ones are often one object
    different = dict(zip(keys, circuit.exprs, strict=True))
    if not different:
        return [], circuit.aux
    number = {key: k for k, key in enumerate(different)}
    places = np.array([number[key] for key in keys], np.int32)
    aux = circuit.aux.copy()
    where = circuit.op == _IF
    aux[where] = places[aux[where]]
    return [condition(e) for e in different.values()], aux


def condition(expr: Any) -> Condition:
    """The condition that a classical expression is not 0."""
    name = expr[0]
    if name == "bits" and expr[2] == 1:
        return Condition(ALL, 0, {expr[1]: 1})
    if name == "not":
        return _negated(condition(expr[1]))
    if name in ("eq", "ne"):
        return _compared(name, expr[1], expr[2])
    if name in ("land", "and"):
        return _both(condition(expr[1]), condition(expr[2]))
    return _odd(condition(expr[1]), condition(expr[2])) if name == "xor" else _OTHER


# Operators whose value is 0 or 1 where their operands are read by ``condition``.
_TRUTHS = frozenset({"not", "eq", "ne", "land", "and", "xor"})


def _compared(name: str, left: Any, right: Any) -> Condition:
    if left[0] == "const":
        left, right = right, left
    if right[0] != "const":
        return _OTHER
    value = int(right[1])
    if left[0] == "bits":
        same = _equal(left[1], left[2], value)
        return same if name == "eq" else _negated(same)
    if value not in (0, 1) or left[0] not in _TRUTHS:
        return _OTHER
    inner = condition(left)
    return inner if (value == 1) == (name == "eq") else _negated(inner)


def _equal(offset: int, size: int, value: int) -> Condition:
    if not 0 <= value < 1 << size:
        return _OTHER
    return Condition(ALL, 0, {offset + k: value >> k & 1 for k in range(size)})


def _negated(found: Condition) -> Condition:
    if found.kind == PARITY:
        return found._replace(wanted=1 - found.wanted)
    if found.kind == ALL and len(found.bits) == 1:
        return Condition(ALL, 0, {bit: 1 - value for bit, value in found.bits.items()})
    return _OTHER


def _both(a: Condition, b: Condition) -> Condition:
    if a.kind != ALL or b.kind != ALL or any(b.bits.get(k, v) != v for k, v in a.bits.items()):
        return _OTHER
    return Condition(ALL, 0, a.bits | b.bits)


def _odd(a: Condition, b: Condition) -> Condition:
    left, right = _parity(a), _parity(b)
    if left.kind != PARITY or right.kind != PARITY:
        return _OTHER
    bits = dict.fromkeys(left.bits.keys() ^ right.bits.keys(), 1)
    return Condition(PARITY, 1 ^ left.wanted ^ right.wanted, bits)


def _parity(found: Condition) -> Condition:
    if found.kind == ALL and len(found.bits) == 1:
        (wanted,) = found.bits.values()
        return Condition(PARITY, wanted, dict.fromkeys(found.bits, 1))
    return found
