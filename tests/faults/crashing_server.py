"""Servers that die at a named point, one after another, over the same data.

``python crashing_server.py DATA URL SOCKET``: a line {"point", "submit", "large"} on standard
input has a child serve, that hands in jobs first and dies at the point (none: when told by
SIGTERM). Answers {"pid"} when it serves and {"code"} when it has ended.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.centre.workers import crash
from markaz.centre.workers.dispatcher import Dispatcher
from markaz.centre.workers.links import SocketLink
from markaz.quantum.programs.intake import load
from tests.worker_tools import BELL, submit_to

QUICK = {"lease_seconds": 2.0, "heartbeat_seconds": 0.1, "worker_grace_seconds": 1.0,
         "max_attempts": 100, "inline_kib": 16}  # fmt: skip


def say(**said: int) -> None:
    print(json.dumps(said), flush=True)


def accept(listener: socket.socket, dispatcher: Dispatcher) -> None:
    with contextlib.suppress(OSError):
        while True:
            link = SocketLink(listener.accept()[0])
            threading.Thread(target=dispatcher.serve, args=(link,), daemon=True).start()


def serve(data: str, url: str, path: str, submit: int, large: int) -> None:
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
            say(pid=os.getpid())
            for i in range(submit):
                submit_to(centre, BELL, seed=i)
            for i in range(large):
                submit_to(centre, BELL, seed=i, memory=True, shots=20_000)
            stop.wait()
            listener.shutdown(socket.SHUT_RDWR)
        dispatcher.close()


def main() -> None:
    load(BELL)  # so that the children need not import and compile
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.environ[crash.VARIABLE] = asked["point"]
            importlib.reload(crash)
            serve(*sys.argv[1:4], asked["submit"], asked["large"])
            os._exit(0)
        say(code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
