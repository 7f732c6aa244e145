"""Imports every verb and query of the centre, so that each can be found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

import markaz.centre

FEATURES: Final = (
    "announcements",
    "people",
    "projects",
    "devices",
    "ledger",
    "jobs",
    "records",
    "calibrations",
    "storage",
    "audit",
)


def register_all() -> None:
    """Import them; again is harmless."""
    for feature in FEATURES:
        package = importlib.import_module(f"{markaz.centre.__name__}.{feature}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    importlib.import_module(f"{markaz.centre.__name__}.about")
    for name in ("queries", "verbs"):  # the other modules are worker processes' insides
        importlib.import_module(f"{markaz.centre.__name__}.workers.{name}")
