"""One request on its way: who asks, for which project, and the one door to the centre."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from markaz.centre.access import ANONYMOUS, QUERIES, VERBS, Principal
from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.connections import Connection
from markaz.interfaces.rest_api import bodies
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.runtime_api import crn

if TYPE_CHECKING:
    from markaz.interfaces.runtime_api.arrivals import Arrivals
    from markaz.interfaces.runtime_api.gate import Gate
    from markaz.interfaces.runtime_api.polls import Polls
    from markaz.interfaces.runtime_api.routes import Route

SMALL: Final = 64 << 10  # bytes of an ordinary body
_encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


@dataclass(slots=True)
class Runtime:
    """What all requests share."""

    api: Api
    gate: Gate
    polls: Polls
    arrivals: Arrivals


@dataclass(slots=True)
class Call:
    """One request; ``login`` is the number of the token that it came with."""

    runtime: Runtime
    route: Route
    request: Request
    path: dict[str, str]
    trace: str
    actor: Principal = ANONYMOUS
    login: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        """What this interface shares with the others."""
        return self.runtime.api

    @property
    def project(self) -> str | None:
        """The project that the request is for. Raises CentreError ``invalid``."""
        return crn.project_of(self.request.headers.get(crn.HEADER))

    @property
    def instance(self) -> str:
        """The instance as the client named it."""
        return self.request.headers.get(crn.HEADER, "")

    @property
    def connection(self) -> Connection | None:
        """The client's own connection; None behind a proxy, which shares its connections."""
        headers, client = self.request.headers, self.request.client
        proxied = client is None or client.port == 0
        if proxied or "via" in headers or "forwarded" in headers or "x-forwarded-for" in headers:
            return None
        found: Connection | None = self.request.scope["state"].get("connection")
        return found

    async def perform(self, does: str, **arguments: Any) -> Any:
        """Do the verb or answer the query ``does``, as whoever asks."""
        centre = self.api.centre
        if does in VERBS:
            return await asyncio.wrap_future(
                centre.perform_later(VERBS[does], self.actor, **arguments)
            )
        return await asyncio.wrap_future(centre.ask_later(QUERIES[does], self.actor, **arguments))

    async def body(self) -> dict[str, Any]:
        """A small JSON object. Raises CentreError ``invalid``."""
        data = await bodies.read(self.request, SMALL)
        try:
            found = json.loads(data or b"{}")
        except (ValueError, RecursionError):
            raise invalid("body", "the body is not JSON") from None
        if not isinstance(found, dict):
            raise invalid("body", "the body must be a JSON object")
        return found

    def query(self, name: str) -> str | None:
        """A parameter of the address, the last if it is given twice; empty is not given."""
        return self.request.query_params.get(name) or None

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A parameter that is a whole number. Raises CentreError ``invalid``."""
        text = self.query(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or not low <= int(text[:10]) <= high:
            raise invalid(name, f"{name} must be a whole number from {low} to {high}")
        return int(text[:10])

    def flag(self, name: str) -> bool | None:
        """A parameter that is true or false; None where it is not given."""
        text = self.query(name)
        if text is None:
            return None
        if text.lower() not in ("true", "false"):
            raise invalid(name, f"{name} must be true or false")
        return text.lower() == "true"


def answer(document: Any, status: int = 200) -> Response:
    """``document`` as JSON."""
    return Response(encoded(document), status, media_type="application/json")


def encoded(document: Any) -> bytes:
    """``document`` as JSON text."""
    return _encode(document).encode("utf-8", "replace")


def done() -> Response:
    """It is done, and there is nothing to say."""
    return Response(status_code=204)


def without_nones(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` without its nulls: strict clients take none where they expect a value."""
    return {name: value for name, value in document.items() if value is not None}


def not_404(error: CentreError) -> CentreError:
    """A thing that a submission names and that is not there, without saying "program"."""
    if error.kind != "not-found":
        return error
    return CentreError("invalid", error.message, field=error.field, **error.details)
