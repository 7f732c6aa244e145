"""The OpenAPI 3.1 document: FastAPI's, with the refusals, the key and who may do what."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from markaz import __version__
from markaz.centre.access import SCOPES
from markaz.centre.errors import KINDS
from markaz.interfaces.rest_api import problems
from markaz.interfaces.rest_api.routes import Route, Who

_DESCRIPTION: Final = (
    "Projects, credits and jobs of a quantum computing centre. Times are integer"
    " microseconds UTC, amounts integer micro-credits. Send a key as"
    " `Authorization: Bearer mkz_…`. Every refusal is a problem document (RFC 9457)."
    " A list answers with `next`, to be passed as `after`."
)
# status -> kinds that answer with it
_BY_STATUS: Final[dict[int, list[str]]] = {}
for _kind, (_status, *_rest) in KINDS.items():
    _BY_STATUS.setdefault(_status, []).append(_kind)
_ALWAYS: Final = (401, 422, 429, 500, 503)
_LIMITED: Final = ("RateLimit", "RateLimit-Policy")


def document(app: FastAPI, routes: tuple[Route, ...]) -> dict[str, Any]:
    """The document of ``app``, which serves ``routes``."""
    made = get_openapi(
        title="Markaz",
        version=__version__,
        description=_DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _problem_schema()
    parts["responses"] = {str(s): _response(s) for s in (*_BY_STATUS, 405, 415)}
    parts["securitySchemes"] = {"key": _security_scheme()}
    for route in routes:
        _complete(made["paths"][route.path][route.method.lower()], route)
    return made


def _complete(operation: dict[str, Any], route: Route) -> None:
    act = route.act
    scope = f" A key needs the scope `{act.scope}`." if act.scope else ""
    operation["description"] = f"For {route.who}.{scope}"
    operation["security"] = [] if route.who is Who.ANYONE else [{"key": []}]
    operation["x-markaz-does"] = act.name
    answers = operation["responses"]
    answers.pop("422", None)
    for status in refusals(route):
        answers[str(status)] = {"$ref": f"#/components/responses/{status}"}
    good = answers[str(route.status)]
    good["headers"] = dict.fromkeys(_LIMITED, _HEADER)
    if route.media != "application/json":
        good["content"] = {route.media: {"schema": {"type": "string", "format": "binary"}}}


def refusals(route: Route) -> list[int]:
    """The statuses that a route may refuse with; 401 also where a needless key is bad."""
    found = set(_ALWAYS)
    if route.who is not Who.ANYONE:
        found |= {403, 404}
    if route.names:
        found.add(404)
    if route.method != "GET":
        found |= {403, 404, 409, 507}
    if route.body is not None:
        found |= {413, 415}
    return sorted(found)


_HEADER: Final = {
    "description": "What is left of the caller's quota (draft-ietf-httpapi-ratelimit-headers).",
    "schema": {"type": "string"},
}


def _response(status: int) -> dict[str, Any]:
    kinds = _BY_STATUS.get(status, [])
    if kinds:
        text = " ".join(f"`{kind}`: {KINDS[kind][2]}" for kind in kinds)
        example = problems.problem(kinds[0], KINDS[kinds[0]][2])
    else:
        example = problems.http_problem(status)
        text = example["title"]
    content: dict[str, Any] = {
        problems.MEDIA_TYPE: {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": example,
        }
    }
    answer: dict[str, Any] = {"description": text, "content": content}
    if status in (429, 503):
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait before the next try.",
                "schema": {"type": "integer"},
            }
        }
    return answer


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457 problem document.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {**text, "description": "urn:markaz:problem:KIND, or about:blank."},
            "title": {**text, "description": "The kind in words."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {**text, "description": "What is wrong with this request."},
            "kind": {"enum": list(KINDS), "description": "The kind, for programs."},
            "errors": {
                "type": "array",
                "description": "What is wrong where: a JSON pointer or a parameter's name.",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {"pointer": text, "parameter": text, "detail": text},
                },
            },
            "details": {"type": "object", "description": "Plain values that a program may want."},
        },
    }


def _security_scheme() -> dict[str, Any]:
    scopes = "; ".join(f"`{name}`: {meaning}" for name, meaning in SCOPES.items())
    return {
        "type": "http",
        "scheme": "bearer",
        "description": f"A key that begins with `mkz_`. Scopes: {scopes}.",
    }
