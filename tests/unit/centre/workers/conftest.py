"""A centre with a dispatcher, a clock that can be put forward, and workers to hire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.centre.workers.dispatcher import Dispatcher
from tests.dispatcher_tools import Time, Worker
from tests.worker_tools import Shop


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"lease_seconds": 60.0, "worker_grace_seconds": 60.0, "heartbeat_seconds": 1.0}


@pytest.fixture
def shop(settings_for: Callable[..., Settings], settings: dict[str, Any]) -> Iterator[Shop]:
    with Centre.open(settings_for(**settings)) as centre:
        yield Shop(centre)


@pytest.fixture
def dispatcher(shop: Shop, clock: Time) -> Iterator[Dispatcher]:
    made = Dispatcher(shop.centre, clock)
    made.start()
    yield made
    made.close()


@pytest.fixture
def hire(dispatcher: Dispatcher) -> Iterator[Callable[..., Worker]]:
    hired: list[Worker] = []

    def make(served_by: Dispatcher | None = None) -> Worker:
        hired.append(Worker(served_by or dispatcher))
        return hired[-1]

    yield make
    for worker in hired:
        worker.link.close()
