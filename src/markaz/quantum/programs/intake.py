"""Any program in: from a file, text, bytes or a Qiskit circuit to a checked circuit."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from markaz.quantum.programs import readers
from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_MEASURE: Final = int(Op.MEASURE)  # numpy compares with an enumeration slowly
HEAD_BYTES: Final = 4096  # enough of a program to tell its format
_MAGIC: Final = b"QISKIT"
_SUFFIXES: Final = {
    ".qasm": "openqasm",
    ".qasm2": "openqasm",
    ".qasm3": "openqasm",
    ".qpy": "qpy",
    ".qcis": "qcis",
}
_COMMENTS: Final = re.compile(rb"\s+|//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
# OpenQASM ends statements with a semicolon, QCIS puts operation and qubit on a line.
_QCIS_LINE: Final = re.compile(rb"[A-Z][A-Z0-9]{0,4}[ \t]+Q[0-9]+[^;{]*", re.IGNORECASE)
_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def detect(name: str, head: bytes) -> str:
    """Format of a program ("openqasm", "qpy" or "qcis") by its first bytes, then its name."""
    if head.startswith(b"OPENQASM"):
        return "openqasm"
    if head.startswith(_MAGIC):
        return "qpy"
    start = _first_line(head.removeprefix(b"\xef\xbb\xbf"))
    if start.startswith(b"OPENQASM"):
        return "openqasm"
    by_name = _SUFFIXES.get(Path(name).suffix.lower())
    if by_name:
        return by_name
    return "qcis" if _QCIS_LINE.fullmatch(start) else "openqasm"


def _first_line(head: bytes) -> bytes:
    """The first line that is neither blank nor comment."""
    at = 0
    while found := _COMMENTS.match(head, at):
        at = found.end()
    return head[at:].split(b"\n", 1)[0].rstrip()


def load(
    source: Circuit | QuantumCircuit | str | bytes | os.PathLike[str],
    *,
    fmt: str | None = None,
    guarded: bool = False,
    limits: Limits = DEFAULT,
    time_limit: float = 60.0,
    memory_limit: int | None = None,
) -> Circuit:
    """Open a program.

    ``source`` is a path, program text (a str with a line break or semicolon, or that starts
    like OpenQASM), bytes, a Qiskit circuit or a Circuit. With ``guarded``, text and files are
    read in a confined child within ``time_limit`` seconds and ``memory_limit`` bytes (2 GiB
    unless given); else in this process, under ``limits`` alone. A program that measures
    nothing has all its qubits measured into a register ``meas``.

    Raises ProgramError: ``file`` if there is no such file or it cannot be read, and what the
    readers raise.
    """
    if not isinstance(source, (Circuit, str, bytes, os.PathLike)):
        circuit = _from_object(source, limits)
    elif isinstance(source, Circuit):
        circuit = source
    else:
        name, data = _source_bytes(source, limits)
        if not data or data.isspace():
            raise ProgramError("parse", "the program is empty")
        fmt = fmt or detect(name, data[:HEAD_BYTES])
        if guarded:
            circuit = _open_guarded(data, fmt, limits, time_limit, memory_limit)
        else:
            circuit = _open_here(data, fmt, limits)
    return measure_if_unmeasured(circuit)


def _from_object(source: object, limits: Limits) -> Circuit:
    qiskit = sys.modules.get("qiskit")  # a QuantumCircuit cannot come without it
    if qiskit is None or not isinstance(source, qiskit.QuantumCircuit):
        raise TypeError(f"no program: {type(source).__name__}")
    from markaz.quantum.programs.qiskit_bridge import from_qiskit  # noqa: PLC0415 - needs Qiskit

    return from_qiskit(source, limits)


def _source_bytes(source: str | bytes | os.PathLike[str], limits: Limits) -> tuple[str, bytes]:
    """Name and contents."""
    if isinstance(source, str) and _is_text(source):
        source = source.encode("utf-8", "surrogatepass")
    if not isinstance(source, bytes):
        return str(source), read_file(source, limits)
    if len(source) > limits.source_bytes:
        raise _too_large(limits)
    return "", source


def _is_text(source: str) -> bool:
    start = source.lstrip("\ufeff \t")
    return "\n" in source or ";" in source or start.startswith(("OPENQASM", "//"))


def read_file(path: str | os.PathLike[str], limits: Limits = DEFAULT) -> bytes:
    """Contents of a regular file.

    Raises ProgramError ``file`` for anything else (pipes and devices may never end) and
    ``limit-size`` for more than ``limits.source_bytes`` bytes.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise ProgramError("file", why_not(error)) from error
    try:
        return _contents(fd, limits)
    finally:
        os.close(fd)


