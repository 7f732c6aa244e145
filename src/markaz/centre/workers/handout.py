"""Jobs go out: claims for workers that have room, and what is said to them about a job."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import structlog

from markaz.centre.access import SYSTEM
from markaz.centre.errors import CentreError
from markaz.centre.jobs import dispatch
from markaz.centre.storage import blobs
from markaz.centre.workers import crash, queries, verbs
from markaz.centre.workers.actor import Actor
from markaz.centre.workers.messages import Assign, Cancel, Finished, Returned, Started
from markaz.centre.workers.peers import Held, Key, Peer
from markaz.centre.workers.results import Results, report

_log: Final = structlog.get_logger(__name__)

REST_SECONDS: Final = 1.0  # that a worker gets which could not start a job
BEGUN_SECONDS: Final = 0.05  # that a job runs before its begin is put on record by itself
REMEMBERED: Final = 10_000  # cancels whose job may be on its way to a worker
_NOTHING: Final[dict[str, Any]] = {"accepted": [], "claimed": [], "dry": True}


class Handout:
    """Claims in the thread of ``actor`` for ``peers`` (by worker)."""

    def __init__(self, actor: Actor, peers: dict[str, Peer], results: Results) -> None:
        self._actor, self._peers, self._results = actor, peers, results
        self._devices: dict[str, list[str]] = {}
        self._cancels: OrderedDict[Key, None] = OrderedDict()
        self._claims = 0
        self._at_once = 1  # claims under way; more while they come back full
        self._woken = False
        self._dry: set[str] = set()  # kinds of workers whose last claim found too little

    @property
    def dry(self) -> bool:
        """Whether a claim found less than it asked for since the last look at the queue."""
        return bool(self._dry)

    def wake_soon(self) -> None:
        """Something may wait; from any thread."""
        if not self._woken:
            self._woken = True
            self._actor.post(self.wake)

    def wake(self) -> None:
        """Something may wait: claim for all who have room."""
        self._woken = False
        self._dry.clear()
        self._fill()

    def look_at_devices(self) -> None:
        """Learn which devices there are, then look at the queue."""
        found: Future[Any] = self._actor.centre.ask_later(queries.devices_of_drivers, SYSTEM)
        found.add_done_callback(lambda done: self._actor.post(lambda: self._take_devices(done)))

    def _take_devices(self, done: Future[Any]) -> None:
        if done.exception() is None:
            self._devices = done.result()
        self.wake()

    def _fill(self) -> None:
        """The emptiest first; as many claims at once as came back full before."""
        now = self._actor.monotonic()
        ready = [p for p in self._peers.values() if p.may_take(now) and not p.exchanging]
        for peer in sorted(ready, key=lambda p: len(p.held)):
            if self._claims >= self._at_once:
                return
            if peer.kind not in self._dry:
                self._exchange(peer)

    def _wanted(self, peer: Peer) -> tuple[int, int, float]:
        """How many jobs to claim, how many that wait behind others, and what these may take."""
        actor = self._actor
        waiting = actor.centre.services.queue.rows.at
        if peer.kind in self._dry or actor.draining or not waiting:
            return 0, 0, 0.0
        if not peer.may_take(actor.monotonic()):
            return 0, 0, 0.0
        return peer.room(), *peer.room_ahead()

    def exchange(self, peer: Peer, finished: list[Finished], started: list[Started]) -> None:
        """Have a worker's ``finished`` and ``started`` jobs put on record, and claim what it
        has room for, in one change; what comes while one is under way is for the next.

        Of a short job only the end is put on record, which says when it began."""
        peer.finished += finished
        for message in started:
            self._actor.after(BEGUN_SECONDS, partial(self._record_begun, peer, message))
        if not peer.exchanging:
            self._exchange(peer)

    def _record_begun(self, peer: Peer, message: Started) -> None:
        if (message.job, message.attempt) in peer.held:
            peer.started.append(message)
            if not peer.exchanging:
                self._exchange(peer)

    def _exchange(self, peer: Peer) -> None:
        count, ahead, seconds = self._wanted(peer)
        drivers = peer.hello.drivers
        devices = [d for n in drivers for d in self._devices.get(n, ()) if peer.serves(d)]
        claims = bool(devices and (count or ahead))
        finished, peer.finished = peer.finished, []
        started, peer.started = peer.started, []
        if not (claims or finished or started):
            return
        peer.exchanging = True
        self._claims += claims
        epoch = peer.epoch
        crash.at("before_claim")

        def back(answer: dict[str, Any]) -> None:
            for message, accepted in zip(finished, answer["accepted"], strict=True):
                self._results.ended(peer, message, accepted=accepted)
            self._came_back(peer, answer, claims, epoch)

        def failed(error: CentreError) -> None:
            _log.warning("dispatcher.exchange_failed", error=str(error))
            self._results.not_ended(peer, finished, error)
            for message in started:
                self._actor.insist(dispatch.mark_running, worker=peer.id, **_attempt(message))
            self._came_back(peer, _NOTHING, claims, epoch)  # the next look claims again

        self._actor.perform(
            verbs.exchange,
            back,
            failed,
            worker=peer.id,
            finished=[report(peer, message, message.blob) for message in finished],
            started=[_attempt(message) for message in started],
            devices=devices,
            count=count if claims else 0,
            ahead=ahead if claims else 0,
            seconds=seconds,
        )

    def _came_back(self, peer: Peer, answer: dict[str, Any], claims: bool, epoch: int) -> None:
        """An exchange is over."""
        peer.exchanging = False
        if claims:
            self._claims -= 1
            dry = answer["dry"]
            (self._dry.add if dry else self._dry.discard)(peer.kind)
            peer.came_back(len(answer["accepted"]), dry=dry)
            self._at_once = 1 if dry else min(2 * self._at_once, 256)
            self._claimed(peer, answer["claimed"], epoch)
        self._exchange(peer)
        self._fill()

    def _claimed(self, peer: Peer, found: list[dict[str, Any]], epoch: int) -> None:
        crash.at("after_claim")
        keys = [(job["job"], job["attempt"]) for job in found]
        if peer.epoch != epoch or self._peers.get(peer.id) is not peer:
            self.give_back(peer, keys)  # the worker was lost meanwhile
            return
        assigned = []
        for key, job in zip(keys, found, strict=True):
            peer.held[key] = Held(job["predicted_seconds"], job["ahead"])
            if job["data"] is None:
                self._fetch(peer, key, job)
            else:
                assigned.append(_assignment(job, job["data"]))
        if assigned:
            peer.say(*assigned)
            self.say_cancels(peer, keys)
            crash.at("after_assign")

    def _fetch(self, peer: Peer, key: Key, job: dict[str, Any]) -> None:
        """Get a large circuit from the store; then hand the job out."""

        def take(done: Future[bytes]) -> None:
            error = done.exception()
            if key not in peer.held:
                return
            if error is None:
                peer.say(_assignment(job, done.result()))
                self.say_cancels(peer, [key])  # what came meanwhile was nobody's to stop yet
                return
            _log.error("dispatcher.circuit_not_read", job=key[0], error=str(error))
            self._results.finished(
                peer, Finished(*key, "failed", 0.0, "internal", "its circuit cannot be read")
            )

        services = self._actor.centre.services
        self._actor.elsewhere(blobs.contents, take, services, job["circuit"], None)

    def has_begun(self, peer: Peer, message: Started) -> bool:
        """Take note that a job has begun; whether that is news and to be put on record."""
        held = peer.held.get((message.job, message.attempt))
        if held is None or not held.ahead:
            return False
        held.ahead = False
        peer.begun[message.job, message.attempt] = self._actor.centre.services.clock.now()
        return True

    def returned(self, peer: Peer, message: Returned) -> None:
        """A worker gives a job back."""
        _log.info("job.returned", job=message.job, worker=peer.id, reason=message.reason)
        if message.unwell:
            peer.rests_until = self._actor.monotonic() + REST_SECONDS
            self._actor.after(REST_SECONDS, self.wake)
        self.give_back(peer, [(message.job, message.attempt)])

    def give_back(self, peer: Peer, keys: list[Key]) -> None:
        """Put jobs of a worker back into the queue; no loss is counted."""
        for key in keys:
            peer.held.pop(key, None)
            peer.begun.pop(key, None)
        if keys:
            jobs = [{"job": job, "attempt": attempt} for job, attempt in keys]
            self._actor.insist(dispatch.give_back, self._wake_after, worker=peer.id, jobs=jobs)

    def _wake_after(self, _answer: Any) -> None:
        self.wake()

    def cancel(self, key: Key) -> None:
        """Have whoever holds it stop it, now or when it gets there."""
        self._cancels[key] = None
        if len(self._cancels) > REMEMBERED:
            self._cancels.popitem(last=False)
        for peer in self._peers.values():
            if key in peer.held and peer.link is None and peer.hello.patience:
                self.give_back(peer, [key])  # it may be away for days: the job ends now
            elif key in peer.held:
                peer.say(Cancel(*key))

    def end_cancelled(self, peer: Peer) -> None:
        """End the jobs of a worker that went away before it stopped them; it may stay away."""
        self.give_back(peer, [key for key in peer.held if key in self._cancels])

    def say_cancels(self, peer: Peer, keys: list[Key]) -> None:
        """Say again which of ``keys`` are to be stopped."""
        peer.say(*(Cancel(*key) for key in keys if key in self._cancels))

    def forget_cancel(self, key: Key) -> None:
        """The job has ended."""
        self._cancels.pop(key, None)


def _attempt(message: Started) -> dict[str, Any]:
    return {"job": message.job, "attempt": message.attempt}


def _assignment(job: dict[str, Any], circuit: bytes) -> Assign:
    station = job["station"]
    return Assign(
        job=job["job"],
        attempt=job["attempt"],
        tenant=f"{job['project']}/{job['user']}",
        kind=job["kind"],
        program_hash=job["program_hash"],
        limit_seconds=job["limit_seconds"],
        options=job["options"],
        device=job["device"],
        ahead=job["ahead"],
        about={} if station is None else station.about,
        tail=0 if station is None else len(station.body),
        at=job["at"],
        blob=circuit if station is None else circuit + station.body,
    )
