"""From gates to the five micro-operations that Markaz's own state engines apply.

A micro-operation is a row of eight integers in a flat list or array,

    kind, first control, number of controls, a, b, za, zb, gate number

four complex coefficients (``c``) and a run of qubits in a pool of controls:

    PHASE   where all controls are set: times c0
    PARITY  where qubits a and b differ: times c0
    FLIP    where all controls are set: flip a
    SWAP    where all controls are set: swap a and b
    MIX     where all controls are set: with s = (-1)^(za xor zb) and the partner state
            that has a (and b, unless -1) flipped, the 2x2 matrix
            ((c0, s c1), (s c2, c3)), whose index is qubit a

za and zb are -1 where unused, and if they are flipped then both, so that s is the same
for both partners.
"""

from __future__ import annotations

import cmath
import math
from typing import Final

from markaz.quantum.simulate.jit import lazy_jit

PHASE: Final = 0
PARITY: Final = 1
FLIP: Final = 2
SWAP: Final = 3
MIX: Final = 4
ROW: Final = 8

# Compiled kernels see module constants as they are now, not an enum's attributes.
_ID, _X, _Y, _Z, _H, _S, _SDG, _T, _TDG, _SX, _SXDG, _P, _RX, _RY, _RZ, _U = range(16)
_CX, _CY, _CZ, _CH, _CS, _CSDG, _CSX, _CP, _CRX, _CRY, _CRZ, _CU = range(16, 28)
_SWAP, _ISWAP, _ECR, _DCX, _RXX, _RYY, _RZZ, _RZX = range(28, 36)
_CCX, _CCZ, _CSWAP, _RCCX, _MCX, _MCP = range(36, 42)
_R = math.sqrt(0.5)


@lazy_jit
def _matrix_1q(op, t, phi, lam, out, at):  # type: ignore[no-untyped-def]
    """Write the 2x2 matrix of a one-qubit gate with parameters t, phi, lam from ``out[at]``."""
    p, q, r, s = 1.0 + 0j, 0j, 0j, 1.0 + 0j
    if op == _X:
        p, q, r, s = 0j, 1.0 + 0j, 1.0 + 0j, 0j
    elif op == _Y:
        p, q, r, s = 0j, -1j, 1j, 0j
    elif op == _H:
        p, q, r, s = _R + 0j, _R + 0j, _R + 0j, -_R + 0j
    elif op == _SX:
        p, q, r, s = 0.5 + 0.5j, 0.5 - 0.5j, 0.5 - 0.5j, 0.5 + 0.5j
    elif op == _SXDG:
        p, q, r, s = 0.5 - 0.5j, 0.5 + 0.5j, 0.5 + 0.5j, 0.5 - 0.5j
    elif op == _RX:
        p = s = complex(math.cos(t / 2), 0.0)
        q = r = complex(0.0, -math.sin(t / 2))
    elif op == _RY:
        p = s = complex(math.cos(t / 2), 0.0)
        q, r = complex(-math.sin(t / 2), 0.0), complex(math.sin(t / 2), 0.0)
    elif op == _RZ:
        p, s = cmath.exp(-0.5j * t), cmath.exp(0.5j * t)
    elif op == _U:
        p, q = complex(math.cos(t / 2), 0.0), -cmath.exp(1j * lam) * math.sin(t / 2)
        r, s = cmath.exp(1j * phi) * math.sin(t / 2), cmath.exp(1j * (phi + lam)) * p
    elif op != _ID:
        s = _phase_of(op, t)
    out[at] = p
    out[at + 1] = q
    out[at + 2] = r
    out[at + 3] = s


@lazy_jit
def _phase_of(op, t):  # type: ignore[no-untyped-def]
    """The phase that a phase gate, controlled or not, gives the all-ones state."""
    if op == _Z or op == _CZ or op == _CCZ:
        return -1.0 + 0j
    if op == _S or op == _CS:
        return 1j
    if op == _SDG or op == _CSDG:
        return -1j
    if op == _T:
        return complex(_R, _R)
    if op == _TDG:
        return complex(_R, -_R)
    return cmath.exp(1j * t)


@lazy_jit
def _base_of(op):  # type: ignore[no-untyped-def]
    """The one-qubit gate that a singly controlled gate controls."""
    if op == _CY:
        return _Y
    if op == _CH:
        return _H
    if op == _CSX:
        return _SX
    if op == _CRX:
        return _RX
    if op == _CRY:
        return _RY
    return _U


@lazy_jit
def row(rows, m, kind, c0, cn, a, b, za, zb, gate):  # type: ignore[no-untyped-def]
    """Write row ``m``; returns the next."""
    base = 8 * m
    rows[base] = kind
    rows[base + 1] = c0
    rows[base + 2] = cn
    rows[base + 3] = a
    rows[base + 4] = b
    rows[base + 5] = za
    rows[base + 6] = zb
    rows[base + 7] = gate
    return m + 1


@lazy_jit
def phase_row(rows, coefs, m, c0, cn, value, gate):  # type: ignore[no-untyped-def]
    """Write a PHASE of ``value`` as row ``m``; returns the next."""
    coefs[4 * m] = value
    return row(rows, m, PHASE, c0, cn, -1, -1, -1, -1, gate)


