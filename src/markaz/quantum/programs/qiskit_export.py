"""From flat arrays to Qiskit's circuit objects; see ``qiskit_bridge.to_qiskit``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from qiskit.circuit import (
    Barrier,
    ClassicalRegister,
    Clbit,
    Delay,
    Measure,
    Parameter,
    ParameterVector,
    QuantumCircuit,
    QuantumRegister,
    Qubit,
    Reset,
)
from qiskit.circuit.library import MCPhaseGate, MCXGate, get_standard_gate_name_mapping

from markaz.quantum.programs.circuit import Circuit, Expr
from markaz.quantum.programs.circuit import Register as FlatRegister
from markaz.quantum.programs.gates import LAST_GATE, STEPS, TABLE, Op
from markaz.quantum.programs.qiskit_values import ClassicalExporter, angle

_MAPPING: Final = get_standard_gate_name_mapping()
_ELEMENT: Final = re.compile(r"([^\[\]]+)\[(0|[1-9][0-9]{0,6})\]", re.ASCII)
_LONGEST_VECTOR: Final = 100_000  # Qiskit makes all its elements, whichever are used
_NAMES: Final = {g.op: g.name for g in TABLE.values() if g.op not in (Op.MCX, Op.MCP)}


class Exporter:
    """Converts one circuit; ``run`` may be called once."""

    def __init__(self, circuit: Circuit) -> None:
        self._flat = circuit
        self._qc = QuantumCircuit(global_phase=circuit.global_phase)
        self._add_registers()
        self._qubits, self._clbits = self._qc.qubits, self._qc.clbits
        self._parameters = _parameters(circuit.parameters)
        self._symbolic: dict[int, dict[int, Expr]] = {}
        for i, slot, expr in circuit.symbolic:
            self._symbolic.setdefault(i, {})[slot] = expr
        self._values = ClassicalExporter(self._qc)
        self._open: list[Any] = []  # context managers of the blocks that are not closed
        self._else: list[Any] = []

    def _add_registers(self) -> None:
        c = self._flat
        names: set[str] = set()
        _add(self._qc, c.qregs, c.num_qubits, (Qubit, QuantumRegister), names)
        _add(self._qc, c.cregs, c.num_clbits, (Clbit, ClassicalRegister), names)

    def run(self) -> QuantumCircuit:
        """The Qiskit circuit."""
        c = self._flat
        fixed = {op: _MAPPING[name] for op, name in _NAMES.items() if not TABLE[op].num_params}
        classes = {op: _MAPPING[n].base_class for op, n in _NAMES.items() if TABLE[op].num_params}
        rows = zip(c.op.tolist(), c.qubits.tolist(), c.params.tolist(), c.aux.tolist(), strict=True)
        for i, (op, qubits, params, aux) in enumerate(rows):
            if op in fixed:
                self._append(fixed[op], qubits[: TABLE[Op(op)].num_qubits])
            elif op in classes:
                gate = TABLE[Op(op)]
                values = self._angles(i, params[: gate.num_params])
                self._append(classes[op](*values), qubits[: gate.num_qubits])
            elif op <= LAST_GATE:
                self._multi_controlled(i, Op(op), params)
            else:
                self._other(i, Op(op), qubits, aux)
        return self._qc

    def _append(self, op: Any, qubits: Sequence[int], clbits: Sequence[int] = ()) -> None:
        where = [self._qubits[q] for q in qubits]
        bits = [self._clbits[b] for b in clbits]
        if self._open:
            self._qc.append(op, where, bits)
        else:
            self._qc._append(op, where, bits)

    def _angles(self, i: int, params: Sequence[float]) -> Sequence[Any]:
        unbound = self._symbolic.get(i)
        if not unbound:
            return params
        return [
            angle(unbound[k], self._parameters) if k in unbound else p for k, p in enumerate(params)
        ]

    def _multi_controlled(self, i: int, op: Op, params: Sequence[float]) -> None:
        """MCX and MCP of any size; Qiskit's classes start at one control."""
        qubits = self._flat.operands(i)
        controls = len(qubits) - 1
        if op == Op.MCX:
            gate = MCXGate(controls) if controls else _MAPPING["x"]
        else:
            (value,) = self._angles(i, params[:1])
            gate = MCPhaseGate(value, controls) if controls else _MAPPING["p"].base_class(value)
        self._append(gate, qubits)

    def _other(self, i: int, op: Op, qubits: Sequence[int], aux: int) -> None:
        if op == Op.MEASURE:
            self._append(Measure(), qubits[:1], [aux])
        elif op == Op.RESET:
            self._append(Reset(), qubits[:1])
        elif op == Op.BARRIER:
            where = list(dict.fromkeys(self._flat.operands(i)))
            self._append(Barrier(len(where)), where)
        elif op == Op.DELAY:
            self._delay(i, qubits)
        elif op == Op.ASSIGN:
            offset, size = self._flat.operands(i)
            self._values.store(offset, size, self._flat.exprs[aux])
        else:
            self._control(op, aux)

    def _delay(self, i: int, qubits: Sequence[int]) -> None:
        length, unit = self._angles(i, self._flat.params[i, :2].tolist())
        if unit == STEPS:  # Qiskit counts them in whole numbers
            length = round(length) if isinstance(length, float) else length
        self._append(Delay(length, "dt" if unit == STEPS else "ns"), qubits[:1])

    def _control(self, op: Op, aux: int) -> None:
        if op in (Op.IF, Op.WHILE):
            test = self._values.boolean(self._flat.exprs[aux])
            block = self._qc.if_test(test) if op == Op.IF else self._qc.while_loop(test)
            self._open.append(block)
            self._else.append(block.__enter__())
        elif op == Op.ELSE:
            self._open.pop().__exit__(None, None, None)
            block = self._else[-1]
            block.__enter__()
            self._open.append(block)
        elif op == Op.END:
            self._else.pop()
            self._open.pop().__exit__(None, None, None)
        elif op == Op.BREAK:
            self._qc.break_loop()
        else:
            self._qc.continue_loop()


