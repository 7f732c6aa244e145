from __future__ import annotations

import math

import pytest

from markaz.quantum.programs.circuit import Builder, Register
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.program_hash import program_hash


def program(**changes):
    """A program with everything in it; ``changes`` replace what the tests vary."""
    p = {"angle": 0.5, "names": ("q", "c", "v"), "phase": 0.25, "bit": 1, "value": 3} | changes
    builder = Builder(global_phase=p["phase"])
    builder.qreg(p["names"][0], 3)
    builder.creg(p["names"][1], 2)
    builder.creg(p["names"][2], 2, hidden=True)
    builder.gate(Op.RX, (0,), (p["angle"],))
    builder.gate(Op.MCX, p.get("operands", (2, 1, 0)))
    builder.measure(0, p["bit"])
    builder.control(Op.IF, ("eq", ("bits", 0, 2), ("const", p["value"])))
    builder.gate(Op.U, (1,), (math.nan, 0.0, 0.0))
    builder.control(Op.END)
    builder.assign(2, 2, ("const", p["value"]))
    builder.parameters.append("a")
    builder.symbolic.append((4, 0, ("mul", ("const", p.get("factor", 2.0)), ("param", "a"))))
    return builder.build()


BASE = program_hash(program())


def test_form():
    assert BASE.startswith("sha256:") and len(BASE) == 71


def test_the_format_is_frozen():
    """Hashes are stored with results: a change here needs a new version in the hash."""
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("c", 1)
    builder.gate(Op.CP, (1, 0), (0.1,))
    builder.measure(1, 0)
    assert program_hash(builder.build()) == FROZEN


@pytest.mark.parametrize(
    "changes",
    [
        {"angle": math.nextafter(0.5, 1)},
        {"names": ("q", "d", "v")},
        {"phase": 0.0},
        {"bit": 0},
        {"value": 2},
        {"operands": (1, 2, 0)},
        {"operands": (2, 0)},
        {"factor": 3.0},
    ],
)
def test_what_counts(changes):
    assert program_hash(program(**changes)) != BASE


def test_sizes_and_register_layout_count():
    circuit = program()
    split = (Register("c", 1, 0), Register("d", 1, 1), circuit.cregs[1])
    shown = (circuit.cregs[0], Register("v", 2, 2))
    swapped = (Register("d", 1, 1), Register("c", 1, 0), circuit.cregs[1])
    variants = [
        circuit,
        circuit.with_arrays(num_qubits=4),
        circuit.with_arrays(num_clbits=5),
        circuit.with_arrays(cregs=split),
        circuit.with_arrays(cregs=shown),
        circuit.with_arrays(cregs=swapped),
        circuit.with_arrays(symbolic=((4, 0, ("param", "b")),), parameters=("b",)),
    ]
    assert len({program_hash(c) for c in variants}) == len(variants)


def test_the_order_of_operations_counts():
    hashes = set()
    for order in ((0, 1), (1, 0)):
        builder = Builder(2)
        for q in order:
            builder.gate(Op.X, (q,))
        hashes.add(program_hash(builder.build()))
    assert len(hashes) == 2


def test_operand_lists_are_not_run_together():
    hashes = set()
    for sizes in ((1, 2), (2, 1)):
        builder = Builder(3)
        operands = iter(range(3))
        for size in sizes:
            builder.barrier([next(operands) for _ in range(size)])
        hashes.add(program_hash(builder.build()))
    assert len(hashes) == 2


def test_names_of_qubits_and_variables_do_not_count():
    assert program_hash(program(names=("qubits", "c", "w"))) == BASE


def test_zero_has_one_sign():
    assert program_hash(program(angle=0.0)) == program_hash(program(angle=-0.0))
    assert program_hash(program(phase=0.0)) == program_hash(program(phase=-0.0))
    assert program_hash(program(factor=0.0)) == program_hash(program(factor=-0.0))


def test_how_the_arrays_were_built_does_not_count():
    circuit = program()
    params = circuit.params.copy()
    params[1] = 7.0  # MCX has no parameters
    pool = circuit.pool[[0, 0, 1, 2, 3, 4]]
    qubits = circuit.qubits.copy()
    qubits[[1, 6], 0] += 1
    exprs = ((("const", 9)), *circuit.exprs)
    aux = circuit.aux.copy()
    aux[[3, 6]] += 1
    other = circuit.with_arrays(
        params=params, pool=pool, qubits=qubits, exprs=exprs, aux=aux, measured="implicit"
    )
    assert program_hash(other) == BASE


def test_formatting_does_not_count():
    plain = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[1]; cx q[0],q[1]; rz(pi/2) q[0]; '
    )
    other = """// a comment
    OPENQASM 3.0;
    include "stdgates.inc";
    gate mine(t) a, b { cx a, b; rz(2*t) a; }
    qubit[2] wires;
    bit[1] c;
    mine(pi/4) wires[0], wires[1];
    c[0] = measure wires[1];
    """
    assert program_hash(read_openqasm(plain + "measure q[1]->c[0];")) == program_hash(
        read_openqasm(other)
    )


FROZEN = "sha256:71eaf373a088ef28c82b85cfcffb72be23ef87b804eaf634785ad86e795ec439"
