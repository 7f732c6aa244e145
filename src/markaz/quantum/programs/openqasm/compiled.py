"""Whether a compiled form of the reader in ``kernel_reader`` is there to be used.

This package knows nothing of Numba: whoever has compiled the reader says so here, and
from then on plain statements are read by it. Without it everything reads as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Reader(NamedTuple):
    """``kernel_reader.read`` and ``kernel_tokens.enter``, or compiled forms of them."""

    read: Callable[..., Any]
    enter: Callable[..., Any]


_reader: Reader | None = None


def use(reader: Reader | None) -> None:
    """Read with ``reader`` from now on; None: as if nothing was compiled."""
    global _reader  # noqa: PLW0603 - one for the process, as compiled code is
    if reader is not None:  # now, for a confined child can import nothing
        import markaz.quantum.programs.openqasm.kernelpath  # noqa: PLC0415
        import markaz.quantum.programs.openqasm.whole  # noqa: PLC0415, F401
    _reader = reader


def reader() -> Reader | None:
    """The compiled reader, if there is one."""
    return _reader
