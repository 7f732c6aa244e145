"""Circuits as OpenQASM.

The text is canonical: the same circuit always gives the same bytes, one statement a line,
and every number reads back to the bit. ``U(theta, phi, lam)`` means what it means in
OpenQASM 2 and in Qiskit (a real upper-left element).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_expressions import ClassicalWriter, Variable, parameter_text
from markaz.quantum.programs.export_names import angles, identifier, real, reals
from markaz.quantum.programs.gates import LAST_GATE, STEPS, TABLE, Op

Lines = NDArray[np.object_]

# Bodies of the gates that the standard include files lack. OpenQASM 2 takes them without
# the global phase, which it cannot say.
DEFINITIONS: dict[Op, str] = {
    Op.SXDG: "gate sxdg a { inv @ sx a; }",
    Op.CS: "gate cs a, b { t a; cx a, b; tdg b; cx a, b; t b; }",
    Op.CSDG: "gate csdg a, b { tdg a; cx a, b; t b; cx a, b; tdg b; }",
    Op.CSX: "gate csx a, b { h b; cp(pi/2) a, b; h b; }",
    Op.ISWAP: "gate iswap a, b { s a; s b; h a; cx a, b; cx b, a; h b; }",
    Op.ECR: "gate ecr a, b { gphase(-pi/4); s a; sx b; cx a, b; x a; }",
    Op.DCX: "gate dcx a, b { cx a, b; cx b, a; }",
    Op.RXX: "gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }",
    Op.RYY: "gate ryy(theta) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(theta) b; cx a, b; "
    "rx(-pi/2) a; rx(-pi/2) b; }",
    Op.RZZ: "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
    Op.RZX: "gate rzx(theta) a, b { h b; cx a, b; rz(theta) b; cx a, b; h b; }",
    Op.CCZ: "gate ccz a, b, c { h c; ccx a, b, c; h c; }",
    Op.RCCX: "gate rccx a, b, c { h c; t c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; h c; }",
}
_IN_QELIB1 = frozenset({Op.SXDG, Op.CSX, Op.RXX, Op.RZZ, Op.RCCX})
# The oldest copies of qelib1.inc know these names only.
_NAMES_2 = {Op.U: "u3", Op.P: "u1", Op.CP: "cu1"}
_NAMES_3 = {Op.U: "U"}
_OPS_2 = frozenset(int(op) for op in TABLE if op not in (Op.MCX, Op.MCP))


def gates_text(circuit: Circuit, version: int, names: Mapping[int, str] | None = None) -> str:
    """The gates alone, a line each, on a register ``q``: what an engine is fed.

    ``names`` renames operations where a library has other words. OpenQASM 2 has no text
    for MCX and MCP (ProgramError); ValueError for anything but gates and barriers.
    """
    other = (circuit.op > LAST_GATE) & ~np.isin(circuit.op, [Op.BARRIER, Op.DELAY])
    if circuit.symbolic or np.any(other):
        raise ValueError("only gates without unbound parameters have a plain text")
    qubits = [f"q[{k}]" for k in range(circuit.num_qubits)]
    lines = _gate_lines(circuit, version, qubits, reals, names or {})
    return _text(lines)


def to_openqasm3(circuit: Circuit) -> str:
    """The circuit as canonical OpenQASM 3, measurements, control flow, unbound
    parameters (``input``) and global phase included.

    Names that OpenQASM does not allow are changed to the nearest that it does. Hidden
    classical registers become ``uint`` variables. ProgramError ``unsupported`` for a
    classical value of more than 65536 bits or an assignment across registers.
    """
    taken: set[str] = set()
    qubits, qregs = _qubit_names(circuit, taken, 3)
    variables = _variables(circuit, taken, 3)
    parameters = {p: _take(p, taken, 3) for p in circuit.parameters}
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";', *_definitions(circuit, 3)]
    head += [f"input float[64] {p};" for p in parameters.values()]
    head += [f"qubit[{r.size}] {r.name};" for r in qregs]
    head += [_declaration(v) for v in variables]
    if circuit.global_phase:
        head.append(f"gphase({real(circuit.global_phase)});")
    symbolic = {(i, s): parameter_text(e, parameters) for i, s, e in circuit.symbolic}
    lines = _gate_lines(circuit, 3, qubits, angles, {}, symbolic)
    writer = ClassicalWriter(variables)
    _fill_plain(lines, circuit, qubits, writer, "{1} = measure {0};")
    _fill_delays(lines, circuit, qubits)
    for i in np.flatnonzero(circuit.op >= Op.IF).tolist():
        lines[i] = _control_line(circuit, i, writer)
    _indent(lines, circuit)
    return _text([*head, *lines])


def to_openqasm2(circuit: Circuit) -> str:
    """The circuit as canonical OpenQASM 2, up to its global phase.

    MCX and MCP are unrolled. ProgramError ``unsupported`` for what version 2 cannot say:
    unbound parameters, variables, loops, else, assignments, and conditions other than
    register == constant.
    """
    if circuit.parameters:
        raise ProgramError(
            "unsupported",
            f"OpenQASM 2 has no free parameters: give parameter {circuit.parameters[0]!r} a value",
        )
    circuit = to_ops(circuit, _OPS_2)
    taken: set[str] = set()
    qubits, qregs = _qubit_names(circuit, taken, 2)
    variables = _variables(circuit, taken, 2)
    if not all(v.is_bits for v in variables):
        raise ProgramError("unsupported", "OpenQASM 2 has no classical variables")
    head = ["OPENQASM 2.0;", 'include "qelib1.inc";', *_definitions(circuit, 2)]
    head += [f"qreg {r.name}[{r.size}];" for r in qregs]
    head += [f"creg {v.name}[{v.size}];" for v in variables]
    lines = _gate_lines(circuit, 2, qubits, angles, {})
    _fill_plain(lines, circuit, qubits, ClassicalWriter(variables), "measure {0} -> {1};")
    kept = _conditions_2(lines, circuit, variables)
    return _text([*head, *lines[kept]])


def _text(lines: Iterable[str]) -> str:
    return "".join([f"{line}\n" for line in lines if line])


def _take(name: str, taken: set[str], version: int) -> str:
    free = identifier(name, taken, version)
    taken.add(free)
    return free


def _qubit_names(
    circuit: Circuit, taken: set[str], version: int
) -> tuple[list[str], list[Register]]:
    """Text of every qubit, and the registers to declare: the circuit's own where they
    hold every qubit once, else one register ``q``."""
    registers = [r for r in circuit.qregs if r.size]
    in_order = [q for r in registers for q in range(r.offset, r.offset + r.size)]
    if in_order != list(range(circuit.num_qubits)):
        registers = [Register("q", circuit.num_qubits, 0)] if circuit.num_qubits else []
    registers = [Register(_take(r.name, taken, version), r.size, r.offset) for r in registers]
    return [f"{r.name}[{k}]" for r in registers for k in range(r.size)], registers


def _variables(circuit: Circuit, taken: set[str], version: int) -> list[Variable]:
    """All classical bits as variables, hidden ones last, where a reader puts them too;
    bits outside every register are hidden."""
    registers = sorted((r for r in circuit.cregs if r.size), key=lambda r: r.hidden)
    covered = {b for r in registers for b in range(r.offset, r.offset + r.size)}
    loose = [b for b in range(circuit.num_clbits) if b not in covered]
    registers += [Register("bits", 1, b, hidden=True) for b in loose]
    return [
        Variable(_take(r.name, taken, version), r.offset, r.size, not r.hidden) for r in registers
    ]


def _declaration(v: Variable) -> str:
    return f"bit[{v.size}] {v.name};" if v.is_bits else f"uint[{v.size}] {v.name} = 0;"


def _definitions(circuit: Circuit, version: int) -> list[str]:
    used = {Op(op) for op in np.unique(circuit.op).tolist()} & DEFINITIONS.keys()
    if version == 2:
        bodies = [DEFINITIONS[op] for op in sorted(used - _IN_QELIB1)]
        return [text.replace("gphase(-pi/4); ", "") for text in bodies]
    return [DEFINITIONS[op] for op in sorted(used)]


def _gate_lines(
    circuit: Circuit,
    version: int,
    qubits: Sequence[str],
    number: Callable[[NDArray[np.float64]], list[str]],
    names: Mapping[int, str],
    symbolic: Mapping[tuple[int, int], str] | None = None,
) -> Lines:
    """One line an operation; empty text for those that are neither gates nor barriers."""
    lines = np.full(len(circuit), "", object)
    own = {int(op): name for op, name in (_NAMES_2 if version == 2 else _NAMES_3).items()}
    own.update(names)
    for op in np.unique(circuit.op[circuit.op <= LAST_GATE]).tolist():
        rows = np.flatnonzero(circuit.op == op)
        gate = TABLE[Op(op)]
        columns = [number(circuit.params[rows, k]) for k in range(gate.num_params)]
        _put_symbolic(columns, rows, symbolic or {})
        if gate.num_qubits:
            heads = _heads(own.get(op, gate.name), columns, len(rows))
            places = circuit.qubits[rows, : gate.num_qubits].T.tolist()
            made = _joined(heads, [[qubits[q] for q in place] for place in places])
        else:
            made = _pooled_lines(circuit, rows, qubits, columns, version, own.get(op))
        lines[rows] = np.array(made, object)
    for i in np.flatnonzero(circuit.op == Op.BARRIER).tolist():
        operands = ", ".join(qubits[q] for q in circuit.operands(i))
        lines[i] = f"barrier {operands};" if operands else ""
    return lines


def _put_symbolic(
    columns: list[list[str]], rows: NDArray[np.int64], symbolic: Mapping[tuple[int, int], str]
) -> None:
    if not symbolic:
        return
    for k, column in enumerate(columns):
        for j, i in enumerate(rows.tolist()):
            column[j] = symbolic.get((i, k), column[j])


def _heads(name: str, columns: list[list[str]], count: int) -> Iterable[str]:
    if not columns:
        return [name] * count
    if len(columns) == 1:
        return [f"{name}({p})" for p in columns[0]]
    return [f"{name}({', '.join(ps)})" for ps in zip(*columns, strict=True)]


def _joined(heads: Iterable[str], places: list[list[str]]) -> list[str]:
    if len(places) == 1:
        return [f"{h} {a};" for h, a in zip(heads, places[0], strict=True)]
    if len(places) == 2:
        return [f"{h} {a}, {b};" for h, a, b in zip(heads, *places, strict=True)]
    return [f"{h} {a}, {b}, {c};" for h, a, b, c in zip(heads, *places, strict=True)]


def _pooled_lines(
    circuit: Circuit,
    rows: NDArray[np.int64],
    qubits: Sequence[str],
    columns: list[list[str]],
    version: int,
    name: str | None,
) -> list[str]:
    op = Op(int(circuit.op[rows[0]]))
    if version == 2 and name is None:
        raise ProgramError("unsupported", f"OpenQASM 2 has no {TABLE[op].name}")
    base = "x" if op == Op.MCX else "p"
    angle_texts = [f"({p})" for p in columns[0]] if columns else [""] * len(rows)
    result = []
    for i, text in zip(rows.tolist(), angle_texts, strict=True):
        operands = circuit.operands(i)
        controls = len(operands) - 1
        prefix = name or ("" if not controls else f"ctrl({controls}) @ ") + base
        result.append(f"{prefix}{text} {', '.join(qubits[q] for q in operands)};")
    return result


def _fill_plain(
    lines: Lines, circuit: Circuit, qubits: Sequence[str], writer: ClassicalWriter, measure: str
) -> None:
    for i in np.flatnonzero(circuit.op == Op.MEASURE).tolist():
        place = writer.place(int(circuit.aux[i]))
        lines[i] = measure.format(qubits[circuit.qubits[i, 0]], place)
    for i in np.flatnonzero(circuit.op == Op.RESET).tolist():
        lines[i] = f"reset {qubits[circuit.qubits[i, 0]]};"


def _fill_delays(lines: Lines, circuit: Circuit, qubits: Sequence[str]) -> None:
    """OpenQASM 2 has no word for a delay, and loses them."""
    for i in np.flatnonzero(circuit.op == Op.DELAY).tolist():
        length, unit = circuit.params[i, :2].tolist()
        if math.isnan(length):
            raise ProgramError("unsupported", "a delay of unknown length has no OpenQASM 3 text")
        text = f"{real(length)}{'dt' if unit == STEPS else 'ns'}"
        lines[i] = f"delay[{text}] {qubits[circuit.qubits[i, 0]]};"


_KEYWORDS = {Op.ELSE: "} else {", Op.END: "}", Op.BREAK: "break;", Op.CONTINUE: "continue;"}


def _control_line(circuit: Circuit, i: int, writer: ClassicalWriter) -> str:
    op = Op(int(circuit.op[i]))
    if op in (Op.IF, Op.WHILE):
        condition = writer.condition(circuit.exprs[circuit.aux[i]])
        return f"{op.name.lower()} ({condition}) {{"
    if op == Op.ASSIGN:
        start = int(circuit.qubits[i, 0])
        offset, size = circuit.pool[start : start + 2].tolist()
        return writer.assignment(offset, size, circuit.exprs[circuit.aux[i]])
    return _KEYWORDS[op]


def _indent(lines: Lines, circuit: Circuit) -> None:
    """Two spaces a block."""
    if not np.any(circuit.op >= Op.IF):
        return
    opens = np.isin(circuit.op, [Op.IF, Op.WHILE]).astype(int)
    closes = (circuit.op == Op.END).astype(int)
    depth = np.cumsum(opens - closes) - opens - (circuit.op == Op.ELSE)
    lines[:] = ["  " * d + line for d, line in zip(depth.tolist(), lines, strict=True)]


def _conditions_2(
    lines: Lines, circuit: Circuit, variables: Sequence[Variable]
) -> NDArray[np.int64]:
    """Prefix the lines of every IF block with its condition; returns the lines to keep."""
    control = np.flatnonzero(circuit.op >= Op.IF)
    for first, last in zip(control[::2].tolist(), control[1::2].tolist(), strict=False):
        if (circuit.op[first], circuit.op[last]) != (Op.IF, Op.END):
            raise ProgramError("unsupported", _WHY_NOT_2)
        register, value = _equality(circuit, first, variables)
        bits = range(register.offset, register.offset + register.size)
        body = range(first + 1, last)
        writes = [i for i in body if circuit.op[i] == Op.MEASURE and circuit.aux[i] in bits]
        if writes and writes[0] != last - 1:
            raise ProgramError("unsupported", _WHY_NOT_2)
        for i in body:
            if circuit.op[i] != Op.BARRIER:
                lines[i] = f"if({register.name}=={value}) {lines[i]}"
    if len(control) % 2:
        raise ProgramError("unsupported", _WHY_NOT_2)
    return np.flatnonzero(circuit.op < Op.IF)


_WHY_NOT_2 = "OpenQASM 2 has no control flow but single operations under register == constant"


def _equality(circuit: Circuit, i: int, variables: Sequence[Variable]) -> tuple[Variable, int]:
    expr = circuit.exprs[circuit.aux[i]]
    for v in variables:
        bits = ("bits", v.offset, v.size)
        if expr[0] == "eq" and expr[1] == bits and expr[2][0] == "const":
            return v, int(expr[2][1])
    raise ProgramError("unsupported", _WHY_NOT_2)
