"""The server: an application around an open centre, listening until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import gc
import ipaddress
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final, Self

import structlog
import uvicorn
import uvloop
from sqlalchemy import Engine

from markaz.centre.centre import Centre
from markaz.centre.db.lock import Leadership, ServerLock
from markaz.centre.errors import conflict, invalid
from markaz.centre.housekeeping import CHORES, Chore, Housekeeper
from markaz.centre.people.keys import Authenticator
from markaz.centre.settings import Settings
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.intake import Intake
from markaz.centre.workers.messages import FRAME_BYTES
from markaz.interfaces import acts
from markaz.interfaces.connections import BoundedHttp
from markaz.interfaces.portal.portal import Portal
from markaz.interfaces.rest_api.app import make_app
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.rest_api.gate import Gate
from markaz.interfaces.rest_api.metrics import Metrics
from markaz.interfaces.rest_api.waiting import Patience
from markaz.interfaces.runtime_api.app import RuntimeApi, make_runtime
from markaz.interfaces.worker_api.server import WorkerSocket

_log: Final = structlog.get_logger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Between the writer's thread and the loop a turn of the usual 5 ms would be most of a job.
SWITCH_SECONDS: Final = 0.0005
COLLECT_AFTER: Final = (20_000, 20, 20)  # new objects, then younger collections
# malloc.h's M_MMAP_THRESHOLD, M_TRIM_THRESHOLD (bytes) and M_ARENA_MAX: glibc raises the first two
# by itself, and then keeps what large bodies took.
MALLOPT: Final = ((-3, 256 << 10), (-1, 1 << 20), (-8, 2))
BACKLOG: Final = 1024
LEAD_SECONDS: Final = 5.0  # for the database to notice that the server before this one is dead
LAST_ANSWERS: Final = 5  # seconds that answers under way may take once nothing new is taken


class Server:
    """Serves one centre. ``run`` returns when it has drained; ``close`` lets go of everything.

    ``api.centre``, ``dispatcher`` and ``intake`` are there for whoever runs workers beside.
    """

    def __init__(self, centre: Centre, leadership: Leadership) -> None:
        self.settings = centre.services.settings
        check_address(self.settings)
        acts.register_all()
        authenticator = Authenticator(centre)
        self.dispatcher = Dispatcher(centre)
        self.intake = Intake(self.settings)
        keep = Chore("leadership", LEAD_SECONDS, lambda _: _keep(leadership))
        self.housekeeper = Housekeeper(centre, (*CHORES, keep))
        self.workers = WorkerSocket(authenticator.authenticate, self.dispatcher)
        self.api = Api(
            centre=centre,
            opener=self.intake,
            dispatcher=self.dispatcher,
            gate=Gate(self.settings, authenticator),
            patience=Patience(self.dispatcher),
            metrics=Metrics(),
        )
        centre.watch_commits(self.api.metrics.committed)
        centre.services.count = self.api.metrics.count
        centre.services.observe = self.api.metrics.observe
        self.runtime = make_runtime(self.api, authenticator)
        self.dispatcher.on_job_ended.append(self.runtime.polls.ended)
        runtime = RuntimeApi(self.runtime)
        portal = Portal(self.api)
        more = [self.workers.route(), *portal.routes()]
        self.app = make_app(self.api, more=more, first=runtime, refused=portal.refused)
        self.url = self.local_url = ""
        self._stop: Callable[[], object] = lambda: None
        self._stopped = False
        self._hurry = threading.Event()
        self._held = ExitStack()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Lock the data directory, open the centre, and put a server around it.

        Raises CentreError: ``conflict`` if another server works on the directory,
        or, with PostgreSQL, on the database; ``invalid`` for an address that may not be
        listened on, and what ``Centre.open`` does.
        """
        check_address(settings)
        with ExitStack() as held:
            held.enter_context(ServerLock.take(settings.data))
            centre = held.enter_context(Centre.open(settings))
            leadership = lead(centre.engine)
            held.callback(leadership.release)
            server = cls(centre, leadership)
            server._held = held.pop_all()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what ``open`` opened, last things first."""
        self.intake.close()
        self._held.close()

    def run(
        self,
        ready: Callable[[str], None] = lambda url: None,
        draining: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve until SIGTERM, SIGINT or ``stop``; then drain.

        ``ready(url)`` is called once requests are answered, ``draining()`` when no more jobs
        are handed out and workers should end what they have; each in a thread of its own.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        if threading.current_thread() is threading.main_thread():
            _settle_memory()
        self.dispatcher.start()
        self.housekeeper.start()
        try:
            with listening(self.settings) as listener:
                self.url = address_of(self.settings, listener)
                self.local_url = local_address(self.settings, listener)
                runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
                with runner:
                    runner.run(self._serve(listener, ready, draining))
        finally:
            self.housekeeper.close()
            self.dispatcher.close()

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stopped

    def stop(self) -> None:
        """Begin to drain; a second time: hurry. From any thread."""
        if self._stopped:
            self._hurry.set()
        self._stopped = True
        self._stop()

    async def _serve(
        self,
        listener: socket.socket,
        ready: Callable[[str], None],
        draining: Callable[[], None],
    ) -> None:
        loop, wanted = asyncio.get_running_loop(), asyncio.Event()
        self._stop = functools.partial(loop.call_soon_threadsafe, wanted.set)
        if self._stopped:
            wanted.set()
        with self._signals(loop):
            web = _Web(_config(self.settings, self.app))
            serving = asyncio.create_task(web.serve(sockets=[listener]))
            try:
                await _until_started(web, serving)
                calling = asyncio.create_task(asyncio.to_thread(ready, self.url))
                await asyncio.wait(
                    (asyncio.create_task(wanted.wait()), serving),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                await calling
                await self._drain(draining)
            finally:
                self._stop = lambda: None  # the loop ends: nobody is left to be told
                web.should_exit = True
                await serving

    async def _drain(self, draining: Callable[[], None]) -> None:
        """Hand out nothing more, let running jobs end, then let waiting requests go."""
        _log.info("draining", seconds=self.settings["drain_seconds"])
        self.api.draining = True
        await asyncio.to_thread(self.dispatcher.drain, 0.0)
        await asyncio.to_thread(draining)
        await asyncio.to_thread(self.dispatcher.drain, self._patience())
        self.api.patience.close()
        self.runtime.polls.close()
        self.workers.close()

    def _patience(self) -> float:
        return 0.0 if self._hurry.is_set() else float(self.settings["drain_seconds"])

    @contextlib.contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Let signals stop the server, where this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def _settle_memory() -> None:
    """Have the collector look at what requests leave behind, not at all that was imported; and
    large bodies given back to the system at once, of which glibc would keep tens of megabytes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
    if mallopt is not None:
        for option, value in MALLOPT:
            mallopt(option, value)


