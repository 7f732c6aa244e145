"""The server's side of all workers: they come, prove that they live, and are lost.

Everything that happens (a frame, a commit, a change of the queue, the time) is a call in one
thread (``actor``), which never waits for the database or a network: verbs are done by the
writer, where the end of one job and the claim of the next share a commit. Leases count on
this server's monotonic clock alone. ``handout`` gives jobs out, ``results`` takes them back.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import structlog

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.jobs import dispatch, holds
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.sharing import Crew
from markaz.centre.workers import agents, crash, messages, queries, verbs
from markaz.centre.workers.actor import OUTAGES, Actor
from markaz.centre.workers.handout import Handout
from markaz.centre.workers.links import Link, LinkClosed
from markaz.centre.workers.messages import (
    VERSION,
    Cancel,
    Condition,
    Finished,
    Heartbeat,
    Hello,
    Leaving,
    Message,
    Noted,
    Refused,
    Returned,
    Started,
    Welcome,
)
from markaz.centre.workers.peers import Held, Key, Peer
from markaz.centre.workers.results import Results
from markaz.quantum.devices.sheet import Sheet, from_json

_log: Final = structlog.get_logger(__name__)


class Dispatcher:
    """Serves workers, and hears of the queue (``services.QueueListener``).

    Make one in the process that hands out jobs; ``start`` it, give every worker's link to
    ``serve``, ``close`` it. ``on_job_ended``: called with the id of each job that ended.
    """

    def __init__(self, centre: Centre, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._centre = centre
        self._settings = centre.services.settings
        self._actor = Actor(centre, self._look, monotonic)
        self._peers: dict[str, Peer] = {}
        self._expected: dict[str, dict[Key, Held]] = {}  # jobs of workers from before
        self._results = Results(self._actor, self._ended)
        self._handout = Handout(self._actor, self._peers, self._results)
        self.on_job_ended: list[Callable[[str], None]] = [self._actor.waiters.ended]

    # For others; from any thread.

    def start(self) -> None:
        """Read the queue and begin. Workers that hold jobs from before get their grace."""
        services = self._centre.services
        if services.queue is None:
            services.queue = QueueIndex(self._settings)
        services.listener = self
        self._centre.perform(dispatch.open_queue, SYSTEM)
        self._centre.perform(verbs.restart, SYSTEM)
        cancelled: list[Key] = []
        for worker, job, attempt, cancel in self._centre.ask(queries.active_jobs, SYSTEM):
            self._expected.setdefault(worker, {})[job, attempt] = Held(None, ahead=False)
            if cancel:
                cancelled.append((job, attempt))
        self._expect_agents()
        for key in cancelled:
            self._handout.cancel(key)
        self._handout.look_at_devices()
        self._actor.after(self._settings["worker_grace_seconds"], self._recover_orphans)
        self._actor.start()

    def _expect_agents(self) -> None:
        """Agents that hold jobs from before are only away, as if they had just hung up."""
        now = self._centre.services.clock.now()
        for one in self._centre.ask(agents.away, SYSTEM):
            if one.worker in self._expected:
                hello = Hello(one.name, "", 0, one.slots, 0, 0, **agents.told(one.facts))
                peer = Peer(one.worker, hello, held=self._expected.pop(one.worker))
                grace = max(self._settings["worker_grace_seconds"], (one.until - now) / 1e6)
                peer.gone_by = self._actor.monotonic() + grace
                self._peers[one.worker] = peer

    def running(self) -> bool:
        """Whether jobs are being handed out."""
        return self._actor.alive() and not self._actor.draining

    def workers(self) -> int:
        """Connected workers."""
        return sum(p.link is not None for p in list(self._peers.values()))

    def serve(self, link: Link) -> None:
        """Talk to one worker until its link closes; in the caller's thread."""
        try:
            while True:
                self._post_messages(link, messages.decode(link.receive()))
        except messages.MessageError as error:
            _log.warning("worker.frame_refused", error=str(error))
        except LinkClosed:
            pass
        finally:
            link.close()
            self._actor.post(lambda: self._hung_up(link))

    def _post_messages(self, link: Link, found: list[Message]) -> None:
        self._actor.post(lambda: self._received(link, found))

    def worker_died(self, pid: int) -> None:
        """The worker that this machine's ``pid`` was is dead: recover its jobs at once."""
        self._actor.post(lambda: self._died(pid))

    def wait_for_end(self, job: str, timeout: float) -> Future[bool]:
        """True once the job has ended, False after ``timeout`` seconds: see ``Waiters``."""
        future = self._actor.waiters.wait(job, timeout)
        self._actor.post(_nothing)  # so that the thread looks at the time again
        return future

    def drain(self, timeout: float) -> bool:
        """Hand out nothing more; whether all that was reported is on record in time."""
        self._actor.draining = True
        return self._actor.settle(timeout)

    def close(self) -> None:
        """Hang up on all workers, which keep their jobs, and end."""
        self._actor.close()
        for peer in self._peers.values():
            if peer.link is not None:
                peer.link.close()

    # The queue's listener; called in the writer's thread.

    def job_queued(self, group_id: int) -> None:
        """Something waits."""
        self._handout.wake_soon()

    def job_unqueued(self, group_id: int) -> None:
        """Nothing to do: a claim looks for itself."""

    def job_ended(self, job_id: str) -> None:
        """Tell whoever waits for it."""
        crash.at("before_wake")
        for callback in self.on_job_ended:
            callback(job_id)

    def cancel_wanted(self, job_id: str, attempt: int) -> None:
        """Have its worker stop it."""
        self._actor.post(lambda: self._handout.cancel((job_id, attempt)))

    def rules_changed(self) -> None:
        """What was not allowed to start may be now; credits may have come."""
        self._actor.post(self._apply_rules)

    def _apply_rules(self) -> None:
        self._actor.insist(holds.release_held)
        self._handout.look_at_devices()

    # Workers; in the actor's thread.

    def _look(self) -> None:
        """Now and then: leases, workers that did not return, and the queue once more."""
        now, lease = self._actor.monotonic(), self._settings["lease_seconds"]
        for peer in list(self._peers.values()):
            if peer.gone_by is not None and peer.gone_by <= now:
                self._lose(peer, "it did not come back")
            elif peer.link is not None and not peer.lost and peer.heard + lease < now:
                if peer.hello.patience:
                    peer.link.close()  # and its patience begins
                else:
                    self._lose(peer, "its lease ran out")
        self._handout.wake()

    def _received(self, link: Link, found: Iterable[Message]) -> None:
        """Deal with a frame: what it says of jobs is put on record together."""
        finished: list[Finished] = []
        started: list[Started] = []
        peer = self._peer_at(link)
        for message in found:
            if isinstance(message, Hello):
                self._hello(link, message)
            elif peer is None:
                link.close()
                return
            elif isinstance(message, Finished):
                if self._results.is_ready(peer, message):
                    finished.append(message)
            elif isinstance(message, Started):
                if self._handout.has_begun(peer, message):
                    started.append(message)
            else:
                self._take(peer, message)
        if peer is not None:
            self._heard(peer)
            if finished or started:
                self._handout.exchange(peer, finished, started)

    def _peer_at(self, link: Link) -> Peer | None:
        return next((peer for peer in self._peers.values() if peer.link is link), None)

    def _take(self, peer: Peer, message: Message) -> None:
        match message:
            case Heartbeat():
                unknown = set(message.running) - set(peer.held) - peer.finishing
                peer.say(*(Cancel(*key) for key in sorted(unknown)))
            case Returned():
                self._handout.returned(peer, message)
            case Condition():
                self._note_condition(peer, message)
            case Leaving():
                peer.draining = True
                self._actor.insist(verbs.leave, worker=peer.id, state="draining")
            case _:
                _log.warning("worker.unexpected_message", type=type(message).__name__)

    def _note_condition(self, peer: Peer, message: Condition) -> None:
        if message.device not in peer.hello.devices:
            _log.warning("worker.condition_refused", worker=peer.id, device=message.device)
            return
        about = {"worker": peer.id, "device": message.device}
        if message.blob:
            self._actor.elsewhere(_sheet, partial(self._note_sheet, peer, message), message.blob)
        else:
            before, peer.condition = peer.condition, message.status
            about |= {"status": message.status, "before": before}
            self._actor.insist(agents.note_condition, None, **about)

    def _note_sheet(self, peer: Peer, message: Condition, read: Future[Sheet]) -> None:
        """Put a sheet on record, and tell its agent; one that cannot be is refused for good."""

        def answer(accepted: bool) -> None:
            peer.say(Noted(message.device, message.sheet, accepted))

        def refused(error: CentreError) -> None:
            _log.warning("worker.sheet_refused", device=message.device, error=str(error))
            if error.kind not in OUTAGES:  # else it is sent again after the next connection
                answer(False)

        if read.exception() is not None:
            refused(CentreError("invalid", str(read.exception())))
            return
        about = {"worker": peer.id, "device": message.device, "sheet": read.result()}
        self._actor.perform(agents.note_sheet, lambda _: answer(True), refused, **about)

    def _heard(self, peer: Peer) -> None:
        peer.heard = self._actor.monotonic()
        if peer.lost:
            _log.warning("worker.is_back", worker=peer.id)
            peer.lost = False
            self._actor.insist(verbs.connect, **_registration(peer.id, peer.hello))

    def _hello(self, link: Link, hello: Hello) -> None:
        if hello.version != VERSION or hello.slots < 1:
            reason = f"this centre speaks version {VERSION} to workers with slots"
            Peer("", hello, link).say(Refused(reason))
            return

        def refused(error: CentreError) -> None:
            if error.kind == "invalid":
                Peer("", hello, link).say(Refused(error.message))
            else:
                link.close()  # it will try again

        self._actor.perform(
            verbs.connect,
            lambda answer: self._welcome(link, hello, answer["worker"]),
            refused,
            **_registration(hello.worker, hello),
        )

    def _welcome(self, link: Link, hello: Hello, worker: str) -> None:
        peer = self._peers.get(worker)
        if peer is None:
            peer = self._peers[worker] = Peer(worker, hello, held=self._expected.pop(worker, {}))
        elif peer.link is not None and peer.link is not link:
            peer.link.close()
        peer.hello, peer.link, peer.heard = hello, link, self._actor.monotonic()
        peer.gone_by, peer.lost, peer.draining = None, False, False
        has = set(hello.running)
        keep = [key for key in peer.held if key in has]
        self._handout.give_back(peer, [key for key in peer.held if key not in has])
        peer.say(Welcome(worker, self._settings["heartbeat_seconds"], keep))
        self._handout.say_cancels(peer, keep)
        _log.info("worker.connected", worker=worker, name=hello.name, keeps=len(keep))
        self._count_slots()
        self._handout.wake()

    def _hung_up(self, link: Link) -> None:
        for peer in [p for p in self._peers.values() if p.link is link]:
            peer.link = None
            self._count_slots()
            if peer.draining and not peer.held and not peer.finishing:
                self._forget(peer, "gone")
            else:
                days = self._settings["agent_patience_days"]
                grace = self._settings["worker_grace_seconds"]
                patience = agents.patience({"patience": peer.hello.patience}, days)
                if patience:
                    grace = max(grace, patience)
                    self._handout.end_cancelled(peer)
                    self._actor.insist(verbs.leave, worker=peer.id, state="lost")
                peer.gone_by = self._actor.monotonic() + grace
                self._actor.after(grace, self._look)

    def _died(self, pid: int) -> None:
        host = socket.gethostname()
        for peer in list(self._peers.values()):
            if peer.hello.pid == pid and peer.hello.host == host:
                self._lose(peer, "its process died", for_good=True)

    def _lose(self, peer: Peer, reason: str, *, for_good: bool = False) -> None:
        """Recover the jobs of a worker, which must not end them any more."""
        _log.warning("worker.lost", worker=peer.id, reason=reason, jobs=len(peer.held))
        self._centre.services.count("workers_lost")
        peer.lost, peer.epoch, peer.gone_by = True, peer.epoch + 1, None
        peer.held.clear()
        peer.begun.clear()
        self._actor.insist(dispatch.recover, self._wake_after, worker=peer.id)
        if for_good or peer.link is None:
            self._forget(peer, "gone" if for_good or peer.draining else "lost")
        else:
            self._actor.insist(verbs.leave, worker=peer.id, state="lost")

    def _forget(self, peer: Peer, state: str) -> None:
        if self._peers.get(peer.id) is peer:
            del self._peers[peer.id]
        if peer.link is not None:
            peer.link.close()
        self._actor.insist(verbs.leave, worker=peer.id, state=state)
        self._count_slots()

    def _recover_orphans(self) -> None:
        """The grace of workers from before this server's start is over."""
        for worker in self._expected:
            _log.warning("worker.lost", worker=worker, reason="it did not come back")
        self._expected.clear()
        known = list(self._peers)
        self._actor.insist(dispatch.recover_orphans, self._wake_after, known=known)

    def _wake_after(self, _answer: Any) -> None:
        self._handout.wake()

    def _ended(self, key: Key) -> None:
        self._handout.forget_cancel(key)
        if self._handout.dry:
            self._handout.wake()  # a cap may have been what others waited for

    def _count_slots(self) -> None:
        ready = [peer.hello for peer in self._peers.values() if peer.link is not None]
        self._centre.services.queue.crews = tuple(
            Crew(one.slots, frozenset(one.drivers), frozenset(one.devices)) for one in ready
        )


def _sheet(data: bytes) -> Sheet:
    return from_json(data.decode())


def _nothing() -> None:
    pass


def _registration(worker: str, hello: Hello) -> dict[str, Any]:
    facts = {
        "host": hello.host,
        "pid": hello.pid,
        "cores": hello.cores,
        "memory": hello.memory,
        "drivers": hello.drivers,
        "versions": hello.versions,
        "devices": hello.devices,
        "patience": hello.patience,
    }
    return {"worker": worker, "name": hello.name, "slots": hello.slots, "facts": facts}
