"""Reading requests: bounded while they stream in, strict JSON, models that refuse the unknown."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.rest_api.problems import Refusal, of_validation

SMALL: Final = 256 << 10  # bytes of an ordinary body; only programs may be larger
# A parser turns a byte outside of strings into up to sixteen bytes of memory, so only few
# are allowed: programs, the only long things that anyone sends, are strings.
MAX_OUTSIDE: Final = 2 << 20
MAX_QUOTES: Final = 200_000
MAX_BACKSLASHES: Final = 64


async def read(request: Request, limit: int) -> bytes:
    """The body. Raises CentreError ``too-large`` as soon as it is known to exceed ``limit``."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise too_large(limit)
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks) if len(chunks) != 1 else chunks[0]


def too_large(limit: int) -> CentreError:
    """The refusal of a body beyond ``limit`` bytes."""
    return CentreError("too-large", f"the request body is larger than {limit} bytes", limit=limit)


def is_json(request: Request) -> bool:
    """Whether the request says that its body is JSON."""
    media, _, _ = request.headers.get("content-type", "").partition(";")
    return media.strip().lower() == "application/json"


def parse(model: type[BaseModel], data: bytes) -> BaseModel:
    """``data`` as ``model``. Raises Refusal, or CentreError for a bomb."""
    if len(data) > SMALL:
        check_shape(data)
    try:
        return model.model_validate_json(data or b"{}", strict=True)
    except ValidationError as error:
        raise Refusal(of_validation(error, parameters=False)) from None


def check_shape(data: bytes) -> None:
    """Refuse a long text that is not mostly strings. Raises CentreError ``invalid``."""
    outside = position = quotes = 0
    while (start := data.find(b'"', position)) >= 0:
        outside += start - position
        position = start + 1
        while (end := data.find(b'"', position)) >= 0:
            quotes += 1
            position = end + 1
            if quotes > MAX_QUOTES:
                raise invalid("", f"the body has more than {MAX_QUOTES} quotation marks")
            if not _is_escaped(data, end):
                break
        if end < 0:
            return  # an open string: the parser will say so
        if outside > MAX_OUTSIDE:
            break
    else:
        outside += len(data) - position
    if outside > MAX_OUTSIDE:
        raise invalid("", f"the body has more than {MAX_OUTSIDE} bytes outside of strings")


def _is_escaped(data: bytes, at: int) -> bool:
    before = data[max(0, at - MAX_BACKSLASHES) : at]
    count = len(before) - len(before.rstrip(b"\\"))
    if count == MAX_BACKSLASHES:
        raise invalid("", f"the body has {MAX_BACKSLASHES} backslashes in a row")
    return count % 2 == 1


def parameters(model: type[BaseModel], request: Request) -> BaseModel:
    """The parameters of the address as ``model``, each at most once. Raises Refusal."""
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise invalid(name[:100], f"{name[:100]} is given twice")
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Refusal(of_validation(error, parameters=True)) from None