def _contents(fd: int, limits: Limits) -> bytes:
    status = os.fstat(fd)
    for is_kind, what in _KINDS:
        if is_kind(status.st_mode):
            raise ProgramError("file", f"it is {what}, not a file")
    if status.st_size > limits.source_bytes:
        raise _too_large(limits)
    try:
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limits.source_bytes + 1)
    except OSError as error:
        raise ProgramError("file", why_not(error)) from error
    if len(data) > limits.source_bytes:  # it grew, or says it is empty as /proc does
        raise _too_large(limits)
    return data


def _too_large(limits: Limits) -> ProgramError:
    size = limits.source_bytes / 2**20
    return ProgramError("limit-size", f"the program is larger than {size:.3g} MiB")


def why_not(error: Exception) -> str:
    """Why a file cannot be opened or read, in words."""
    reasons = {
        errno.ENOENT: "there is no such file",
        errno.EACCES: "you may not read it",
        errno.EPERM: "you may not read it",
        errno.EISDIR: "it is a directory, not a file",
        errno.ENAMETOOLONG: "the name is too long",
    }
    number = error.errno if isinstance(error, OSError) else None
    return reasons.get(number or 0) or f"it cannot be read ({error})"


def _open_guarded(
    data: bytes, fmt: str, limits: Limits, time_limit: float, memory_limit: int | None
) -> Circuit:
    from markaz.quantum.programs import guard, sandbox  # noqa: PLC0415 - POSIX only

    memory = memory_limit or sandbox.DEFAULT_CONFINEMENT.memory_bytes
    return guard.open_guarded(data, fmt, limits, sandbox.Confinement(memory, time_limit))


def _open_here(data: bytes, fmt: str, limits: Limits) -> Circuit:
    readers.prepare(fmt)
    return readers.read(data, fmt, limits)


def measure_if_unmeasured(circuit: Circuit) -> Circuit:
    """The circuit, with all qubits measured into a new register ``meas`` if none was.

    A program's own register ``meas`` keeps its name; the new one is then ``meas0``, ….
    """
    n = circuit.num_qubits
    if n == 0 or np.count_nonzero(circuit.op == _MEASURE):
        return circuit
    register = Register(_free_name(circuit), n, circuit.num_clbits)
    bits = np.arange(n, dtype=np.int32)
    qubits = np.full((n, 3), -1, np.int32)
    qubits[:, 0] = bits
    return circuit.with_arrays(
        num_clbits=circuit.num_clbits + n,
        op=np.append(circuit.op, np.full(n, Op.MEASURE, np.uint8)),
        qubits=np.vstack([circuit.qubits, qubits]),
        params=np.vstack([circuit.params, np.zeros((n, 4))]),
        aux=np.append(circuit.aux, bits + np.int32(circuit.num_clbits)),
        cregs=(*circuit.cregs, register),
        measured="implicit",
    )


def _free_name(circuit: Circuit) -> str:
    taken = {r.name for r in (*circuit.qregs, *circuit.cregs)}
    names = ("meas", *(f"meas{i}" for i in range(len(taken))))
    return next(name for name in names if name not in taken)
