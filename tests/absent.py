"""What a machine may lack: tests that need it say so and are skipped; where CI is set they fail."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, NoReturn

import pytest


def absent(why: str) -> NoReturn:
    """End the test, or the file at whose head this is called, for want of something."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why, allow_module_level=True)


def library(name: str) -> Any:
    """An installed module."""
    try:
        return import_module(name)
    except ImportError:
        absent(f"{name} is not installed")
