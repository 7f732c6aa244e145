"""Fit a circuit to a device under a calibration sheet.

Layout and routing are ours and look at errors (``layout``); unrolling, translation and the
cancellation of gates are Qiskit's.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.fabric import Fabric, fabric_of
from markaz.quantum.compile.options import CompileOptions, key, versions
from markaz.quantum.compile.physical import check_native
from markaz.quantum.compile.schedule import layers, log_fidelity, schedule
from markaz.quantum.devices.features import missing_feature
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.gates import LAST_GATE, NANOSECONDS, POOLED, STEPS, TABLE, Flag, Op
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.transform import relabel, select

Ints = NDArray[np.int64]

_PIPELINES = local()  # Qiskit's pipelines keep state while they run: one set a thread
_MOST_PIPELINES = 16
_BARRIER = int(Op.BARRIER)


def compile(
    circuit: Circuit,
    model: DeviceModel,
    sheet: Sheet | None = None,
    options: CompileOptions | None = None,
) -> Compiled:
    """The circuit on the device's physical qubits, in its native gates.

    Deterministic for the same input, options and versions. Parameters stay unbound.
    Classical registers and bits stay what they are. Raises CompileError: ``too-large``,
    ``unsupported``, or ``not-native`` where the options say that it is compiled already;
    ProgramError for an expression that Qiskit cannot hold.
    """
    options = options or CompileOptions()
    circuit = in_nanoseconds(circuit, model.dt)
    if options.compiled:
        check_native(circuit, model)
        own = tuple(range(circuit.num_qubits))
        return _described(_widened(circuit, model), own, own, circuit, model, sheet, options)
    if (missing := missing_feature(circuit, model)) is not None:
        raise CompileError("unsupported", missing)
    fabric = fabric_of(model, sheet)
    compact, active = compacted(circuit)
    if len(active) > model.num_qubits:
        raise CompileError(
            "too-large",
            f"the circuit uses {len(active)} qubits; {model.name} has {model.num_qubits}",
        )
    if len(active) == 0:
        nowhere = (-1,) * circuit.num_qubits
        empty = select(circuit, np.flatnonzero(circuit.op != _BARRIER))
        return _described(_widened(empty, model), nowhere, nowhere, circuit, model, sheet, options)
    made, start, end = _fitted(compact, fabric, options)
    places = [_spread(found, active, circuit.num_qubits) for found in (start, end)]
    return _described(made, places[0], places[1], circuit, model, sheet, options)


def in_nanoseconds(circuit: Circuit, dt: float) -> Circuit:
    """The circuit with delays in clock steps of ``dt`` ns as delays in nanoseconds."""
    steps = (circuit.op == Op.DELAY) & (circuit.params[:, 1] == STEPS)
    if not steps.any():
        return circuit
    params = circuit.params.copy()
    params[steps, 0] *= dt
    params[steps, 1] = NANOSECONDS
    scaled = set(np.flatnonzero(steps).tolist())
    symbolic = tuple(
        (i, slot, ("mul", e, ("const", dt)) if i in scaled else e)
        for i, slot, e in circuit.symbolic
    )
    return circuit.with_arrays(params=params, symbolic=symbolic)


def compile_key(
    circuit: Circuit, model: DeviceModel, sheet: Sheet | None, options: CompileOptions
) -> str:
    """The key under which a cache may keep what ``compile`` gives for these arguments."""
    return _key(program_hash(circuit), model, sheet, options)


def _key(program: str, model: DeviceModel, sheet: Sheet | None, options: CompileOptions) -> str:
    sheet_id = None if sheet is None else sheet.id
    return key(program, f"{model.name} {model.version}", sheet_id, options)


def compacted(circuit: Circuit) -> tuple[Circuit, Ints]:
    """The circuit on the qubits that it uses alone, and which those are.

    A barrier does not use a qubit; it loses those that nothing else uses.
    """
    rows = circuit.op != _BARRIER
    used = np.zeros(circuit.num_qubits + 1, np.bool_)
    pooled = np.isin(circuit.op, [int(op) for op in POOLED])
    used[circuit.qubits[rows & ~pooled]] = True
    for i in np.flatnonzero(rows & pooled & (circuit.op <= LAST_GATE)).tolist():
        used[circuit.operands(i)] = True
    used = used[:-1]  # the last entry stood for unused operands, -1
    active = np.flatnonzero(used).astype(np.int64)
    if len(active) == circuit.num_qubits:
        return circuit, active
    mapping = np.full(circuit.num_qubits, -1, np.int64)
    mapping[active] = np.arange(len(active))
    return relabel(_thinned(circuit, used), mapping, len(active)), active


def _thinned(circuit: Circuit, used: NDArray[np.bool_]) -> Circuit:
    """Barriers without qubits that nothing else uses."""
    qubits, pool = circuit.qubits.copy(), circuit.pool.tolist()
    for i in np.flatnonzero(circuit.op == _BARRIER).tolist():
        kept = [q for q in circuit.operands(i) if used[q]]
        qubits[i, :2] = len(pool), len(kept)
        pool += kept
    return circuit.with_arrays(qubits=qubits, pool=np.array(pool, np.int32))


_QUARTERS = [int(op) for op in (Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.RXX, Op.RYY, Op.RZZ, Op.RZX)]
_FIXED = [int(g.op) for g in TABLE.values() if Flag.CLIFFORD in g.flags]
_NO_GATES = [int(op) for op in (Op.MEASURE, Op.BARRIER, Op.DELAY)]


def is_clifford(circuit: Circuit) -> bool:
    """Whether every gate is Clifford as it stands, its angles multiples of a quarter turn."""
    turning = np.isin(circuit.op, _QUARTERS)
    if circuit.symbolic or not np.all(turning | np.isin(circuit.op, _FIXED + _NO_GATES)):
        return False
    turns = circuit.params[turning] / (math.pi / 2)
    return bool(np.all(np.abs(turns - np.rint(turns)) < 1e-9))


def _fitted(
    circuit: Circuit, fabric: Fabric, options: CompileOptions
) -> tuple[Circuit, Ints, Ints]:
    """The physical circuit, and the places of the qubits at its start and end."""
    # Both load Qiskit.
    from markaz.quantum.programs.qiskit_bridge import from_qiskit, to_qiskit  # noqa: PLC0415

    kind = "clifford" if is_clifford(circuit) else "static"
    pipeline = _pipeline(fabric, options, "dynamic" if circuit.is_dynamic else kind)
    made, start, end = pipeline.run(to_qiskit(circuit), options.seed)
    flat = from_qiskit(made)
    if flat.num_clbits != circuit.num_clbits:
        raise AssertionError("Qiskit changed the number of classical bits")
    flat = flat.with_arrays(
        qregs=(Register("q", fabric.n, 0),),
        cregs=circuit.cregs,
        parameters=circuit.parameters,
        measured=circuit.measured,
    )
    return _native(flat, fabric), start, end


def _native(circuit: Circuit, fabric: Fabric) -> Circuit:
    """SX as RX(pi/2) where the device knows only that one."""
    if fabric.pulse != "rx":
        return circuit
    op, params = circuit.op.copy(), circuit.params.copy()
    where = op == Op.SX
    op[where] = Op.RX
    params[where, 0] = math.pi / 2
    return circuit.with_arrays(op=op, params=params)


def _pipeline(fabric: Fabric, options: CompileOptions, kind: str) -> Any:
    """Qiskit's stages for a device, made once a thread."""
    from markaz.quantum.compile import qiskit_passes  # noqa: PLC0415 - loads Qiskit

    kept = _PIPELINES.__dict__.setdefault("kept", OrderedDict())
    name = (fabric, options.level, kind, options.seed if kind == "dynamic" else None)
    if name not in kept:
        if kind == "dynamic":
            made = qiskit_passes.dynamic_pipeline(fabric, options.level, options.seed)
        elif kind == "clifford":
            made = qiskit_passes.clifford_pipeline(fabric, options.level)
        else:
            made = qiskit_passes.static_pipeline(fabric, options.level)
        kept[name] = made
    kept.move_to_end(name)
    while len(kept) > _MOST_PIPELINES:
        kept.popitem(last=False)
    return kept[name]


