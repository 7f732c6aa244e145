"""Whether the server lives, whether it can do its work, and its metrics.

``/metrics`` is for this machine (a collector beside the server) and, from elsewhere, for
keys of operators and directors.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import Any, Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from markaz.centre.access import SYSTEM, CentreRole
from markaz.centre.errors import CentreError, forbidden
from markaz.centre.jobs import measures
from markaz.interfaces.rest_api import problems
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.rest_api.metrics import CONTENT_TYPE

_WRITE_SECONDS: Final = 2.0  # that a write may take before the database counts as stuck


def routes(api: Api) -> list[Route]:
    """The addresses under ``/health`` and ``/metrics``."""

    collector = _Collector(api)

    async def live(_: Request) -> Response:
        return _json({"status": "live"}, 200)

    async def ready(_: Request) -> Response:
        checks = await readiness(api)
        return _json({"checks": checks}, 200 if all(checks.values()) else 503)

    async def metrics(request: Request) -> Response:
        try:
            await _may_look(api, request)
            await collector.collect()
        except CentreError as error:
            document = problems.of_error(error)
            return problems.response(document, retry_after=error.retry_after)
        return Response(await asyncio.to_thread(api.metrics.text), 200, media_type=CONTENT_TYPE)

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
    ]


class _Collector:
    """Asks the centre for what is counted in the database."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._since = api.centre.services.clock.now()
        self._lock = asyncio.Lock()

    async def collect(self) -> None:
        """Bring the metrics up to date."""
        api, metrics = self._api, self._api.metrics
        async with self._lock:  # two collectors must not count the same jobs twice
            later = api.centre.ask_later(measures.measures, SYSTEM, since=self._since)
            self._since = metrics.look(await asyncio.wrap_future(later)) or self._since
        metrics.workers.set(api.dispatcher.workers())
        metrics.waiting.set(len(api.patience))


async def readiness(api: Api) -> dict[str, bool]:
    """What a server must have to be given work, each with whether it has it."""
    return {
        "database writable": await _writable(api),
        "dispatcher running": api.dispatcher.running(),
        "worker connected": api.dispatcher.workers() > 0,
        "not draining": not api.draining,
    }


async def _writable(api: Api) -> bool:
    try:
        async with asyncio.timeout(_WRITE_SECONDS):
            await asyncio.wrap_future(api.centre.writer.submit(_touch))
    except (CentreError, TimeoutError):
        return False
    return True


def _touch(connection: Connection) -> None:
    """Nothing: the transaction around it takes the write lock and commits."""


async def _may_look(api: Api, request: Request) -> None:
    client = request.client.host if request.client else ""
    # Whoever comes through a proxy on this machine is not on this machine.
    came_through = {"authorization", "forwarded", "x-forwarded-for"}.intersection(request.headers)
    if _is_loopback(client) and not came_through:
        return
    actor = await api.gate.actor_of(request)
    if not actor.known:
        raise CentreError("unauthenticated", "log in first, or send a key")
    if not actor.has(CentreRole.OPERATOR, CentreRole.DIRECTOR):
        raise forbidden("this needs the role operator or director")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _json(document: Any, status: int) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")
