"""A circuit as lines of text, for golden files."""

from __future__ import annotations

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op

_WITH_EXPR = (Op.IF, Op.WHILE, Op.ASSIGN)


def listing(circuit: Circuit) -> str:
    """Sizes, registers, then each operation with its numbers to 12 places."""
    lines = [f"qubits {circuit.num_qubits} clbits {circuit.num_clbits}"]
    lines += [f"qreg {r.name} {r.offset}+{r.size}" for r in circuit.qregs]
    lines += [
        f"creg {r.name} {r.offset}+{r.size}{' hidden' if r.hidden else ''}" for r in circuit.cregs
    ]
    lines += [_line(circuit, i) for i in range(len(circuit))]
    if circuit.global_phase:
        lines.append(f"phase {round(circuit.global_phase, 12)}")
    return "\n".join(lines) + "\n"


def _line(circuit: Circuit, i: int) -> str:
    op = Op(int(circuit.op[i]))
    unbound = {(at, slot): str(expr) for at, slot, expr in circuit.symbolic}
    count = TABLE[op].num_params if op in TABLE else 0
    angles = [
        unbound.get((i, k), str(round(float(circuit.params[i, k]), 12))) for k in range(count)
    ]
    words = [op.name.lower(), *([f"({', '.join(angles)})"] if angles else [])]
    words += [str(x) for x in circuit.operands(i)]
    if op == Op.MEASURE:
        words.append(f"-> {circuit.aux[i]}")
    if op in _WITH_EXPR:
        words.append(str(circuit.exprs[circuit.aux[i]]))
    return " ".join(words)
