"""Exact identities between gates, one a line: what a gate may be replaced by.

A line names a gate and the gates that together equal it, in order of time; numbers are the
gate's own operands, a to d its parameters, ``phase`` a global phase. Every line is checked
against the gate matrices by the tests, phase included.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

from markaz.quantum.programs.gates import BY_NAME, Op

IDENTITIES = """
id
x      h 0, z 0, h 0
x      sx 0, sx 0
x      rx(pi) 0, phase(pi/2)
x      u(pi, 0, pi) 0
x      mcx 0
y      z 0, x 0, phase(pi/2)
y      ry(pi) 0, phase(pi/2)
y      u(pi, pi/2, pi/2) 0
z      s 0, s 0
z      sdg 0, sdg 0
z      h 0, x 0, h 0
z      p(pi) 0
h      s 0, sx 0, s 0, phase(-pi/4)
h      z 0, ry(pi/2) 0
h      ry(pi/2) 0, x 0
h      u(pi/2, 0, pi) 0
s      t 0, t 0
s      sdg 0, z 0
s      sdg 0, sdg 0, sdg 0
s      h 0, sx 0, h 0
s      p(pi/2) 0
sdg    tdg 0, tdg 0
sdg    s 0, z 0
sdg    s 0, s 0, s 0
sdg    h 0, sxdg 0, h 0
sdg    p(-pi/2) 0
t      tdg 0, s 0
t      p(pi/4) 0
tdg    t 0, sdg 0
tdg    p(-pi/4) 0
sx     h 0, s 0, h 0
sx     sxdg 0, x 0
sx     rx(pi/2) 0, phase(pi/4)
sxdg   h 0, sdg 0, h 0
sxdg   sx 0, x 0
sxdg   rx(-pi/2) 0, phase(-pi/4)
p      rz(a) 0, phase(a/2)
p      u(0, 0, a) 0
p      mcp(a) 0
rx     h 0, rz(a) 0, h 0
rx     s 0, ry(a) 0, sdg 0
rx     rz(pi/2) 0, ry(a) 0, rz(-pi/2) 0
rx     u(a, -pi/2, pi/2) 0
ry     sdg 0, rx(a) 0, s 0
ry     rz(-pi/2) 0, rx(a) 0, rz(pi/2) 0
ry     sx 0, rz(a) 0, sxdg 0
ry     u(a, 0, 0) 0
rz     h 0, rx(a) 0, h 0
rz     rx(-pi/2) 0, ry(a) 0, rx(pi/2) 0
rz     p(a) 0, phase(-a/2)
u      p(c) 0, ry(a) 0, p(b) 0
u      rz(c) 0, ry(a) 0, rz(b) 0, phase(b/2+c/2)
u      rz(c) 0, sx 0, rz(a+pi) 0, sx 0, rz(b+pi) 0, phase(b/2+c/2+pi/2)
cx     h 1, cz 0 1, h 1
cx     sdg 0, sxdg 1, ecr 0 1, x 0, phase(pi/4)
cx     mcx 0 1
cy     sdg 1, cx 0 1, s 1
cz     h 1, cx 0 1, h 1
cz     cp(pi) 0 1
ch     s 1, h 1, t 1, cx 0 1, tdg 1, h 1, sdg 1
ch     ry(-pi/4) 1, cz 0 1, ry(pi/4) 1
cs     t 0, t 1, cx 0 1, tdg 1, cx 0 1
cs     csdg 0 1, cz 0 1
cs     cp(pi/2) 0 1
csdg   tdg 0, tdg 1, cx 0 1, t 1, cx 0 1
csdg   cs 0 1, cz 0 1
csdg   cp(-pi/2) 0 1
csx    h 1, cs 0 1, h 1
cp     p(a/2) 0, p(a/2) 1, cx 0 1, p(-a/2) 1, cx 0 1
cp     p(a/2) 0, p(a/2) 1, rzz(-a/2) 0 1, phase(-a/4)
cp     p(a/2) 0, crz(a) 0 1
cp     cu(0, 0, a, 0) 0 1
cp     mcp(a) 0 1
crx    h 1, crz(a) 0 1, h 1
crx    s 1, cry(a) 0 1, sdg 1
crx    cu(a, -pi/2, pi/2, 0) 0 1
cry    ry(a/2) 1, cx 0 1, ry(-a/2) 1, cx 0 1
cry    sdg 1, crx(a) 0 1, s 1
cry    cu(a, 0, 0, 0) 0 1
crz    rz(a/2) 1, cx 0 1, rz(-a/2) 1, cx 0 1
crz    rz(a/2) 1, rzz(-a/2) 0 1
crz    h 1, crx(a) 0 1, h 1
crz    cp(a) 0 1, p(-a/2) 0
cu     p(d+b/2+c/2) 0, p(c/2-b/2) 1, cx 0 1, u(-a/2, 0, -b/2-c/2) 1, cx 0 1, u(a/2, b, 0) 1
cu     p(d) 0, cp(c) 0 1, cry(a) 0 1, cp(b) 0 1
swap   cx 0 1, cx 1 0, cx 0 1
swap   iswap 0 1, cz 0 1, sdg 0, sdg 1
iswap  s 0, s 1, h 0, cx 0 1, cx 1 0, h 1
iswap  swap 0 1, cz 0 1, s 0, s 1
iswap  rxx(-pi/2) 0 1, ryy(-pi/2) 0 1
ecr    s 0, sx 1, cx 0 1, x 0, phase(-pi/4)
ecr    rzx(pi/4) 0 1, x 0, rzx(-pi/4) 0 1
dcx    cx 0 1, cx 1 0
rxx    h 0, h 1, rzz(a) 0 1, h 0, h 1
rxx    h 0, rzx(a) 0 1, h 0
ryy    sdg 0, sdg 1, rxx(a) 0 1, s 0, s 1
ryy    rx(pi/2) 0, rx(pi/2) 1, rzz(a) 0 1, rx(-pi/2) 0, rx(-pi/2) 1
rzz    cx 0 1, rz(a) 1, cx 0 1
rzz    h 0, h 1, rxx(a) 0 1, h 0, h 1
rzz    cp(-2*a) 0 1, p(a) 0, p(a) 1, phase(-a/2)
rzz    h 1, rzx(a) 0 1, h 1
rzx    h 1, rzz(a) 0 1, h 1
rzx    h 0, rxx(a) 0 1, h 0
ccx    h 2, ccz 0 1 2, h 2
ccx    mcx 0 1 2
ccz    h 2, ccx 0 1 2, h 2
ccz    cx 1 2, tdg 2, cx 0 2, t 2, cx 1 2, tdg 2, cx 0 2, t 1, t 2, cx 0 1, t 0, tdg 1, cx 0 1
ccz    mcp(pi) 0 1 2
cswap  cx 2 1, ccx 0 1 2, cx 2 1
rccx   h 2, t 2, cx 1 2, tdg 2, cx 0 2, t 2, cx 1 2, tdg 2, h 2
"""


@dataclass(frozen=True, slots=True)
class Angle:
    """``const + sum(scale[k] * parameter k)`` in radians."""

    scale: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    const: float = 0.0

    def of(self, inner: tuple[Angle, ...]) -> Angle:
        """This angle where parameter ``k`` is itself ``inner[k]``."""
        used = [(s, inner[k]) for k, s in enumerate(self.scale) if s]
        scale = [sum(s * a.scale[k] for s, a in used) for k in range(4)]
        const = self.const + sum(s * a.const for s, a in used)
        return Angle((scale[0], scale[1], scale[2], scale[3]), const)


@dataclass(frozen=True, slots=True)
class Step:
    """One gate of a decomposition; ``op`` None is a global phase."""

    op: Op | None
    operands: tuple[int, ...] = ()
    angles: tuple[Angle, ...] = ()


_STEP = re.compile(r"(\w+)(?:\(([^)]*)\))?((?: \d+)*)")
_TERM = re.compile(r"([+-]?)(?:(\d+)\*)?(pi|[abcd0])(?:/(\d+))?")


@cache
def identities() -> tuple[tuple[Op, tuple[Step, ...]], ...]:
    """All lines of IDENTITIES as (gate, its replacement)."""
    result = []
    for line in IDENTITIES.strip().splitlines():
        name, _, text = line.partition(" ")
        steps = tuple(_step(m) for m in _STEP.finditer(text.strip()))
        result.append((BY_NAME[name].op, steps))
    return tuple(result)


def _step(found: re.Match[str]) -> Step:
    name, angles, operands = found.groups()
    op = None if name == "phase" else BY_NAME[name].op
    parsed = tuple(_angle(a.strip()) for a in angles.split(",")) if angles else ()
    return Step(op, tuple(int(x) for x in operands.split()), parsed)


def _angle(text: str) -> Angle:
    scale, const = [0.0] * 4, 0.0
    for sign, times, symbol, divisor in _TERM.findall(text):
        factor = (-1.0 if sign == "-" else 1.0) * float(times or 1) / float(divisor or 1)
        if symbol == "pi":
            const += factor * math.pi
        elif symbol != "0":
            scale["abcd".index(symbol)] += factor
    return Angle((scale[0], scale[1], scale[2], scale[3]), const)
