"""A lab for each test; its agents share their children, which are slow to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.centre.workers.pool import Pool
from markaz.centre.workers.slots import Runner
from tests.agent_tools import Lab, LabDevice, new_children, served


@pytest.fixture(scope="session")
def children() -> Iterator[Pool[Runner]]:
    pool = new_children()
    pool.wait_ready()
    yield pool
    pool.close()


@pytest.fixture
def device() -> LabDevice:
    return LabDevice()


@pytest.fixture
def lab(
    settings_for: Callable[..., Settings],
    tmp_path: Path,
    device: LabDevice,
    children: Pool[Runner],
) -> Iterator[Lab]:
    quick = {"lease_seconds": 60.0, "heartbeat_seconds": 0.2, "worker_grace_seconds": 0.3}
    with Centre.open(settings_for(**quick)) as centre, served(device) as url:
        made = Lab(centre, tmp_path, url, children)
        yield made
        made.close()
