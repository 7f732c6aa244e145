"""Assembles the application: every row of the table becomes a documented address."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final, Protocol

from fastapi import FastAPI, Header, Path, Query
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from markaz.interfaces import acts
from markaz.interfaces.rest_api import health, openapi, problems
from markaz.interfaces.rest_api.calls import MAX_KEY, Api
from markaz.interfaces.rest_api.endpoint import MAX_NAME, Endpoint
from markaz.interfaces.rest_api.observe import Observed
from markaz.interfaces.rest_api.routes import Route
from markaz.interfaces.rest_api.table import ROUTES

NAMES: Final[dict[str, str]] = {
    "project": "Identifier or short name of a project.",
    "job": "Identifier of a job.",
    "user": "Identifier or login of a person.",
}


Serve = Callable[[Request], Coroutine[Any, Any, Response]]
Refuse = Callable[[Request, Exception], Coroutine[Any, Any, Response | None]]


class First(Protocol):
    """An application that says itself what it takes."""

    def serves(self, path: str) -> bool:
        """Whether requests for this path are its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one."""


class _Fork:
    """Two applications as one."""

    def __init__(self, first: First, second: ASGIApp) -> None:
        self._first, self._second = first, second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ours = scope["type"] == "http" and self._first.serves(scope["path"])
        await (self._first if ours else self._second)(scope, receive, send)


class Documented(APIRoute):
    """FastAPI documents the row; requests go to our own endpoint, which is stricter (body
    size, JSON, one place for refusals) and cheaper."""

    def get_route_handler(self) -> Serve:
        """The endpoint, or nothing that works where there is only a document."""
        serves: Serve = self.endpoint.serves  # type: ignore[attr-defined]
        return serves


def make_app(
    api: Api,
    routes: tuple[Route, ...] = ROUTES,
    more: Sequence[BaseRoute] = (),
    refused: Refuse | None = None,
    first: First | None = None,
) -> Observed:
    """The application; a problem document answers whatever goes wrong in it.

    ``first``: an application of its own that takes its requests before this one, since they
    are many.
    ``more``: addresses that are no part of the REST interface (the workers', the pages);
    ``refused`` may answer instead where HTTP itself refuses or the server fails.
    """
    mine = refused or _no_page
    app = FastAPI(
        title="Markaz",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _or(mine, _refused), Exception: _or(mine, _failed)},
    )
    for route in routes:
        _add(app, route, Endpoint(api, route))

    @functools.cache
    def documented() -> bytes:  # takes a third of a second, and most servers are never asked
        return json.dumps(openapi.document(app, routes), ensure_ascii=False).encode()

    def describe_all(_: Request) -> Response:  # in a thread of its own
        return Response(documented(), media_type="application/json")

    app.add_route("/openapi.json", describe_all)
    app.router.routes += [*health.routes(api), *more]
    return Observed(app if first is None else _Fork(first, app), api)


def describe(routes: tuple[Route, ...] = ROUTES) -> dict[str, Any]:
    """The OpenAPI document alone, without a centre."""

    async def nowhere(_: Request) -> Response:
        raise AssertionError("this application only describes: nobody serves it")

    acts.register_all()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for route in routes:
        _add(app, route, nowhere)
    return openapi.document(app, routes)


def _add(app: FastAPI, route: Route, serves: Serve) -> None:
    app.router.add_api_route(
        route.path,
        _described(route, serves),
        methods=[route.method],
        operation_id=route.operation,
        summary=route.summary,
        response_model=route.answer,
        status_code=route.status,
        tags=[route.path.split("/")[2].partition(":")[0]],
        route_class_override=Documented,
    )


def _described(route: Route, serves: Serve) -> Callable[..., Any]:
    """A function with the signature that FastAPI reads; it is never called."""

    def described() -> None: ...

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kind, annotation=Annotated[str, _path(name)])
        for name in route.names
    ]
    if route.query is not None:
        parameters.append(
            inspect.Parameter("query", kind, annotation=Annotated[route.query, Query()])
        )
    if route.takes_key:
        parameters.append(
            inspect.Parameter("idempotency_key", kind, annotation=_IDEMPOTENCY, default=None)
        )
    if route.body is not None:
        parameters.append(inspect.Parameter("body", kind, annotation=route.body))
    described.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    described.serves = serves  # type: ignore[attr-defined]
    return described


_IDEMPOTENCY: Final = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_KEY,
        pattern=r"^[\x20-\x7e]+$",
        description="Makes it safe to send the request again: it acts once.",
    ),
]


def _path(name: str) -> Any:
    meaning = NAMES.get(name, f"Identifier of a {name.replace('_', ' ')}.")
    return Path(description=meaning, min_length=1, max_length=MAX_NAME)


def _or(first: Refuse, second: Refuse) -> Callable[[Request, Exception], Any]:
    async def handler(request: Request, error: Exception) -> Response:
        answer = await first(request, error) or await second(request, error)
        assert answer is not None
        return answer

    return handler


async def _no_page(_: Request, __: Exception) -> None:
    """No other interface answers."""


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail if error.status_code not in (404, 405) else ""
    document = problems.http_problem(error.status_code, detail)
    return problems.response(document, headers=dict(error.headers or {}))


async def _failed(_: Request, error: Exception) -> Response:
    return problems.response(problems.problem("internal", "the centre failed; this was logged"))
