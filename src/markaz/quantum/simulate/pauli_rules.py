"""Gates as Clifford steps and Pauli rotations, up to a global phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal, refuse_unbound
from markaz.quantum.simulate.kernels_pauli import CX, CZ, SWAP, TURN, H

X, Y, Z = 1, 3, 2  # X part + 2 * Z part
MAX_PHASE_QUBITS: Final = 8  # an MCP or MCX of k qubits becomes 2**k - 1 rotations
_PI: Final = math.pi
_NEGLIGIBLE: Final = 1e-15  # cosine or sine of a multiple of pi/2


@dataclass(frozen=True, slots=True)
class Angle:
    """``constant`` plus ``factors`` (4,) times a gate's parameters."""

    constant: float = 0.0
    factors: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)

    def __add__(self, other: Angle) -> Angle:
        pairs = zip(self.factors, other.factors, strict=True)
        return Angle(self.constant + other.constant, tuple(a + b for a, b in pairs))

    def __mul__(self, by: float) -> Angle:
        return Angle(self.constant * by, tuple(f * by for f in self.factors))

    def __neg__(self) -> Angle:
        return self * -1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One operation for ``kernels_pauli``: ``places`` are indices into the gate's qubits,
    with the letter of each in a rotation (``codes``, empty otherwise)."""

    kind: int
    places: tuple[int, ...]
    codes: tuple[int, ...] = ()
    angle: Angle = field(default_factory=Angle)


@dataclass(slots=True)
class Recipe:
    """The steps of one kind of gate, in order."""

    steps: list[Step] = field(default_factory=list)

    def clifford(self, kind: int, *places: int) -> None:
        """Append H, CX, CZ or SWAP."""
        self.steps.append(Step(kind, places))

    def turn(self, angle: Angle | float, *factors: tuple[int, int]) -> None:
        """Append exp(-i angle/2 Q), Q the product of (place, X | Y | Z)."""
        form = angle if isinstance(angle, Angle) else Angle(angle)
        self.steps.append(
            Step(TURN, tuple(p for p, _ in factors), tuple(c for _, c in factors), form)
        )

    def phase(self, angle: Angle | float, places: Sequence[int]) -> None:
        """Append the phase ``angle`` on the all-ones state of ``places``."""
        # The projector on all ones is the product of (I - Z)/2 over the qubits.
        form = angle if isinstance(angle, Angle) else Angle(angle)
        share = form * (2.0 / (1 << len(places)))
        for size in range(1, len(places) + 1):
            for chosen in combinations(places, size):
                self.turn(share if size % 2 else -share, *((q, Z) for q in chosen))


@dataclass(frozen=True, slots=True)
class Steps:
    """A circuit's operations as flat arrays for ``kernels_pauli``: ``rows`` int32, six a
    step; ``angles`` float64, cosine and sine of each; ``pool`` int32, factors."""

    rows: NDArray[np.int32]
    angles: NDArray[np.float64]
    pool: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows) // 6


# Writes a gate's steps: (recipe, its qubits as places 0, 1, …, its parameters).
Rule = Callable[[Recipe, Sequence[int], Sequence[Angle]], None]


def _turned(code: int, angle: float | None = None) -> Rule:
    """A rotation about one axis, by a fixed angle or the gate's parameter."""
    return lambda s, q, p: s.turn(p[0] if angle is None else angle, (q[0], code))


def _pair(first: int, second: int) -> Rule:
    return lambda s, q, p: s.turn(p[0], (q[0], first), (q[1], second))


def _phased(angle: float | None = None) -> Rule:
    return lambda s, q, p: s.phase(p[0] if angle is None else angle, q)


def _controlled_turn(code: int) -> Rule:
    return lambda s, q, p: _control(s, q, code, p[0])


def _control(s: Recipe, q: Sequence[int], code: int, angle: Angle) -> None:
    s.turn(angle * 0.5, (q[1], code))
    s.turn(angle * -0.5, (q[0], Z), (q[1], code))


