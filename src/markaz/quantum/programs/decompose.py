"""Rewrite a circuit with the gates that an engine or a format knows, exactly.

Gates are replaced by the identities of ``decompose_rules``, followed until only allowed
gates are left; of several ways the one with the fewest gates is taken. Pooled gates are
first unrolled by ``multicontrol``. Global phases are kept, except those that depend on a
parameter that is still unbound (a circuit's phase is a number): bind first where
amplitudes matter. All replacements of one kind of gate are made at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr
from markaz.quantum.programs.decompose_rules import Angle, Step, identities
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, POOLED, TABLE, Op
from markaz.quantum.programs.multicontrol import unrolled

_IDENTITY = tuple(Angle(tuple(float(i == k) for i in range(4))) for k in range(4))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Template:
    """A replacement of L gates: ``op`` (L,), ``operands`` (L, 3) places among the operands
    of the replaced gate, ``scale`` (L, slots 4, parameters 4), ``const`` (L, 4); ``phase``
    (5,) per parameter and constant; ``pooled`` holds (place in L, operand places)."""

    op: NDArray[np.uint8]
    operands: NDArray[np.int64]
    scale: NDArray[np.float64]
    const: NDArray[np.float64]
    phase: NDArray[np.float64]
    pooled: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Operations ``rows`` with ``operands`` (rows, qubits) that one template replaces."""

    rows: NDArray[np.int64]
    operands: NDArray[np.int32]
    template: _Template


def to_ops(circuit: Circuit, ops: frozenset[int]) -> Circuit:
    """The same circuit with gates out of ``ops`` only; other operations stay.

    Returns ``circuit`` itself where nothing has to change. Raises ProgramError
    ``unsupported`` that names a gate which cannot be written with ``ops``.
    """
    allowed = _allowed(ops)
    if allowed[circuit.op].all():
        return circuit
    for op in (Op.MCX, Op.MCP):
        if not allowed[op] and np.any(circuit.op == op):
            circuit = _replace(circuit, _pooled_groups(circuit, op, ops))
    groups = []
    for op_left in np.unique(circuit.op[~allowed[circuit.op]]).tolist():
        rows = np.flatnonzero(circuit.op == op_left)
        template = _template(ops, Op(op_left))
        groups.append(_Group(rows, circuit.qubits[rows], template))
    return _replace(circuit, groups)


@lru_cache(maxsize=256)
def _allowed(ops: frozenset[int]) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[[int(op) for op in ops]] = True
    table[LAST_GATE + 1 :] = True
    return table


def _pooled_groups(circuit: Circuit, op: Op, ops: frozenset[int]) -> list[_Group]:
    rows = np.flatnonzero(circuit.op == op)
    sizes = circuit.qubits[rows, 1]
    groups = []
    for size in np.unique(sizes).tolist():
        same = rows[sizes == size]
        operands = circuit.pool[circuit.qubits[same, :1] + np.arange(size)]
        groups.append(_Group(same, operands, _pooled_template(op, size, ops & POOLED)))
    return groups


@lru_cache(maxsize=256)
def _pooled_template(op: Op, size: int, native: frozenset[int]) -> _Template:
    return _as_arrays(unrolled(op, size, native))


@lru_cache(maxsize=1024)
def _template(ops: frozenset[int], op: Op) -> _Template:
    rule = _best_rules(ops).get(op)
    if rule is None:
        names = ", ".join(TABLE[Op(o)].name for o in sorted(ops) if o <= LAST_GATE)
        raise ProgramError("unsupported", f"{TABLE[op].name} cannot be written with {names}")
    own = Step(op, tuple(range(TABLE[op].num_qubits)), _IDENTITY[: TABLE[op].num_params])
    return _as_arrays(_followed(own, ops))


@lru_cache(maxsize=64)
def _best_rules(ops: frozenset[int]) -> dict[Op, tuple[Step, ...]]:
    """The cheapest way to write each gate outside ``ops``, where there is one."""
    cost = {Op(op): float(_COST.get(TABLE[Op(op)].num_qubits, 9)) for op in ops if op <= LAST_GATE}
    best: dict[Op, tuple[Step, ...]] = {}
    changed = True
    while changed:
        changed = False
        for op, steps in identities():
            price = sum(cost.get(s.op, np.inf) for s in steps if s.op is not None)
            if op not in ops and price < cost.get(op, np.inf):
                cost[op], best[op], changed = price, steps, True
    return best


_COST = {1: 1, 2: 4}  # relative time of a gate by its qubits