def _spread(places: Ints, active: Ints, qubits: int) -> tuple[int, ...]:
    found = np.full(qubits, -1, np.int64)
    found[active] = places[: len(active)]
    return tuple(found.tolist())


def _widened(circuit: Circuit, model: DeviceModel) -> Circuit:
    register = Register("q", model.num_qubits, 0)
    return circuit.with_arrays(num_qubits=model.num_qubits, qregs=(register,))


def _described(
    made: Circuit,
    start: tuple[int, ...],
    end: tuple[int, ...],
    program: Circuit,
    model: DeviceModel,
    sheet: Sheet | None,
    options: CompileOptions,
) -> Compiled:
    fabric = fabric_of(model, sheet)
    plan = schedule(made, fabric)
    hashed = program_hash(program)
    return Compiled(
        circuit=made,
        start=start,
        end=end,
        fidelity=math.exp(log_fidelity(made, fabric, plan)),
        gates=_counted(made),
        depth=layers(made, pairs_only=False),
        pair_depth=layers(made, pairs_only=True),
        duration_ns=plan.total,
        device=f"{model.name} {model.version}",
        sheet=None if sheet is None else sheet.id,
        program=hashed,
        key=_key(hashed, model, sheet, options),
        options=options.to_json(),
        versions=versions(),
    )


def _counted(circuit: Circuit) -> dict[str, int]:
    kinds, counts = np.unique(circuit.op, return_counts=True)
    names = {int(op): gate.name for op, gate in TABLE.items()}
    rows = zip(kinds.tolist(), counts.tolist(), strict=True)
    return {names.get(k, Op(k).name.lower()): n for k, n in rows}
