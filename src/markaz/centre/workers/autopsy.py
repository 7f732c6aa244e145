"""What the death of a job's child means."""

from __future__ import annotations

import signal
from typing import Final

AGAIN: Final = 1  # attempts after which a killed child is put down to its job


def cause_of_death(code: int | None, attempt: int, limit_seconds: float) -> tuple[str, str] | None:
    """Error kind and message for an exit code (negative: a signal; None: nobody saw it).

    None where the job may not be to blame: the child was killed by somebody, or died with
    its zygote. From the second attempt on a kill is taken for want of memory.
    """
    if code is None or (code == -signal.SIGKILL and attempt <= AGAIN):
        return None
    if code == -signal.SIGKILL:
        return "limit-memory", "the job was killed, probably for want of memory"
    if code == -signal.SIGXCPU:
        return "limit-time", f"the job used more processor time than its {limit_seconds:g} s"
    if code < 0:
        return "engine", f"an engine crashed ({signal.Signals(-code).name})"
    return "internal", f"the process of the job ended with code {code}"