def _followed(step: Step, ops: frozenset[int]) -> list[Step]:
    """``step`` written with ``ops``; operands and angles are those of the outermost gate."""
    if step.op is None or step.op in ops:
        return [step]
    result: list[Step] = []
    for inner in _best_rules(ops)[step.op]:
        operands = tuple(step.operands[k] for k in inner.operands)
        angles = tuple(a.of(step.angles) for a in inner.angles)
        result += _followed(Step(inner.op, operands, angles), ops)
    return result


def _as_arrays(steps: Sequence[Step]) -> _Template:
    gates = [s for s in steps if s.op is not None]
    operands = np.full((len(gates), 3), -1, np.int64)
    scale, const, phase = np.zeros((len(gates), 4, 4)), np.zeros((len(gates), 4)), np.zeros(5)
    pooled = []
    for j, gate in enumerate(gates):
        if gate.op in POOLED:
            pooled.append((j, gate.operands))
        else:
            operands[j, : len(gate.operands)] = gate.operands
        for k, angle in enumerate(gate.angles):
            scale[j, k], const[j, k] = angle.scale, angle.const
    for step in steps:
        if step.op is None:
            phase += (*step.angles[0].scale, step.angles[0].const)
    op = np.array([g.op for g in gates], np.uint8)
    return _Template(op, operands, scale, const, phase, tuple(pooled))


def _replace(circuit: Circuit, groups: list[_Group]) -> Circuit:
    """Every group's operations replaced by its template."""
    counts = np.ones(len(circuit), np.int64)
    for group in groups:
        counts[group.rows] = len(group.template.op)
    start = np.cumsum(counts) - counts
    index = np.repeat(np.arange(len(circuit)), counts)
    op, qubits = circuit.op[index], circuit.qubits[index]
    params, aux = circuit.params[index], circuit.aux[index]
    pool, phase = [circuit.pool], circuit.global_phase
    for group in groups:
        t, at = group.template, start[group.rows][:, None] + np.arange(len(group.template.op))
        source = np.nan_to_num(circuit.params[group.rows], nan=0.0)
        op[at] = t.op
        qubits[at] = np.pad(group.operands, ((0, 0), (0, 1)), constant_values=-1)[:, t.operands]
        params[at] = np.einsum("ms,los->mlo", source, t.scale) + t.const
        phase += float((source @ t.phase[:4]).sum()) + t.phase[4] * len(group.rows)
        for j, places in t.pooled:
            first = sum(len(p) for p in pool) + len(places) * np.arange(len(group.rows))
            qubits[at[:, j]] = np.stack([first, 0 * first + len(places), 0 * first - 1], axis=1)
            pool.append(group.operands[:, places].ravel())
    symbolic = _symbolic(circuit, groups, start, params) if circuit.symbolic else ()
    return circuit.with_arrays(
        op=op,
        qubits=qubits,
        params=params,
        aux=aux,
        pool=np.concatenate(pool) if len(pool) > 1 else circuit.pool,
        symbolic=symbolic,
        global_phase=float(phase),
    )


def _symbolic(
    circuit: Circuit,
    groups: list[_Group],
    start: NDArray[np.int64],
    params: NDArray[np.float64],
) -> tuple[tuple[int, int, Expr], ...]:
    """The unbound parameters of the new circuit; their slots in ``params`` become NaN."""
    owner = np.full(len(circuit), -1)
    for k, group in enumerate(groups):
        owner[group.rows] = k
    rows: dict[int, dict[int, Expr]] = {}
    for i, slot, expr in circuit.symbolic:
        rows.setdefault(i, {})[slot] = expr
    result: list[tuple[int, int, Expr]] = []
    for i, slots in rows.items():
        if owner[i] < 0:
            result += [(int(start[i]), slot, expr) for slot, expr in slots.items()]
            continue
        scale = groups[owner[i]].template.scale
        for j, k in np.argwhere(np.any(scale[:, :, list(slots)] != 0, axis=2)).tolist():
            at = int(start[i]) + j
            result.append((at, k, _sum(scale[j, k].tolist(), slots, float(params[at, k]))))
            params[at, k] = np.nan
    return tuple(result)


def _sum(scale: list[float], slots: dict[int, Expr], const: float) -> Expr:
    total: Expr | None = ("const", const) if const else None
    for slot, expr in slots.items():
        if scale[slot] == 0:
            continue
        term = expr if scale[slot] == 1 else ("mul", ("const", scale[slot]), expr)
        total = term if total is None else ("add", total, term)
    return total or ("const", 0.0)