def lead(engine: Engine) -> Leadership:
    """The right to hand out this database's jobs, which one server has.

    PostgreSQL takes a moment to notice that a killed server's connection is gone. Raises
    CentreError ``conflict`` if another server lives.
    """
    leadership, until = Leadership(engine), time.monotonic() + LEAD_SECONDS
    while not leadership.hold():
        if time.monotonic() > until:
            raise conflict("another server hands out this database's jobs; stop it first")
        time.sleep(0.1)
    return leadership


def _keep(leadership: Leadership) -> None:
    """The right is lost with its connection, as when the database is restarted: take it again."""
    if not leadership.hold() and not leadership.hold():
        _log.warning("leadership.lost")


class _Web(uvicorn.Server):
    """uvicorn without its own signal handlers: draining comes first."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Nothing."""
        return contextlib.nullcontext()


async def _until_started(web: _Web, serving: asyncio.Task[None]) -> None:
    while not web.started:
        if serving.done():
            serving.result()
            raise RuntimeError("the server ended before it began")
        await asyncio.sleep(0.005)


def _config(settings: Settings, app: Any) -> uvicorn.Config:
    proxies = [one.strip() for one in str(settings["trusted_proxies"]).split(",") if one.strip()]
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        ssl_certfile=settings["tls_certificate"] or None,
        ssl_keyfile=settings["tls_key"] or None,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=LAST_ANSWERS,
        backlog=BACKLOG,
    )


def check_address(settings: Settings) -> None:
    """Raise CentreError ``invalid`` for an address beyond this machine without TLS."""
    if bool(settings["tls_certificate"]) != bool(settings["tls_key"]):
        raise invalid("tls_key", "tls_certificate and tls_key belong together")
    if _is_loopback(settings["host"]) or settings["tls_certificate"]:
        return
    if not settings["allow_plain_http"]:
        raise invalid(
            "host",
            f"{settings['host']} is reachable from other machines, and without TLS everybody on "
            "the way could read keys and passwords: set tls_certificate and tls_key, or, behind a "
            "proxy that speaks https, allow_plain_http",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that listens where ``settings`` say. Raises CentreError ``invalid``."""
    host, port = settings["host"], settings["port"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise invalid("port", f"cannot listen on {host}:{port}: {reason}") from None
        listener.listen(BACKLOG)
        yield listener


def address_of(settings: Settings, listener: socket.socket) -> str:
    """The address that people are told."""
    if settings["public_url"]:
        return str(settings["public_url"]).rstrip("/")
    scheme = "https" if settings["tls_certificate"] else "http"
    host = settings["host"]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{listener.getsockname()[1]}"


def local_address(settings: Settings, listener: socket.socket) -> str:
    """The address for workers on this machine, whatever people are told."""
    scheme = "https" if settings["tls_certificate"] else "http"
    bound = ipaddress.ip_address(listener.getsockname()[0])
    host = ipaddress.ip_address("::1" if bound.version == 6 else "127.0.0.1")
    shown = host if bound.is_unspecified else bound
    return f"{scheme}://{f'[{shown}]' if bound.version == 6 else shown}:{listener.getsockname()[1]}"
