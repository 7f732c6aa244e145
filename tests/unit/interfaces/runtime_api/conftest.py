"""One world for all tests of this folder, with the runtime interface in front of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.interfaces.runtime_api import polls
from tests.rest_fakes import silence
from tests.rest_world import build
from tests.runtime_world import RuntimeWorld

QUIET = {"requests_per_minute": 10**6, "requests_per_minute_anonymous": 10**6,
         "requests_per_minute_total": 10**7, "logins_per_minute": 10**6, "workers": 0}  # fmt: skip


@pytest.fixture(scope="session")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def world(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    module_patch: pytest.MonkeyPatch,
) -> Iterator[RuntimeWorld]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    module_patch.setattr(polls, "YOUNG_HOLD", 0.01)  # these tests wait for nobody
    module_patch.setattr(polls, "LOOP_HOLD", 0.01)
    with silence(), Centre.open(Settings({"data": str(data), **QUIET})) as centre:
        yield RuntimeWorld(build(centre))
