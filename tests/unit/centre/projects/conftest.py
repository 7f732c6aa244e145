from __future__ import annotations

import pytest

from markaz.centre.centre import Centre
from tests.people_tools import CountingHasher, People, cheap_hashes, set_up


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    return cheap_hashes(monkeypatch)


@pytest.fixture
def people(centre: Centre) -> People:
    return set_up(centre)


@pytest.fixture
def database() -> str:
    return "sqlite"
