"""QPY files, Qiskit's binary format.

``check_structure`` walks the file without Qiskit and refuses what would make Qiskit's reader
run wild; only then is ``qiskit.qpy.load`` called, for strangers' files in the guarded child.
"""

from __future__ import annotations

import ctypes
import io
import os
import warnings
from typing import TYPE_CHECKING, Final

from markaz.quantum.programs import qpy_scan
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def check_structure(data: bytes, limits: Limits = DEFAULT) -> None:
    """Raise ProgramError unless ``data`` is one well-formed QPY circuit within ``limits``.

    ``parse`` for a damaged file, ``unsupported`` for other versions, several programs and
    names that are no instruction, ``limit-size`` beyond the limits.
    """
    qpy_scan.scan(data, limits)


# The number of threads of each OpenBLAS in this process.
_BLAS_THREADS: Final[list[ctypes.c_int]] = []


def prepare() -> None:
    """Import Qiskit and what its definitions import on demand.

    Raises ProgramError ``unsupported`` if Qiskit is not installed.
    """
    try:
        import qiskit.qpy
        import qiskit.quantum_info
        import qiskit.synthesis  # noqa: F401
    except ImportError as error:
        message = f"reading QPY takes the package qiskit ({error})"
        raise ProgramError("unsupported", message) from error
    from markaz.quantum.programs import qiskit_bridge, qiskit_import  # noqa: F401, PLC0415

    if not _BLAS_THREADS:
        _BLAS_THREADS.extend(_blas_threads())


def _blas_threads() -> list[ctypes.c_int]:
    """OpenBLAS' own counters; its functions to set them would start threads."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            fields = [line.split(maxsplit=5) for line in maps if "openblas" in line]
    except OSError:
        return []
    found = []
    for path in {f[5].rstrip("\n") for f in fields if len(f) == 6}:
        try:
            found.append(ctypes.c_int.in_dll(ctypes.CDLL(path), "blas_cpu_number"))
        except (OSError, ValueError):  # another build without that name
            continue
    return found


def stay_single_threaded() -> None:
    """For a forked child, where no thread of the parent's pools lives and none may start:
    matrix libraries would wait for them."""
    os.environ["QISKIT_IN_PARALLEL"] = "TRUE"
    for threads in _BLAS_THREADS:
        threads.value = 1


def read_qpy(data: bytes, limits: Limits = DEFAULT) -> Circuit:
    """The circuit in a QPY file of version 13 to 18.

    Raises ProgramError as ``load_qpy`` and ``from_qiskit``. A stranger's file can still make
    Qiskit's reader abort the process: use ``guard.open_guarded`` for it.
    """
    (circuit,) = load_qpy(data, limits)
    from markaz.quantum.programs.qiskit_bridge import from_qiskit  # noqa: PLC0415

    return from_qiskit(circuit, limits)


def load_qpy(data: bytes, limits: Limits = DEFAULT, programs: int = 1) -> list[QuantumCircuit]:
    """The Qiskit circuits in a QPY file that holds ``programs`` of them.

    Raises ProgramError as ``check_structure``, and ``parse`` for what Qiskit cannot read.
    """
    qpy_scan.scan(data, limits, programs)
    prepare()
    from qiskit import QuantumCircuit
    from qiskit.qpy import load

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # written by another version: what matters raises
            found = load(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ProgramError("parse", f"Qiskit cannot read this QPY file: {reason}") from error
    if len(found) != programs or not all(isinstance(c, QuantumCircuit) for c in found):
        raise ProgramError("parse", "the QPY file does not hold the circuits that it says")
    return list(found)
