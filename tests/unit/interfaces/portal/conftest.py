from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from tests.portal_tools import QUIET, Site, site_of
from tests.rest_fakes import silence


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    settings = Settings({"data": str(data), **QUIET, "oidc_issuer": "https://issuer.example",
                         "oidc_client_id": "centre", "oidc_name": "Campus"})  # fmt: skip
    with silence(), Centre.open(settings) as centre:
        yield site_of(centre)
