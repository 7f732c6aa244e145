"""Back the database up, bring a backup back, move to another database.

A backup is one SQLite file with all tables, whichever database it came from: it can be
looked into with common tools, and restored to either kind. Contents that are too large for
the database lie in the store and the centre's key in the data directory; both are backed up
by copying their files, after the database.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from markaz.centre.db import dialect
from markaz.centre.db.copy import Contents, contents, copy_all
from markaz.centre.db.migrate import check_current, upgrade
from markaz.centre.errors import CentreError, conflict, invalid

UNFINISHED: Final = ".unfinished"


def upgrade_url(url: str) -> None:
    """Bring the database at ``url`` to this version's schema; an empty one gets all tables."""
    with _engine(url) as engine:
        upgrade(engine)


def backup(url: str, path: Path) -> dict[str, Contents]:
    """Write the database at ``url`` into the new file ``path``, while a centre may be working.

    The file appears under its name only when it is whole, durable and checked. Returns what
    each table holds. Raises CentreError ``conflict`` if ``path`` exists, ``storage-full`` or
    ``unavailable`` if the database or the folder of ``path`` does not do its part.
    """
    if path.exists():
        raise conflict(f"{path} exists already", path=str(path))
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with _engine(url) as source:
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)  # it holds what only the centre may read
            held = _snapshot(source, unfinished)
        os.replace(unfinished, path)
        _sync(path.parent)
    except sqlite3.Error as error:
        raise CentreError("unavailable", f"{path} cannot be written: {error}") from error
    except OSError as error:
        raise dialect.translated(error) from error
    finally:
        for leftover in (unfinished, *_companions(unfinished)):
            leftover.unlink(missing_ok=True)
    return held


def restore(path: Path, url: str) -> dict[str, Contents]:
    """Bring the backup ``path``, of this version or an older one, into the empty database ``url``.

    Raises CentreError: ``invalid`` if ``path`` is no whole backup, ``conflict`` if the
    database is not empty.
    """
    if not path.is_file():
        raise invalid("path", f"{path} is not a file")
    with tempfile.TemporaryDirectory(prefix="markaz-restore-") as folder:
        copy = Path(folder) / "backup.db"
        shutil.copyfile(path, copy)
        check_file(copy)
        with _engine(f"sqlite:///{copy}") as source, _engine(url) as target:
            upgrade(source)
            upgrade(target)
            return copy_all(source, target)


def copy_to(url: str, target_url: str) -> dict[str, Contents]:
    """Copy the database at ``url`` into the empty database ``target_url`` and compare them.

    Whoever moves a centre stops it first: what it does meanwhile would not come along.
    Returns what each table holds. Raises CentreError ``conflict`` for a target with rows.
    """
    with _engine(url) as source, _engine(target_url) as target:
        upgrade(target)
        return copy_all(source, target)


def check_file(path: Path) -> None:
    """Raise CentreError ``invalid`` unless ``path`` is an undamaged SQLite database."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise invalid("path", f"{path.name} is not a backup: {error}") from error
    if found != ["ok"] or broken:
        raise invalid("path", f"{path.name} is damaged: {'; '.join(found)}")


def _snapshot(source: Engine, path: Path) -> dict[str, Contents]:
    with source.connect() as connection:
        check_current(connection)
    url = f"sqlite:///{path}"
    if dialect.is_embedded(source):
        with source.connect() as connection, closing(sqlite3.connect(path)) as target:
            driver: Any = connection.connection.driver_connection
            driver.backup(target)
        check_file(path)
    else:
        with _engine(url) as target_engine:
            upgrade(target_engine)
            copy_all(source, target_engine)
    with _engine(url) as copy, dialect.read_connection(copy) as connection:
        held = contents(connection)
    _sync(path)
    return held


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = dialect.open_engine(url)
    try:
        yield engine
    except DBAPIError as error:
        raise dialect.translated(error) from error
    finally:
        engine.dispose()


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
