"""A server that works until it is killed: prints every acknowledged allocation."""

from __future__ import annotations

import itertools
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from markaz.centre.access import CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.ledger import verbs
from markaz.centre.settings import Settings

CLIENTS = 16


def main(data: Path, actor: str, project: str) -> None:
    centre = Centre.open(Settings({"data": str(data)}))
    principal = Principal(actor, "user", frozenset({CentreRole.ALLOCATOR}))
    numbers = itertools.count(1)
    slots = threading.Semaphore(CLIENTS)
    out = threading.Lock()

    def acknowledged(done: Future[dict[str, str]]) -> None:
        with out:
            sys.stdout.write(done.result()["allocation"] + "\n")
            sys.stdout.flush()
        slots.release()

    while True:
        slots.acquire()
        now = centre.services.clock.now()
        centre.perform_later(
            verbs.grant, principal, project=project, amount=next(numbers), starts_at=now,
            ends_at=now + 10**12,
        ).add_done_callback(acknowledged)  # fmt: skip
