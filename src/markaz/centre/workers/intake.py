"""Strangers' programs, opened for the server: in warm, confined children, one tenant each.

A child belongs to one tenant (a person) from its first program to its end, so that whatever
a program may have done to it, it can do to nobody else. The server believes a child nothing
that matters to others: what comes back is bounded and typed, and whoever runs the circuit
checks it again (``run_child``).

Programs of one tenant wait for each other, not for those of others: tenants take turns,
and none may occupy all children.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers import frames
from markaz.centre.workers.intake_talk import (
    MEMORY,
    Answer,
    Opened,
    Program,
    Reader,
    cause_of_death,
)
from markaz.centre.workers.machine import job_memory
from markaz.centre.workers.nursery import NurseryClosed
from markaz.centre.workers.options import checked, checked_runtime
from markaz.centre.workers.pool import Pool
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.readers import FORMATS
from markaz.quantum.runtime import KINDS

__all__ = ["Answer", "Intake", "Opened", "Program", "one"]

_log: Final = structlog.get_logger(__name__)

CHILDREN: Final = 8  # that work at once
KEPT: Final = 32  # that are kept for their tenants
WAITING: Final = 200  # programs of one tenant
AHEAD_BYTES: Final = 32 << 10  # of requests that are sent before answers are read
AHEAD: Final = 50
IDLE_SECONDS: Final = 60.0  # after which a child ends
LOOK_SECONDS: Final = 15.0  # between looks for such children
_BROKEN: Final = (EOFError, OSError, frames.FrameError, frames.FrameLate)


@dataclass(frozen=True, slots=True)
class _Batch:
    tenant: str
    programs: list[Program | CentreError]
    done: Future[list[Answer]]


class Intake:
    """A pool of intake children; thread-safe. Close it."""

    def __init__(self, settings: Settings, children: int = CHILDREN) -> None:
        self._settings = settings
        self._memory = job_memory(settings)
        self._children = children
        self._pool = Pool("intake", {"memory": MEMORY}, KEPT, Reader)
        self._changed = threading.Condition()
        self._queues: OrderedDict[str, deque[_Batch]] = OrderedDict()  # whose turn it is first
        self._busy: dict[str, int] = {}
        self._closed = False
        self._looked = time.monotonic()
        self._threads = [
            threading.Thread(target=self._work, name=f"markaz-intake-{i}", daemon=True)
            for i in range(children)
        ]
        for thread in self._threads:
            thread.start()

    def wait_ready(self) -> None:
        """Until children can be had at once; opening waits for that by itself."""
        self._pool.wait_ready()

    def open(self, tenant: str, data: bytes, fmt: str | None, options: Mapping[str, Any]) -> Opened:
        """Open one program for ``tenant`` (a person's id).

        Raises CentreError: ``invalid`` for an option (field ``options/…``), ``program``
        (details ``program_kind``, ``line``, ``column``) for the program, ``too-large``,
        ``rate-limited`` when too many programs of the tenant wait.
        """
        return one(self.submit(tenant, [Program(data, options, fmt)]).result())

    def open_later(
        self, tenant: str, data: bytes, fmt: str | None, options: Mapping[str, Any]
    ) -> Future[Opened]:
        """As ``open``, without waiting; asyncio: ``await asyncio.wrap_future(…)``."""
        opened: Future[Opened] = Future()

        def pass_on(done: Future[list[Answer]]) -> None:
            if not opened.set_running_or_notify_cancel():
                return
            try:
                opened.set_result(one(done.result()))
            except BaseException as error:
                opened.set_exception(error)

        self.submit(tenant, [Program(data, options, fmt)]).add_done_callback(pass_on)
        return opened

    def open_many(self, tenant: str, programs: Sequence[Program]) -> list[Answer]:
        """Open programs; for each, in order, what ``open`` returns, or the error it raises."""
        return self.submit(tenant, programs).result()

    def submit(self, tenant: str, programs: Sequence[Program]) -> Future[list[Answer]]:
        """As ``open_many``, without waiting; asyncio: ``await asyncio.wrap_future(…)``."""
        done: Future[list[Answer]] = Future()
        batch = _Batch(tenant, [self._checked(p) for p in programs], done)
        with self._changed:
            queue = self._queues.setdefault(tenant, deque())
            waiting = sum(len(b.programs) for b in queue)
            if self._closed:
                done.set_exception(CentreError("unavailable", "the centre is stopping"))
            elif waiting and waiting + len(programs) > WAITING:
                message = f"{waiting} of your programs wait to be opened already"
                done.set_exception(CentreError("rate-limited", message, retry_after=1))
            else:
                queue.append(batch)
                self._changed.notify()
        return done

    def close(self) -> None:
        """End all children; what still waits fails as ``unavailable``."""
        with self._changed:
            self._closed = True
            waiting = [batch for queue in self._queues.values() for batch in queue]
            self._queues.clear()
            self._changed.notify_all()
        self._pool.close()
        for thread in self._threads:
            thread.join()
        for batch in waiting:
            batch.done.set_exception(CentreError("unavailable", "the centre is stopping"))

    def _checked(self, program: Program) -> Program | CentreError:
        """``program`` with all its options, as far as they can be checked without a circuit."""
        try:
            if len(program.data) > DEFAULT.source_bytes:
                most = f"{DEFAULT.source_bytes >> 20} MiB"
                raise CentreError("too-large", f"the program has more than {most}", field="program")
            if program.fmt in KINDS:
                return replace(program, options=checked_runtime(program.options, self._settings))
            if program.fmt is not None and program.fmt not in FORMATS:
                message = f"format must be one of {', '.join(FORMATS)}"
                raise CentreError("invalid", message, field="format")
            options = checked(program.options, self._settings, memory=self._memory)
        except CentreError as error:
            return error
        return replace(program, options=options)

    def _work(self) -> None:
        """One thread: batches, tenants in turn."""
        while (batch := self._next()) is not None:
            if batch.done.set_running_or_notify_cancel():
                try:
                    batch.done.set_result(self._opened(batch))
                except BaseException as error:
                    batch.done.set_exception(_unexpected(error))
            self._pool.refill()
            with self._changed:
                self._busy[batch.tenant] -= 1
                if not self._busy[batch.tenant]:
                    del self._busy[batch.tenant]
                self._changed.notify()

    def _next(self) -> _Batch | None:
        while not self._closed:
            with self._changed:
                if (batch := self._turn()) is not None:
                    return batch
                if not self._closed:
                    self._changed.wait(LOOK_SECONDS)
                look = time.monotonic() - self._looked > LOOK_SECONDS
                if look:
                    self._looked = time.monotonic()
            if look:
                self._pool.end_idle(IDLE_SECONDS)
        return None

    def _turn(self) -> _Batch | None:
        """The next batch of the first tenant who may occupy one more child."""
        share = max(1, self._children // 2)
        for tenant, queue in self._queues.items():
            if queue and self._busy.get(tenant, 0) < share:
                batch = queue.popleft()
                self._busy[tenant] = self._busy.get(tenant, 0) + 1
                self._queues.move_to_end(tenant)
                if not queue:
                    del self._queues[tenant]
                return batch
        return None

    def _opened(self, batch: _Batch) -> list[Answer]:
        """All answers of a batch; a child that dies is replaced for what is left."""
        answers: list[Answer] = [p for p in batch.programs if isinstance(p, CentreError)]
        if len(answers) == len(batch.programs):
            return answers
        good = [p for p in batch.programs if isinstance(p, Program)]
        found = iter(self._served(batch.tenant, good))
        return [p if isinstance(p, CentreError) else next(found) for p in batch.programs]

    def _served(self, tenant: str, programs: list[Program]) -> list[Answer]:
        answers: list[Answer] = []
        ahead = AHEAD
        while len(answers) < len(programs):
            group = _group(programs[len(answers) :], ahead)
            warm = self._pool.hire(tenant)
            done, failure = self._ask(warm, group)
            code = self._pool.give_back(warm)
            answers += done
            if failure is not None and len(group) == 1:
                answers.append(cause_of_death(code, failure, group[0]))
            ahead = AHEAD if failure is None else 1  # of several, find out which it was
        return answers

    def _ask(self, warm: Reader, group: list[Program]) -> tuple[list[Answer], BaseException | None]:
        """The answers that came, and what ended them early."""
        answers: list[Answer] = []
        try:
            warm.send(group, self._memory)
            for program in group:
                answers.append(warm.answer(program))
                if warm.dead:
                    break
        except _BROKEN as error:
            warm.dead = True
            return answers, error
        except BaseException:
            warm.dead = True
            self._pool.give_back(warm)
            raise
        return answers, None


def _group(programs: list[Program], most: int) -> list[Program]:
    """The first programs, as many as fit the socket together, but one at least."""
    size = 0
    for count, program in enumerate(programs[:most]):
        size += len(program.data) + 1000 + len(str(program.options))
        if count and size > AHEAD_BYTES:
            return programs[:count]
    return programs[:most]


def one(answers: list[Answer]) -> Opened:
    """The only answer, if it is no error; else that is raised."""
    if isinstance(answers[0], CentreError):
        raise answers[0]
    return answers[0]


def _unexpected(error: BaseException) -> CentreError:
    if isinstance(error, CentreError):
        return error
    if isinstance(error, NurseryClosed):
        return CentreError("unavailable", "programs cannot be opened just now", retry_after=1)
    _log.error("intake.failed", error=repr(error))
    return CentreError("internal", "opening the program failed; it has been logged")
