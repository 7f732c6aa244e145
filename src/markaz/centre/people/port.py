"""What this part needs of a running centre: the front doors hold one (``centre.Centre``)."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from sqlalchemy import Engine

from markaz.centre.access import Act, Principal
from markaz.centre.services import Services


class Host(Protocol):
    """Performs verbs, answers queries, and lends its database for reading."""

    engine: Engine
    services: Services

    def perform(self, act: Act, actor: Principal, **arguments: Any) -> Any:
        """Do a verb and wait until it is durable."""

    def perform_later(self, act: Act, actor: Principal, **arguments: Any) -> Future[Any]:
        """Do a verb; the future holds what it returns."""
