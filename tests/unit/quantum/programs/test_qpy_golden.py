"""QPY files of every version that Qiskit 2.6 writes, and the operations that they must become.

``PYTHONPATH=. python tests/unit/quantum/programs/test_qpy_golden.py`` writes the files that are
missing, in versions that the installed Qiskit can write; those that are there stay as they are.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr, types

from markaz.quantum.programs import intake
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.qpy import read_qpy
from markaz.quantum.programs.validate import validate
from tests.circuit_listing import listing

GOLDEN = Path(__file__).parents[3] / "golden" / "qpy"
VERSIONS = range(13, 19)


def gates() -> QuantumCircuit:
    """Gates, some with angles, controls, a definition; two registers; a global phase."""
    inner = QuantumCircuit(2, name="pair")
    inner.h(0)
    inner.cz(0, 1)
    qc = QuantumCircuit(
        QuantumRegister(2, "a"), QuantumRegister(2, "b"), ClassicalRegister(4, "out")
    )
    qc.global_phase = 0.25
    qc.u(0.1, 0.2, 0.3, 0)
    qc.append(lib.XGate().control(3, ctrl_state=5), [0, 1, 2, 3])
    qc.append(inner.to_gate(), [3, 1])
    qc.barrier(0, 2)
    qc.delay(120, 1, "ns")
    qc.rzz(-1.5, 0, 3)
    qc.measure([0, 1, 2, 3], [3, 2, 1, 0])
    return qc


def parameters() -> QuantumCircuit:
    """Unbound parameters, in expressions and from a vector."""
    t, v = Parameter("t"), ParameterVector("v", 2)
    qc = QuantumCircuit(2, global_phase=t / 2)
    qc.rx(2 * t + v[1], 0)
    qc.ry(v[0] * v[1], 1)
    qc.cp(-t, 0, 1)
    return qc


def feedback() -> QuantumCircuit:
    """Conditions, a switch, loops, a variable, a reset."""
    qc = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(3, "c"))
    count = qc.add_var("count", expr.lift(0, types.Uint(4)))
    qc.h(0)
    qc.measure(0, 0)
    with qc.if_test((qc.cregs[0], 5)) as otherwise:
        qc.x(1)
    with otherwise:
        qc.store(count, expr.bit_or(count, expr.cast(qc.cregs[0], types.Uint(4))))
    with qc.switch(qc.cregs[0]) as case:
        with case(1, 2):
            qc.z(1)
        with case(case.DEFAULT):
            qc.s(1)
    with qc.while_loop((qc.clbits[1], 0)):
        qc.reset(1)
        qc.h(1)
        qc.measure(1, 1)
    with qc.if_test(expr.less(count, 3)):
        qc.y(0)
    qc.measure(0, 2)
    return qc


PROGRAMS = {"gates": gates, "parameters": parameters, "feedback": feedback}
CASES = [(name, version) for name in PROGRAMS for version in VERSIONS]


def test_the_installed_qiskit_writes_nothing_newer() -> None:
    """Otherwise a golden file of the newer version is due."""
    assert qpy.common.QPY_VERSION in VERSIONS


@pytest.mark.parametrize(("name", "version"), CASES)
def test_a_file_becomes_the_expected_operations(name: str, version: int) -> None:
    data = (GOLDEN / f"{name}.v{version}.qpy").read_bytes()
    assert data[:7] == b"QISKIT" + bytes([version])

    circuit = read_qpy(data)

    validate(circuit, DEFAULT)
    assert listing(circuit) == (GOLDEN / f"{name}.ops").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_guarded_child_reads_the_oldest_and_the_newest_alike(name: str) -> None:
    oldest, newest = (
        (GOLDEN / f"{name}.v{version}.qpy").read_bytes() for version in (VERSIONS[0], VERSIONS[-1])
    )
    guarded = {listing(intake.load(data, guarded=True)) for data in (oldest, newest)}
    assert guarded == {listing(intake.load(newest))}


if __name__ == "__main__":
    for name, version in CASES:
        path = GOLDEN / f"{name}.v{version}.qpy"
        if not path.exists() and version <= qpy.common.QPY_VERSION:
            with path.open("wb") as file:
                qpy.dump(PROGRAMS[name](), file, version=version)
