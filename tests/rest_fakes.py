"""Stands in for what a server has around it, and asks an application without a network."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from typing import Any

import httpx
import structlog

from markaz.centre.centre import Centre
from markaz.centre.people.keys import Authenticator
from markaz.centre.workers.waiters import Waiters
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.rest_api.gate import Gate
from markaz.interfaces.rest_api.metrics import Metrics
from markaz.interfaces.rest_api.waiting import Patience
from tests.log_state import kept_logs


class NoOpener:
    """Opens nothing."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise AssertionError("no program is opened here")


class Ends(Waiters):
    """Who tells of the ends of jobs, without a dispatcher."""

    wait_for_end = Waiters.wait


class Idle:
    """A dispatcher with one worker and nothing to do."""

    on = True
    count = 1

    def running(self) -> bool:
        return self.on

    def workers(self) -> int:
        return self.count


def api_of(centre: Centre, opener: Any = None, dispatcher: Any = None) -> Api:
    """All that requests share, around ``centre``."""
    return Api(
        centre=centre,
        opener=opener or NoOpener(),
        dispatcher=dispatcher or Idle(),
        gate=Gate(centre.services.settings, Authenticator(centre)),
        patience=Patience(Ends()),
        metrics=Metrics(),
    )


@functools.cache
def event_loop() -> asyncio.AbstractEventLoop:
    """A loop that runs in a thread of its own as long as the tests."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="test-loop", daemon=True).start()
    return loop


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No logs: writing thousands of lines for nobody takes longer than the requests."""
    with kept_logs():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        yield


class Bridge(httpx.BaseTransport):
    """Hands requests to an ASGI application in the loop of ``event_loop``."""

    def __init__(self, app: Any, address: str = "127.0.0.1") -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._send(request), event_loop()).result(60)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in request.stream:  # type: ignore[union-attr]
                yield chunk

        sent = httpx.Request(request.method, request.url, headers=request.headers, content=chunks())
        sent.headers = request.headers
        answer = await self._inner.handle_async_request(sent)
        content = await answer.aread()
        # The contents are unpacked by now; their length is kept to be looked at.
        unpacked = [pair for pair in answer.headers.raw if pair[0].lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=unpacked, content=content)


class Browser(httpx.Client):
    """A client of one application; ``api`` is what its requests share."""

    def __init__(self, app: Any, key: str | None = None, address: str = "127.0.0.1") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(transport=Bridge(app, address), base_url="http://centre", headers=headers)
        self.app = app
        self.api: Api = app.api
