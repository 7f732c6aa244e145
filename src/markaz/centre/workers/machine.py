"""What this machine has, and the share of it that one job may use."""

from __future__ import annotations

import os
from typing import Final

from markaz.centre.settings import Settings

USABLE: Final = 0.8  # of the memory; the rest is the system's and the server's
LEAST_BYTES: Final = 256 << 20


def total_memory() -> int:
    """Bytes of memory that this process may hope for: the machine's, or its control group's."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdigit():
            found = min(found, int(text))
    return found


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def job_memory(settings: Settings) -> int:
    """Bytes that one job may use: the setting, or an equal share of the machine."""
    wanted = float(settings["worker_memory_gib"])
    if wanted:
        return int(wanted * (1 << 30))
    return max(LEAST_BYTES, int(total_memory() * USABLE) // max(1, int(settings["workers"])))
