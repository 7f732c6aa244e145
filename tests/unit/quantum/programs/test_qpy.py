"""QPY files of every version, the scan in front of Qiskit, and the guarded child."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import qiskit.circuit
import qiskit.circuit.library
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Operation, Parameter, ParameterVector
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import SparsePauliOp, random_clifford, random_unitary

from markaz.quantum.programs import intake
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.qiskit_bridge import from_qiskit
from markaz.quantum.programs.qpy import check_structure, read_qpy
from markaz.quantum.programs.qpy_names import CONTROLLED, NAMES, SIZED
from markaz.quantum.programs.wire import encode
from tests.attacks.hostile_qpy import file

VERSIONS = range(13, qpy.common.QPY_VERSION + 1)


def dumped(circuit: QuantumCircuit, version: int = qpy.common.QPY_VERSION) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=version)
    return buffer.getvalue()


def plain() -> QuantumCircuit:
    qc = QuantumCircuit(3, 2, name="nämé", metadata={"a": [1, {"b": None}]}, global_phase=0.5)
    qc.h(0)
    qc.cx(0, 2)
    qc.u(0.1, 0.2, 0.3, 1)
    qc.ccx(2, 0, 1)
    qc.barrier()
    qc.delay(10, 1)
    qc.reset(0)
    qc.measure([0, 2], [1, 0])
    return qc


def parametric() -> QuantumCircuit:
    v, t = ParameterVector("v", 3), Parameter("θ")
    qc = QuantumCircuit(2, global_phase=t)
    qc.rx(v[1] * 2 + t.sin() / v[0], 0)
    qc.ry(t, 1)
    qc.rz(v[2], 1)
    qc.append(lib.MCPhaseGate(t**2, 1), [0, 1])
    return qc


def dynamic() -> QuantumCircuit:
    qc = QuantumCircuit(qiskit.circuit.QuantumRegister(2, "q"))
    a = qiskit.circuit.ClassicalRegister(3, "a")
    qc.add_register(a)
    qc.measure(0, 0)
    v = qc.add_var("v", expr.lift(3, types.Uint(4)))
    with qc.if_test((a, 5)) as otherwise:
        qc.x(0)
    with otherwise, qc.if_test(expr.less(v, 9)):
        qc.store(v, expr.bit_xor(v, expr.cast(a, types.Uint(4))))
    with qc.switch(a) as case:
        with case(1, 2):
            qc.h(1)
        with case(case.DEFAULT):
            qc.z(1)
    with qc.for_loop(range(0, 6, 2)) as i:
        qc.rx(i * 0.1, 0)
    with qc.while_loop((qc.clbits[1], 0)):
        qc.measure(1, 1)
        qc.break_loop()
    with qc.box():
        qc.y(0)
    return qc


def composed() -> QuantumCircuit:
    inner = QuantumCircuit(2, name="inner_gate")
    inner.append(lib.UnitaryGate(random_unitary(4, seed=1)), [0, 1])
    qc = QuantumCircuit(5)
    qc.append(inner.to_gate(label="sub").control(2, ctrl_state=1), [4, 3, 0, 1])
    qc.append(inner.to_gate().inverse(), [2, 1])
    qc.append(lib.HGate().control(2, annotated=True), [0, 1, 2])
    qc.append(random_clifford(2, seed=1), [3, 4])
    qc.append(lib.PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"], [0.1, 0.2]), 0.7), [0, 1])
    qc.append(lib.QFTGate(3), [0, 1, 2])
    qc.append(lib.PermutationGate([2, 0, 1]), [0, 1, 2])
    qc.append(lib.MCXGate(4, ctrl_state=6), range(5))
    qc.append(lib.DiagonalGate([1, 1j, -1, 1]), [0, 4])
    qc.append(lib.PauliGate("XZ"), [0, 4])
    qc.initialize("01+", [0, 1, 2])
    qc.prepare_state([0.6, 0.8j], 3)
    return qc


def scattered() -> QuantumCircuit:
    bits = [qiskit.circuit.Clbit() for _ in range(4)]
    register = qiskit.circuit.ClassicalRegister(name="r", bits=[bits[3], bits[0]])
    qc = QuantumCircuit([qiskit.circuit.Qubit()], bits, register)
    qc.measure(0, 3)
    return qc


PROGRAMS: list[Callable[[], QuantumCircuit]] = [plain, parametric, dynamic, composed, scattered]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_version_gives_what_qiskit_gives(
    program: Callable[[], QuantumCircuit], version: int
) -> None:
    data = dumped(program(), version)
    (loaded,) = qpy.load(io.BytesIO(data))
    assert encode(read_qpy(data)) == encode(from_qiskit(loaded))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_guarded_child_reads_the_same(program: Callable[[], QuantumCircuit]) -> None:
    """In a process whose matrix libraries have already started threads."""
    np.linalg.eigh(np.eye(200))
    assert (np.ones((500, 500)) @ np.ones((500, 500))).shape == (500, 500)
    data = dumped(program())
    here = intake.load(data)
    assert encode(intake.load(data, guarded=True)) == encode(here)


def test_matrices_in_the_child_do_not_wait_for_threads() -> None:
    import scipy.linalg

    scipy.linalg.expm(np.ones((300, 300)))
    qc = QuantumCircuit(6)
    qc.append(lib.UnitaryGate(random_unitary(64, seed=1)), range(6))
    circuit = intake.load(dumped(qc), guarded=True, time_limit=20)
    assert circuit.num_qubits == 6


def test_a_file_by_name(tmp_path: Any) -> None:
    path = tmp_path / "program.qpy"
    path.write_bytes(dumped(plain()))
    assert intake.load(path, guarded=True).measurements() == [(0, 1), (2, 0)]
    path.rename(tmp_path / "wrong.qasm")
    assert intake.load(tmp_path / "wrong.qasm", guarded=True).num_qubits == 3


def test_the_scan_needs_no_qiskit() -> None:
    code = (
        "import sys\nfrom markaz.quantum.programs.intake import load\n"
        "from markaz.quantum.programs.errors import ProgramError\n"
        "try: load(sys.stdin.buffer.read(), guarded=True)\n"
        "except ProgramError as error: print(error.kind, 'qiskit' in sys.modules)\n"
    )
    bad = dumped(plain()).replace(b"CCXGate", b"QuantVo")
    run = subprocess.run([sys.executable, "-c", code], input=bad, capture_output=True, check=True)
    assert run.stdout == b"unsupported False\n"


def test_every_cut_is_refused_by_the_scan() -> None:
    for version in (13, VERSIONS[-1]):
        for program in (plain, dynamic, composed):
            data = dumped(program(), version)
            for size in range(0, len(data), 1 + len(data) // 60):
                with pytest.raises(ProgramError) as caught:
                    check_structure(data[:size])
                assert caught.value.kind in ("parse", "limit-size")


def test_names_are_those_of_qiskit() -> None:
    """Each name is an operation of this Qiskit, and none is a circuit in disguise."""
    for name in NAMES:
        found = next(
            getattr(m, name)
            for m in (
                qiskit.circuit.library,
                qiskit.circuit,
                qiskit.circuit.controlflow,
                qiskit.quantum_info,
            )
            if hasattr(m, name)
        )
        assert issubclass(found, Operation), name
        assert not issubclass(found, QuantumCircuit), name
    assert set(SIZED) | set(CONTROLLED) <= set(NAMES)


def test_standard_gates_are_all_allowed() -> None:
    classes = {g.base_class.__name__ for g in lib.get_standard_gate_name_mapping().values()}
    assert classes <= NAMES


def test_limits_are_checked_before_reading() -> None:
    data = dumped(composed())
    for limits in (Limits(qubits=4), Limits(gates=5), Limits(nesting=1), Limits(definitions=1)):
        with pytest.raises(ProgramError) as caught:
            check_structure(data, limits)
        assert caught.value.kind == "limit-size"
    check_structure(data, DEFAULT)


def test_several_circuits_are_named() -> None:
    buffer = io.BytesIO()
    qpy.dump([plain(), plain()], buffer)
    with pytest.raises(ProgramError, match="holds 2 circuits"):
        read_qpy(buffer.getvalue())


def test_what_qiskit_refuses_is_a_parse_error() -> None:
    data = dumped(QuantumCircuit(1, metadata={"key": "value"}))
    with pytest.raises(ProgramError, match="Qiskit cannot read this") as caught:
        read_qpy(data.replace(b'{"key"', b'["key"'))
    assert caught.value.kind == "parse"


def test_annotations_are_refused() -> None:
    with pytest.raises(ProgramError, match="annotations"):
        check_structure(file(annotations=1))


def test_reading_without_qiskit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dumped(plain())
    monkeypatch.setitem(sys.modules, "qiskit.qpy", None)
    with pytest.raises(ProgramError, match="package qiskit") as caught:
        read_qpy(data)
    assert caught.value.kind == "unsupported"