@lazy_jit
def _symmetric(op, a, b, t, i, rows, coefs, controls, m, k):  # type: ignore[no-untyped-def]
    """Two-qubit gates that are not controlled ones; returns the next free row."""
    if op == _SWAP or op == _ISWAP:
        m = row(rows, m, SWAP, k, 0, a, b, -1, -1, i)
        if op == _ISWAP:
            coefs[4 * m] = 1j
            m = row(rows, m, PARITY, k, 0, a, b, -1, -1, i)
        return m
    if op == _DCX:
        controls[k] = a
        m = row(rows, m, FLIP, k, 1, b, -1, -1, -1, i)
        controls[k + 1] = b
        return row(rows, m, FLIP, k + 1, 1, a, -1, -1, -1, i)
    if op == _RZZ:
        m = phase_row(rows, coefs, m, k, 0, cmath.exp(-0.5j * t), i)
        coefs[4 * m] = cmath.exp(1j * t)
        return row(rows, m, PARITY, k, 0, a, b, -1, -1, i)
    angle = math.pi / 2 if op == _ECR else t
    sine = -math.sin(angle / 2) if op == _RYY else math.sin(angle / 2)
    coefs[4 * m] = coefs[4 * m + 3] = complex(math.cos(angle / 2), 0.0)
    coefs[4 * m + 1] = coefs[4 * m + 2] = complex(0.0, -sine)
    if op == _RXX:
        return row(rows, m, MIX, k, 0, a, b, -1, -1, i)
    if op == _RYY:
        return row(rows, m, MIX, k, 0, a, b, a, b, i)
    m = row(rows, m, MIX, k, 0, b, -1, a, -1, i)
    if op == _ECR:
        m = row(rows, m, FLIP, k, 0, a, -1, -1, -1, i)
    return m


@lazy_jit
def _controlled(op, t, phi, lam, g, i, rows, coefs, m, k, target):  # type: ignore[no-untyped-def]
    """Controlled gates, qubits in the pool from ``k`` (RCCX: first two exchanged)."""
    if op == _CZ or op == _CS or op == _CSDG or op == _CP:
        return phase_row(rows, coefs, m, k, 2, _phase_of(op, t), i)
    if op == _CCZ:
        return phase_row(rows, coefs, m, k, 3, -1.0 + 0j, i)
    if op == _CRZ:
        m = phase_row(rows, coefs, m, k, 1, cmath.exp(-0.5j * t), i)
        return phase_row(rows, coefs, m, k, 2, cmath.exp(1j * t), i)
    if op == _CX or op == _CCX:
        return row(rows, m, FLIP, k, 2 if op == _CCX else 1, target, -1, -1, -1, i)
    if op == _RCCX:  # CCY, then signs on the states where qubit 1 is 0 and the others 1
        _matrix_1q(_Y, t, phi, lam, coefs, 4 * m)
        m = row(rows, m, MIX, k, 2, target, -1, -1, -1, i)
        m = phase_row(rows, coefs, m, k, 3, -1.0 + 0j, i)
        return phase_row(rows, coefs, m, k + 1, 2, -1.0 + 0j, i)
    _matrix_1q(_base_of(op), t, phi, lam, coefs, 4 * m)
    if op == _CU:
        for j in range(4 * m, 4 * m + 4):
            coefs[j] = coefs[j] * cmath.exp(1j * g)
    return row(rows, m, MIX, k, 1, target, -1, -1, -1, i)


@lazy_jit(
    signatures=(
        "int64(uint8[::1], int32[::1], float64[::1], int32[::1],"
        " int32[::1], complex128[::1], int32[::1])",
    )
)
def lower(ops, qubits, params, pool, rows, coefs, controls):  # type: ignore[no-untyped-def]
    """Write the micro-operations of all gates; returns how many."""
    m = 0
    k = 0
    for i in range(len(ops)):
        op = ops[i]
        a, b, c = qubits[3 * i], qubits[3 * i + 1], qubits[3 * i + 2]
        t, phi, lam = params[4 * i], params[4 * i + 1], params[4 * i + 2]
        if op <= _U:
            _matrix_1q(op, t, phi, lam, coefs, 4 * m)
            m = row(rows, m, MIX, k, 0, a, -1, -1, -1, i)
        elif op >= _SWAP and op <= _RZX:
            m = _symmetric(op, a, b, t, i, rows, coefs, controls, m, k)
            k += 2
        elif op >= _MCX:
            for j in range(b):
                controls[k + j] = pool[a + j]
            if op == _MCX:
                m = row(rows, m, FLIP, k, b - 1, pool[a + b - 1], -1, -1, -1, i)
            else:
                m = phase_row(rows, coefs, m, k, b, cmath.exp(1j * t), i)
            k += b
        elif op == _CSWAP:
            controls[k] = a
            m = row(rows, m, SWAP, k, 1, b, c, -1, -1, i)
            k += 1
        else:
            controls[k] = b if op == _RCCX else a
            controls[k + 1] = a if op == _RCCX else b
            if c >= 0:
                controls[k + 2] = c
            target = c if c >= 0 else b
            m = _controlled(op, t, phi, lam, params[4 * i + 3], i, rows, coefs, m, k, target)
            k += 3
    return m
