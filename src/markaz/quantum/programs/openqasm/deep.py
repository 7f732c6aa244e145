"""Room on Python's stack for the nesting that the limits allow."""

from __future__ import annotations

import sys
from threading import Lock
from typing import ClassVar, Final

FRAMES: Final = 8000  # 200 blocks and 200 calls take some 3,000


class DeepStack:
    """Raises the recursion limit while at least one program is being read.

    The interpreter's default of 1000 frames is less than 200 nested blocks need. Only
    Python frames are used, which lie on the heap.
    """

    _lock: ClassVar[Lock] = Lock()
    _users: ClassVar[int] = 0
    _before: ClassVar[int] = 0

    def __enter__(self) -> None:
        with self._lock:
            if DeepStack._users == 0:
                DeepStack._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(FRAMES, DeepStack._before))
            DeepStack._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            DeepStack._users -= 1
            if DeepStack._users == 0:
                sys.setrecursionlimit(DeepStack._before)
