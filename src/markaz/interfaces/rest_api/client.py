"""A small client of the REST interface, for the command line.

It retries what is safe to retry: requests that only look, and POSTs under one
Idempotency-Key, so that a lost answer never does a thing twice.
"""

from __future__ import annotations

import os
import random
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

TRIES: Final = 5
PAUSE: Final = 0.2  # seconds before the second try; doubled for each further one
MAX_PAUSE: Final = 10.0
TIMEOUT: Final = 30.0
WAIT: Final = 30  # seconds that one waiting request is held
_BUSY: Final = frozenset({429, 502, 503, 504})


class ClientError(Exception):
    """A refusal: its HTTP status and the problem document; status 0: the centre was not reached."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or status))
        self.status = status
        self.problem = dict(problem)

    @property
    def kind(self) -> str:
        """The kind of the refusal; "unreachable" where there was no answer."""
        return str(self.problem.get("kind", "unreachable" if self.status == 0 else "http"))


class Client:
    """Talks to the centre at ``url`` with ``key``. Close it, or use it in ``with``.

    ``verify``: whom to believe, as an ``ssl.SSLContext`` or the PEM file of the centre's own
    authority; True: the system's authorities. ``transport`` stands in for the network in tests.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = TIMEOUT,
        verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"User-Agent": "markaz-client", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=timeout,
            verify=_trust(verify),
            transport=transport,
            follow_redirects=False,
        )
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The document at ``path`` (below ``/v1``). Raises ClientError."""
        return self.request("GET", path, parameters=parameters)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """POST ``body``; sent again after a lost answer, it still acts once."""
        return self.request("POST", path, body=body, parameters=parameters)

    def patch(self, path: str, body: Any) -> Any:
        """Change what is at ``path``. Raises ClientError."""
        return self.request("PATCH", path, body=body)

    def put(self, path: str, body: Any) -> Any:
        """Put ``body`` at ``path``. Raises ClientError."""
        return self.request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """Remove what is at ``path``. Raises ClientError."""
        return self.request("DELETE", path)

    def items(self, path: str, **parameters: Any) -> Iterator[Any]:
        """All items of a list, page after page."""
        while True:
            page = self.get(path, **parameters)
            yield from page["items"]
            if page["next"] is None:
                return
            parameters["after"] = page["next"]

    def wait(self, job: str, seconds: float | None = None) -> dict[str, Any]:
        """The job's document once it is in a final state, or when ``seconds`` are over."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = WAIT if until is None else min(WAIT, until - time.monotonic())
            found: dict[str, Any] = self.get(f"/jobs/{job}", wait=max(0, int(left)))
            if found["state"] in ("completed", "failed", "cancelled"):
                return found
            if until is not None and time.monotonic() >= until:
                return found

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send a request and give the answer's document. Raises ClientError."""
        sent = {k: v for k, v in (parameters or {}).items() if v is not None}
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        timeout = self._timeout + float(sent.get("wait", 0))
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._http.request(
                    method,
                    f"/v1{path}",
                    json=body,
                    params=sent,
                    headers=headers,
                    timeout=timeout,
                )
            except httpx.TransportError as error:
                if attempt == TRIES or not _may_repeat(method, error):
                    raise ClientError(0, {"detail": _unreachable(self._http, error)}) from error
                time.sleep(_pause(attempt))
                continue
            if answer.status_code not in _BUSY or attempt == TRIES:
                return _document(answer)
            time.sleep(_pause(attempt, answer.headers.get("retry-after")))
        raise AssertionError("the last try returns or raises")


def _trust(verify: ssl.SSLContext | str | os.PathLike[str] | bool) -> ssl.SSLContext | bool:
    if isinstance(verify, ssl.SSLContext | bool):
        return verify
    return ssl.create_default_context(cafile=verify)


def _may_repeat(method: str, error: httpx.TransportError) -> bool:
    return method != "PATCH" or isinstance(error, httpx.ConnectError)


def _pause(attempt: int, said: str | None = None) -> float:
    if said is not None and said.isdigit():
        return min(float(said), MAX_PAUSE)
    longest: float = min(PAUSE * 2 ** (attempt - 1), MAX_PAUSE)
    return random.uniform(longest / 2, longest)


def _unreachable(http: httpx.Client, error: httpx.TransportError) -> str:
    return f"the centre at {http.base_url} does not answer: {type(error).__name__}"


def _document(answer: httpx.Response) -> Any:
    try:
        document = answer.json() if answer.content else None
    except ValueError:
        document = None
    if answer.is_success:
        return document
    if not isinstance(document, dict):
        document = {"title": answer.reason_phrase, "status": answer.status_code}
    raise ClientError(answer.status_code, document)
