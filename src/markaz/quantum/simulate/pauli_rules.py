"""Gates as Clifford steps and Pauli rotations, up to a global phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.kernels_pauli import CX, CZ, SWAP, TURN, H

X, Y, Z = 1, 3, 2  # X part + 2 * Z part
MAX_PHASE_QUBITS: Final = 8  # an MCP or MCX of k qubits becomes 2**k - 1 rotations
_PI: Final = math.pi
_NEGLIGIBLE: Final = 1e-15  # cosine or sine of a multiple of pi/2


@dataclass(slots=True)
class Steps:
    """Operations for ``kernels_pauli`` as growing flat lists."""

    rows: list[int] = field(default_factory=list)
    angles: list[float] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)
    gate: int = 0
    _arrays: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.rows) // 6

    def clifford(self, kind: int, a: int, b: int = -1) -> None:
        """Append H, CX, CZ or SWAP."""
        self.rows += (kind, 0, 0, a, b, self.gate)
        self.angles += (1.0, 0.0)

    def turn(self, angle: float, *factors: tuple[int, int]) -> None:
        """Append exp(-i angle/2 Q), Q the product of (qubit, X | Y | Z)."""
        c, s = math.cos(angle), math.sin(angle)
        if abs(s) < _NEGLIGIBLE and c > 0:
            return
        self.rows += (TURN, len(self.pool), len(factors), -1, -1, self.gate)
        self.pool += [4 * q + code for q, code in factors]
        self.angles += _snapped(c, s)

    def phase(self, angle: float, qubits: Sequence[int]) -> None:
        """Append the phase ``angle`` on the all-ones state of ``qubits``."""
        # The projector on all ones is the product of (I - Z)/2 over the qubits.
        share = 2 * angle / (1 << len(qubits))
        for size in range(1, len(qubits) + 1):
            for chosen in combinations(qubits, size):
                self.turn(share if size % 2 else -share, *((q, Z) for q in chosen))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``rows`` int32, ``angles`` float64 and ``pool`` int32 for the compiled loop; nothing
        may be appended any more."""
        if self._arrays is None:
            rows, pool = np.array(self.rows, np.int32), np.array(self.pool, np.int32)
            self._arrays = rows, np.array(self.angles, np.float64), pool
        return self._arrays


def _snapped(c: float, s: float) -> tuple[float, float]:
    """Exact quarter turns, so that they do not branch."""
    if abs(c) < _NEGLIGIBLE:
        return 0.0, math.copysign(1.0, s)
    return (math.copysign(1.0, c), 0.0) if abs(s) < _NEGLIGIBLE else (c, s)


Rule = Callable[[Steps, Sequence[int], Sequence[float]], None]


def _turned(code: int, angle: float | None = None) -> Rule:
    """A rotation about one axis, by a fixed angle or the gate's parameter."""
    return lambda s, q, p: s.turn(p[0] if angle is None else angle, (q[0], code))


def _pair(first: int, second: int) -> Rule:
    return lambda s, q, p: s.turn(p[0], (q[0], first), (q[1], second))


def _phased(angle: float | None = None) -> Rule:
    return lambda s, q, p: s.phase(p[0] if angle is None else angle, q)


def _controlled_turn(code: int) -> Rule:
    return lambda s, q, p: _control(s, q, code, p[0])


def _control(s: Steps, q: Sequence[int], code: int, angle: float) -> None:
    s.turn(angle / 2, (q[1], code))
    s.turn(-angle / 2, (q[0], Z), (q[1], code))


