"""Where the tests' databases lie, and PostgreSQL's that are emptied and used again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine, text

from markaz.centre.db import dialect, migrate
from markaz.centre.settings import Settings

MEMORY = Path("/dev/shm")
PREFIX = "markaz-tests-"
ROOM = 1 << 30  # bytes that must be free in memory for databases to lie there


def made(url: str, name: str) -> str:
    """``url`` with another database in it."""
    head, _, rest = url.partition("://")
    place, mark, query = rest.partition("?")
    return f"{head}://{place.rpartition('/')[0]}/{name}{mark}{query}"


def upgraded(url: str) -> None:
    """Bring the database to the newest schema."""
    engine = dialect.open_engine(Settings({"database_url": url}).database_url)
    try:
        migrate.upgrade(engine)
    finally:
        engine.dispose()


@contextmanager
def administration(url: str) -> Iterator[Callable[[str], Any]]:
    """Statements outside any transaction on the server of ``url``."""
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(driver, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield lambda statement: connection.execute(text(statement))
    finally:
        engine.dispose()


# What a database looks like but for its rows: tables, indexes, sequences and their columns.
_LOOKS = """
SELECT string_agg(concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull), ','
                  ORDER BY c.relname, a.attnum),
       (SELECT string_agg(concat_ws(' ', conname, contype, convalidated), ',' ORDER BY conname)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
       (SELECT string_agg(version_num, ',') FROM alembic_version)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace
"""
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_FULL = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
AND relname <> 'alembic_version'
"""


class Reused:
    """Databases of one server, each a clone of a template whose tables are empty.

    To empty one takes a quarter of the time of making and dropping one. One that looks
    different from the template afterwards is dropped.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template, self._count = server, template, 0
        self._free: list[str] = []
        with psycopg.connect(made(server, template)) as connection:
            self._looks = connection.execute(_LOOKS).fetchone()

    @contextmanager
    def one(self) -> Iterator[str]:
        """The address of an empty one, for as long as this takes."""
        name = self._free.pop() if self._free else self._new()
        yield made(self._server, name)
        if self._emptied(name):
            self._free.append(name)
        else:
            self._drop(name)

    def _new(self) -> str:
        self._count += 1
        name = f"markaz_test_{os.getpid()}_{self._count}"
        with administration(self._server) as execute:
            execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def _emptied(self, name: str) -> bool:
        with psycopg.connect(made(self._server, name), autocommit=True) as own:
            own.execute(_ALONE)
            ((full,),) = own.execute(_FULL).fetchall()
            if full:
                own.execute(f"TRUNCATE {full} RESTART IDENTITY CASCADE".encode())
            return own.execute(_LOOKS).fetchone() == self._looks

    def _drop(self, name: str) -> None:
        with administration(self._server) as execute:
            execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Drop them all."""
        while self._free:
            self._drop(self._free.pop())


def _clear() -> None:
    """Remove the folders of runs that were killed."""
    for folder in MEMORY.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if folder.stat().st_uid == os.getuid() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def in_memory() -> Iterator[Path | None]:
    """A folder in memory, where an fsync costs nothing; None where there is no room for it.

    Nothing else is different: a process that is killed loses nothing there either.
    """
    folder = None
    with contextlib.suppress(OSError):
        _clear()
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize > ROOM:
            folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    yield folder
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
