"""Warm children of one zygote, each bound to one tenant for life."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.workers import frames
from markaz.centre.workers.nursery import Child, Nursery, NurseryClosed

_log: Final = structlog.get_logger(__name__)

LIFE_TASKS: Final = 500
LIFE_BYTES: Final = 64 << 20  # taken in, after which a child's memory has seen enough
DYING_SECONDS: Final = 0.2


class Warm:
    """A child with what it has seen; ``dead`` once it must not be used again.

    ``most``: the largest body that is taken from it.
    """

    def __init__(self, tenant: str, child: Child, most: int) -> None:
        self.tenant, self.child = tenant, child
        self.dead = False
        self.used_at = time.monotonic()
        self.tasks = self.bytes = 0
        self.incoming = frames.Incoming(child.fd, most)

    @property
    def spent(self) -> bool:
        """Whether it has done enough for one life."""
        return self.dead or self.tasks >= LIFE_TASKS or self.bytes >= LIFE_BYTES

    def give(self, data: bytes, seconds: float, tasks: int = 1) -> None:
        """Send requests, within ``seconds``. Raises OSError."""
        self.child.socket.settimeout(seconds)
        self.child.socket.sendall(data)
        self.child.socket.settimeout(None)
        self.tasks += tasks
        self.bytes += len(data)
        self.used_at = time.monotonic()


W = TypeVar("W", bound=Warm)


class Pool(Generic[W]):
    """Some ``most`` children of ``role``, and one that nobody has used yet; thread-safe.

    ``make(tenant, child)`` wraps a child that was forked with ``spec``.
    """

    def __init__(
        self, role: str, spec: dict[str, Any], most: int, make: Callable[[str, Child], W]
    ) -> None:
        self._role, self._spec, self._most, self._make = role, spec, most, make
        self._nursery = Nursery(role)
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, W] = OrderedDict()  # by pid, longest unused first
        self._spare: list[Child] = []  # forked ahead; has seen nothing of anybody
        self._out = 0
        self._closed = False

    @property
    def zygote(self) -> int:
        """Process id of the zygote."""
        return self._nursery.pid

    def hire(self, tenant: str) -> W:
        """A child of the tenant's own, the one whose memory is warmest, or a new one.

        Raises NurseryClosed if no child can be had, CentreError after ``close``.
        """
        with self._lock:
            self._out += 1
            for pid, warm in reversed(self._idle.items()):
                if warm.tenant == tenant:
                    return self._idle.pop(pid)
            spare = self._spare.pop() if self._spare else None
        try:
            return self._make(tenant, spare or self._fork())
        except BaseException:
            with self._lock:
                self._out -= 1
            raise

    def refill(self) -> None:
        """Have one child ready for whoever comes next, and none too many: the longest unused
        go. Call it when nobody waits for the caller."""
        with self._lock:
            over = len(self._idle) + self._out - self._most
            evicted = [self._idle.popitem(last=False)[1] for _ in range(min(over, len(self._idle)))]
            ready = bool(self._spare) or self._closed
        for warm in evicted:
            self._nursery.end(warm.child)
        if ready:
            return
        try:
            child = self._fork()
        except (NurseryClosed, CentreError):
            return  # whoever needs one will say so
        with self._lock:
            if not self._closed:
                self._spare.append(child)
                return
        child.socket.close()

    def _fork(self) -> Child:
        nursery = self._nursery
        try:
            return nursery.fork(self._spec)
        except NurseryClosed as error:
            if self._closed:
                raise CentreError("unavailable", "the centre is stopping") from None
            _log.warning("zygote.died", role=self._role, error=str(error))
        with self._lock:
            if self._nursery is nursery:  # its children died with it
                nursery.close()
                self._let_go()
                self._nursery = Nursery(self._role)
            nursery = self._nursery
        return nursery.fork(self._spec)

    def give_back(self, warm: W, patience: float = DYING_SECONDS) -> int | None:
        """Keep a child for its tenant, or end it if it is spent: then the exit code of one
        that had ended by itself or did so within ``patience`` seconds."""
        with self._lock:
            self._out -= 1
            if not warm.spent and not self._closed:
                self._idle[warm.child.pid] = warm
                return None
        return self._nursery.end(warm.child, patience)

    def end_idle(self, seconds: float) -> None:
        """End children that nobody needed for ``seconds``."""
        before = time.monotonic() - seconds
        with self._lock:
            old = [pid for pid, warm in self._idle.items() if warm.used_at < before]
            ended = [self._idle.pop(pid) for pid in old]
        for warm in ended:
            self._nursery.end(warm.child)

    def wait_ready(self) -> None:
        """Until the zygote's imports are done. Raises NurseryClosed if it died over them."""
        self._nursery.wait_ready()

    def close(self) -> None:
        """End everything."""
        with self._lock:
            self._closed = True
            self._let_go()
        self._nursery.close()

    def _let_go(self) -> None:
        """Hang up on children that nobody uses."""
        for child in [*(warm.child for warm in self._idle.values()), *self._spare]:
            child.socket.close()
        self._idle.clear()
        self._spare.clear()
