"""Where most tests of jobs take place. Some files have a place of their own."""

from __future__ import annotations

import pytest

from markaz.centre.access import Principal
from markaz.centre.centre import Centre
from tests.centre_rows import person
from tests.jobs_tools import Place


@pytest.fixture
def place(centre: Centre) -> Place:
    return Place(centre)


@pytest.fixture
def ada(place: Place) -> Principal:
    return person(place.centre, "ada")


@pytest.fixture
def lab(place: Place, ada: Principal) -> str:
    return place.project("lab", ada)
