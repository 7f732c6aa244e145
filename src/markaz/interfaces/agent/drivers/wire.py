"""HTTP to devices: bounded in time and size, whatever the other end does."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from markaz.interfaces.agent.drivers.base import DriverError, Uncertain, Unreachable
from markaz.interfaces.agent.drivers.registry import OptionError, number, text

MOST_BYTES: Final = 64 << 20  # of one answer
CONNECT_SECONDS: Final = 10.0
DEFAULT_SECONDS: Final = 30.0
_SHOWN: Final = 200  # characters of an answer that an error quotes


class Wire:
    """Requests to one server. ``seconds`` bounds each as a whole, a trickle of bytes too."""

    def __init__(
        self, url: str, *, seconds: float, headers: Mapping[str, str], verify: Any = True
    ) -> None:
        self._seconds = seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        plain = {**headers, "accept-encoding": "identity"}  # what is sent is what is counted
        self._client = httpx.Client(
            base_url=url, headers=plain, timeout=timeout, verify=verify, trust_env=False
        )

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def ask(self, method: str, path: str, **content: Any) -> tuple[int, Any]:
        """Status and JSON of an answer (None: it is empty).

        ``content``: ``json``, ``data``, ``params`` or ``headers`` as httpx has them. Raises
        Unreachable if nobody was there, Uncertain if the answer did not come whole and in
        time, DriverError for one that is too large or no JSON.
        """
        until = time.monotonic() + self._seconds
        try:
            with self._client.stream(method, path, **content) as answer:
                data = _read(answer, until, f"{method} {path}")
                return answer.status_code, _document(data, answer, f"{method} {path}")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(f"{method} {path}: {error or 'no connection'}") from None
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise Uncertain(f"{method} {path}: {words}") from None


def _read(answer: httpx.Response, until: float, what: str) -> bytes:
    data = bytearray()
    for chunk in answer.iter_raw():
        data += chunk
        if len(data) > MOST_BYTES:
            raise DriverError(f"{what}: the answer has more than {MOST_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise Uncertain(f"{what}: the answer did not end in time")
    return bytes(data)


def _document(data: bytes, answer: httpx.Response, what: str) -> Any:
    try:
        return strict_json(data) if data else None
    except ValueError as error:
        if answer.is_server_error:
            return None  # a proxy's page, perhaps: the status says enough
        raise DriverError(f"{what}: the answer is no JSON ({error}): {data[:_SHOWN]!r}") from None


def strict_json(data: bytes | str) -> Any:
    """A JSON document in which nothing is said twice and every number is finite.

    Raises ValueError.
    """
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_infinite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(n for n in names if names.count(n) > 1)
        raise ValueError(f"{twice!r:.80} is said twice")
    return found


def _infinite(word: str) -> float:
    raise ValueError(f"{word} is no number")


def open_wire(options: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Wire:
    """The wire that the options ``url``, ``seconds`` and ``ca_file`` describe."""
    url = text(options, "url").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise OptionError(f"url must begin with http:// or https://, not {url!r:.80}")
    verify: Any = True
    if "ca_file" in options:
        import ssl  # noqa: PLC0415 - few need it

        try:
            verify = ssl.create_default_context(cafile=text(options, "ca_file"))
        except OSError as error:
            raise OptionError(f"ca_file: {error}") from None
    seconds = number(options, "seconds", DEFAULT_SECONDS)
    return Wire(url, seconds=seconds, headers=headers or {}, verify=verify)


def token(options: Mapping[str, Any]) -> str:
    """The token in ``token_file``; empty without one. Raises OptionError."""
    if "token_file" not in options:
        return ""
    path = Path(text(options, "token_file"))
    try:
        if path.stat().st_mode & 0o077:
            raise OptionError(f"token_file {path} can be read by others: chmod 600 it")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"token_file: {error}") from None


def required_token(options: Mapping[str, Any]) -> str:
    """As ``token``, which must be there."""
    found = token(options)
    if not found:
        raise OptionError("token_file is missing")
    return found


def number_or_none(value: Any) -> float | None:
    """A finite number from 0, or None for anything else."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) and value >= 0 else None


def words(document: Any, *names: str) -> str:
    """What an answer says in words, under the first of ``names`` that it has."""
    found = document if isinstance(document, dict) else {}
    said = next((found[n] for n in names if isinstance(found.get(n), str)), "")
    return str(said)[:_SHOWN]
