"""Processes, and processor time: what work costs, however busy the machine is with others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Process ids of the children of ``pid``, which may have ended."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def busy() -> float:
    """Processor seconds of this process and of all its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def family_busy(pid: int, without: Collection[int] = ()) -> float:
    """Processor seconds of a process, of what it started and of what these did, ended or not;
    except the families of the processes ``without``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended, and counts with its parent
    own = sum(map(int, fields[11:15])) * _TICK  # with that of children that ended
    return own + sum(family_busy(one, without) for one in children(pid) if one not in without)
