"""A small, slow and obviously right simulator: what everything else is tested against.

It knows gates only through ``gates.matrix`` and the definition of the two pooled gates,
and follows control flow by enumerating every branch. Up to about 12 qubits.
"""

from __future__ import annotations

import cmath
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.classical import evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, Op, matrix

State = NDArray[np.complex128]

NEGLIGIBLE = 1e-15  # branches below this probability are dropped
MAX_STEPS = 100_000  # operations of one branch


def gate_matrix(circuit: Circuit, i: int) -> State:
    """Unitary of operation ``i`` on its own operands, shape (2**k, 2**k)."""
    op = Op(int(circuit.op[i]))
    params = tuple(circuit.params[i].tolist())
    if op not in (Op.MCX, Op.MCP):
        return np.array(matrix(op, params), complex)
    size = 1 << len(circuit.operands(i))
    result = np.eye(size, dtype=complex)
    if op == Op.MCP:
        result[-1, -1] = cmath.exp(1j * params[0])
    else:  # all controls set: the target is the highest bit
        pair = [size // 2 - 1, size - 1]
        result[pair] = result[pair[::-1]]
    return result


def apply(state: State, unitary: State, qubits: list[int]) -> State:
    """``unitary`` on ``qubits`` (first: least significant) of ``state`` (2**n, columns)."""
    n, k = state.shape[0].bit_length() - 1, len(qubits)
    axes = [n - 1 - q for q in reversed(qubits)]
    tensor = np.moveaxis(state.reshape((2,) * n + (-1,)), axes, range(k))
    done = (unitary @ tensor.reshape(1 << k, -1)).reshape(tensor.shape)
    return np.moveaxis(done, range(k), axes).reshape(state.shape)


def unitary(circuit: Circuit) -> State:
    """Unitary of a circuit of gates, barriers and delays, shape (2**n, 2**n), global phase
    included. ValueError for any other operation or an unbound parameter."""
    return _evolve(circuit, np.eye(1 << circuit.num_qubits, dtype=complex))


def amplitudes(circuit: Circuit) -> State:
    """Amplitudes after a circuit of gates, barriers and delays on |0…0⟩, shape (2**n,), global
    phase included. ValueError as for ``unitary``."""
    return _evolve(circuit, np.eye(1 << circuit.num_qubits, 1, dtype=complex))[:, 0]


def _evolve(circuit: Circuit, state: State) -> State:
    if circuit.symbolic:
        raise ValueError("the circuit has unbound parameters")
    for i, op in enumerate(circuit.op.tolist()):
        if op <= LAST_GATE:
            state = apply(state, gate_matrix(circuit, i), circuit.operands(i))
        elif op not in (Op.BARRIER, Op.DELAY):
            raise ValueError(f"{Op(op).name} is not a gate")
    return state * cmath.exp(1j * circuit.global_phase)


@dataclass(frozen=True)
class _Branch:
    """One history of outcomes; the squared norm of ``state`` is its probability."""

    at: int
    steps: int
    state: State
    bits: tuple[int, ...]


def distribution(circuit: Circuit) -> dict[str, float]:
    """Exact output distribution of any circuit with bound parameters.

    Keys hold the visible classical bits, highest index on the left. Branches below
    1e-15 are dropped. ProgramError ``limit-size`` for a branch of more than 1e5
    operations.
    """
    if circuit.symbolic:
        raise ValueError("the circuit has unbound parameters")
    jumps = _jumps(circuit)
    visible = [b for r in circuit.cregs if not r.hidden for b in range(r.offset, r.offset + r.size)]
    start = np.eye(1 << circuit.num_qubits, 1, dtype=complex)
    todo = [_Branch(0, 0, start, (0,) * circuit.num_clbits)]
    result: dict[str, float] = {}
    while todo:
        branch = todo.pop()
        if branch.at == len(circuit):
            key = "".join(str(branch.bits[b]) for b in reversed(visible))
            result[key] = result.get(key, 0.0) + _norm(branch.state)
        else:
            todo += _step(circuit, jumps, branch)
    return result


def _norm(state: State) -> float:
    return float(np.vdot(state, state).real)


def _jumps(circuit: Circuit) -> dict[int, int]:
    """Where control goes from IF/WHILE (false), ELSE (then-part done), END of a WHILE,
    BREAK and CONTINUE."""
    jumps: dict[int, int] = {}
    opened: list[list[int]] = []
    for i, op in enumerate(circuit.op.tolist()):
        if op in (Op.IF, Op.WHILE):
            opened.append([i])
        elif op == Op.ELSE:
            jumps[opened[-1][-1]] = i + 1
            opened[-1].append(i)
        elif op in (Op.BREAK, Op.CONTINUE):
            loop = next(b for b in reversed(opened) if circuit.op[b[0]] == Op.WHILE)
            jumps[i] = loop[0] if op == Op.CONTINUE else _end_of(circuit, loop[0]) + 1
        elif op == Op.END:
            block = opened.pop()
            jumps[block[-1]] = i + 1
            jumps[i] = block[0] if circuit.op[block[0]] == Op.WHILE else i + 1
    return jumps


def _end_of(circuit: Circuit, start: int) -> int:
    depth = 0
    for i in range(start, len(circuit)):
        depth += int(circuit.op[i] in (Op.IF, Op.WHILE)) - int(circuit.op[i] == Op.END)
        if depth == 0:
            return i
    raise ValueError("unclosed block")


def _step(circuit: Circuit, jumps: dict[int, int], branch: _Branch) -> list[_Branch]:
    if branch.steps >= MAX_STEPS:
        raise ProgramError("limit-size", f"a branch runs more than {MAX_STEPS} operations")
    i = branch.at
    op = int(circuit.op[i])
    following = replace(branch, at=i + 1, steps=branch.steps + 1)
    if op <= LAST_GATE:
        state = apply(branch.state, gate_matrix(circuit, i), circuit.operands(i))
        return [replace(following, state=state)]
    if op in (Op.MEASURE, Op.RESET):
        return _collapse(circuit, following, i)
    if op in (Op.IF, Op.WHILE):
        holds = evaluate(circuit.exprs[circuit.aux[i]], branch.bits)
        return [following if holds else replace(following, at=jumps[i])]
    if op == Op.ASSIGN:
        return [_assign(circuit, following, i)]
    return [replace(following, at=jumps.get(i, i + 1))]


def _collapse(circuit: Circuit, branch: _Branch, i: int) -> list[_Branch]:
    qubit = int(circuit.qubits[i, 0])
    result = []
    for outcome in (0, 1):
        keep = np.diag([1.0 - outcome, float(outcome)]).astype(complex)
        state = apply(branch.state, keep, [qubit])
        if _norm(state) < NEGLIGIBLE:
            continue
        bits = list(branch.bits)
        if circuit.op[i] == Op.MEASURE:
            bits[circuit.aux[i]] = outcome
        elif outcome:
            state = apply(state, np.array(matrix(Op.X), complex), [qubit])
        result.append(replace(branch, state=state, bits=tuple(bits)))
    return result


def _assign(circuit: Circuit, branch: _Branch, i: int) -> _Branch:
    start = int(circuit.qubits[i, 0])
    offset, size = circuit.pool[start : start + 2].tolist()
    value = evaluate(circuit.exprs[circuit.aux[i]], branch.bits)
    bits = list(branch.bits)
    bits[offset : offset + size] = [(value >> k) & 1 for k in range(size)]
    return replace(branch, bits=tuple(bits))
