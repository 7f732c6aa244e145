"""RFC 9457 problem documents: every refusal has one, and none shows the centre's insides.

``type`` is ``urn:markaz:problem:KIND`` with the kinds of ``centre.errors``; refusals that
are HTTP's own (an unknown method) have ``about:blank``, as the RFC says.
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

from markaz.centre.errors import KINDS, CentreError

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:markaz:problem:"
MAX_ERRORS: Final = 20
_TEXTS: Final = {
    "extra_forbidden": "there is no such field",
    "missing": "this field is needed",
}


def problem(
    kind: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A problem document of a kind of the table."""
    status, title, _ = KINDS[kind]
    document: dict[str, Any] = {
        "type": URN + kind,
        "title": title,
        "status": status,
        "detail": detail,
        "kind": kind,
    }
    if errors:
        document["errors"] = errors
    if details:
        document["details"] = details
    return document


class Refusal(Exception):
    """A request that does not fit its model; ``document`` says where."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document["detail"])
        self.document = document


def of_error(
    error: CentreError, parameters: frozenset[str] = frozenset(), body: BaseModel | None = None
) -> dict[str, Any]:
    """The document of a refusal; a field among ``parameters`` is one of the address, what else
    there is no such thing of is named by the ``body``'s field of that name."""
    errors = None
    field = error.field
    if field is None and error.what not in parameters and getattr(body, str(error.what), None):
        field = error.what
    if field is not None:
        place = tuple(field.split("/")) if field else ()
        in_address = bool(place) and place[0] in parameters
        errors = [located(place, error.message, parameter=in_address)]
    return problem(error.kind, error.message, errors=errors, details=error.details)


def of_validation(error: ValidationError, *, parameters: bool) -> dict[str, Any]:
    """The document of a body, or of ``parameters`` of an address, that does not fit its
    model; values are not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    errors = [located(e["loc"], _text(e), parameter=parameters) for e in found[:MAX_ERRORS]]
    first = errors[0]
    where = first["parameter" if parameters else "pointer"]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return problem("invalid", f"{where}: {first['detail']}{more}", errors=errors)


def _text(error: ErrorDetails) -> str:
    text = _TEXTS.get(error["type"]) or error["msg"]
    return text.removeprefix("Value error, ").removeprefix("Input ")[:300]


def located(place: tuple[int | str, ...], text: str, *, parameter: bool) -> dict[str, str]:
    """One entry of ``errors``: a JSON pointer into the body, or the name of a parameter."""
    if parameter:
        return {"parameter": str(place[0])[:100], "detail": text}
    parts = (str(part).replace("~", "~0").replace("/", "~1")[:100] for part in place)
    return {"pointer": "#" + "".join(f"/{part}" for part in parts), "detail": text}


def http_problem(status: int, detail: str = "") -> dict[str, Any]:
    """The document of one of HTTP's own refusals."""
    if status == HTTPStatus.NOT_FOUND:
        return problem("not-found", detail or "there is no such address")
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail or title}


def response(
    document: dict[str, Any],
    *,
    retry_after: float | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """``document`` as an HTTP answer."""
    sent = dict(headers or {})
    status = int(document["status"])
    if retry_after is not None:
        sent["Retry-After"] = str(max(1, math.ceil(retry_after)))
    elif status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        sent["Retry-After"] = "1"
    if status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = 'Bearer realm="markaz"'
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        sent["Connection"] = "close"
    body = json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(body, status, sent, MEDIA_TYPE)
