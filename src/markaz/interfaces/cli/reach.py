"""Find the centre that commands talk to, and turn its refusals into messages and exits."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.client import Client, ClientError

EXIT_FAILED: Final = 1
EXIT_UNREACHABLE: Final = 3
# No answer, or a proxy's word that nobody answers behind it, or a centre that stops.
UNREACHABLE: Final = frozenset({0, 502, 503, 504})
_URL: Final = re.compile(r"https?://[^/\s?#@]+(/[^\s?#]*)?")
_KEY: Final = re.compile(r"[!-~]*")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Login:
    """Where the centre is and with which key to speak to it."""

    url: str
    key: str


def login_file() -> Path:
    """Where ``markaz login`` keeps its key."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "markaz" / "login.json"


def find_login(key: str | None = None) -> Login:
    """From MARKAZ_URL and MARKAZ_KEY (or ``key``), else what ``markaz login`` kept.

    Raises click.UsageError if there is neither.
    """
    kept = _kept()
    url = os.environ.get("MARKAZ_URL") or kept.get("url")
    # A key belongs to one centre: never send it to another that MARKAZ_URL names.
    same = kept.get("key") if url == kept.get("url") else None
    key = key or os.environ.get("MARKAZ_KEY") or same
    if not url or not key:
        missing = "MARKAZ_URL" if not url else "MARKAZ_KEY"
        raise click.UsageError(
            f"which centre? Set {missing} (MARKAZ_URL and MARKAZ_KEY are needed),"
            " or run `markaz login URL`"
        )
    return login_at(url, key)


def login_at(url: str, key: str) -> Login:
    """``url`` and ``key``, checked. Raises click.UsageError naming what cannot be used."""
    if _URL.fullmatch(url) is None:
        raise click.UsageError(f"{url!r} is not the address of a centre such as https://host:8050")
    if _KEY.fullmatch(key) is None:
        raise click.UsageError("the key holds characters that no key has")
    return Login(url.rstrip("/"), key)


def _kept() -> dict[str, str]:
    try:
        document = json.loads(login_file().read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def kept_login() -> Login | None:
    """What ``markaz login`` kept; None if there is nothing."""
    kept = _kept()
    return login_at(kept["url"], kept["key"]) if {"url", "key"} <= set(kept) else None


def forget_login() -> None:
    """Delete what ``markaz login`` kept."""
    login_file().unlink(missing_ok=True)


def keep_login(login: Login) -> Path:
    """Keep the key in a file that only its owner can read."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": login.url, "key": login.key}, file)
    os.replace(beside, path)
    return path


def connect(login: Login | None = None) -> Client:
    """A client of the centre that this person uses."""
    # httpx takes a while to import, and help pages do not need it
    from markaz.interfaces.rest_api.client import Client  # noqa: PLC0415

    login = login or find_login()
    return Client(login.url, login.key)


def speaks_to_centre(body: Callable[..., T]) -> Callable[..., T]:
    """Decorate a command: a refusal of the centre exits with 1, an absent one with 3."""

    @functools.wraps(body)
    def command(*args: Any, **options: Any) -> T:
        from markaz.interfaces.rest_api import client  # noqa: PLC0415 - as above

        try:
            return body(*args, **options)
        except client.ClientError as error:
            fail(words(error), EXIT_UNREACHABLE if is_unreachable(error) else EXIT_FAILED)

    return command


def words(error: ClientError) -> str:
    """A refusal in words, with the field that it is about."""
    first: dict[str, str] = next(iter(error.problem.get("errors") or ()), {})
    field = first.get("parameter") or str(first.get("pointer", "")).removeprefix("#/")
    # A request that does not fit its model names its fields by itself.
    return f"{field}: {error}" if field and first.get("detail") == str(error) else str(error)


def is_unreachable(error: ClientError) -> bool:
    """Whether there was no centre to refuse anything."""
    return error.status in UNREACHABLE


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Say on standard error what went wrong, and exit."""
    click.echo(f"markaz: {message}", err=True)
    sys.exit(code)
