"""Messy files, each with the operations that it must become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.validate import validate

GOLDEN = Path(__file__).parents[3] / "golden" / "openqasm"
FILES = sorted(GOLDEN.glob("*.qasm"))
WITH_EXPR = (Op.IF, Op.WHILE, Op.ASSIGN)


def listing(circuit: Circuit) -> str:
    lines = [f"qubits {circuit.num_qubits} clbits {circuit.num_clbits}"]
    lines += [f"qreg {r.name} {r.offset}+{r.size}" for r in circuit.qregs]
    lines += [
        f"creg {r.name} {r.offset}+{r.size}{' hidden' if r.hidden else ''}" for r in circuit.cregs
    ]
    lines += [line(circuit, i) for i in range(len(circuit))]
    if circuit.global_phase:
        lines.append(f"phase {round(circuit.global_phase, 12)}")
    return "\n".join(lines) + "\n"


def line(circuit: Circuit, i: int) -> str:
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
    if op in WITH_EXPR:
        words.append(str(circuit.exprs[circuit.aux[i]]))
    return " ".join(words)


def test_there_are_golden_files() -> None:
    assert [f.stem for f in FILES] == [
        "late_header",
        "many_controls",
        "mid_circuit",
        "modern",
        "no_header",
        "redefined",
        "windows",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_messy_file_becomes_the_expected_operations(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    circuit = read_openqasm(text)
    validate(circuit, DEFAULT)
    assert listing(circuit) == path.with_suffix(".ops").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_layout_of_the_text_does_not_matter(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    spread = (
        re.sub(r"//.*", "", text)
        .replace(";", " ; // a remark\n\n /* and ; another */\t")
        .replace(",", "\n ,\r\n ")
    )
    if path.stem == "modern":
        spread = spread.replace("#pragma layout trivial", "\n#pragma layout trivial\n")
    assert listing(read_openqasm(spread)) == path.with_suffix(".ops").read_text()
