"""Requests to a centre, with nothing but the standard library.

What may be sent twice without harm is: requests that only look, and POSTs, which carry an
Idempotency-Key, so that a lost answer never does a thing twice.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import ssl
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

TRIES: Final = 5
PAUSE: Final = 0.2  # seconds before the second try; doubled for each further one
MAX_PAUSE: Final = 10.0
TIMEOUT: Final = 30.0  # seconds without a byte
_BUSY: Final = frozenset({429, 502, 503, 504})


class MarkazError(Exception):
    """The centre refused (``status``, ``kind`` of its problem document) or was not reached (0)."""

    def __init__(self, message: str, status: int = 0, kind: str = "unreachable") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class _NoRedirect(HTTPRedirectHandler):
    """The key goes to the address that it was meant for and no further."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing; the answer counts as a refusal."""


Trust = str | os.PathLike[str] | ssl.SSLContext


class Connection:
    """Talks to the centre at ``url`` with ``key``. ``ca``: a PEM file of its own authority, or a
    context that knows whom to believe (and, where one is asked for, a client's certificate)."""

    def __init__(self, url: str, key: str, ca: Trust | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is not the address of a centre: give http://… or https://…")
        self.url = url.rstrip("/")
        self._key = key
        self._ca = ca
        self._opener = _opener(ca)

    def __reduce__(self) -> tuple[type[Connection], tuple[str, str, Trust | None]]:
        """What is pickled opens anew; with a context of the caller's it cannot be."""
        return Connection, (self.url, self._key, self._ca)

    def __deepcopy__(self, memo: dict[int, Any]) -> Connection:
        """Copies are connections of their own; Qiskit copies backends deeply."""
        return Connection(self.url, self._key, self._ca)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The document at ``path`` below ``/v1``. Raises MarkazError."""
        return self._send("GET", path, None, query)

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """POST ``body``; it acts once, however often it has to be sent. Raises MarkazError."""
        return self._send("POST", path, body, {})

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> dict[str, Any]:
        request = self._request(method, path, body, query)
        timeout = TIMEOUT + float(query.get("wait", 0))
        for attempt in range(1, TRIES + 1):
            try:
                with self._opener.open(request, timeout=timeout) as answer:
                    document: dict[str, Any] = json.load(answer)
                    return document
            except HTTPError as error:
                if error.code not in _BUSY or attempt == TRIES:
                    raise _refusal(error) from None
                said = error.headers.get("Retry-After")
            except (URLError, http.client.HTTPException, OSError) as error:
                if attempt == TRIES or _is_certificate(error):
                    message = f"the centre at {self.url} does not answer: {error}"
                    raise MarkazError(message) from error
                said = None
            time.sleep(_pause(attempt, said))
        raise AssertionError("the last try returns or raises")

    def _request(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> Request:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "User-Agent": "markaz-client",
        }
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        given = f"?{urlencode(query)}" if query else ""
        # The scheme was checked when the connection was made.
        return Request(f"{self.url}/v1{path}{given}", data, headers, method=method)  # noqa: S310


def _opener(ca: Trust | None) -> OpenerDirector:
    context = ca if isinstance(ca, ssl.SSLContext) else ssl.create_default_context(cafile=ca)
    return build_opener(HTTPSHandler(context=context), _NoRedirect())


def _is_certificate(error: Exception) -> bool:
    """Whether the other side is not who it says: trying again does not help."""
    reason = getattr(error, "reason", error)
    return isinstance(reason, ssl.SSLCertVerificationError)


def _pause(attempt: int, said: str | None) -> float:
    if said is not None and said.isdigit():
        return min(float(said), MAX_PAUSE)
    longest: float = min(PAUSE * 2 ** (attempt - 1), MAX_PAUSE)
    return random.uniform(longest / 2, longest)


def _refusal(error: HTTPError) -> MarkazError:
    try:
        problem = json.load(error)
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    message = str(problem.get("detail") or problem.get("title") or error.reason)
    return MarkazError(message, error.code, str(problem.get("kind", "http")))
