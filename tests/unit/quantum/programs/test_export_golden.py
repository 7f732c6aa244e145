"""Exports against files in tests/golden, byte for byte.

``python tests/unit/quantum/programs/test_export_golden.py`` writes the files anew.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.export_openqasm import to_openqasm2, to_openqasm3
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.qcis import read_qcis
from markaz.quantum.programs.reference import distribution, unitary

GOLDEN = Path(__file__).parents[3] / "golden"
ANGLES = (math.pi / 4, -0.1, 1e-9, 2.5)


def every_gate() -> Circuit:
    """Each gate of the table once, pooled gates on four qubits."""
    builder = Builder(global_phase=0.5)
    builder.qreg("q", 4)
    for gate in TABLE.values():
        builder.gate(gate.op, range(gate.num_qubits or 4), ANGLES[: gate.num_params])
    return builder.build()


def teleportation() -> Circuit:
    """Corrections under register conditions."""
    builder = Builder()
    builder.qreg("q", 3)
    for name in ("a", "b", "out"):
        builder.creg(name, 1)
    builder.gate(Op.RY, (0,), (1.1,))
    builder.gate(Op.H, (1,))
    builder.gate(Op.CX, (1, 2))
    builder.gate(Op.CX, (0, 1))
    builder.gate(Op.H, (0,))
    builder.measure(0, 0)
    builder.measure(1, 1)
    for bit, op in ((1, Op.X), (0, Op.Z)):
        builder.control(Op.IF, ("eq", ("bits", bit, 1), ("const", 1)))
        builder.gate(op, (2,))
        builder.control(Op.END)
    builder.measure(2, 2)
    return builder.build()


def repeat_until_success() -> Circuit:
    """A loop with a counter in a hidden register, break and else."""
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("c", 2)
    builder.creg("tries", 3, hidden=True)
    tries = ("bits", 2, 3)
    builder.control(Op.WHILE, ("lt", tries, ("const", 3)))
    builder.assign(2, 3, ("cast", ("add", tries, ("const", 1)), 3))
    builder.gate(Op.H, (0,))
    builder.measure(0, 0)
    builder.control(Op.IF, ("bits", 0, 1))
    builder.control(Op.BREAK)
    builder.control(Op.ELSE)
    builder.reset(0)
    builder.control(Op.END)
    builder.control(Op.END)
    builder.control(Op.IF, ("land", ("not", ("bits", 0, 1)), ("ge", tries, ("const", 3))))
    builder.assign(1, 1, ("const", 1))
    builder.control(Op.END)
    return builder.build()


def qft() -> Circuit:
    """Quarter turns and the like, then measurements out of order."""
    builder = Builder()
    builder.qreg("q", 3)
    builder.creg("c", 3)
    for a in range(3):
        builder.gate(Op.H, (a,))
        for b in range(a + 1, 3):
            builder.gate(Op.CP, (b, a), (math.pi / (1 << (b - a)),))
    builder.gate(Op.U, (0,), (math.pi / 2, 0.25, -0.25))
    builder.gate(Op.RX, (1,), (-math.pi / 2,))
    builder.barrier((0, 1, 2))
    for a in range(3):
        builder.measure(a, 2 - a)
    return builder.build()


CASES = {
    "openqasm_out/every_gate.v3.qasm": (every_gate, to_openqasm3),
    "openqasm_out/every_gate.v2.qasm": (every_gate, to_openqasm2),
    "openqasm_out/teleportation.v3.qasm": (teleportation, to_openqasm3),
    "openqasm_out/teleportation.v2.qasm": (teleportation, to_openqasm2),
    "openqasm_out/repeat_until_success.v3.qasm": (repeat_until_success, to_openqasm3),
    "openqasm_out/qft.v3.qasm": (qft, to_openqasm3),
    "openqasm_out/qft.v2.qasm": (qft, to_openqasm2),
    "qcis/qft.qcis": (qft, to_qcis),
    "qcis/every_gate.qcis": (every_gate, to_qcis),
}


@pytest.mark.parametrize("name", CASES)
def test_export_is_the_golden_file(name):
    build, write = CASES[name]
    assert write(build()) == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_golden_file_is_the_circuit(name):
    """Guards against a wrong file being written anew."""
    circuit = CASES[name][0]()
    read = read_qcis if name.endswith("qcis") else read_openqasm
    again = read((GOLDEN / name).read_text(encoding="utf-8"))
    if circuit.num_clbits:
        assert distribution(again) == pytest.approx(distribution(circuit))
    else:
        assert abs(np.vdot(unitary(again), unitary(circuit))) == pytest.approx(16)


if __name__ == "__main__":
    for name, (build, write) in CASES.items():
        (GOLDEN / name).write_text(write(build()), encoding="utf-8")
