"""A worker's end of the wire: frames over a WebSocket, authenticated by a worker key."""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from markaz.centre.errors import CentreError
from markaz.centre.workers.links import LinkClosed
from markaz.centre.workers.messages import FRAME_BYTES

PATH: Final = "/v1/worker"
OPEN_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0  # that the other end gets to say goodbye
_REFUSED: Final = frozenset({401, 403})


class WebSocketLink:
    """One end of a connection to the centre (``centre.workers.links.Link``)."""

    def __init__(self, connection: ClientConnection, held: contextlib.ExitStack) -> None:
        self._connection = connection
        self._held = held

    def send(self, frame: bytes) -> None:
        """Hand a frame over; from any thread. Raises LinkClosed if that cannot be."""
        try:
            self._connection.send(frame)
        except (ConnectionClosed, OSError) as error:
            raise LinkClosed(str(error)) from None

    def receive(self) -> bytes:
        """Wait for the next frame; from one thread. Raises LinkClosed at the end."""
        try:
            frame = self._connection.recv(decode=False)
        except (ConnectionClosed, OSError) as error:
            raise LinkClosed(str(error)) from None
        return bytes(frame) if not isinstance(frame, str) else frame.encode()

    def close(self) -> None:
        """End the connection; a ``receive`` that waits raises LinkClosed."""
        with contextlib.suppress(ConnectionClosed, OSError):
            self._held.close()


def open_link(url: str, key: str, *, trust: ssl.SSLContext | None = None) -> WebSocketLink:
    """Connect to the centre at ``url`` (http or https) with a worker key.

    Raises CentreError ``unauthenticated`` if the centre refuses the key, which another try
    would not mend, and LinkClosed if it cannot be reached now.
    """
    address = url.rstrip("/").replace("http", "ws", 1) + PATH
    held = contextlib.ExitStack()  # entered by hand: the link outlives this function
    try:
        opening = connect(
            address,
            additional_headers={"Authorization": f"Bearer {key}"},
            max_size=FRAME_BYTES,
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            proxy=None,
            ssl=trust,
        )
        connection = held.enter_context(opening)
    except InvalidStatus as error:
        status = error.response.status_code
        if status in _REFUSED:
            raise CentreError(
                "unauthenticated", f"the centre at {url} refuses this worker key"
            ) from None
        raise LinkClosed(f"{url} answered {status}") from None
    except (InvalidHandshake, OSError, TimeoutError) as error:
        raise LinkClosed(f"{url}: {error}") from None
    except InvalidURI:
        raise CentreError("invalid", f"{url!r} is not an address", field="url") from None
    return WebSocketLink(connection, held)
