from __future__ import annotations

import pytest

from markaz.centre.centre import Centre
from markaz.centre.jobs import queries
from tests.centre_rows import person
from tests.jobs_tools import Place


@pytest.fixture
def place(centre: Centre) -> Place:
    return Place(centre)


def test_a_job_from_submission_to_result(place: Place) -> None:
    ada = person(place.centre, "ada")
    lab = place.project("lab", ada)
    place.rate(3_000_000, per_shot=10)
    told = place.submit(ada, lab, name="bell", tags=["first"])
    job = told["job"]
    # 4 × 0.5 s at 3 credits, and 100 shots at 10 micro-credits
    assert (told["state"], told["reserved"]) == ("queued", 6_001_000)
    assert place.entries(job) == [("reserve", -6_001_000)]
    assert told["wait"] == {"p50": 0.0, "p90": pytest.approx(0.075)}
    (work,) = place.claim()
    assert (work["job"], work["attempt"], work["options"]["shots"]) == (job, 1, 100)
    assert place.claim() == []
    done = place.finish(work, seconds=0.000_001)
    assert done == {"job": job, "state": "completed", "charge": 1_003}
    assert place.entries(job)[1:] == [("release", 6_001_000), ("charge", -1_003)]
    shown = place.centre.ask(queries.document, ada, job=job)
    assert shown["counts"] == {"00": 52, "11": 48}
    assert shown["provenance"]["seed"] == 7
    assert shown["provenance"]["attempt"] == 1
    assert shown["why"] is None
    assert place.centre.ask(queries.poll, ada, job=job)["state"] == "completed"
