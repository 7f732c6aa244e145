"""PRISM-Q's prepared circuits: fusion settled once, angles changed for each point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op, matrix
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.engines.prism_engine import limited

T = TypeVar("T")
Floats = NDArray[np.float64]
# An angle in radians, or (number of a symbolic angle, factor).
Angle = tuple[int, float] | float

STATES_BYTES: Final = 1 << 28  # of the points that run side by side
DEALT_FROM: Final = 1 << 24  # gates times amplitudes, some milliseconds


@dataclass(frozen=True, slots=True)
class PrismBatch:
    """A prepared circuit: slot ``k`` of the engine is ``scale[k]`` times the symbolic angle
    ``source[k]``.

    Points run side by side on a share of ``threads`` each, because threads that share a
    state wait for each other at every gate. ``prepared`` has a copy for each of those: a
    copy runs one call at a time. ``work`` is a point's gates times amplitudes.
    """

    prepared: tuple[Any, ...]
    source: NDArray[np.int64]
    scale: Floats
    work: int
    threads: int
    key: str = "prism:statevector"

    def expectations(self, angles: Floats, paulis: Sequence[Pauli]) -> Floats:
        """Values (points, len(paulis)) at ``angles`` (points, symbolic angles)."""
        strings = [list(p.factors) for p in paulis]
        run = "expectation_values_many"
        values: Floats = np.concatenate(self._dealt(angles, run, strings))
        return values

    def sums(self, angles: Floats, terms: Sequence[tuple[float, Pauli]]) -> Floats:
        """Values (points, 1) of one sum; the engine measures together what commutes."""
        observable = [(float(c), list(p.factors)) for c, p in terms]
        found = self._dealt(angles, "observable_expectation_many", observable)
        return np.array([[value.mean] for value in chain.from_iterable(found)])

    def probabilities(self, angles: Floats) -> Iterator[Floats]:
        """Probabilities (2**n,) of the basis states, point by point."""
        for outcome in chain.from_iterable(self._dealt(angles, "run_many")):
            yield outcome.probabilities

    def _dealt(self, angles: Floats, run: str, *asked: Any) -> list[Any]:
        """What the engine's method ``run`` gives for all points, in pieces."""
        slots = np.ascontiguousarray(angles[:, self.source] * self.scale)
        sides = min(len(self.prepared), len(slots))
        calls = [getattr(made, run) for made in self.prepared[:sides]]
        if sides < 2 or self.work * len(slots) < DEALT_FROM:
            return [limited(lambda: calls[0](slots, *asked), self.threads)]
        even = len(slots) // sides * sides
        pieces = np.split(slots[:even], sides)
        found = _side_by_side(calls, pieces, asked, self.threads // sides)
        if even < len(slots):  # too few for all, so these have all threads one by one
            found.append(limited(lambda: calls[0](slots[even:], *asked), self.threads))
        return found


def _side_by_side(
    calls: Sequence[Callable[..., T]], pieces: Sequence[Floats], asked: Sequence[Any], threads: int
) -> list[T]:
    """Each call on its piece, all at once, on ``threads`` threads each."""
    import prism_q

    pools = [prism_q.ThreadPool(threads) for _ in calls]
    with ThreadPoolExecutor(len(calls)) as workers:
        started = [
            workers.submit(pool.install, call, piece, *asked)
            for pool, call, piece in zip(pools, calls, pieces, strict=True)
        ]
        return [each.result() for each in started]


def prepare_prism(circuit: Circuit, threads: int) -> PrismBatch | None:
    """The circuit of gates, prepared; None where it has a gate that cannot be written."""
    try:
        return _Writer(circuit).batch(threads)
    except _NoSuchGateError:
        return None


class _NoSuchGateError(Exception):
    """The engine has no such gate, and it is not written in others here."""


class _Writer:
    """Writes a circuit with symbolic angles for the engine.

    The engine can change only the angle of one-angle rotations afterwards, so every gate
    with a symbolic angle is written with those, up to a global phase.
    """

    def __init__(self, circuit: Circuit) -> None:
        import prism_q

        self._library = prism_q
        self._circuit = circuit
        self._builder = prism_q.CircuitBuilder(circuit.num_qubits)
        self._slots: list[tuple[int, float]] = []
        self._symbols = {(i, s): k for k, (i, s, _) in enumerate(circuit.symbolic)}
        self._symbolic = {i for i, _, _ in circuit.symbolic}

    def batch(self, threads: int) -> PrismBatch:
        """Write everything and prepare the engine."""
        gates, size = len(self._circuit), 1 << self._circuit.num_qubits
        for i in range(gates):
            if i in self._symbolic:
                self._write_symbolic(i)
            else:
                self._write_fixed(i)
        library, parameters = self._library, self._builder.parameters()
        built, kind = self._builder.build(), library.BackendKind.statevector()
        sides = max(1, min(threads, STATES_BYTES // (16 * size)))
        copies = tuple(library.PreparedCircuit(built, parameters, kind) for _ in range(sides))
        source, scale = np.array(self._slots).reshape(-1, 2).T
        return PrismBatch(copies, source.astype(np.int64), scale, gates * size, threads)

    def _write_symbolic(self, i: int) -> None:
        op = Op(int(self._circuit.op[i]))
        write = _SYMBOLIC.get(op)
        if write is None:
            raise _NoSuchGateError(op.name)
        angles: list[Angle] = []
        for slot in range(TABLE[op].num_params):
            symbol = self._symbols.get((i, slot))
            value = float(self._circuit.params[i, slot])
            angles.append(value if symbol is None else (symbol, 1.0))
        write(self, self._circuit.operands(i), angles)

    def rotate(self, angle: Angle, *factors: tuple[int, str]) -> None:
        """``exp(-i angle/2 P)`` for the Pauli string ``factors``."""
        value = angle if isinstance(angle, float) else 0.5
        if len(factors) == 1:
            qubit, letter = factors[0]
            getattr(self._builder, f"r{letter.lower()}")(value, qubit)
        else:
            self._builder.pauli_rotation(value, list(factors))
        if not isinstance(angle, float):
            self._builder.param(len(self._slots))
            self._slots.append(angle)

    def cx(self, control: int, target: int) -> None:
        """A controlled X."""
        self._builder.cx(control, target)

    def _write_fixed(self, i: int) -> None:
        op = Op(int(self._circuit.op[i]))
        gate = TABLE[op]
        qubits = self._circuit.operands(i)
        params = tuple(float(x) for x in self._circuit.params[i, : gate.num_params])
        if op in _NAMED:
            getattr(self._builder, _NAMED[op])(*params, *qubits)
        elif op in (Op.MCX, Op.MCP) or gate.controls:
            self._controlled(op, qubits, params)
        elif op == Op.CU:
            self._builder.cu(_block(matrix(op, params)), *qubits)
        elif op in _ROTATIONS:
            self.rotate(params[0], *zip(qubits, _ROTATIONS[op], strict=True))
        elif op in _WRITTEN:
            for name, places in _WRITTEN[op]:
                getattr(self._builder, name)(*[qubits[p] for p in places])
        else:
            raise _NoSuchGateError(op.name)

    def _controlled(self, op: Op, qubits: list[int], params: tuple[float, ...]) -> None:
        base = TABLE[op].base
        inner = np.array(matrix(int(base if base is not None else Op.X), params), complex)
        if len(qubits) == 1:
            self._builder.gate(self._library.Gate.unitary(inner), qubits)
        else:
            self._builder.mcu(inner, qubits[:-1], qubits[-1])


def _block(full: Any) -> NDArray[np.complex128]:
    """The 2x2 block of a singly controlled matrix where its control is set."""
    return np.array(full, complex)[np.ix_([1, 3], [1, 3])]


def _scaled(angle: Angle, factor: float) -> Angle:
    if isinstance(angle, float):
        return angle * factor
    return angle[0], angle[1] * factor


_Symbolic = Callable[[_Writer, list[int], list[Angle]], None]


def _pauli(letters: str) -> _Symbolic:
    def write(w: _Writer, qubits: list[int], angles: list[Angle]) -> None:
        w.rotate(angles[0], *zip(qubits, letters, strict=True))

    return write


def _controlled_rotation(letter: str) -> _Symbolic:
    """``(1-Z)/2`` on the control times the rotation's generator, as two rotations."""

    def write(w: _Writer, qubits: list[int], angles: list[Angle]) -> None:
        control, target = qubits
        w.rotate(_scaled(angles[0], 0.5), (target, letter))
        w.rotate(_scaled(angles[0], -0.5), (control, "Z"), (target, letter))

    return write


def _u(w: _Writer, qubits: list[int], angles: list[Angle]) -> None:
    theta, phi, lam = angles
    w.rotate(lam, (qubits[0], "Z"))
    w.rotate(theta, (qubits[0], "Y"))
    w.rotate(phi, (qubits[0], "Z"))


def _cp(w: _Writer, qubits: list[int], angles: list[Angle]) -> None:
    for qubit in qubits:
        w.rotate(_scaled(angles[0], 0.5), (qubit, "Z"))
    w.rotate(_scaled(angles[0], -0.5), (qubits[0], "Z"), (qubits[1], "Z"))


def _cu(w: _Writer, qubits: list[int], angles: list[Angle]) -> None:
    """The usual form with two CX; sums of angles become successive rotations."""
    control, target = qubits
    theta, phi, lam, gamma = angles
    for angle, factor in ((gamma, 1.0), (lam, 0.5), (phi, 0.5)):
        w.rotate(_scaled(angle, factor), (control, "Z"))
    for angle, factor in ((lam, 0.5), (phi, -0.5)):
        w.rotate(_scaled(angle, factor), (target, "Z"))
    w.cx(control, target)
    for angle, factor in ((lam, -0.5), (phi, -0.5)):
        w.rotate(_scaled(angle, factor), (target, "Z"))
    w.rotate(_scaled(theta, -0.5), (target, "Y"))
    w.cx(control, target)
    w.rotate(_scaled(theta, 0.5), (target, "Y"))
    w.rotate(phi, (target, "Z"))


_SYMBOLIC: Final[dict[Op, _Symbolic]] = {
    Op.RX: _pauli("X"),
    Op.RY: _pauli("Y"),
    Op.RZ: _pauli("Z"),
    Op.P: _pauli("Z"),
    Op.RXX: _pauli("XX"),
    Op.RYY: _pauli("YY"),
    Op.RZZ: _pauli("ZZ"),
    Op.RZX: _pauli("ZX"),
    Op.CRX: _controlled_rotation("X"),
    Op.CRY: _controlled_rotation("Y"),
    Op.CRZ: _controlled_rotation("Z"),
    Op.CP: _cp,
    Op.U: _u,
    Op.CU: _cu,
}
_ROTATIONS: Final = {Op.RXX: "XX", Op.RYY: "YY", Op.RZX: "ZX"}
_NAMED: Final = {
    op: op.name.lower()
    for op in (
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG, Op.P),
        *(Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CY, Op.CZ, Op.CH, Op.CRX, Op.CRY, Op.CRZ),
        *(Op.SWAP, Op.ISWAP, Op.RZZ, Op.CCX, Op.CSWAP),
    )
} | {Op.CP: "cphase"}
# Gates that the engine lacks, as (method, places of the operands), up to a global phase.
_WRITTEN: Final[dict[Op, tuple[tuple[str, tuple[int, ...]], ...]]] = {
    Op.DCX: (("cx", (0, 1)), ("cx", (1, 0))),
    Op.ECR: (("s", (0,)), ("sx", (1,)), ("cx", (0, 1)), ("x", (0,))),
    Op.RCCX: (
        *(("h", (2,)), ("t", (2,)), ("cx", (1, 2)), ("tdg", (2,)), ("cx", (0, 2))),
        *(("t", (2,)), ("cx", (1, 2)), ("tdg", (2,)), ("h", (2,))),
    ),
}
