"""The centre's end of the wire: a WebSocket becomes a link that the dispatcher serves.

The dispatcher works in threads, the server in one event loop; a link hands frames across.
What a worker may do is decided behind the link: it ends only jobs that it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.centre.workers.links import Link, LinkClosed
from markaz.centre.workers.messages import FRAME_BYTES

PATH: Final = "/v1/worker"
MOST_UNSENT: Final = 2 * FRAME_BYTES  # bytes that a worker may fall behind
POLICY: Final = 1008  # WebSocket: the other end may not do this
AWAY: Final = 1001
_log: Final = structlog.get_logger(__name__)


class Dispatcher(Protocol):
    """Whoever hands out jobs (``centre.workers.dispatcher``)."""

    def serve(self, link: Link) -> None:
        """Talk to one worker until its link closes; in the caller's thread."""


class WebSocketLink:
    """One worker's connection, for the dispatcher's threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._in: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._out: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._unsent = 0
        self._lock = threading.Lock()
        self._closed = False

    def send(self, frame: bytes) -> None:
        """Hand a frame over; from any thread. Raises LinkClosed if that cannot be."""
        with self._lock:
            if self._closed:
                raise LinkClosed("the worker is gone")
            self._unsent += len(frame)
        if self._unsent > MOST_UNSENT:
            self.close()
            raise LinkClosed(f"the worker is more than {MOST_UNSENT} bytes behind")
        self._put(frame)

    def receive(self) -> bytes:
        """Wait for the next frame; from one thread. Raises LinkClosed at the end."""
        frame = self._in.get()
        if frame is None:
            self._in.put(None)
            raise LinkClosed("the worker is gone")
        return frame

    def close(self) -> None:
        """End the connection; a ``receive`` that waits raises LinkClosed."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._in.put(None)
        self._put(None)

    def arrived(self, frame: bytes) -> None:
        """A frame came in."""
        self._in.put(frame)

    async def pump(self, websocket: WebSocket) -> None:
        """Send what is handed over until the link is closed."""
        while (frame := await self._out.get()) is not None:
            await websocket.send_bytes(frame)
            with self._lock:
                self._unsent -= len(frame)

    def _put(self, frame: bytes | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._out.put_nowait, frame)
        except RuntimeError:  # the server's loop has ended
            raise LinkClosed("the server stops") from None


class WorkerSocket:
    """Serves ``/v1/worker``. ``close`` ends every connection."""

    def __init__(self, authenticate: Callable[[str], Principal], dispatcher: Dispatcher) -> None:
        self._authenticate = authenticate
        self._dispatcher = dispatcher
        self._links: set[WebSocketLink] = set()

    def route(self) -> WebSocketRoute:
        """The address for the application."""
        return WebSocketRoute(PATH, self.handle)

    def close(self) -> None:
        """Hang up on all workers."""
        for link in list(self._links):
            link.close()

    async def handle(self, websocket: WebSocket) -> None:
        """One worker, from its handshake to its end."""
        if not await self._may_enter(websocket):
            await websocket.close(POLICY)  # before it is accepted: the client sees 403
            return
        await websocket.accept()
        link = WebSocketLink(asyncio.get_running_loop())
        self._links.add(link)
        thread = threading.Thread(
            target=self._serve, args=(link,), name="markaz-worker-link", daemon=True
        )
        thread.start()
        try:
            await _carry(websocket, link)
        finally:
            self._links.discard(link)
            link.close()

    async def _may_enter(self, websocket: WebSocket) -> bool:
        scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            actor = await asyncio.to_thread(self._authenticate, token.strip())
        except CentreError:
            return False
        return actor.kind == "worker"

    def _serve(self, link: WebSocketLink) -> None:
        try:
            self._dispatcher.serve(link)
        except LinkClosed:
            pass
        except Exception:
            _log.exception("a worker's link failed")
        finally:
            link.close()


async def _carry(websocket: WebSocket, link: WebSocketLink) -> None:
    """Frames both ways until either end has had enough."""
    sending = asyncio.create_task(link.pump(websocket))
    receiving = asyncio.create_task(_take(websocket, link))
    done, pending = await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        error = task.exception()
        if error is not None and not isinstance(error, (WebSocketDisconnect, RuntimeError)):
            raise error
    if websocket.client_state is WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.close(AWAY)


async def _take(websocket: WebSocket, link: WebSocketLink) -> None:
    while (message := await websocket.receive())["type"] == "websocket.receive":
        frame = message.get("bytes")
        if frame is None:
            return  # text is no frame
        link.arrived(frame)
