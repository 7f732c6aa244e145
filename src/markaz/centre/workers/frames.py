"""Frames between a process and its forked child: a JSON header and a body, over a socket.

The parent trusts nothing that a child sends: sizes are bounded before memory is taken, and
a header is plain JSON.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any, Final

HEAD: Final = struct.Struct("<IQ")  # bytes of the header, bytes of the body
HEADER_BYTES: Final = 4 << 20
_CHUNK: Final = 1 << 16

Frame = tuple[dict[str, Any], bytes]


class FrameError(Exception):
    """The other end sent what no honest one would, or too much."""


class FrameLate(Exception):
    """Nothing came in time."""


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((HEAD.pack(len(text), len(body)), text, body))


def write(fd: int, data: bytes) -> None:
    """All of ``data`` to a blocking descriptor, by ``write`` alone (a confined child may)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Incoming:
    """Puts frames together from what a descriptor delivers."""

    def __init__(self, fd: int, most: int) -> None:
        self._fd, self._most = fd, most
        self._data = bytearray()
        self._need = HEAD.size

    def pump(self) -> bool:
        """Read once; False when the other end has closed."""
        chunk = os.read(self._fd, max(_CHUNK, min(self._need - len(self._data), 1 << 22)))
        self._data += chunk
        return bool(chunk)

    def take(self) -> Frame | None:
        """A frame that is complete. Raises FrameError."""
        if len(self._data) < HEAD.size:
            return None
        head, body = HEAD.unpack_from(self._data)
        if head > HEADER_BYTES or body > self._most:
            raise FrameError(f"{body} bytes, more than {self._most}")
        end = HEAD.size + head
        self._need = end + body
        if len(self._data) < self._need:
            return None
        text, contents = bytes(self._data[HEAD.size : end]), bytes(self._data[end : self._need])
        del self._data[: self._need]
        self._need = HEAD.size
        return _header(text), contents

    def next(self, deadline: float | None = None) -> Frame:
        """The next frame, by ``deadline`` (monotonic seconds) if there is one.

        Raises EOFError when the other end has closed, FrameLate, FrameError.
        """
        while (frame := self.take()) is None:
            if deadline is not None:
                self._wait(deadline)
            if not self.pump():
                raise EOFError
        return frame

    def _wait(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(max(1, int(left * 1000))):
            raise FrameLate


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("a header that is not JSON") from None
    if not isinstance(header, dict):
        raise FrameError("a header that is no object")
    return header
