"""A worker process for tests: ``python worker_main.py markaz worker SOCKET SLOTS [MEMORY]``."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial

from markaz.centre.workers.supervisor import Supervisor, follow_parent, hello
from tests.unix_links import connect


def main() -> None:
    path, slots = sys.argv[3], int(sys.argv[4])
    memory = int(sys.argv[5]) if len(sys.argv) > 5 else 1 << 30
    drain = float(os.environ.get("TEST_DRAIN_SECONDS", "10"))
    supervisor = Supervisor(
        partial(connect, path), hello(slots), memory=memory, drain_seconds=drain
    )
    signal.signal(signal.SIGTERM, lambda *_: supervisor.drain())
    follow_parent()
    print("working", flush=True)
    sys.exit(supervisor.run())


main()
