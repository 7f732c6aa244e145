"""Jobs come back: results are stored, attempts ended, and their workers told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.jobs import dispatch
from markaz.centre.storage import blobs
from markaz.centre.workers import crash
from markaz.centre.workers.actor import OUTAGES, RETRY_SECONDS, Actor
from markaz.centre.workers.messages import Accepted, Finished
from markaz.centre.workers.peers import Key, Peer

_log: Final = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000  # results on record whose worker may not know it yet


class Results:
    """Ends attempts in the thread of ``actor``; ``ended(key)`` is called after each."""

    def __init__(self, actor: Actor, ended: Callable[[Key], None]) -> None:
        self._actor, self._ended_hook = actor, ended
        self._recorded: OrderedDict[Key, None] = OrderedDict()

    def finished(self, peer: Peer, message: Finished) -> None:
        """Take the end of a job that came by itself."""
        if self.is_ready(peer, message):
            self._finish(peer, message, message.blob)

    def is_ready(self, peer: Peer, message: Finished) -> bool:
        """Take note of the end of a job; whether its attempt can be ended now (``report``).

        It may be said twice, and a large result is stored first.
        """
        crash.at("result_received")
        key = (message.job, message.attempt)
        if key in peer.finishing:
            return False
        if key in self._recorded:
            peer.say(Accepted(*key, accepted=True))
            return False
        peer.held.pop(key, None)
        peer.finishing.add(key)
        limit = self._actor.centre.services.settings["inline_kib"] << 10
        if message.state == "completed" and len(message.blob) > limit:
            self._store(peer, message)
            return False
        return True

    def _store(self, peer: Peer, message: Finished) -> None:
        """Write a large result to the store; then finish."""

        def take(done: Future[blobs.Prepared]) -> None:
            error = done.exception()
            if error is None:
                crash.at("after_store")
                self._finish(peer, message, done.result())
                return
            _log.warning("dispatcher.result_not_stored", job=message.job, error=str(error))
            self._actor.after(RETRY_SECONDS, lambda: self._store(peer, message))

        services = self._actor.centre.services
        self._actor.elsewhere(blobs.prepare, take, services, message.blob)

    def _finish(self, peer: Peer, message: Finished, result: blobs.Prepared | bytes) -> None:
        def failed(error: CentreError) -> None:
            if error.kind in OUTAGES:
                self._actor.after(RETRY_SECONDS, lambda: self._finish(peer, message, result))
                return
            _log.warning("job.result_refused", job=message.job, attempt=message.attempt,
                         error=str(error))  # fmt: skip
            self.ended(peer, message, accepted=False, stale=error.kind == "stale")

        self._actor.perform(
            dispatch.finish,
            lambda _answer: self.ended(peer, message, accepted=True),
            failed,
            worker=peer.id,
            **report(peer, message, result),
        )

    def not_ended(self, peer: Peer, found: list[Finished], error: CentreError) -> None:
        """They could not be ended together: try each by itself, later if there is an outage."""
        seconds = RETRY_SECONDS if error.kind in OUTAGES else 0.0
        for message in found:
            self._actor.after(seconds, partial(self._finish, peer, message, message.blob))

    def ended(self, peer: Peer, message: Finished, *, accepted: bool, stale: bool = True) -> None:
        """An attempt has ended, or what was said of it is refused."""
        crash.at("after_commit")
        key = (message.job, message.attempt)
        peer.finishing.discard(key)
        peer.begun.pop(key, None)
        if accepted:
            self._recorded[key] = None
            if len(self._recorded) > REMEMBERED:
                self._recorded.popitem(last=False)
        elif stale:
            self._actor.centre.services.count("zombies_refused")
        peer.say(Accepted(*key, accepted=accepted))
        self._ended_hook(key)


def report(peer: Peer, message: Finished, result: blobs.Prepared | bytes) -> dict[str, Any]:
    """What ``jobs.finish`` is told of a job, but for its worker."""
    about = {"job": message.job, "attempt": message.attempt}
    began = peer.begun.get((message.job, message.attempt))
    return about | {"outcome": _outcome(message, result) | {"began_at": began}}


def _outcome(message: Finished, result: blobs.Prepared | bytes) -> dict[str, Any]:
    outcome: dict[str, Any] = {"state": message.state, "seconds": message.seconds}
    if message.state == "completed":
        return outcome | {"result": result}
    if message.error_kind:
        outcome["error"] = {"kind": message.error_kind, "message": message.error_message}
    return outcome
