"""A database and a connection that writes to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from markaz.centre.db import dialect
from markaz.centre.settings import Settings


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = dialect.open_engine(Settings({"database_url": database_url}).database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def writing(engine: Engine) -> Iterator[Connection]:
    with dialect.write_connection(engine) as connection, connection.begin():
        yield connection
