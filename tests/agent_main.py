"""An agent process for tests: ``python agent_main.py SOCKET DEVICE_URL SPOOL``."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from markaz.centre.workers.links import SocketLink
from markaz.interfaces.agent import agent
from tests.agent_tools import LAB, MEMORY, TEXT


def main() -> None:
    path, url, spool = sys.argv[1:]

    def connect() -> SocketLink:
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(path)
        except OSError:
            stream.close()
            raise
        return SocketLink(stream)

    options = {"url": url, "poll_seconds": 0.02, "status_seconds": 0.1, "timeout_seconds": 60}
    plan = agent.Plan(LAB, TEXT, "http", options, Path(spool), MEMORY, pauses=(0.05, 0.1))
    sys.exit(agent.work(plan, connect) or 0)


main()
