"""Around every request: its number, its log line, its metrics, headers, and the last net."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from markaz.interfaces import logs
from markaz.interfaces.rest_api.calls import Api

_log: Final = structlog.get_logger(__name__)
# Answers are data for programs: nothing may show them as a page, store or embed them.
SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


class Observed:
    """The application with a watcher around it."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self.app = app
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        watched = _Watched(scope, send)
        try:
            await self.app(scope, receive, watched.send)
        except Exception:
            # The application has answered with a problem document before it raised this.
            _log.exception("request failed", request=watched.number, path=scope["path"])
        finally:
            self._done(scope, watched)

    def _done(self, scope: Scope, watched: _Watched) -> None:
        seconds = time.perf_counter() - watched.started
        route = scope.get("route")
        path = getattr(route, "path", None) or "other"
        self.api.metrics.request(scope["method"], path, watched.status, seconds)
        actor = scope.get("state", {}).get("actor")
        logs.note(
            "request",
            request=watched.number,
            method=scope["method"],
            path=scope["path"],
            status=watched.status,
            ms=round(seconds * 1000, 2),
            actor=actor,
            client=(scope.get("client") or ("", 0))[0],
        )


class _Watched:
    """Remembers what was sent, and adds our headers to it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = time.perf_counter()
        self.number = secrets.token_hex(8)
        self.status = 0
        self._send = send
        self._extra: list[tuple[bytes, bytes]] = [
            (b"x-request-id", self.number.encode()),
            *SECURITY,
        ]
        if scope.get("scheme") == "https":
            self._extra.append(STRICT_TRANSPORT)
        scope.setdefault("state", {})["request"] = self.number

    async def send(self, message: Message) -> None:
        """Pass ``message`` on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = list(message.get("headers", ()))
            own = {name for name, _ in headers}  # a page has its own policy
            extra = [pair for pair in self._extra if pair[0] not in own]
            message = {**message, "headers": headers + extra}
        await self._send(message)
