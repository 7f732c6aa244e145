"""What a process is set to while a program is read, and put back to afterwards."""

from __future__ import annotations

import gc
import sys
from threading import Lock
from typing import ClassVar, Final

FRAMES: Final = 8000  # 200 blocks and 200 calls take some 3,000


class Reading:
    """Room on Python's stack, and no search for cyclic garbage, while programs are read.

    The interpreter's 1000 frames are less than 200 nested blocks need; only Python frames
    are used, which lie on the heap. Readers make millions of small objects and no cycles:
    looking for some would take a third of the time.
    """

    _lock: ClassVar[Lock] = Lock()
    _users: ClassVar[int] = 0
    _before: ClassVar[tuple[int, bool]] = (0, False)

    def __enter__(self) -> None:
        with self._lock:
            if Reading._users == 0:
                Reading._before = sys.getrecursionlimit(), gc.isenabled()
                sys.setrecursionlimit(max(FRAMES, Reading._before[0]))
                gc.disable()
            Reading._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            Reading._users -= 1
            if Reading._users == 0:
                frames, collected = Reading._before
                sys.setrecursionlimit(frames)
                if collected:
                    gc.enable()
