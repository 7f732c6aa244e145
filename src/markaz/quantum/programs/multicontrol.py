"""Gates with many controls, unrolled without extra qubits.

Up to GRAY_QUBITS qubits a phase on the all-ones state is spread over the parities of the
qubits in Gray-code order (2**n - 2 CX, 2**n - 1 phases). Above, Lemma 7.5 of Barenco et
al., Phys. Rev. A 52, 3457 (1995), splits off one qubit a level; its multi-controlled X
borrow the qubits they do not use (Lemmas 7.2 and 7.3 there) and all but their outermost
Toffoli gates are Margolus gates, as in Maslov, Phys. Rev. A 93, 022311 (2016). The number
of gates grows with the square of the number of qubits.
"""

from __future__ import annotations

import math
from collections.abc import Set

from markaz.quantum.programs.decompose_rules import Angle, Step
from markaz.quantum.programs.gates import Op

GRAY_QUBITS = 8  # from here on the quadratic construction needs fewer gates


def unrolled(op: Op, size: int, native: Set[int]) -> list[Step]:
    """MCX or MCP on operands 0 … size-1, by gates with at most three qubits.

    Of the pooled gates those in ``native`` may be used. MCP's angle is parameter 0.
    """
    places = list(range(size))
    if op == Op.MCP:
        return _phase(places, Angle((1.0, 0.0, 0.0, 0.0)), native)
    if size <= 3:
        return [Step((Op.X, Op.CX, Op.CCX)[size - 1], tuple(places))]
    hadamard = Step(Op.H, (size - 1,))
    return [hadamard, *_phase(places, Angle(const=math.pi), native), hadamard]


def _phase(q: list[int], angle: Angle, native: Set[int]) -> list[Step]:
    if Op.MCP in native:
        return [Step(Op.MCP, tuple(q), (angle,))]
    if len(q) <= 2:
        return [Step(Op.P if len(q) == 1 else Op.CP, tuple(q), (angle,))]
    if len(q) <= GRAY_QUBITS and Op.MCX not in native:
        return _gray(q, angle)
    *rest, middle, last = q
    half, minus = _times(angle, 0.5), _times(angle, -0.5)
    flip = _flip(rest, middle, [last], native)
    first = Step(Op.CP, (middle, last), (half,))
    second = Step(Op.CP, (middle, last), (minus,))
    return [first, *flip, second, *flip, *_phase([*rest, last], half, native)]


def _times(angle: Angle, factor: float) -> Angle:
    return Angle((angle.scale[0] * factor, 0.0, 0.0, 0.0), angle.const * factor)


def _gray(q: list[int], angle: Angle) -> list[Step]:
    """The product of n bits is sum over non-empty sets S of (-1)**(|S|+1) parity(S),
    divided by 2**(n-1); the parities with highest member ``t`` are built on ``t``."""
    part = 0.5 ** (len(q) - 1)
    steps = []
    for t, target in enumerate(q):
        sign = 1.0
        for code in range(1 << t):
            if code:  # the bit in which two neighbours of the Gray code differ
                steps.append(Step(Op.CX, (q[(code & -code).bit_length() - 1], target)))
            steps.append(Step(Op.P, (target,), (_times(angle, sign * part),)))
            sign = -sign
        if t:
            steps.append(Step(Op.CX, (q[t - 1], target)))
    return steps


def _flip(controls: list[int], target: int, borrowed: list[int], native: Set[int]) -> list[Step]:
    """X on ``target`` where all ``controls`` are one, with the help of at least one
    ``borrowed`` qubit in any state, which is given back unchanged."""
    if Op.MCX in native:
        return [Step(Op.MCX, (*controls, target))]
    if len(controls) <= 2:
        return [Step((Op.X, Op.CX, Op.CCX)[len(controls)], (*controls, target))]
    if len(borrowed) >= len(controls) - 2:
        return _chain(controls, target, borrowed[: len(controls) - 2])
    cut = (len(controls) + 1) // 2
    low, high = controls[:cut], [*controls[cut:], borrowed[0]]
    collect = _flip(low, borrowed[0], [*controls[cut:], target], native)
    spend = _flip(high, target, low, native)
    return [*collect, *spend, *collect, *spend]


def _chain(c: list[int], target: int, a: list[int]) -> list[Step]:
    top = Step(Op.CCX, (c[-1], a[-1], target))
    down = [Step(Op.RCCX, (c[k + 1], a[k - 1], a[k])) for k in range(len(a) - 1, 0, -1)]
    middle = [*down, Step(Op.RCCX, (c[0], c[1], a[0])), *reversed(down)]
    return [top, *middle, top, *middle]
