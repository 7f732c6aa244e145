"""A circuit of gates as the micro-operations of ``kernels_lower``."""

from __future__ import annotations

import cmath
from dataclasses import dataclass
from typing import Any

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal, refuse_unbound
from markaz.quantum.simulate.jit import as_arg
from markaz.quantum.simulate.kernels_fuse import fuse
from markaz.quantum.simulate.kernels_lower import ROW, lower

# Micro-operations that a gate may need, by its number.
_ROWS = np.ones(LAST_GATE + 1, np.int64)
_ROWS[[Op.CRZ, Op.ISWAP, Op.DCX, Op.ECR, Op.RZZ]] = 2
_ROWS[Op.RCCX] = 3


@dataclass(slots=True)
class Micro:
    """Micro-operations: ``rows`` (ROW each), ``coefs`` (4 each) and ``controls``, as flat
    lists (interpreted) or arrays (compiled); the state is to be multiplied by ``scalar``.
    """

    rows: Any
    coefs: Any
    controls: Any
    count: int
    scalar: complex
    _other: Micro | None = None  # the other form, once it was asked for

    def arrays(self) -> Micro:
        """The same with arrays."""
        if isinstance(self.rows, np.ndarray):
            return self
        if self._other is None:
            rows, controls = np.array(self.rows, np.int32), np.array(self.controls, np.int32)
            coefs = np.array(self.coefs, np.complex128)
            self._other = Micro(rows, coefs, controls, self.count, self.scalar, self)
        return self._other

    def lists(self) -> Micro:
        """The same with lists."""
        if isinstance(self.rows, list):
            return self
        if self._other is None:
            rows, coefs, controls = (x.tolist() for x in (self.rows, self.coefs, self.controls))
            self._other = Micro(rows, coefs, controls, self.count, self.scalar, self)
        return self._other


def lowered(circuit: Circuit, *, engine: str, fast: bool | None = None) -> Micro:
    """Micro-operations of a circuit of gates, runs of one-qubit gates multiplied together.

    As arrays if ``fast`` (default: if that is quicker), else as lists. Raises
    EngineRefusal, in the name of ``engine``, where an operation is not a gate or a
    parameter is not finite.
    """
    refuse_unbound(circuit, engine)
    ops = circuit.op
    if len(ops) and int(ops.max()) > LAST_GATE:
        raise EngineRefusal(f"{engine} takes gates only, not {Op(int(ops.max())).name}")
    size = int(_ROWS[ops].sum())
    pool = 3 * len(ops) + len(circuit.pool) + size
    if fast is None:
        fast = lower.worth_it(30 * size) and fuse.worth_it(30 * size)
    return (_lowered_fast if fast else _lowered_lists)(circuit, size, pool)


def _lowered_fast(circuit: Circuit, size: int, pool: int) -> Micro:
    rows, out = np.empty((2, ROW * size), np.int32)
    coefs, ocoefs = np.zeros((2, 4 * size), np.complex128)
    controls, ocontrols = np.empty((2, pool), np.int32)
    count = lower.fast(
        as_arg(circuit.op, np.uint8),
        as_arg(circuit.qubits, np.int32).reshape(-1),
        as_arg(circuit.params, np.float64).reshape(-1),
        as_arg(circuit.pool, np.int32),
        rows,
        coefs,
        controls,
    )
    waiting = np.zeros(circuit.num_qubits, np.uint8)
    pending = np.empty(4 * circuit.num_qubits, np.complex128)
    scalar = np.array([cmath.exp(1j * circuit.global_phase)])
    count = fuse.fast(
        count, rows, coefs, controls, waiting, pending, scalar, out, ocoefs, ocontrols
    )
    return Micro(out, ocoefs, ocontrols, count, complex(scalar[0]))


def _lowered_lists(circuit: Circuit, size: int, pool: int) -> Micro:
    rows, coefs, controls = [0] * (ROW * size), [0j] * (4 * size), [0] * pool
    count = lower.py(
        circuit.op.tolist(),
        circuit.qubits.ravel().tolist(),
        circuit.params.ravel().tolist(),
        circuit.pool.tolist(),
        rows,
        coefs,
        controls,
    )
    waiting, pending = [0] * circuit.num_qubits, [0j] * (4 * circuit.num_qubits)
    out, ocoefs, ocontrols = [0] * (ROW * size), [0j] * (4 * size), [0] * pool
    scalar = [cmath.exp(1j * circuit.global_phase)]
    count = fuse.py(count, rows, coefs, controls, waiting, pending, scalar, out, ocoefs, ocontrols)
    return Micro(out, ocoefs, ocontrols, count, scalar[0])
