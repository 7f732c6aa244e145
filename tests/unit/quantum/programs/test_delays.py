from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from markaz.quantum import api
from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.export_openqasm import to_openqasm2, to_openqasm3
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import NANOSECONDS, STEPS, Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.qiskit_bridge import from_qiskit, to_qiskit
from markaz.quantum.programs.reference import unitary
from markaz.quantum.programs.transform import inverse, remove_delays
from markaz.quantum.programs.validate import InvalidCircuitError, validate

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; '


def waits(circuit: Circuit) -> list[tuple[int, float, float]]:
    """Qubit, length and unit of every delay."""
    rows = np.flatnonzero(circuit.op == Op.DELAY).tolist()
    return [(int(circuit.qubits[i, 0]), *circuit.params[i, :2].tolist()) for i in rows]


def read(body: str) -> Circuit:
    return load((HEAD + body).encode())


@pytest.mark.parametrize(
    ("text", "length", "unit"),
    [
        ("100ns", 100.0, NANOSECONDS),
        ("2.5us", 2500.0, NANOSECONDS),
        ("2.5\u00b5s", 2500.0, NANOSECONDS),
        ("1_0 ms", 1e7, NANOSECONDS),
        ("1e-3s", 1e6, NANOSECONDS),
        ("48dt", 48.0, STEPS),
    ],
)
def test_openqasm_delays_keep_their_length(text: str, length: float, unit: float) -> None:
    circuit = read(f"x q[0]; delay[{text}] q[1]; c = measure q;")
    assert waits(circuit) == [(1, length, unit)]


def test_a_delay_names_registers_several_qubits_or_all() -> None:
    circuit = read("delay[1ns] q; delay[2ns] q[1], q[0]; delay[3ns];")
    assert [(q, length) for q, length, _ in waits(circuit)] == [
        (0, 1.0), (1, 1.0), (1, 2.0), (0, 2.0), (0, 3.0), (1, 3.0),
    ]  # fmt: skip


def test_named_durations_and_stretches() -> None:
    circuit = read("duration d = 40ns; stretch s; delay[d] q[0]; delay[s] q[1];")
    assert waits(circuit) == [(0, 40.0, NANOSECONDS)]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("delay[5] q[0];", "parse"),
        ("duration d = 40ns; delay[2 * d] q[0];", "unsupported"),
        ("duration d; delay[d] q[0];", "unsupported"),
        (f"delay[{'9' * 400}ns] q[0];", "limit-size"),
    ],
)
def test_delays_of_no_known_length_are_refused(body: str, kind: str) -> None:
    with pytest.raises(ProgramError) as caught:
        read(body)
    assert (caught.value.kind, caught.value.line) == (kind, 1)


def test_openqasm_3_round_trip() -> None:
    circuit = read("x q[0]; delay[0.1ns] q[0]; delay[7dt] q[1]; c = measure q;")
    assert program_hash(load(to_openqasm3(circuit).encode())) == program_hash(circuit)


def test_openqasm_2_has_no_delays() -> None:
    assert "delay" not in to_openqasm2(read("x q[0]; delay[1ns] q[0];"))


def test_qcis_counts_half_nanoseconds() -> None:
    circuit = load(b"X2P Q0\nI Q0 60\nM Q0\n")
    assert waits(circuit) == [(0, 30.0, NANOSECONDS)]
    assert to_qcis(circuit) == "X2P Q0\nI Q0 60\nM Q0\n"
    with pytest.raises(ProgramError, match="clock steps"):
        to_qcis(read("delay[4dt] q[0];"))
    with pytest.raises(ProgramError, match="not a time"):
        load(b"I Q0 -3\nM Q0\n")


def test_qiskit_round_trip() -> None:
    made = QuantumCircuit(2)
    made.delay(1.5, 0, "us")
    made.delay(64, 1, "dt")
    circuit = from_qiskit(made)
    assert waits(circuit) == [(0, 1500.0, NANOSECONDS), (1, 64.0, STEPS)]
    assert waits(from_qiskit(to_qiskit(circuit))) == waits(circuit)


def test_a_parameter_can_be_the_length() -> None:
    t = Parameter("t")
    made = QuantumCircuit(1)
    made.delay(t, 0, "us")
    circuit = from_qiskit(made)
    assert waits(bind(circuit, {"t": 2.0})) == [(0, 2000.0, NANOSECONDS)]
    assert waits(bind(from_qiskit(to_qiskit(circuit)), {"t": 2.0})) == [(0, 2000.0, NANOSECONDS)]


def test_the_hash_knows_length_and_unit() -> None:
    bodies = ("delay[1ns] q[0];", "delay[1us] q[0];", "delay[1dt] q[0];", "")
    assert len({program_hash(read(body)) for body in bodies}) == 4
    assert program_hash(read("delay[1us] q[0];")) == program_hash(read("delay[1000ns] q[0];"))


def test_nothing_waits_where_time_does_nothing() -> None:
    circuit = read("h q[0]; delay[1us] q[0]; cx q[0], q[1]; delay[3dt] q[1]; c = measure q;")
    plain = read("h q[0]; cx q[0], q[1]; c = measure q;")
    assert program_hash(remove_delays(circuit)) == program_hash(plain)
    found = api.run(circuit, shots=200, seed=5)
    assert found.counts == api.run(plain, shots=200, seed=5).counts
    values = api.run(circuit, observables=["XX", "ZZ"]).values
    assert values == pytest.approx([1.0, 1.0])


def test_a_delay_in_a_dynamic_program() -> None:
    circuit = read("x q[0]; c[0] = measure q[0]; if (c[0]) { delay[1us] q[1]; x q[1]; } "
                   "c[1] = measure q[1];")  # fmt: skip
    assert len(waits(circuit)) == 1
    assert api.run(circuit, shots=20, seed=1).counts == {"11": 20}


def test_inverse_and_matrix() -> None:
    builder = Builder()
    builder.qreg("q", 1)
    builder.gate(Op.S, [0])
    builder.delay(0, 20.0, NANOSECONDS)
    circuit = builder.build()
    back = inverse(circuit)
    assert waits(back) == [(0, 20.0, NANOSECONDS)]
    assert np.allclose(unitary(back) @ unitary(circuit), np.eye(2))


@pytest.mark.parametrize(("length", "unit"), [(-1.0, NANOSECONDS), (1.0, 2.0)])
def test_impossible_delays_are_no_circuits(length: float, unit: float) -> None:
    builder = Builder()
    builder.qreg("q", 1)
    builder.delay(0, length, unit)
    with pytest.raises(InvalidCircuitError, match="delay"):
        validate(builder.build(), DEFAULT)


def test_delays_cross_the_wire() -> None:
    circuit = read("delay[1us] q[0]; delay[3dt] q[1];")
    assert waits(wire.decode(wire.encode(circuit))) == waits(circuit)
