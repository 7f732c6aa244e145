"""Any program in: formats told apart, files of every kind, measurements added."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from markaz.quantum.programs import readers
from markaz.quantum.programs.circuit import Builder, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.intake import detect, load, measure_if_unmeasured, read_file
from markaz.quantum.programs.limits import Limits

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nh q[0];\ncx q[0],q[1];\n'
QCIS = "H Q0\nCZ Q0 Q1\nM Q0\n"


@pytest.mark.parametrize(
    ("name", "head", "fmt"),
    [
        ("a.qasm", b"", "openqasm"),
        ("a.QASM", b"x", "openqasm"),
        ("a.qasm3", b"qubit q;", "openqasm"),
        ("a.qpy", b"", "qpy"),
        ("a.qcis", b"H Q0", "qcis"),
        ("a.qasm", b"QISKIT\x11", "qpy"),
        ("a.qcis", b"OPENQASM 3;", "openqasm"),
        ("a.qpy", b"// c\n/* d\n */ OPENQASM 2.0;", "openqasm"),
        ("a.qasm", b"H Q0\n", "openqasm"),
        ("", b"QISKIT", "qpy"),
        ("", b"OPENQASM 2.0;", "openqasm"),
        ("", b"\xef\xbb\xbf\n// x\nOPENQASM 3;", "openqasm"),
        ("", b"qreg q[2];", "openqasm"),
        ("", b"H Q0\nM Q0", "qcis"),
        ("", b"# comment\n\n  x2p q12\n", "qcis"),
        ("", b"CZ Q0 Q1", "qcis"),
        ("", b"RX Q0 0.5", "qcis"),
        ("", b"h q0;", "openqasm"),
        ("", b"bit c;", "openqasm"),
        ("", b"", "openqasm"),
        ("notes.txt", b"OPENQASM 3;", "openqasm"),
        ("a.b/c", b"M Q0", "qcis"),
    ],
)
def test_formats_are_told_apart(name: str, head: bytes, fmt: str) -> None:
    assert detect(name, head) == fmt


def test_detection_is_linear() -> None:
    for head in (b"/*" * 5000, b"//" * 5000, b" \n" * 5000, b"A" * 5000, b"Q" * 2500 + b" " * 2500):
        assert detect("", head) == "openqasm"


def test_text_bytes_and_files_give_the_same_circuit(tmp_path: Path) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    sources: list[Any] = [BELL, BELL.encode(), path, str(path), "\ufeff" + BELL]
    for source in sources:
        for guarded in (False, True):
            circuit = load(source, guarded=guarded)
            assert circuit.op.tolist() == [Op.H, Op.CX, Op.MEASURE, Op.MEASURE]


@pytest.mark.parametrize(
    "text",
    ["OPENQASM 3;qubit q;", "qubit q;", "OPENQASM 3", "// nothing", "qubit q\n;"],
)
def test_what_is_text_and_what_a_path(text: str) -> None:
    try:
        load(text)
    except ProgramError as error:
        assert error.kind != "file"


@pytest.mark.parametrize("name", ["bell.qasm", "no/such/file.qasm", "", "a" * 5000, "nul\0"])
def test_missing_files(name: str) -> None:
    with pytest.raises(ProgramError) as caught:
        load(name)
    assert caught.value.kind == "file"


def test_other_kinds_of_file_are_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.qasm"
    os.mkfifo(fifo)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s.qasm"))
    loop = tmp_path / "loop.qasm"
    loop.symlink_to(loop)
    paths = [tmp_path, fifo, tmp_path / "s.qasm", loop, Path("/dev/zero"), Path("/dev/tty")]
    for path in paths:
        with pytest.raises(ProgramError) as caught:
            load(path)
        assert caught.value.kind == "file", path
    listener.close()


def test_a_link_to_a_device_is_one(tmp_path: Path) -> None:
    (tmp_path / "zero.qasm").symlink_to("/dev/zero")
    with pytest.raises(ProgramError, match="a device"):
        load(tmp_path / "zero.qasm")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_one_may_not_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.qasm"
    path.write_text(BELL)
    path.chmod(0)
    with pytest.raises(ProgramError, match="may not read"):
        load(path)


def test_sizes_are_checked_before_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "big.qasm"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ProgramError, match="larger than 64 MiB") as caught:
        load(path)
    assert caught.value.kind == "limit-size"
    with pytest.raises(ProgramError, match="larger"):
        load(BELL, limits=Limits(source_bytes=10))
    with pytest.raises(ProgramError, match="larger"):  # its size is said to be 0
        read_file("/proc/self/maps", Limits(source_bytes=10))


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\n" * 100])
def test_empty_programs(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.qasm").write_bytes(data)
    for source in (data, tmp_path / "e.qasm"):
        with pytest.raises(ProgramError, match="empty"):
            load(source)


@pytest.mark.parametrize(
    ("data", "line", "text"),
    [
        (b"OPENQASM 3;\n// caf\xe9\n", 2, "byte 18 (0xe9)"),
        (b"\xef\xbb\xbf// \xff", 1, "byte 6 (0xff)"),
        (b"OPENQASM 3;\n\n\0", 3, "null byte at byte 13"),
        ("OPENQASM 3;".encode("utf-16"), None, "UTF-16"),
        ("OPENQASM 3;".encode("utf-16-be"), 1, "null byte at byte 0"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, line: int | None, text: str) -> None:
    for guarded in (False, True):
        with pytest.raises(ProgramError) as caught:
            load(data, fmt="openqasm", guarded=guarded)
        assert (caught.value.kind, caught.value.line) == ("parse", line)
        assert text in caught.value.message


def test_a_given_format_is_believed() -> None:
    assert load(QCIS, fmt="qcis").num_qubits == 2
    with pytest.raises(ProgramError):
        load(QCIS, fmt="openqasm")
    with pytest.raises(ValueError, match="unknown format 'cirq'"):
        load(QCIS, fmt="cirq")


def test_what_is_no_program() -> None:
    for source in (5, None, [1], {"a": 1}):
        with pytest.raises(TypeError, match="no program"):
            load(source)  # type: ignore[arg-type]


def test_time_and_memory_limits_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(data: bytes, fmt: str, limits: Limits) -> Any:
        while data != b"memory\n":
            pass
        return bytearray(1 << 30)

    monkeypatch.setattr(readers, "read", greedy)
    for source, kind in ((b"time\n", "limit-time"), (b"memory\n", "limit-memory")):
        with pytest.raises(ProgramError) as caught:
            load(source, fmt="qcis", guarded=True, time_limit=0.5, memory_limit=256 << 20)
        assert caught.value.kind == kind


def test_unmeasured_programs_are_measured() -> None:
    circuit = load(BELL)
    assert circuit.measured == "implicit"
    assert circuit.cregs == (Register("meas", 2, 0),)
    assert circuit.measurements() == [(0, 0), (1, 1)]
    measured = load(BELL + "creg c[1];\nmeasure q[0]->c[0];\n")
    assert measured.measured == "explicit"
    assert measured.measurements() == [(0, 0)]


def test_the_new_register_comes_after_the_others_and_keeps_their_names() -> None:
    b = Builder()
    b.qreg("q", 2)
    b.creg("meas", 3)
    b.creg("meas0", 1)
    b.reset(1)
    circuit = measure_if_unmeasured(b.build())
    assert circuit.cregs[-1] == Register("meas1", 2, 4)
    assert circuit.measurements() == [(0, 4), (1, 5)]
    assert circuit.num_clbits == 6
    assert measure_if_unmeasured(circuit) is circuit


def test_a_program_without_qubits_has_nothing_to_measure() -> None:
    assert measure_if_unmeasured(Builder().build()).measured == "explicit"


def test_a_circuit_passes_through() -> None:
    circuit = load(BELL)
    assert load(circuit) is circuit


def test_opening_openqasm_imports_no_heavy_library() -> None:
    code = (
        "import sys\nfrom markaz.quantum.programs.intake import load\n"
        f"load({BELL!r}, guarded=True)\n"
        "print([m for m in ('qiskit', 'numba', 'sympy', 'scipy', 'stim') if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert run.stdout == b"[]\n"
