"""Refusals in the client's format: what they say, and what they let go of."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator

import pytest

from markaz.centre.errors import CentreError
from markaz.interfaces.runtime_api import errors
from markaz.interfaces.runtime_api.calls import not_404


class Body:
    """Stands for the megabytes of a request."""


def refused(found: list[CentreError], kept: list[weakref.ref[Body]]) -> None:
    """As a submission is refused: an error that is also in a list, and another in its place."""
    body = Body()
    kept.append(weakref.ref(body))
    try:
        raise found[0]
    except CentreError as error:
        raise not_404(error) from None


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_refusal_keeps_no_body(uncollected: None) -> None:
    kept: list[weakref.ref[Body]] = []
    try:
        refused([CentreError("not-found", "there is no such device")], kept)
    except CentreError as error:
        assert error.kind == "invalid"
        answer = errors.of_error(error, "t", {})
        errors.forget(error)
    assert answer.status_code == 400
    assert kept[0]() is None


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (None, "it is wrong"),
        ("program", "it is wrong"),
        ("pubs[0]", "pubs[0]: it is wrong"),
        ("options.\x1b[2J\u202ex", "options. [2J x: it is wrong"),
    ],
)
def test_fields_are_named_and_printable(field: str | None, said: str) -> None:
    answer = errors.of_error(CentreError("invalid", "it is wrong", field=field), "t", {})
    assert json.loads(answer.body)["errors"][0]["message"] == said
