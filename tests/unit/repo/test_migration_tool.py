"""The script that writes migrations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools import migration


@pytest.mark.parametrize(("head", "number"), [(None, "0001"), ("0001", "0002"), ("0099", "0100")])
def test_migrations_are_numbered_one_after_the_other(head: str | None, number: str) -> None:
    scripts = SimpleNamespace(get_current_head=lambda: head)
    assert migration.next_number(cast(Any, scripts)) == number
