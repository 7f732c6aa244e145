"""Refusals as the runtime client prints them: its own format, with what to do about it.

The client shows the text of ``error`` and the raw body; ``errors`` is what its interface
documents. A program or device that is not there must not be 404 where jobs are submitted:
the client would say "Program not found".
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import KINDS, CentreError

JSON: Final = "application/json"
# kind of `centre.errors` -> number that the client shows, and what to do
CODES: Final[dict[str, tuple[int, str]]] = {
    "invalid": (1211, "Correct the named field and submit again."),
    "unauthenticated": (1200, "Log in again; `markaz env --check` finds what is wrong."),
    "forbidden": (1201, "Ask the lead of your project, or an operator of the centre."),
    "not-found": (1291, "Check the name and the instance: another project's things are not there."),
    "conflict": (1350, "Look at the current state, then decide."),
    "reused-key": (1350, "Submit again."),
    "program": (1517, "Correct the program; nothing was charged for it."),
    "too-large": (8022, "Split the job, or send fewer parameter values at once."),
    "allocation": (1216, "Ask for more credits: `markaz credits` shows what is left."),
    "quota": (1305, "Wait until some of your jobs end, or delete old results."),
    "rate-limited": (1429, "Wait as long as Retry-After says."),
    "stale": (1350, "Look at the current state, then decide."),
    "unavailable": (8000, "Try again in a moment."),
    "storage-full": (8001, "Tell an operator of the centre."),
    "internal": (9999, "Tell an operator of the centre, and give the trace."),
}
# HTTP's own: the interface's documentation knows no number for them.
PLAIN: Final = 1000


def of_error(error: CentreError, trace: str, headers: dict[str, str]) -> Response:
    """The answer to a request that the centre refuses."""
    status = KINDS[error.kind][0]
    if error.kind == "invalid":
        status = HTTPStatus.BAD_REQUEST
    code, solution = CODES[error.kind]
    said = str(error.details.get("solution", solution))
    sent = dict(headers)
    if error.retry_after is not None:
        sent["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    elif status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        sent["Retry-After"] = "1"
    return answer(status, int(error.details.get("code", code)), _words(error), said, trace, sent)


def forget(error: BaseException) -> None:
    """Let go of what an answered refusal came through.

    Its frames hold the request's body, and some of them the refusal itself: that circle would keep
    the body until the collector comes, which it seldom does.
    """
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__context__


def _words(error: CentreError) -> str:
    """The message, with the field where it does not name it, and the place in a program."""
    line, column = error.details.get("line"), error.details.get("column")
    place = f" (line {line}, column {column})" if line is not None and column is not None else ""
    field = "".join(c if c.isprintable() else " " for c in error.field or "")
    named = not field or field in error.message or field == "program"
    return f"{error.message}{place}" if named else f"{field}: {error.message}{place}"


def answer(
    status: int, code: int, message: str, solution: str, trace: str, headers: dict[str, str]
) -> Response:
    """A refusal with status ``status``; ``code`` is what the client shows as error code."""
    document: dict[str, Any] = {
        "errors": [{"code": code, "message": message, "solution": solution, "more_info": ""}],
        "error": {"code": code, "message": _joined(message, solution), "status": int(status)},
        "trace": trace,
    }
    sent = dict(headers)
    if status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = 'Bearer realm="markaz"'
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        sent["Connection"] = "close"
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status, sent, JSON)


def _joined(message: str, solution: str) -> str:
    return f"{message}{'' if message[-1:] in '.!?' else '.'} {solution}"


def plain(status: HTTPStatus, message: str, trace: str) -> Response:
    """One of HTTP's own refusals."""
    solution = "See the reference of the runtime routes for what there is."
    return answer(status, PLAIN, message, solution, trace, {})
