"""Circuits that were compiled elsewhere: left as they are, or refused with every reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash

INDUS = load_shipped("indus")
AS_IT_IS = CompileOptions(compiled=True)
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; input float a; bit[2] c; '


def test_a_native_circuit_is_left_as_it_is() -> None:
    circuit = load(HEAD + "rz(a) $6; sx $6; rx(pi/2) $7; ry(-pi/2) $7; cz $7, $6; "
                   "c[0] = measure $6; c[1] = measure $7;")  # fmt: skip
    compiled = compile(circuit, INDUS, None, AS_IT_IS)
    assert compiled.circuit.op.tolist() == circuit.op.tolist()
    assert compiled.circuit.qubits.tolist() == circuit.qubits.tolist()
    assert compiled.start == compiled.end == tuple(range(8))
    assert compiled.qubits == (6, 7)
    assert compiled.program == program_hash(circuit)


def test_every_violation_is_named() -> None:
    circuit = load(HEAD + "h $0; cz $0, $6; cz $3, $8; rx(a) $1; cx $0, $1; rz(a) $1; "
                   "c[0] = measure $0; sx $0;")  # fmt: skip
    with pytest.raises(CompileError) as refused:
        compile(circuit, replace(INDUS, features=()), None, AS_IT_IS)
    assert refused.value.kind == "not-native"
    assert refused.value.violations == (
        "indus measures at the end of a circuit only",
        "operation 0, h $0: no native gate",
        "operation 1, cz $0, $6: no coupler",
        "operation 2, cz $3, $8: a dead coupler",
        "operation 3, rx $1: no native gate",
        "operation 4, cx $0, $1: no native gate",
    )


def test_qubits_beyond_the_device_are_named() -> None:
    circuit = load(HEAD + "sx $20; c[0] = measure $21;")
    with pytest.raises(CompileError) as refused:
        compile(circuit, INDUS, None, AS_IT_IS)
    assert refused.value.violations == (
        "operation 0, sx $20: the device has no qubit $20",
        "operation 1: the device has no qubit $21",
    )


def test_only_so_many_violations_are_named() -> None:
    circuit = load(HEAD + "h $0; " * 200)
    with pytest.raises(CompileError) as refused:
        compile(circuit, INDUS, None, AS_IT_IS)
    assert len(refused.value.violations) == 20
    assert refused.value.message.endswith("; …")


def test_a_gate_of_one_direction_is_checked_for_it() -> None:
    gates = {**INDUS.gates, "ecr": 300.0}
    del gates["cz"]
    model = replace(INDUS, gates=gates)
    for pair, good in (([0, 1], True), ([1, 0], False)):
        builder = Builder()
        builder.qreg("physical", 20)
        builder.gate(Op.ECR, pair)
        if good:
            assert compile(builder.build(), model, None, AS_IT_IS).gates == {"ecr": 1}
            continue
        with pytest.raises(CompileError) as refused:
            compile(builder.build(), model, None, AS_IT_IS)
        assert refused.value.violations == (
            "operation 0, ecr $1, $0: the gate exists in the other direction only",
        )
