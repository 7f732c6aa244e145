from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from markaz.centre.centre import Centre
from markaz.centre.db import dialect, migrate
from markaz.centre.db.schema import metadata
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings

REVISIONS = [
    script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()
]


def shape(engine: Engine) -> dict[str, Any]:
    """Everything that the database says of its tables, in one form."""
    found = inspect(engine)
    return {
        name: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"], plain(c["default"]))
                for c in found.get_columns(name)
            },
            "key": found.get_pk_constraint(name),
            "foreign keys": by_name(found.get_foreign_keys(name)),
            "unique": by_name(found.get_unique_constraints(name)),
            "checks": by_name(found.get_check_constraints(name)),
            "indexes": by_name(found.get_indexes(name)),
        }
        for name in found.get_table_names()
        if name != "alembic_version"
    }


def plain(default: Any) -> str | None:
    return None if default is None else str(default).strip("()'")


def by_name(items: Any) -> list[Any]:
    return sorted(str({**item, "dialect_options": options(item)}) for item in items)


def options(item: Any) -> dict[str, str]:
    return {key: str(value) for key, value in item.get("dialect_options", {}).items()}


def open_blank(blank_url: Callable[[str], str], database: str) -> Engine:
    return dialect.open_engine(blank_url(database))


@pytest.mark.parametrize("revision", REVISIONS)
def test_migrations_make_the_tables_that_the_code_declares(
    database: str, blank_url: Callable[[str], str], revision: str
) -> None:
    migrated, declared = (open_blank(blank_url, database) for _ in range(2))
    migrate.upgrade(migrated, revision)
    migrate.upgrade(migrated)
    with dialect.schema_connection(declared) as connection:
        metadata.create_all(connection)

    assert len(shape(declared)) == len(metadata.tables)
    assert shape(migrated) == shape(declared)
    migrated.dispose(), declared.dispose()


def test_servers_that_start_at_once_upgrade_once(
    database: str, blank_url: Callable[[str], str]
) -> None:
    url = blank_url(database)
    errors: list[BaseException] = []

    def start() -> None:
        engine = dialect.open_engine(url)
        try:
            migrate.upgrade(engine)
        except BaseException as error:
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    engine = dialect.open_engine(url)
    with engine.connect() as connection:
        assert (errors, migrate.current(connection)) == ([], migrate.newest())
    engine.dispose()


def test_a_server_waits_for_another_that_takes_longer_than_other_changes_may(
    database: str, blank_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 0.05)
    url = blank_url(database)
    first, second = dialect.open_engine(url), dialect.open_engine(url)
    with ThreadPoolExecutor(1) as pool:
        with dialect.schema_connection(first):
            waiting = pool.submit(migrate.upgrade, second)
            with pytest.raises(TimeoutError):  # neither refused nor let in
                waiting.result(0.3)
        waiting.result(30)

    with second.connect() as connection:
        assert migrate.current(connection) == migrate.newest()
    first.dispose(), second.dispose()


def test_a_centre_refuses_another_schema(database: str, blank_url: Callable[[str], str]) -> None:
    url = blank_url(database)
    with pytest.raises(CentreError, match="markaz db upgrade") as refused:
        Centre.open(Settings({"database_url": url}))
    assert refused.value.kind == "conflict"


def test_a_failed_migration_leaves_nothing(database: str, blank_url: Callable[[str], str]) -> None:
    engine = open_blank(blank_url, database)
    with pytest.raises(RuntimeError), dialect.schema_connection(engine) as connection:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError("power cut")

    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_migration_that_breaks_a_reference_is_undone(database_url: str) -> None:
    engine = dialect.open_engine(database_url)
    with (
        pytest.raises(CentreError, match="projects refers to nothing"),
        dialect.schema_connection(engine) as connection,
    ):
        connection.execute(
            text(
                "INSERT INTO projects (id, slug, title, institution_id, state, any_device,"
                " created_at) VALUES ('p', 'p', 'p', 'nowhere', 'active', 1, 0)"
            )
        )

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM projects")).scalar() == 0
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()
