from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from markaz.centre.db import dialect
from markaz.centre.db.lock import Leadership, ServerLock
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from tests.waiting import until

HOLD = """
import pathlib, sys, time
from markaz.centre.db.lock import ServerLock
lock = ServerLock.take(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_second_server_of_a_directory_is_told_who_the_first_is(tmp_path: Path) -> None:
    with ServerLock.take(tmp_path / "data"):
        with pytest.raises(CentreError, match=f"process {os.getpid()}") as refused:
            ServerLock.take(tmp_path / "data")
        assert refused.value.kind == "conflict"

    ServerLock.take(tmp_path / "data").release()


def test_a_killed_server_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        with pytest.raises(CentreError, match=f"process {first.pid}"):
            ServerLock.take(tmp_path)
        first.send_signal(signal.SIGKILL)

    ServerLock.take(tmp_path).release()


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = ServerLock.take(tmp_path)
    ready, end = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end[1])
        os.write(ready[1], b"!")
        os.read(end[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        with pytest.raises(CentreError):
            ServerLock.take(tmp_path)
        lock.drop()  # as when the parent is killed
        ServerLock.take(tmp_path).release()
    finally:
        os.close(end[1])
        os.waitpid(child, 0)
        for pipe in (*ready, end[0]):
            os.close(pipe)


@pytest.mark.parametrize("database", ["postgresql"])
def test_one_of_two_servers_leads_until_its_connection_ends(database_url: str) -> None:
    url = Settings({"database_url": database_url}).database_url
    engines = [dialect.open_engine(url) for _ in range(2)]
    first, second = (Leadership(engine) for engine in engines)

    assert [first.hold(), second.hold(), first.hold()] == [True, False, True]

    first.release()
    until(second.hold)  # the server needs a moment to end a connection
    assert [second.hold(), first.hold()] == [True, False]

    with engines[0].connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )
    until(lambda: not second.hold())
    until(first.hold)
    assert second.hold() is False
    first.release()
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_embedded_database_has_one_server_anyway(database_url: str) -> None:
    engine = dialect.open_engine(database_url)
    leadership = Leadership(engine)

    assert leadership.hold() is True
    leadership.release()
    engine.dispose()
