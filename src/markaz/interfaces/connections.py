"""HTTP connections that bound what a stranger may send before anybody looks at it.

uvicorn's fastest parser collects the head of a request however long it grows and however
slowly it comes; proxies in front of a server bound both, and so must a server without one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 64 << 10  # of a request line with its headers
HEAD_SECONDS: Final = 30.0  # from its first byte, or the connection, to its last


@dataclass(slots=True, eq=False)
class Connection:
    """What is known of one: how many requests came over it, and when it ended (monotonic)."""

    requests: int = 0
    ended: float | None = None


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol; a head that is too long or too slow ends the connection.

    Requests know their connection (``state["connection"]``, a ``Connection``).
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connection = Connection()
        self._head = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._stop_clock()
        self._connection.ended = time.monotonic()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            self._check()

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._connection.requests += 1
        self.scope["state"]["connection"] = self._connection
        self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer after a body in chunks."""
        super().on_header(name, value)
        if not self._in_head:
            self._head += len(name) + len(value)
            self._check()

    def on_headers_complete(self) -> None:
        """The end of the head."""
        self._in_head = False
        self._stop_clock()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head, self._in_head = 0, True
        self._stop_clock()
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _check(self) -> None:
        if self._head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")
