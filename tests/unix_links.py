"""The way of a test's worker or agent process to its centre: a socket in a folder."""

from __future__ import annotations

import socket

from markaz.centre.workers.links import SocketLink


def connect(path: str) -> SocketLink:
    """A link to whoever listens at ``path``. Raises OSError where nobody does."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.connect(path)
    except OSError:
        stream.close()
        raise
    return SocketLink(stream)