def _add(
    qc: QuantumCircuit,
    registers: Sequence[FlatRegister],
    bits: int,
    kinds: tuple[type, type],
    names: set[str],
) -> None:
    """Add registers at their places, single bits in gaps, and aliases for shared bits."""
    bit, register = kinds
    at, aliases = 0, []
    for r in sorted(registers, key=lambda r: r.offset):
        if r.offset < at:
            aliases.append(r)
            continue
        qc.add_bits([bit() for _ in range(r.offset - at)])
        qc.add_register(register(r.size, _free(r.name, names)))
        at = r.offset + r.size
    qc.add_bits([bit() for _ in range(bits - at)])
    present = qc.qubits if bit is Qubit else qc.clbits
    for r in aliases:
        shared = present[r.offset : r.offset + r.size]
        qc.add_register(register(name=_free(r.name, names), bits=shared))


def _free(name: str, taken: set[str]) -> str:
    """``name``, or with a number; Qiskit wants every register's name once."""
    names = (name, *(f"{name}_{k}" for k in range(len(taken))))
    free = next(n for n in names if n and n not in taken)
    taken.add(free)
    return free


def _parameters(names: Sequence[str]) -> dict[str, Parameter]:
    """Parameters by name; ``v[0]``, ``v[1]``, … become elements of one vector."""
    sizes: dict[str, int] = {}
    for name in names:
        vector, index = _element(name)
        if index is not None:
            sizes[vector] = max(sizes.get(vector, 0), index + 1)
    vectors = {v: ParameterVector(v, n) for v, n in sizes.items() if n <= _LONGEST_VECTOR}
    result: dict[str, Parameter] = {}
    for name in names:
        vector, index = _element(name)
        element = vectors[vector][index] if vector in vectors and index is not None else None
        result[name] = element if element is not None else Parameter(name)
    return result


def _element(name: str) -> tuple[str, int | None]:
    """Vector and index of ``v[3]``; index None for any other name."""
    match = _ELEMENT.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, None)
