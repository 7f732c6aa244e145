"""A compiled circuit as text and as a drawing."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from markaz.quantum.compile.compiled import physical_openqasm3
from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import NANOSECONDS, Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from tests.compile_check import distribution, measured_all, random_circuit, same_distribution

INDUS = load_shipped("indus")


def test_openqasm_with_physical_qubits_reads_back() -> None:
    compiled = compile(measured_all(random_circuit(4, 15, 1), 1), INDUS)
    text = compiled.openqasm3()
    assert "qubit" not in text
    again = load(text)
    rows = again.qubits.tolist()
    assert rows == compiled.circuit.qubits.tolist()
    assert again.op.tolist() == compiled.circuit.op.tolist()
    np.testing.assert_array_equal(again.params, compiled.circuit.params)
    kept = compile(again, INDUS, None, CompileOptions(compiled=True))
    assert kept.fidelity == compiled.fidelity
    assert kept.hash == program_hash(compiled.circuit)


def test_a_register_of_the_same_name_does_not_disturb() -> None:
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("physical__qubits", 2)
    builder.gate(Op.SX, [1])
    builder.measure(1, 0)
    text = physical_openqasm3(builder.build())
    assert text.splitlines()[2:] == [
        "bit[2] physical__qubits_;", "sx $1;", "physical__qubits_[0] = measure $1;"
    ]  # fmt: skip


def test_waits_are_delays() -> None:
    builder = Builder()
    builder.qreg("q", 2)
    builder.gate(Op.ID, [0])
    builder.delay(1, 62.5, NANOSECONDS)
    text = physical_openqasm3(builder.build())
    assert text.splitlines()[2:] == ["id $0;", "delay[62.5ns] $1;"]


def test_qcis_means_the_same() -> None:
    circuit = measured_all(random_circuit(4, 15, 2), 2)
    compiled = compile(circuit, INDUS)
    read = load(compiled.qcis(), fmt="qcis")
    assert {w.split()[0] for w in compiled.qcis().splitlines()} <= {
        "X2P", "RZ", "CZ", "M", "B"}  # fmt: skip
    wanted = distribution(circuit)
    assert same_distribution(circuit, compiled)
    small = compile(read, INDUS)
    assert same_distribution(read, small)
    assert len(wanted) > 1


def test_the_drawing_is_well_formed_and_the_text_names_every_operation() -> None:
    compiled = compile(measured_all(random_circuit(4, 15, 3), 3), INDUS)
    root = ElementTree.fromstring(compiled.drawing())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    lines = compiled.text().splitlines()
    operations = int(np.sum(compiled.circuit.op != Op.BARRIER))
    assert len(lines) == operations
    assert lines[-1].startswith(f"{operations}. measure q")
