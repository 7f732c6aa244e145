"""The centre: opens the database and what goes with it, and does verbs and queries."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import structlog
from sqlalchemy import Connection, Engine, bindparam, insert, select
from sqlalchemy.exc import DBAPIError

from markaz.centre.access import Act, Principal
from markaz.centre.audit.chain import Chain
from markaz.centre.audit.heads import NAME as HEADS
from markaz.centre.audit.heads import HeadLog
from markaz.centre.audit.tables import audit_entries
from markaz.centre.db import dialect
from markaz.centre.db.clock import Clock
from markaz.centre.db.frequent import Frequent
from markaz.centre.db.migrate import check_current
from markaz.centre.db.tables import idempotency
from markaz.centre.db.writer import Writer
from markaz.centre.errors import CentreError
from markaz.centre.people.mail import open_mailer
from markaz.centre.services import Services
from markaz.centre.settings import Settings
from markaz.centre.storage.stores import open_store
from markaz.centre.work import Work

KEY_FILE: Final = "secret.key"
READERS: Final = 4

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Once:
    """An Idempotency-Key and the hash of the request that it came with."""

    key: str
    request_hash: str


class Centre:
    """A running centre, to be closed. Open with ``Centre.open``; one writer per database."""

    def __init__(self, engine: Engine, services: Services, writer: Writer) -> None:
        self.engine = engine
        self.services = services
        self.writer = writer
        self._heads = HeadLog(services.settings.data / HEADS, services.chain)
        self._watchers: list[Callable[[float, int], None]] = []
        writer.on_commit = self._committed
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="markaz-reader")

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the centre that ``settings`` describe.

        Raises CentreError: ``unavailable`` if the database cannot be reached, ``conflict``
        if its schema is not this version's (``markaz db upgrade`` mends it).
        """
        engine = dialect.open_engine(settings.database_url, readers=READERS)
        try:
            with engine.connect() as connection:
                check_current(connection)
                clock = Clock(at_least=_latest(connection))
        except CentreError:
            engine.dispose()
            raise
        except DBAPIError as error:
            engine.dispose()
            raise dialect.translated(error) from error
        services = Services(
            settings=settings,
            clock=clock,
            chain=Chain(),
            store=open_store(settings),
            mailer=open_mailer(settings),
            key=centre_key(settings.data),
        )

        def begin_segment(connection: Connection) -> None:
            services.chain.open(connection, dialect.now(connection, clock))

        centre = cls(engine, services, Writer(engine, services.chain, begin_segment))
        try:
            centre.writer.submit(lambda connection: None).result()
        except BaseException:
            centre.close()
            raise
        return centre

    def perform_later(
        self, act: Act, actor: Principal, *, once: Once | None = None, **arguments: Any
    ) -> Future[Any]:
        """Do a verb; the future holds what it returns, once that is durable.

        With ``once`` a request that was done before gets its first answer again.
        """
        hooks: list[Callable[[], None]] = []

        def change(connection: Connection) -> Any:
            hooks.clear()  # the writer may do a change again
            work = Work(connection, self._now(connection), actor, self.services)
            work.hooks = hooks
            if act.ahead is not None:
                act.ahead(work, **arguments)
            return (
                act(work, **arguments) if once is None else _done_once(work, act, arguments, once)
            )

        done: Future[Any] = Future()
        self.writer.submit(change).add_done_callback(lambda inner: _finish(inner, done, hooks))
        return done

    def perform(
        self, act: Act, actor: Principal, *, once: Once | None = None, **arguments: Any
    ) -> Any:
        """Do a verb and wait for it."""
        return self.perform_later(act, actor, once=once, **arguments).result()

    def ask(self, act: Act, actor: Principal, **arguments: Any) -> Any:
        """Answer a query from a consistent snapshot, in this thread."""
        done: Future[Any] = Future()
        self._answer(done, act, actor, arguments)
        return done.result()

    def ask_later(self, act: Act, actor: Principal, **arguments: Any) -> Future[Any]:
        """Answer a query in a reader thread."""
        done: Future[Any] = Future()
        self._readers.submit(self._answer, done, act, actor, arguments)
        return done

    def _answer(
        self, done: Future[Any], act: Act, actor: Principal, arguments: dict[str, Any]
    ) -> None:
        """Answer a query; once more if its connection was lost, since it changes nothing."""
        if not done.set_running_or_notify_cancel():
            return
        for again in (True, False):
            try:
                with dialect.read_connection(self.engine) as connection:
                    work = Work(connection, self.services.clock.now(), actor, self.services)
                    done.set_result(act(work, **arguments))  # before the connection is put back
            except BaseException as error:
                if done.done():
                    _log.exception("a connection was not put back")
                elif again and dialect.is_lost(error):
                    continue
                else:
                    done.set_exception(_explained(error))
            return

    def watch_commits(self, watcher: Callable[[float, int], None]) -> None:
        """Call ``watcher(seconds, changes)`` after each commit, in the writer's thread."""
        self._watchers.append(watcher)

    def _committed(self, seconds: float, changes: int) -> None:
        self._heads.committed()
        for watcher in self._watchers:
            watcher(seconds, changes)

    def close(self) -> None:
        """Finish queued changes and let go of the database."""
        self.writer.close()
        if self.services.chain.segment:
            self._heads.close()
        self._readers.shutdown()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self, connection: Connection) -> int:
        return dialect.now(connection, self.services.clock)


def _finish(inner: Future[Any], done: Future[Any], hooks: list[Callable[[], None]]) -> None:
    """Pass the outcome on; hooks first, so that whoever wakes up sees what they did."""
    error = inner.exception()
    for hook in hooks if error is None else ():
        try:
            hook()
        except Exception:  # the change is durable all the same, and its caller waits for that
            _log.exception("a hook after a commit failed")
    if not done.set_running_or_notify_cancel():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(inner.result())


def _explained(error: BaseException) -> BaseException:
    return dialect.translated(error) if isinstance(error, DBAPIError) else error


_DONE: Final = Frequent(
    select(idempotency.c.request_hash, idempotency.c.answer).where(
        idempotency.c.principal == bindparam("who"), idempotency.c.key == bindparam("key")
    )
)
_NOTE_DONE: Final = Frequent(
    insert(idempotency), ("principal", "key", "request_hash", "answer", "at")
)


def _done_once(work: Work, act: Act, arguments: dict[str, Any], once: Once) -> Any:
    row = _DONE.first(work.connection, {"who": work.actor.id, "key": once.key})
    if row is not None:
        if row.request_hash != once.request_hash:
            raise CentreError("reused-key", "this Idempotency-Key came with another request before")
        return json.loads(row.answer)
    answer = act(work, **arguments)
    done = {
        "principal": work.actor.id,
        "key": once.key,
        "request_hash": once.request_hash,
        "answer": json.dumps(without_secrets(answer)),
        "at": work.now,
    }
    _NOTE_DONE.post(work.connection, [done])
    return answer


def without_secrets(answer: Any) -> Any:
    """``answer`` as it may be kept: a field named ``secret`` is shown once, never stored."""
    if isinstance(answer, dict):
        return {k: None if k == "secret" else without_secrets(v) for k, v in answer.items()}
    return answer


def _latest(connection: Connection) -> int:
    """The latest time that the database holds; the clock does not go below it."""
    row = connection.execute(
        select(audit_entries.c.at).order_by(audit_entries.c.at.desc()).limit(1)
    ).first()
    return int(row.at) if row else 0


def centre_key(data: Path) -> bytes:
    """The centre's secret key; made at the first call, readable by its owner only."""
    path = data / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        data.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
