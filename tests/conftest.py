"""For all tests: no network beyond this machine, the hypothesis profiles, an empty centre."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from markaz.centre.centre import Centre
from markaz.centre.devices import verbs as device_verbs
from markaz.centre.settings import Settings
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.testing.postgres import PostgresMissing, PostgresServer
from tests.absent import absent
from tests.databases import Reused, administration, in_memory, made, upgraded
from tests.log_state import kept_logs

settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # two busy cores are slow, not wrong
)
settings.register_profile(
    "nightly", settings.get_profile("ci"), derandomize=False, max_examples=1000
)
settings.load_profile("ci")


class NetworkRefused(RuntimeError):
    """A test tried to reach another machine."""


def is_local(address: Any) -> bool:
    """Whether a socket address (a path, or host and port) stays on this machine."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")


def guarded(original: Any, position: int) -> Any:
    """``original``, a method of socket, refusing addresses (argument ``position``) elsewhere."""

    def call(*args: Any, **kwargs: Any) -> Any:
        address = args[position] if len(args) > position else None
        if not is_local(address):
            raise NetworkRefused(f"{original.__name__} to {address!r}")
        return original(*args, **kwargs)

    return call


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections beyond loopback, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), 1))
        patch.setattr(socket, "getaddrinfo", _resolver(socket.getaddrinfo))
        patch.setattr(socket.socket, "sendto", _sender(socket.socket.sendto))
        yield


@pytest.fixture(autouse=True, scope="session")
def sheets_read_once() -> Iterator[None]:
    """Hundreds of centres get the same shipped sheets: they are read and checked once."""
    known: dict[str, Any] = {}
    read = device_verbs.shipped_sheet

    def shipped_sheet(model: DeviceModel) -> Sheet | None:
        if model.digest not in known:
            known[model.digest] = read(model)
        return known[model.digest]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_verbs, "shipped_sheet", shipped_sheet)
        yield


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """A command or server that a test runs in this process logs for this test only."""
    with kept_logs():
        yield


def _resolver(original: Any) -> Any:
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_local((name, 0)):
            raise NetworkRefused(f"getaddrinfo of {name!r}")
        return original(host, *args, **kwargs)

    return getaddrinfo


def _sender(original: Any) -> Any:
    def sendto(self: socket.socket, data: bytes, *rest: Any) -> Any:
        if rest and not is_local(rest[-1]):
            raise NetworkRefused(f"sendto {rest[-1]!r}")
        return original(self, data, *rest)

    return sendto


# Databases. A test that takes `centre` runs twice: on SQLite and on PostgreSQL.
#   database       "sqlite" or "postgresql"; parametrise it to ask for one of them
#   database_url   address of a migrated, empty database of this test's own
#   settings_for   makes settings for it: settings_for(lease_seconds=1)
#   centre         the centre opened on it, closed afterwards
#   blank_url      makes further databases, without tables: blank_url("postgresql")

DSN = "MARKAZ_TEST_POSTGRESQL"  # a server to use; its user must be allowed to create databases
SETTINGS = {"workers": 0, "lease_seconds": 2.0, "heartbeat_seconds": 0.2}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Address of a PostgreSQL server for this whole run."""
    if os.environ.get(DSN):
        yield os.environ[DSN]
        return
    try:
        server = PostgresServer.start()
    except PostgresMissing as error:
        absent(f"{error}; set {DSN} to a server's address")
    with server:
        yield server.url()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    """Name of a migrated database that is cloned for each test."""
    name = f"markaz_template_{os.getpid()}"
    with administration(postgresql_server) as execute:
        execute(f"CREATE DATABASE {name}")
        upgraded(made(postgresql_server, name))
        yield name
        execute(f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file that is copied for each test."""
    path = tmp_path_factory.mktemp("template") / "markaz.db"
    upgraded(f"sqlite:///{path}")
    return path


_count = iter(range(10**9))


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str, postgresql_template: str) -> Iterator[Reused]:
    """Databases to be used one after another."""
    reused = Reused(postgresql_server, postgresql_template)
    yield reused
    reused.close()


@pytest.fixture(scope="session")
def memory() -> Iterator[Path | None]:
    """A folder that is not on a disk, if there is room."""
    with in_memory() as folder:
        yield folder


@pytest.fixture
def centre_folder(memory: Path | None, tmp_path: Path) -> Iterator[Path]:
    """The data directory of this test's centre; it lies in memory if there is room."""
    path = tmp_path / "centre"
    if memory is None:
        path.mkdir()
        yield path
        return
    place = memory / str(next(_count))
    place.mkdir()
    path.symlink_to(place)
    yield path
    shutil.rmtree(place)


@pytest.fixture
def database_url(
    database: str, centre_folder: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    if database == "sqlite":
        path = centre_folder / "markaz.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    with request.getfixturevalue("postgresql_databases").one() as url:
        yield url


@pytest.fixture
def blank_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Makes databases without tables: ``blank_url("sqlite")``, ``blank_url("postgresql")``."""
    made_here: list[str] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / f'blank_{next(_count)}.db'}"
        server = request.getfixturevalue("postgresql_server")
        name = f"markaz_blank_{os.getpid()}_{next(_count)}"
        with administration(server) as execute:
            execute(f"CREATE DATABASE {name}")
        made_here.append(name)
        return Settings({"database_url": made(server, name)}).database_url

    yield make
    if made_here:
        with administration(request.getfixturevalue("postgresql_server")) as execute:
            for name in made_here:
                execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings_for(database_url: str, centre_folder: Path) -> Callable[..., Settings]:
    def make(**values: Any) -> Settings:
        place = {"data": str(centre_folder), "database_url": database_url}
        return Settings(SETTINGS | place | values)

    return make


@pytest.fixture
def centre(settings_for: Callable[..., Settings]) -> Iterator[Centre]:
    with Centre.open(settings_for()) as opened:
        yield opened
