"""The reader of each format, imported only when a program of that format is opened."""

from __future__ import annotations

from typing import Final

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import Limits

FORMATS: Final = ("openqasm", "qpy", "qcis")


def prepare(fmt: str) -> None:
    """Import what reading ``fmt`` takes; a confined child can open no module any more.

    Raises ValueError for an unknown format, ProgramError ``unsupported`` if the reader is
    not installed.
    """
    if fmt == "openqasm":
        import markaz.quantum.programs.openqasm  # noqa: PLC0415 - only when needed
    elif fmt == "qcis":
        import markaz.quantum.programs.qcis  # noqa: PLC0415, F401 - only when needed
    elif fmt == "qpy":
        from markaz.quantum.programs import qpy  # noqa: PLC0415 - only when needed

        qpy.prepare()
    else:
        raise ValueError(f"unknown format {fmt!r}; there are {', '.join(FORMATS)}")


def enter_child(fmt: str) -> None:
    """For a forked child, before ``read``."""
    if fmt == "qpy":
        from markaz.quantum.programs import qpy  # noqa: PLC0415 - only when needed

        qpy.stay_single_threaded()


def read(data: bytes, fmt: str, limits: Limits) -> Circuit:
    """The circuit in a program; ``prepare(fmt)`` must have been called.

    Raises ProgramError.
    """
    if fmt == "qpy":
        from markaz.quantum.programs.qpy import read_qpy  # noqa: PLC0415

        return read_qpy(data, limits)
    text = decode_text(data)
    if fmt == "qcis":
        from markaz.quantum.programs.qcis import read_qcis  # noqa: PLC0415

        return read_qcis(text, limits)
    from markaz.quantum.programs.openqasm import read_openqasm  # noqa: PLC0415

    return read_openqasm(text, limits)


def decode_text(data: bytes) -> str:
    """Program text from its bytes: UTF-8, with or without a byte order mark.

    Raises ProgramError ``parse`` that names the offending byte.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ProgramError("parse", "the file is UTF-16; programs are UTF-8 text")
    if (null := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, null) + 1
        raise ProgramError("parse", f"a null byte at byte {null}: this is no program text", line)
    bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        return data[bom:].decode()
    except UnicodeDecodeError as error:
        at = error.start + bom
        line = data.count(b"\n", 0, at) + 1
        raise ProgramError("parse", f"byte {at} (0x{data[at]:02x}) is not UTF-8", line) from None
