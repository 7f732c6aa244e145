"""Where the reader of a description finds the fault in a text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from markaz.quantum.devices.errors import DescriptionError


def place(read: Callable[[str], object], good: str, old: str, new: str) -> tuple[str, int | None]:
    """Field and line that are named once ``new`` stands where ``old`` first stood."""
    assert old in good
    with pytest.raises(DescriptionError) as caught:
        read(good.replace(old, new, 1))
    return caught.value.field, caught.value.line