def _u(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    theta, phi, lam = p[:3]
    s.turn(lam, (q[0], Z))
    s.turn(theta, (q[0], Y))
    s.turn(phi, (q[0], Z))


def _cu(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    theta, phi, lam, gamma = p
    s.turn(gamma + (phi + lam) * 0.5, (q[0], Z))
    for code, angle in ((Z, lam), (Y, theta), (Z, phi)):
        _control(s, q, code, angle)


def _cy(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.turn(-_PI / 2, (q[1], Z))
    s.clifford(CX, q[0], q[1])
    s.turn(_PI / 2, (q[1], Z))


def _ch(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.turn(-_PI / 4, (q[1], Y))
    s.clifford(CZ, q[0], q[1])
    s.turn(_PI / 4, (q[1], Y))


def _csx(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.turn(_PI / 4, (q[0], Z))
    _control(s, q, X, Angle(_PI / 2))


def _iswap(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.turn(-_PI / 2, (q[0], X), (q[1], X))
    s.turn(-_PI / 2, (q[0], Y), (q[1], Y))


def _ecr(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.turn(_PI / 2, (q[0], Z), (q[1], X))
    s.turn(_PI, (q[0], X))


def _dcx(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.clifford(CX, q[0], q[1])
    s.clifford(CX, q[1], q[0])


def _mcx(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.clifford(H, q[-1])
    s.phase(_PI, q)
    s.clifford(H, q[-1])


def _cswap(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
    s.clifford(CX, q[2], q[1])
    _mcx(s, q, p)
    s.clifford(CX, q[2], q[1])


def _rccx(s: Recipe, q: Sequence[int], p: Sequence[Angle]) -> None:
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


@cache
def _recipe(op: int, width: int) -> tuple[Step, ...]:
    """The steps of a gate on ``width`` qubits."""
    recipe = Recipe()
    parameters = [Angle(0.0, tuple(float(i == k) for i in range(4))) for k in range(4)]
    _RULES[op](recipe, range(width), parameters)
    return tuple(recipe.steps)


def steps_of(circuit: Circuit, *, engine: str) -> Steps:
    """All gates of a circuit; raises EngineRefusal for other operations, for parameters
    that are not finite and for MCX and MCP of more than MAX_PHASE_QUBITS qubits."""
    refuse_unbound(circuit, engine)
    width = _widths(circuit, engine)
    keys = circuit.op.astype(np.int64) * 16 + width
    kinds = np.flatnonzero(np.bincount(keys))  # np.unique loads a module at its first call
    which = np.searchsorted(kinds, keys)
    recipes = [_recipe(int(k) // 16, int(k) % 16) for k in kinds]
    counts = np.array([len(r) for r in recipes], np.int64)[which]
    sheet = _Sheet.empty(counts, max((len(t.places) for r in recipes for t in r), default=1))
    for k, recipe in enumerate(recipes):
        gates = np.flatnonzero(which == k)
        sheet.write(circuit, gates, _operands(circuit, gates, int(kinds[k]) % 16), recipe)
    return sheet.steps()


def _widths(circuit: Circuit, engine: str) -> NDArray[np.int64]:
    """Number of qubits of every gate."""
    others = circuit.op[circuit.op > LAST_GATE]
    if len(others):
        raise EngineRefusal(f"{engine} takes gates only, not {Op(int(others[0])).name}")
    pooled = circuit.op >= Op.MCX
    width = np.where(pooled, circuit.qubits[:, 1], (circuit.qubits >= 0).sum(axis=1))
    if (width > MAX_PHASE_QUBITS).any():
        i = int(np.argmax(width > MAX_PHASE_QUBITS))
        raise EngineRefusal(
            f"{Op(int(circuit.op[i])).name.lower()} of {width[i]} qubits at gate {i} mixes too"
            " many Pauli strings"
        )
    return width.astype(np.int64)


def _operands(circuit: Circuit, gates: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Qubits of gates of one kind, shape (gates, width)."""
    qubits = circuit.qubits[gates].astype(np.int64)
    if int(circuit.op[gates[0]]) < Op.MCX:
        return qubits[:, :width]
    found: NDArray[np.int64] = circuit.pool[qubits[:, :1] + np.arange(width)].astype(np.int64)
    return found


@dataclass(slots=True)
class _Sheet:
    """Steps being written: ``rows`` (steps, 6), ``angle`` (steps,), ``pool`` (steps, most
    factors of a rotation); the steps of gate ``i`` begin at ``begin[i]``."""

    begin: NDArray[np.int64]
    rows: NDArray[np.int32]
    angle: NDArray[np.float64]
    pool: NDArray[np.int32]

    @staticmethod
    def empty(counts: NDArray[np.int64], factors: int) -> _Sheet:
        """For gates of ``counts`` steps each."""
        total = int(counts.sum())
        rows = np.full((total, 6), -1, np.int32)
        rows[:, 1] = np.arange(total) * factors
        rows[:, 2] = 0
        rows[:, 5] = np.repeat(np.arange(len(counts)), counts)
        pool = np.zeros((total, factors), np.int32)
        return _Sheet(np.cumsum(counts) - counts, rows, np.zeros(total), pool)

    def write(
        self,
        circuit: Circuit,
        gates: NDArray[np.int64],
        qubits: NDArray[np.int64],
        recipe: tuple[Step, ...],
    ) -> None:
        """The steps of all ``gates`` of one kind, which act on ``qubits`` (gates, width)."""
        for j, step in enumerate(recipe):
            at = self.begin[gates] + j
            mine = qubits[:, list(step.places)]
            self.rows[at, 0] = step.kind
            if step.kind != TURN:
                self.rows[at, 3 : 3 + mine.shape[1]] = mine
                continue
            self.rows[at, 2] = len(step.places)
            self.pool[at, : len(step.places)] = 4 * mine + np.array(step.codes)
            self.angle[at] = step.angle.constant
            for slot in range(4):
                if step.angle.factors[slot]:
                    self.angle[at] += step.angle.factors[slot] * circuit.params[gates, slot]

    def steps(self) -> Steps:
        """What was written, without rotations by multiples of a whole turn."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        # Exact quarter turns, so that they do not branch.
        even, odd = np.abs(s) < _NEGLIGIBLE, np.abs(c) < _NEGLIGIBLE
        c = np.where(even, np.sign(c), np.where(odd, 0.0, c))
        s = np.where(odd, np.sign(s), np.where(even, 0.0, s))
        kept = np.flatnonzero((self.rows[:, 0] != TURN) | (s != 0) | (c < 0))
        angles = np.stack([c, s], axis=1)[kept]
        return Steps(self.rows[kept].ravel(), angles.ravel(), self.pool.ravel())
