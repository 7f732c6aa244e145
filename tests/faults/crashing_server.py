"""A server that hands jobs in itself and dies at the point that ``MARKAZ_CRASH_AT`` names."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from pathlib import Path

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.links import SocketLink
from markaz.quantum.programs.intake import load
from tests.worker_tools import BELL, submit_to

QUICK = {"lease_seconds": 2.0, "heartbeat_seconds": 0.1, "worker_grace_seconds": 1.0,
         "max_attempts": 100, "inline_kib": 16}  # fmt: skip


def prepare() -> None:
    """Load what handing in takes, once for all of them."""
    load(BELL)


def accept(listener: socket.socket, dispatcher: Dispatcher) -> None:
    with contextlib.suppress(OSError):
        while True:
            link = SocketLink(listener.accept()[0])
            threading.Thread(target=dispatcher.serve, args=(link,), daemon=True).start()


def serve(data: str, url: str, path: str, submit: str, large: str) -> None:
    """The body of a process: serve at the socket ``path`` until SIGTERM, if it comes to that;
    ``submit`` jobs and ``large`` ones with large results are handed in."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Centre.open(Settings({"data": data, "database_url": url, **QUICK})) as centre:
        dispatcher = Dispatcher(centre)
        dispatcher.start()
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(8)
            threading.Thread(target=accept, args=(listener, dispatcher), daemon=True).start()
            for i in range(int(submit)):
                submit_to(centre, BELL, seed=i)
            for i in range(int(large)):
                submit_to(centre, BELL, seed=i, memory=True, shots=20_000)
            stop.wait()
            listener.shutdown(socket.SHUT_RDWR)
        dispatcher.close()
