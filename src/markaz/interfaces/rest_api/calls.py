"""One request on its way: who asks, what they gave, and the one door to the centre."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import BaseModel
from starlette.requests import Request

from markaz.centre.access import ANONYMOUS, QUERIES, VERBS, Principal
from markaz.centre.centre import Centre, Once
from markaz.centre.errors import invalid
from markaz.centre.workers.intake import Answer, Program

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.gate import Gate
    from markaz.interfaces.rest_api.metrics import Metrics
    from markaz.interfaces.rest_api.routes import Route
    from markaz.interfaces.rest_api.waiting import Patience

MAX_KEY: Final = 255


class Opener(Protocol):
    """Opens strangers' programs in disposable processes (``centre.workers.intake``)."""

    def submit(self, tenant: str, programs: Sequence[Program]) -> Future[list[Answer]]:
        """For each program its circuit and plan, or the CentreError that refuses it."""


class Health(Protocol):
    """What the dispatcher says of itself."""

    def running(self) -> bool:
        """Whether jobs are being handed out."""

    def workers(self) -> int:
        """Connected workers."""


@dataclass(slots=True)
class Api:
    """What all requests share."""

    centre: Centre
    opener: Opener
    dispatcher: Health
    gate: Gate
    patience: Patience
    metrics: Metrics
    draining: bool = False


@dataclass(slots=True)
class Call:
    """One request. ``path``, ``query`` and ``body`` are checked before a handler sees them."""

    api: Api
    route: Route
    request: Request
    path: dict[str, str]
    actor: Principal = ANONYMOUS
    query: BaseModel | None = None
    body: BaseModel | None = None
    once: Once | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Everything given, by name; what was left out is not there."""
        found: dict[str, Any] = dict(self.path)
        for part in (self.query, self.body):
            if part is not None:
                found.update(part.model_dump(exclude_unset=True))
        return found

    async def perform(self, does: str, **arguments: Any) -> Any:
        """Do the verb or answer the query ``does``, as whoever asks."""
        return await asyncio.wrap_future(self._begin(does, arguments))

    def _begin(self, does: str, arguments: dict[str, Any]) -> Future[Any]:
        centre = self.api.centre
        if does in VERBS:
            return centre.perform_later(VERBS[does], self.actor, once=self.once, **arguments)
        return centre.ask_later(QUERIES[does], self.actor, **arguments)


async def perform(call: Call) -> Any:
    """The handler of routes that only translate."""
    return await call.perform(call.route.does, **call.arguments())


def once_of(request: Request, route: Route, body: bytes) -> Once | None:
    """The Idempotency-Key and what it stands for. Raises CentreError for a bad key."""
    key = request.headers.get("idempotency-key")
    if key is None or not route.takes_key:
        return None
    if not 0 < len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise invalid(
            "Idempotency-Key", f"an Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters"
        )
    # Length before text, so that no two requests have the same bytes.
    target = f"{request.method} {request.url.path}".encode()
    digest = hashlib.sha256(b"%d %b" % (len(target), target))
    digest.update(body)
    return Once(key, digest.hexdigest())


async def aside(work: Callable[[], Any], size: int, threshold: int = 1 << 18) -> Any:
    """Do ``work`` on ``size`` bytes: in a thread where it would hold up other requests."""
    return await asyncio.to_thread(work) if size > threshold else work()
