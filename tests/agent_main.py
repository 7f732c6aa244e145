"""An agent process for tests: ``python agent_main.py SOCKET DEVICE_URL SPOOL``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from markaz.interfaces.agent import agent
from tests.agent_tools import LAB, MEMORY, TEXT
from tests.unix_links import connect


def main() -> None:
    path, url, spool = sys.argv[1:]
    options = {"url": url, "poll_seconds": 0.02, "status_seconds": 0.1, "timeout_seconds": 60}
    plan = agent.Plan(LAB, TEXT, "http", options, Path(spool), MEMORY, pauses=(0.05, 0.1))
    sys.exit(agent.work(plan, partial(connect, path)) or 0)


main()
