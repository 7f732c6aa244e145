"""Hostile programs of every format: refused in words, in time, in bounds, without a trace.

All are opened as a server would: by one process that has imported its readers. A file of
which it does not matter whether it opens counts as refused when it opens in time.
"""

from __future__ import annotations

import io
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from markaz.quantum.programs import intake, readers
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from tests.attacks import hostile_openqasm, hostile_qpy
from tests.processes import busy

SECONDS = 2.0
PATIENCE = 10.0  # when the wall falls, so that a slow refusal is told from none
GROWTH = 50 << 20  # bytes that this process may gain over all attacks
CHILD = 2400 << 20  # bytes that a child may have used at most: 2 GiB and what it was born with
BELL = b'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nh q[0];\ncx q[0],q[1];\n'

OPENQASM = hostile_openqasm.openqasm()
QCIS = hostile_openqasm.qcis()
QPY = hostile_qpy.qpy()


def _seeds() -> list[bytes]:
    """Good QPY files to be damaged."""
    from qiskit import QuantumCircuit, qpy
    from qiskit.circuit.library import HGate, QFTGate

    qc = QuantumCircuit(3, 2)
    qc.h(0)
    qc.append(QFTGate(3), [0, 1, 2])
    qc.append(HGate().control(2, ctrl_state=1, annotated=False), [0, 1, 2])
    qc.measure(0, 0)
    with qc.if_test((qc.clbits[0], 1)):
        qc.rx(0.3, 2)
    seeds = [hostile_qpy.good()]
    for version in (13, 17, qpy.common.QPY_VERSION):
        buffer = io.BytesIO()
        qpy.dump(qc, buffer, version=version)
        seeds.append(buffer.getvalue())
    return seeds


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """Readers imported once; afterwards this process is as it was."""
    for fmt in readers.FORMATS:
        readers.prepare(fmt)
    intake.load(BELL, guarded=True)
    before, children = _resident(), _children()
    yield
    assert _resident() - before < GROWTH
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < CHILD + before
    assert _children() <= children
    assert not Path("/tmp/markaz-was-here").exists()


def _children() -> set[str]:
    """Processes that this one started and has not reaped; tests before may have left some."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def _resident() -> int:
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def attack(data: bytes, fmt: str) -> tuple[str, str, float]:
    """Kind and message of the refusal, or "opened", and the processor seconds it took.

    Not by the clock, so that a busy machine fails nothing; who waits instead of working
    meets the wall at PATIENCE, which is the wrong kind of refusal.
    """
    start = busy()
    try:
        intake.load(data, fmt=fmt, guarded=True, time_limit=PATIENCE)
        kind, message = "opened", ""
    except ProgramError as error:
        kind, message = error.kind, error.message
    return kind, message, busy() - start


def assert_refused(data: bytes, kinds: frozenset[str], fmt: str) -> None:
    kind, message, seconds = attack(data, fmt)
    assert kind in kinds, (kind, message)
    assert seconds < SECONDS, (seconds, kind, message)
    assert len(message) <= 600
    assert "root:" not in message
    assert message.isprintable()


def ids(attacks: list[tuple[str, bytes, frozenset[str]]]) -> list[str]:
    return [name for name, _, _ in attacks]


@pytest.mark.parametrize(("name", "data", "kinds"), OPENQASM, ids=ids(OPENQASM))
def test_openqasm(name: str, data: bytes, kinds: frozenset[str]) -> None:
    assert_refused(data, kinds, "openqasm")


@pytest.mark.parametrize(("name", "data", "kinds"), QCIS, ids=ids(QCIS))
def test_qcis(name: str, data: bytes, kinds: frozenset[str]) -> None:
    assert_refused(data, kinds, "qcis")


@pytest.mark.parametrize(("name", "data", "kinds"), QPY, ids=ids(QPY))
def test_qpy(name: str, data: bytes, kinds: frozenset[str]) -> None:
    assert_refused(data, kinds, "qpy")


@pytest.mark.parametrize("part", range(4))
def test_damaged_qpy(part: int) -> None:
    """120 damaged files, the same in every run; a good one opens in between."""
    for name, data, kinds in hostile_qpy.mutations(_seeds(), 120)[part::4]:
        kind, message, seconds = attack(data, "qpy")
        assert kind in kinds, (name, kind, message)
        assert seconds < SECONDS, (name, seconds, kind, message)
    assert intake.load(hostile_qpy.good(), guarded=True).num_qubits == 1


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(40))
def test_damaged_qpy_at_length(part: int) -> None:
    for name, data, kinds in hostile_qpy.mutations(_seeds(), 4000)[part::40]:
        kind, message, seconds = attack(data, "qpy")
        assert kind in kinds | {"limit-time"}, (name, kind, message)
        assert seconds < PATIENCE + 1, (name, seconds)


def test_there_are_as_many_attacks_as_promised() -> None:
    names = [ids(attacks) for attacks in (OPENQASM, QCIS, QPY)]
    assert [len(n) for n in names] == [len(set(n)) for n in names]
    assert sum(map(len, names)) > 250


def test_a_good_program_opens_in_between() -> None:
    for data, kinds in ((OPENQASM[0][1], OPENQASM[0][2]), (b"\0" * 1000, {"parse"})):
        assert attack(data, "openqasm")[0] in kinds
        assert intake.load(BELL, guarded=True).op.tolist()[:2] == [Op.H, Op.CX]


def test_files_in_disguise(tmp_path: Path) -> None:
    """A suffix promises nothing: what is inside decides, or is refused."""
    wrong = {
        "text.qpy": BELL,
        "binary.qasm": hostile_qpy.good(),
        "binary.qcis": hostile_qpy.good(),
        "garbage.qpy": b"garbage" * 100,
        "garbage.qcis": bytes(range(256)),
        "elf.qasm": b"\x7fELF" + bytes(100),
        "empty.qpy": b"",
        "none": b"\xff" * 10,
    }
    kinds = {}
    for name, data in wrong.items():
        (tmp_path / name).write_bytes(data)
        try:
            intake.load(tmp_path / name, guarded=True)
            kinds[name] = "opened"
        except ProgramError as error:
            kinds[name] = error.kind
    assert kinds == {
        "text.qpy": "opened",
        "binary.qasm": "opened",
        "binary.qcis": "opened",
        "garbage.qpy": "parse",
        "garbage.qcis": "parse",
        "elf.qasm": "parse",
        "empty.qpy": "parse",
        "none": "parse",
    }


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/random", "/dev/stdin", "/proc/self/mem", "/"])
def test_files_that_never_end(path: str) -> None:
    start = busy()
    with pytest.raises(ProgramError) as caught:
        intake.load(Path(path), guarded=True, time_limit=PATIENCE)
    assert caught.value.kind in ("file", "parse")
    assert busy() - start < SECONDS  # to read it is work; to wait for it never ends


def test_a_pipe_without_a_writer_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.qasm")
    start = busy()
    with pytest.raises(ProgramError, match="a pipe") as caught:
        intake.load(tmp_path / "pipe.qasm", guarded=True)
    assert caught.value.kind == "file"
    assert busy() - start < 1  # and no writer ever came: who waits for one waits for ever
