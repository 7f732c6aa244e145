"""qsim: single-precision statevector, the fastest for wide, shallow, dense circuits."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import POOLED, Op, matrix
from markaz.quantum.simulate.engines.adapter import STATEVECTOR_QUBITS, Adapter, seed_within
from markaz.quantum.simulate.engines.base import Method
from markaz.quantum.simulate.engines.feed import rows
from markaz.quantum.simulate.engines.native import load_extension
from markaz.quantum.simulate.samples import Samples

FUSED_QUBITS = 3  # gates are fused into blocks of at most this many qubits
_SETS = ("qsim_avx512", "qsim_avx2", "qsim_sse", "qsim_basic")

_FIXED = {
    **{Op.X: "kX", Op.Y: "kY", Op.Z: "kZ", Op.H: "kH", Op.S: "kS", Op.T: "kT"},
    **{Op.CX: "kCX", Op.CZ: "kCZ", Op.SWAP: "kSWAP", Op.ISWAP: "kISWAP"},
    **{Op.CCX: "kCCX", Op.CCZ: "kCCZ", Op.CSWAP: "kCSwapGate"},
}
# Powers of Paulis: exponent = angle / pi; the shift makes them rotations.
_POWERS = {
    **{Op.P: ("kZPowGate", 0.0), Op.CP: ("kCZPowGate", 0.0)},
    **{Op.RX: ("kXPowGate", -0.5), Op.RY: ("kYPowGate", -0.5), Op.RZ: ("kZPowGate", -0.5)},
    **{Op.RXX: ("kXXPowGate", -0.5), Op.RYY: ("kYYPowGate", -0.5)},
    Op.RZZ: ("kZZPowGate", -0.5),
}
_TURNS = {  # gates without parameters as powers of Z, X or CX
    **{Op.SDG: ("kZPowGate", -0.5, 0.0), Op.TDG: ("kZPowGate", -0.25, 0.0)},
    **{Op.SX: ("kXPowGate", 0.5, 0.0), Op.SXDG: ("kXPowGate", -0.5, 0.0)},
    Op.CSX: ("kCXPowGate", 0.5, 0.0),
}
_CONTROLLED = {
    **{Op.CY: Op.Y, Op.CH: Op.H, Op.CRX: Op.RX, Op.CRY: Op.RY, Op.CRZ: Op.RZ},
    Op.MCX: Op.X,
    Op.MCP: Op.P,
}

# What adds one gate: (time, qubits, params, circuit).
Add = Callable[[int, list[int], list[float], Any], object]


class QsimStatevector(Adapter):
    """Circuits go in through the compiled builder (importing the Python package would
    import cirq, which takes seconds)."""

    key = "qsim:statevector"
    package = "qsimcirq"
    modules = ("qsimcirq.qsim_decide",)
    bare = True
    method = Method.STATEVECTOR
    licence = "Apache-2.0"
    established = True
    ops = frozenset(
        int(op) for op in (Op.ID, Op.U, Op.CU, *_FIXED, *_POWERS, *_TURNS, *_CONTROLLED)
    )
    max_qubits = STATEVECTOR_QUBITS + 1  # single precision

    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples:
        library = _library()
        options = {
            **{"c": build(library, circuit), "i": "", "s": seed_within(seed, 31), "t": threads},
            **{"f": min(FUSED_QUBITS, circuit.num_qubits), "r": 1, "v": 0, "z": False},
            **{"g": False, "gmode": 0, "gsst": 512, "gdb": 16},
        }
        drawn = np.array(library.qsim_sample_final(options, shots), np.int64)
        values, weights = np.unique(drawn, return_counts=True)  # they come sorted anyway
        bits = (values[:, None] >> np.array(qubits, np.int64)) & 1
        return Samples(bits.astype(np.uint8), weights.astype(np.int64))


def build(library: Any, circuit: Circuit) -> Any:
    """A qsim circuit of the gates; every gate gets a time of its own, in order."""
    target = library.Circuit()
    target.num_qubits = circuit.num_qubits
    table = _table(library)
    pool = circuit.pool
    for time, (op, qubits, params) in enumerate(rows(circuit)):
        if op in POOLED:
            operands = pool[qubits[0] : qubits[0] + qubits[1]].tolist()
        else:
            operands = [x for x in qubits if x >= 0]
        table[op](time, operands, params, target)
    return target


def _library() -> Any:
    """The compiled module for this processor."""
    chosen = load_extension("qsimcirq.qsim_decide").detect_instructions()
    return load_extension(f"qsimcirq.{_SETS[min(chosen, len(_SETS) - 1)]}")


def _table(library: Any) -> list[Add]:
    """For each operation code the function that adds it to a circuit."""
    table: list[Add] = [_nothing] * 256
    for op, kind in _FIXED.items():
        table[op] = _fixed(library, getattr(library, kind), {})
    for op, (kind, exponent, shift) in _TURNS.items():
        power = {"exponent": exponent, "global_shift": shift}
        table[op] = _fixed(library, getattr(library, kind), power)
    for op, (kind, shift) in _POWERS.items():
        table[op] = _power(library, getattr(library, kind), shift)
    table[Op.U] = _general(library)
    for op, base in _CONTROLLED.items():
        table[op] = _controlled(library, table[base])
    table[Op.CU] = _controlled(library, table[Op.U])
    return table


def _nothing(time: int, qubits: list[int], params: list[float], target: Any) -> None:
    """The identity."""


def _fixed(library: Any, kind: Any, power: dict[str, float]) -> Add:
    add = library.add_gate
    return lambda time, qubits, _, target: add(kind, time, qubits, power, target)


def _power(library: Any, kind: Any, shift: float) -> Add:
    add, scale = library.add_gate, 1.0 / math.pi

    def emit(time: int, qubits: list[int], params: list[float], target: Any) -> None:
        power = {"exponent": params[0] * scale, "global_shift": shift}
        add(kind, time, qubits, power, target)

    return emit


def _general(library: Any) -> Add:
    """``u`` with the phase of the fourth parameter, which is 0 but for CU."""
    add = library.add_matrix_gate

    def emit(time: int, qubits: list[int], params: list[float], target: Any) -> None:
        theta, phi, lam, gamma = params
        phase = cmath.exp(1j * gamma)
        entries = (phase * x for row in matrix(Op.U, (theta, phi, lam)) for x in row)
        add(time, qubits, [part for x in entries for part in (x.real, x.imag)], target)

    return emit


def _controlled(library: Any, inner: Add) -> Add:
    """``inner`` on the last qubit, controlled by the others."""
    control = library.control_last_gate

    def emit(time: int, qubits: list[int], params: list[float], target: Any) -> None:
        inner(time, qubits[-1:], params, target)
        control(qubits[:-1], [1] * (len(qubits) - 1), target)

    return emit
