"""A worker process for tests: ``python worker_main.py markaz worker SOCKET SLOTS [MEMORY]``."""

from __future__ import annotations

import os
import signal
import socket
import sys

from markaz.centre.workers.links import SocketLink
from markaz.centre.workers.supervisor import Supervisor, follow_parent, hello


def main() -> None:
    path, slots = sys.argv[3], int(sys.argv[4])
    memory = int(sys.argv[5]) if len(sys.argv) > 5 else 1 << 30

    def connect() -> SocketLink:
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(path)
        except OSError:
            stream.close()
            raise
        return SocketLink(stream)

    drain = float(os.environ.get("TEST_DRAIN_SECONDS", "10"))
    supervisor = Supervisor(connect, hello(slots), memory=memory, drain_seconds=drain)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.drain())
    follow_parent()
    print("working", flush=True)
    sys.exit(supervisor.run())


main()
