"""How frames travel between a worker and the centre, whatever carries them.

The network's link is a WebSocket (``interfaces.worker_api``); the one here is a Unix or TCP
socket, for workers of the same process tree and for tests.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Final, Protocol

from markaz.centre.workers.messages import FRAME_BYTES

_LENGTH: Final = struct.Struct("<Q")


class LinkClosed(Exception):
    """The other end is gone, or this one was closed."""


class Link(Protocol):
    """One end of a connection that carries whole frames in order."""

    def send(self, frame: bytes) -> None:
        """Hand a frame over; from any thread. Raises LinkClosed if that cannot be."""

    def receive(self) -> bytes:
        """Wait for the next frame; from one thread. Raises LinkClosed at the end."""

    def close(self) -> None:
        """End the connection; a ``receive`` that waits raises LinkClosed."""


class SocketLink:
    """Frames over a stream socket, each behind its length."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, frame: bytes) -> None:
        """See ``Link``."""
        try:
            with self._lock:
                self._stream.sendall(_LENGTH.pack(len(frame)) + frame)
        except OSError as error:
            raise LinkClosed(str(error)) from None

    def receive(self) -> bytes:
        """See ``Link``."""
        (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if size > FRAME_BYTES:
            self.close()
            raise LinkClosed(f"a frame of {size} bytes")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                chunk = self._stream.recv(min(size - len(data), 1 << 20))
            except OSError as error:
                raise LinkClosed(str(error)) from None
            if not chunk:
                raise LinkClosed("the other end closed the connection")
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """See ``Link``."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()


def pair() -> tuple[SocketLink, SocketLink]:
    """Both ends of a connection inside this machine."""
    ours, theirs = socket.socketpair()
    return SocketLink(ours), SocketLink(theirs)
