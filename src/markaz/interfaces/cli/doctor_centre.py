"""What ``markaz doctor`` looks at where there is a centre."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markaz.interfaces.cli import serve
from markaz.interfaces.cli.finding import FAILURE, OK, WARNING, Finding
from markaz.interfaces.cli.render import size

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from markaz.centre.settings import Settings

SECRETS: Final = ("secret.key", "signing.key", "worker.key", "first-login.json", "settings.toml")
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
LITTLE, TOO_LITTLE = 5 << 30, 200 << 20  # bytes free on the data directory's disk


def findings(data: str | None, database: str | None) -> Iterator[Finding]:
    """All checks of the centre that the settings name, or one line that there is none."""
    from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help

    try:
        values = serve.values_of(data, database)
    except CentreError as error:
        mend = "`markaz settings` lists them; mend settings.toml or the environment"
        yield Finding("settings", FAILURE, error.message, mend)
        return
    if not values.data.exists() and not values["database_url"]:
        yield Finding("centre", OK, f"none in {values.data}; `markaz up` starts one")
        return
    yield from _files(values)
    yield from _database(values)
    yield _mail(values)
    yield _reach(values)


def _files(values: Settings) -> Iterator[Finding]:
    if not values.data.is_dir():
        mend = "`markaz up` makes it; set MARKAZ_DATA if it is elsewhere"
        yield Finding("data directory", WARNING, f"{values.data} is not there", mend)
        return
    yield _directory(values.data)
    for name in SECRETS:
        path = values.data / name
        if path.exists():
            yield _secret(path)
    yield _space(values.data)


def _directory(data: Path) -> Finding:
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        mend = f"run the centre as the user who owns it, or chown {data}"
        return Finding("data directory", FAILURE, f"{data} cannot be written by you", mend)
    if data.stat().st_mode & OTHERS:
        found = f"{data} can be read by others on this machine"
        return Finding("data directory", WARNING, found, f"chmod 700 {data}")
    return Finding("data directory", OK, str(data))


def _secret(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & OTHERS:
        found = f"{path} has mode {mode:o}: others on this machine may read it"
        return Finding(path.name, FAILURE, found, f"chmod 600 {path}; if it leaked, make a new one")
    return Finding(path.name, OK, f"mode {mode:o}")


def _space(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    state = OK if free > LITTLE else WARNING if free > TOO_LITTLE else FAILURE
    mend = "" if state == OK else "make room, lower retention_days, or move the store (store_url)"
    return Finding("disk", state, f"{size(free)} free at {data}", mend)


def _database(values: Settings) -> Iterator[Finding]:
    from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help

    kind = "PostgreSQL" if values["database_url"].startswith("postgresql") else "SQLite"
    try:
        with serve.existing_database(values) as engine, engine.connect() as connection:
            yield Finding("database", OK, f"{kind}, with this version's schema")
            yield from _workers(connection, embedded=kind == "SQLite")
    except CentreError as error:
        yield Finding("database", FAILURE, f"{kind}: {error.message}", _MENDS[error.kind])


_MENDS: Final = {
    "not-found": "`markaz up` makes it, `markaz db restore` brings a backup back",
    "conflict": "stop the centre, `markaz db backup` it, then `markaz db upgrade`",
    "unavailable": "start PostgreSQL, and check MARKAZ_DATABASE_URL and its password",
    "storage-full": "make room on the database's disk",
}


def _workers(connection: Connection, *, embedded: bool) -> Iterator[Finding]:
    """Who was connected when last heard of, and whether SQLite is enough for them."""
    from sqlalchemy import select  # noqa: PLC0415 - not for --help

    from markaz.centre.workers.tables import workers  # noqa: PLC0415 - as above

    connected = workers.c.state == "connected"
    hosts = [row.name.rpartition(":")[0] for row in connection.execute(
        select(workers.c.name).where(connected))]  # fmt: skip
    if not hosts:
        mend = "`markaz up` starts workers; beside `markaz serve` start `markaz worker`"
        yield Finding("workers", WARNING, "none is connected: jobs wait", mend)
        return
    yield Finding("workers", OK, f"{len(hosts)} connected, on {len(set(hosts))} host(s)")
    if embedded and len(set(hosts)) > 1:
        mend = "`markaz db copy-to postgresql://…` moves the centre"
        found = "SQLite is for one machine: with workers on several hosts use PostgreSQL"
        yield Finding("database kind", WARNING, found, mend)


def _mail(values: Settings) -> Finding:
    if not values["smtp_host"]:
        found = "no mail server: operators hand out one-time codes (`markaz people code`)"
        return Finding("mail", OK, found)
    if not values["mail_from"]:
        mend = "set MARKAZ_MAIL_FROM to an address of this centre"
        return Finding("mail", FAILURE, "smtp_host is set, but no sender address", mend)
    if values["smtp_tls"] == "none" and values["smtp_password"]:
        mend = "set MARKAZ_SMTP_TLS to starttls or tls"
        return Finding("mail", WARNING, "the mail password travels in clear", mend)
    return Finding("mail", OK, f"through {values['smtp_host']}:{values['smtp_port']}")


def _reach(values: Settings) -> Finding:
    from markaz.centre.errors import CentreError  # noqa: PLC0415 - not for --help
    from markaz.interfaces.server import check_address  # noqa: PLC0415

    place = f"{values['host']}:{values['port']}"
    try:
        check_address(values)
    except CentreError as error:
        return Finding("address", FAILURE, error.message, "see the how-to on production")
    plain = values["allow_plain_http"] and not values["public_url"]
    if plain:
        mend = "set MARKAZ_PUBLIC_URL to the https address of the proxy in front"
        return Finding("address", WARNING, f"plain http on {place}, no public_url", mend)
    return Finding("address", OK, f"listens on {place}")
