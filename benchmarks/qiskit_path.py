"""From OpenQASM text over Qiskit to a flat list of basic gates, for engines without a parser
of their own (and for those whose parser refuses a text)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from benchmarks.warm import DYNAMIC, GENERAL

Flat = tuple[str, list[float], list[int], int]  # name, parameters, qubits, classical bit

# What nearly every engine's OpenQASM 2 reader knows.
COMMON = frozenset(
    "id x y z h s sdg t tdg rx ry rz u1 u2 u3 cx cz cy ch swap ccx crz cu1 measure reset".split()  # noqa: SIM905
)
RENAMED = {"u": "u3", "p": "u1", "cp": "cu1"}
_QUANTUM = re.compile(r"^\s*qreg\s+(\w+)\s*\[(\d+)\]\s*;|^\s*qubit\[(\d+)\]\s+(\w+)\s*;", re.M)
_CLASSICAL = re.compile(r"^\s*creg\s+\w+\s*\[(\d+)\]\s*;|^\s*bit\[(\d+)\]\s+\w+\s*;", re.M)


def measured(text: str) -> str:
    """The text with a measurement of every qubit added if it has none."""
    if re.search(r"\bmeasure\b", text):
        return text
    registers = [(m[1] or m[4], int(m[2] or m[3])) for m in _QUANTUM.finditer(text)]
    total = sum(size for _, size in registers)
    version_2 = "OPENQASM 2" in text
    lines = [f"creg meas[{total}];" if version_2 else f"bit[{total}] meas;"]
    bit = 0
    for name, size in registers:
        for i in range(size):
            at, into = f"{name}[{i}]", f"meas[{bit}]"
            lines.append(f"measure {at} -> {into};" if version_2 else f"{into} = measure {at};")
            bit += 1
    return text.rstrip() + "\n" + "\n".join(lines) + "\n"


def clbits(text: str) -> int:
    """Declared classical bits."""
    return sum(int(m[1] or m[2]) for m in _CLASSICAL.finditer(text))


@cache
def _standard() -> tuple[Any, ...]:
    """Qiskit's own gates for the names that its exporter defines in the file."""
    from qiskit import qasm2
    from qiskit.circuit.library import get_standard_gate_name_mapping

    known = {i.name: i for i in qasm2.LEGACY_CUSTOM_INSTRUCTIONS}
    gates = get_standard_gate_name_mapping()
    for name in ("ryy", "rzx", "ecr", "dcx", "iswap", "cs", "csdg", "ccz"):
        gate = gates[name]
        known[name] = qasm2.CustomInstruction(name, len(gate.params), gate.num_qubits, type(gate))
    return tuple(known.values())


def parse(text: str) -> Any:
    """``QuantumCircuit`` of a text."""
    if "OPENQASM 2" in text[:2000]:
        from qiskit import qasm2

        return qasm2.loads(text, custom_instructions=_standard())
    from qiskit import qasm3

    return qasm3.loads(text)


def warm() -> None:
    """Import what a refusal by a direct parser makes necessary."""
    common_text(GENERAL)
    common_text(DYNAMIC)


def flatten(circuit: Any, names: Collection[str]) -> Iterator[Flat]:
    """Operations with their definitions inlined until every name is in ``names``.

    Barriers are dropped. Raises ValueError for control flow and for gates that have no
    definition.
    """
    for operation, where, bit in operations(circuit, names):
        yield operation.name, list(operation.params), where, bit


def operations(circuit: Any, names: Collection[str]) -> Iterator[tuple[Any, list[int], int]]:
    """As ``flatten``, with Qiskit's own operation objects: (operation, qubits, bit)."""
    qubit = {q: i for i, q in enumerate(circuit.qubits)}
    bit = {c: i for i, c in enumerate(circuit.clbits)}
    for item in circuit.data:
        where = [qubit[q] for q in item.qubits]
        yield from inline(item.operation, where, bit[item.clbits[0]] if item.clbits else -1, names)


def inline(
    operation: Any, where: list[int], clbit: int, names: Collection[str]
) -> Iterator[tuple[Any, list[int], int]]:
    """One operation, its definition inlined until every name is in ``names``."""
    name = operation.name
    if name == "barrier":
        return
    if name in names or name in ("measure", "reset"):
        yield operation, where, clbit
        return
    body = getattr(operation, "definition", None)
    if body is None:
        raise ValueError(f"no definition for {name}")
    inner = dict(zip(body.qubits, where, strict=True))
    for item in body.data:
        yield from inline(item.operation, [inner[q] for q in item.qubits], clbit, names)


def common_text(text: str) -> str:
    """The same program with common gates only: OpenQASM 2, or 3 if it is dynamic."""
    circuit = parse(text)
    if any(item.operation.name == "if_else" for item in circuit.data):
        from qiskit import qasm3, transpile

        basis = [*(COMMON - {"measure", "reset", "u1", "u2", "cu1"}), "p", "cp"]
        return str(qasm3.dumps(transpile(circuit, basis_gates=basis, optimization_level=0)))
    head = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{circuit.num_qubits}];"]
    lines = [*head, f"creg c[{circuit.num_clbits}];"]
    for name, params, where, bit in flatten(circuit, COMMON | RENAMED.keys()):
        if name == "measure":
            lines.append(f"measure q[{where[0]}] -> c[{bit}];")
            continue
        angles = f"({','.join(repr(float(p)) for p in params)})" if params else ""
        lines.append(f"{RENAMED.get(name, name)}{angles} {','.join(f'q[{q}]' for q in where)};")
    return "\n".join([*lines, ""])
