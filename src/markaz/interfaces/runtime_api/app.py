"""Finds the row of the table for a request and answers it; refusals in the client's format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people.keys import Authenticator
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.rest_api.endpoint import GONE, MAX_NAME
from markaz.interfaces.runtime_api import errors
from markaz.interfaces.runtime_api.arrivals import Arrivals
from markaz.interfaces.runtime_api.calls import Call, Runtime
from markaz.interfaces.runtime_api.gate import Gate
from markaz.interfaces.runtime_api.polls import Polls
from markaz.interfaces.runtime_api.routes import PREFIXES, Route
from markaz.interfaces.runtime_api.table import ROUTES
from markaz.interfaces.runtime_api.tokens import Tokens

_log: Final = structlog.get_logger(__name__)


def make_runtime(api: Api, authenticator: Authenticator) -> Runtime:
    """What the requests of this interface share, around ``api``."""
    centre: Centre = api.centre
    services = centre.services
    tokens = Tokens(services.key)
    return Runtime(
        api=api,
        gate=Gate(centre, api.gate, authenticator, tokens),
        polls=Polls(services.clock.now),
        arrivals=Arrivals(float(services.settings["resubmit_seconds"])),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A route at one of its addresses."""

    parts: tuple[str, ...]
    route: Route
    path: str


class RuntimeApi:
    """All addresses of the runtime interface, as an application.

    Clients poll here without end, so a request finds its row by one look into a table
    instead of passing what the other interfaces put around theirs.
    """

    def __init__(self, runtime: Runtime, routes: Sequence[Route] = ROUTES) -> None:
        self.runtime = runtime
        self._rows: defaultdict[tuple[int, str], list[_Row]] = defaultdict(list)
        for route in routes:
            for address in route.addresses:
                parts = tuple(address.split("/")[1:])
                row = _Row(parts, route, address)
                self._rows[len(parts), _key(parts)].append(row)

    def serves(self, path: str) -> bool:
        """Whether requests for this path are this interface's."""
        return path.startswith(_OURS) or path in _ALONE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises what a client can cause."""
        request, trace = Request(scope, receive), str(scope["state"]["request"])
        found = self._find(scope["path"], scope["method"])
        if isinstance(found, HTTPStatus):
            answer = errors.plain(found, _PLAIN[found], trace)
        else:
            row, names = found
            scope["route"] = row  # its address is what metrics name
            call = Call(self.runtime, row.route, request, names, trace)
            answer = await self._answered(call)
        await answer(scope, receive, send)

    async def _answered(self, call: Call) -> Response:
        try:
            await self.runtime.gate.admit(call)
            answer = await call.route.handler(call)
            answer.headers.update(call.headers)
            return answer
        except CentreError as error:
            answer = errors.of_error(error, call.trace, call.headers)
            errors.forget(error)
            return answer
        except ClientDisconnect:
            return Response(status_code=GONE)
        except Exception:
            _log.exception("request failed", trace=call.trace, path=call.request.url.path)
            failure = CentreError("internal", "the centre failed; this was logged")
            return errors.of_error(failure, call.trace, call.headers)

    def _find(self, path: str, method: str) -> tuple[_Row, dict[str, str]] | HTTPStatus:
        parts = tuple(path.split("/")[1:])
        size, known = len(parts), False
        rows = self._rows
        for row in (*rows.get((size, _key(parts)), ()), *rows.get((size, _ANY), ())):
            names = _matched(row.parts, parts)
            if names is None:
                continue
            if row.route.method == method:
                return row, names
            known = True
        return HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND


_ANY: Final = "*"
_OURS: Final = tuple(f"{prefix}/" for prefix in PREFIXES)
_ALONE: Final = frozenset(one for r in ROUTES for one in r.addresses if "{" not in one)
_PLAIN: Final = {
    HTTPStatus.NOT_FOUND: "there is no such address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take that method",
}


def _key(parts: tuple[str, ...]) -> str:
    """The part that tells what an address is about: the one after the prefix."""
    at = 3 if parts[0] == "experimental" else 2
    found = parts[at] if len(parts) > at else ""
    return _ANY if found[:1] == "{" else found


def _matched(row: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    """The names in the path, if it is this row's."""
    names: dict[str, Any] = {}
    for wanted, part in zip(row, parts, strict=True):
        if wanted[:1] == "{":
            if not 0 < len(part) <= MAX_NAME or not part.isprintable():
                return None
            names[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return names
