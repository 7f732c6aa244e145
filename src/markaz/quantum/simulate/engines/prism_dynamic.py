"""Dynamic circuits for PRISM-Q: blocks of gates joined by branches on classical bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.export_openqasm import gates_text
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.programs.transform import select
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.feed import segments
from markaz.quantum.simulate.engines.prism_circuit import CONTROLLED, build

NOT_IN_TEXT = [int(o) for o in (*CONTROLLED, Op.ELSE, Op.WHILE, Op.ASSIGN, Op.BREAK, Op.CONTINUE)]
_MEASURE, _RESET, _IF, _END = map(int, (Op.MEASURE, Op.RESET, Op.IF, Op.END))
_WORD = 62  # bits of the widest classical value
_OPERATORS = {
    **{"and": "&", "or": "|", "xor": "^", "land": "&&", "lor": "||"},
    **{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="},
}


def read_dynamic(circuit: Circuit) -> Any:
    """The circuit through the library's own OpenQASM reader, which is some ten times faster
    than its builder; None for what that reader does not take."""
    import prism_q

    wide = bool(np.isin(circuit.op, NOT_IN_TEXT).any())
    try:
        return None if wide else prism_q.parse_qasm(dynamic_text(circuit))
    except prism_q.PrismError:
        return None


def dynamic_text(circuit: Circuit) -> str:
    """OpenQASM 3 of gates, measurements, resets and IF blocks on registers q and c."""
    gates = np.flatnonzero(circuit.op <= LAST_GATE)
    lines = [""] * len(circuit)
    for i, line in zip(
        gates.tolist(), gates_text(select(circuit, gates), 3).splitlines(), strict=True
    ):
        lines[i] = line
    others = np.flatnonzero(circuit.op > LAST_GATE)
    heads = {id(e): e for e in circuit.exprs}  # equal ones are often one object
    ifs = {key: f"if ({condition(e)}) {{" for key, e in heads.items()} if _IF in circuit.op else {}
    columns = (circuit.op[others], circuit.qubits[others, 0], circuit.aux[others])
    for i, op, qubit, aux in zip(others.tolist(), *(c.tolist() for c in columns), strict=True):
        lines[i] = ifs[id(circuit.exprs[aux])] if op == _IF else _line(op, qubit, aux)
    head = f"OPENQASM 3.0;\nqubit[{circuit.num_qubits}] q;\nbit[{max(circuit.num_clbits, 1)}] c;\n"
    return head + "\n".join(lines)


def _line(op: int, qubit: int, aux: int) -> str:
    if op == _MEASURE:
        return f"c[{aux}] = measure q[{qubit}];"
    if op == _RESET:
        return f"reset q[{qubit}];"
    return "}" if op == _END else ""  # a barrier says nothing to a simulator


def build_dynamic(circuit: Circuit) -> Any:
    """A ``prism_q.DynamicProgram``. EngineRefusal for assignments and for classical
    operators that are not in the table above."""
    import prism_q

    builder = prism_q.DynamicProgramBuilder(circuit.num_qubits, circuit.num_clbits)
    for i, gates in segments(circuit):
        if gates is not None:
            builder.append(build(gates, (), circuit.num_clbits))
        else:
            _append(builder, circuit, i)
    return builder.build()


def _append(builder: Any, circuit: Circuit, i: int) -> None:
    op = Op(int(circuit.op[i]))
    qubit, aux = int(circuit.qubits[i, 0]), int(circuit.aux[i])
    match op:
        case Op.MEASURE:
            builder.add_measure(qubit, aux)
        case Op.RESET:
            builder.add_reset(qubit)
        case Op.IF:
            builder.begin_if(condition(circuit.exprs[aux]))
        case Op.WHILE:
            builder.begin_while(f"loop{i}", condition(circuit.exprs[aux]))
        case Op.ELSE:
            builder.begin_else()
        case Op.END:
            builder.end()
        case Op.BREAK:
            builder.break_loop()
        case Op.CONTINUE:
            builder.continue_loop()
        case Op.ASSIGN:
            raise EngineRefusal("prism: assignments to classical bits")


def condition(expr: Any) -> str:
    """A classical expression in the library's notation, whose register is ``c``."""
    name = expr[0]
    if name == "const" and 0 <= expr[1] < 1 << _WORD:
        return str(expr[1])
    if name == "bits":
        return _value(expr[1], expr[2])
    if name == "not":
        return f"!({condition(expr[1])})"
    if name in ("eq", "ne") and expr[1][0] == "bits" and expr[2][0] == "const":
        same = _equals(expr[1][1], expr[1][2], expr[2][1])
        return same if name == "eq" else f"!({same})"
    if name in _OPERATORS:
        return f"({condition(expr[1])} {_OPERATORS[name]} {condition(expr[2])})"
    raise EngineRefusal(f"prism: classical operator or value {name}")


def _value(offset: int, size: int) -> str:
    if size > _WORD:
        raise EngineRefusal(f"prism: a classical value of more than {_WORD} bits")
    if size == 1:
        return f"c[{offset}]"
    return "(" + " + ".join(f"{1 << k} * c[{offset + k}]" for k in range(size)) + ")"


def _equals(offset: int, size: int, value: int) -> str:
    """Bit by bit, so that the register may have any size."""
    if not 0 <= value < 1 << size:
        return "false"
    tests = (f"c[{offset + k}] == {value >> k & 1}" for k in range(size))
    return "(" + " && ".join(tests) + ")"
