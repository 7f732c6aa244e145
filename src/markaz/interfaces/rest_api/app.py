"""Assembles the application: every row of the table becomes a documented address."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, Path, Query
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

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


class Documented(APIRoute):
    """FastAPI documents the row; requests go to our own endpoint, which is stricter (body
    size, JSON, one place for refusals) and cheaper."""

    def get_route_handler(self) -> Serve:
        """The endpoint, or nothing that works where there is only a document."""
        serves: Serve = self.endpoint.serves  # type: ignore[attr-defined]
        return serves


def make_app(
    api: Api, routes: tuple[Route, ...] = ROUTES, more: Sequence[BaseRoute] = ()
) -> Observed:
    """The application; a problem document answers whatever goes wrong in it.

    ``more``: addresses that are no part of the REST interface (the workers').
    """
    app = FastAPI(
        title="Markaz",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    for route in routes:
        _add(app, route, Endpoint(api, route))
    data = json.dumps(openapi.document(app, routes), ensure_ascii=False).encode()
    app.add_route("/openapi.json", lambda _: Response(data, media_type="application/json"))
    app.router.routes += [*health.routes(api), *more]
    return Observed(app, api)


def describe(routes: tuple[Route, ...] = ROUTES) -> dict[str, Any]:
    """The OpenAPI document alone, without a centre."""

    async def nowhere(_: Request) -> Response:
        raise NotImplementedError("this application only describes")

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


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail if error.status_code not in (404, 405) else ""
    document = problems.http_problem(error.status_code, detail)
    return problems.response(document, headers=dict(error.headers or {}))


async def _failed(_: Request, error: Exception) -> Response:
    return problems.response(problems.problem("internal", "the centre failed; this was logged"))
