"""What a violated unique key means to the person whose value is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from markaz.centre.errors import conflict


@contextmanager
def unique(message: str) -> Iterator[None]:
    """Raise CentreError ``conflict`` with ``message`` for a statement that meets a taken key.

    The database decides, so that two servers at once cannot both be told "free".
    """
    try:
        yield
    except IntegrityError:
        raise conflict(message) from None