def _u(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    theta, phi, lam = p[:3]
    s.turn(lam, (q[0], Z))
    s.turn(theta, (q[0], Y))
    s.turn(phi, (q[0], Z))


def _cu(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    theta, phi, lam, gamma = p
    s.turn(gamma + (phi + lam) / 2, (q[0], Z))
    for code, angle in ((Z, lam), (Y, theta), (Z, phi)):
        _control(s, q, code, angle)


def _cy(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(-_PI / 2, (q[1], Z))
    s.clifford(CX, q[0], q[1])
    s.turn(_PI / 2, (q[1], Z))


def _ch(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(-_PI / 4, (q[1], Y))
    s.clifford(CZ, q[0], q[1])
    s.turn(_PI / 4, (q[1], Y))


def _csx(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(_PI / 4, (q[0], Z))
    _control(s, q, X, _PI / 2)


def _iswap(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(-_PI / 2, (q[0], X), (q[1], X))
    s.turn(-_PI / 2, (q[0], Y), (q[1], Y))


def _ecr(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(_PI / 2, (q[0], Z), (q[1], X))
    s.turn(_PI, (q[0], X))


def _dcx(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.clifford(CX, q[0], q[1])
    s.clifford(CX, q[1], q[0])


def _mcx(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.clifford(H, q[-1])
    s.phase(_PI, q)
    s.clifford(H, q[-1])


def _cswap(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.clifford(CX, q[2], q[1])
    _mcx(s, q, p)
    s.clifford(CX, q[2], q[1])


def _rccx(s: Steps, q: Sequence[int], p: Sequence[float]) -> None:
    s.turn(-_PI / 2, (q[2], Z))
    _mcx(s, q, p)
    s.turn(_PI / 2, (q[2], Z))
    s.clifford(CZ, q[0], q[2])
    s.phase(_PI, q)


def _clifford(kind: int) -> Rule:
    return lambda s, q, p: s.clifford(kind, *q)


_RULES: Final[dict[int, Rule]] = {
    Op.ID: lambda s, q, p: None,
    Op.X: _turned(X, _PI),
    Op.Y: _turned(Y, _PI),
    Op.Z: _turned(Z, _PI),
    Op.H: _clifford(H),
    Op.S: _turned(Z, _PI / 2),
    Op.SDG: _turned(Z, -_PI / 2),
    Op.T: _turned(Z, _PI / 4),
    Op.TDG: _turned(Z, -_PI / 4),
    Op.SX: _turned(X, _PI / 2),
    Op.SXDG: _turned(X, -_PI / 2),
    Op.P: _turned(Z),
    Op.RX: _turned(X),
    Op.RY: _turned(Y),
    Op.RZ: _turned(Z),
    Op.U: _u,
    Op.CX: _clifford(CX),
    Op.CY: _cy,
    Op.CZ: _clifford(CZ),
    Op.CH: _ch,
    Op.CS: _phased(_PI / 2),
    Op.CSDG: _phased(-_PI / 2),
    Op.CSX: _csx,
    Op.CP: _phased(),
    Op.CRX: _controlled_turn(X),
    Op.CRY: _controlled_turn(Y),
    Op.CRZ: _controlled_turn(Z),
    Op.CU: _cu,
    Op.SWAP: _clifford(SWAP),
    Op.ISWAP: _iswap,
    Op.ECR: _ecr,
    Op.DCX: _dcx,
    Op.RXX: _pair(X, X),
    Op.RYY: _pair(Y, Y),
    Op.RZZ: _pair(Z, Z),
    Op.RZX: _pair(Z, X),
    Op.CCX: _mcx,
    Op.CCZ: _phased(_PI),
    Op.CSWAP: _cswap,
    Op.RCCX: _rccx,
    Op.MCX: _mcx,
    Op.MCP: _phased(),
}


def steps_of(circuit: Circuit, *, engine: str) -> Steps:
    """All gates of a circuit; raises EngineRefusal for other operations and for MCX and
    MCP of more than MAX_PHASE_QUBITS qubits."""
    steps = Steps()
    params = circuit.params.tolist()
    for i, (op, operands) in enumerate(_operations(circuit)):
        if op > LAST_GATE:
            raise EngineRefusal(f"{engine} takes gates only, not {Op(op).name}")
        if op in (Op.MCX, Op.MCP) and len(operands) > MAX_PHASE_QUBITS:
            raise EngineRefusal(
                f"{Op(op).name.lower()} of {len(operands)} qubits at gate {i} mixes too many"
                " Pauli strings"
            )
        steps.gate = i
        _RULES[op](steps, operands, params[i])
    return steps


def _operations(circuit: Circuit) -> Iterator[tuple[int, list[int]]]:
    """(op, qubits) of every operation."""
    pool = circuit.pool.tolist()
    for op, (a, b, c) in zip(circuit.op.tolist(), circuit.qubits.tolist(), strict=True):
        if op in (Op.MCX, Op.MCP):
            yield op, pool[a : a + b]
        else:
            yield op, [a] if b < 0 else [a, b] if c < 0 else [a, b, c]
