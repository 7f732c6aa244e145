"""Compiled circuits kept in memory, those used last, within a bound on their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from markaz.quantum.compile.compiled import Compiled

OVERHEAD = 4096  # bytes of a compiled circuit beside its arrays


def size_of(compiled: Compiled) -> int:
    """Bytes that a compiled circuit holds, near enough."""
    c = compiled.circuit
    arrays = sum(a.nbytes for a in (c.op, c.qubits, c.params, c.aux, c.pool))
    expressions = 200 * (len(c.symbolic) + len(c.exprs))
    return arrays + expressions + 16 * len(compiled.start) + OVERHEAD


class Cache:
    """At most ``limit`` bytes of compiled circuits by their key; safe among threads."""

    def __init__(self, limit: int = 64 << 20) -> None:
        self.limit, self.bytes = limit, 0
        self.hits, self.misses = 0, 0
        self._kept: OrderedDict[str, tuple[Compiled, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Compiled | None:
        """What is kept under ``key``."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: str, compiled: Compiled) -> None:
        """Keep it, and drop what was used longest ago; one larger than the bound is not kept."""
        size = size_of(compiled)
        with self._lock:
            _, old = self._kept.pop(key, (None, 0))
            self.bytes -= old
            if size > self.limit:
                return
            self._kept[key] = compiled, size
            self.bytes += size
            while self.bytes > self.limit:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.bytes -= dropped

    def get_or(self, key: str, make: Callable[[], Compiled]) -> Compiled:
        """What is kept under ``key``, else what ``make`` gives, which is then kept."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found
