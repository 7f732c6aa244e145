"""What happens to every request: admit, read, check, do, answer; refusals become problems."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.rest_api import bodies, problems
from markaz.interfaces.rest_api.calls import Api, Call, aside, once_of, perform
from markaz.interfaces.rest_api.fields import Query
from markaz.interfaces.rest_api.routes import Route

GONE: Final = 499  # the client went away; nobody reads this
MAX_NAME: Final = 100
_encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


class Endpoint:
    """A row of the table, ready to serve."""

    def __init__(self, api: Api, route: Route) -> None:
        self.api = api
        self.route = route
        self._names = route.names
        self._query = route.query or Query
        self._handler = route.handler or perform
        self._parameters = frozenset({"Idempotency-Key", *self._names, *self._query.model_fields})
        most = int(api.centre.services.settings["max_body_mib"]) << 20
        self._limit = most if route.large else min(bodies.SMALL, most)

    async def __call__(self, request: Request) -> Response:
        """The answer to ``request``; never raises what a client can cause."""
        call = Call(self.api, self.route, request, request.path_params)
        try:
            return await self._answer(call)
        except CentreError as error:
            document = problems.of_error(error, self._parameters, call.body)
            return problems.response(document, retry_after=error.retry_after, headers=call.headers)
        except problems.Refusal as refusal:
            return problems.response(refusal.document, headers=call.headers)
        except ClientDisconnect:
            return Response(status_code=GONE)

    async def _answer(self, call: Call) -> Response:
        request = call.request
        await self.api.gate.admit(call)
        for name in self._names:
            _check_name(name, call.path[name])
        if request.query_params or self.route.query is not None:
            call.query = bodies.parameters(self._query, request)
        refusal = await self._read(call)
        if refusal is not None:
            return refusal
        answer = await self._handler(call)
        if isinstance(answer, Response):
            answer.headers.update(call.headers)
            return answer
        data = _encode(answer).encode("utf-8", "replace")
        return Response(data, self.route.status, call.headers, "application/json")

    async def _read(self, call: Call) -> Response | None:
        """Read and check the body; an answer where the refusal is HTTP's own."""
        request, model = call.request, self.route.body
        if model is None:
            if _has_body(request):
                raise invalid("", "no body is taken here")
            call.once = once_of(request, self.route, b"")
            return None
        data = await bodies.read(request, self._limit)
        if data and not bodies.is_json(request):
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            document = problems.http_problem(status, "the body must be application/json")
            return problems.response(document, headers=call.headers)
        call.body, call.once = await aside(lambda: self._parse(request, model, data), len(data))
        return None

    def _parse(self, request: Request, model: type[BaseModel], data: bytes) -> Any:
        return bodies.parse(model, data), once_of(request, self.route, data)


def _check_name(name: str, value: str) -> None:
    if not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise invalid(name, f"{name} must be a name of 1 to {MAX_NAME} printable characters")


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
