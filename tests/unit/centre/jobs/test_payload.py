"""Results of the runtime client's jobs: a line for us, and bytes for the client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.centre.jobs import queries
from markaz.quantum.runtime import KINDS
from tests.centre_rows import person
from tests.jobs_tools import Opened, Place

LINE = {"plan": {"engine": "markaz:direct"}, "engines": {"markaz": "1"}, "seed": 7,
        "fidelity": 1.0, "seconds": {"total": 0.5}}  # fmt: skip
PAYLOAD = '{"__type__":"PrimitiveResult"}\n\n é'.encode()


BLOB = json.dumps(LINE).encode() + b"\n" + PAYLOAD


def finished(place: Place, who: Principal, kind: str, result: bytes, **more: Any) -> str:
    job = str(place.submit(who, opened=Opened(kind=kind), **more)["job"])
    (assignment,) = place.claim()
    assert (assignment["job"], assignment["kind"]) == (job, kind)
    place.finish(assignment, result=result)
    return job


def refusal(place: Place, who: Principal, job: str) -> str:
    with pytest.raises(CentreError) as caught:
        place.centre.ask(queries.payload, who, job=job)
    return caught.value.kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_client_gets_its_bytes_and_we_keep_all(
    place: Place, ada: Principal, lab: str, kind: str
) -> None:
    job = finished(place, ada, kind, BLOB, project_id=lab)
    assert place.row(job).kind == kind
    assert place.centre.ask(queries.payload, ada, job=job) == PAYLOAD
    assert place.centre.ask(queries.contents, ada, job=job) == BLOB
    shown = place.centre.ask(queries.document, ada, job=job)
    assert shown["kind"] == kind
    assert {name: shown["provenance"][name] for name in ("plan", "engines", "seed")} == {
        name: LINE[name] for name in ("plan", "engines", "seed")
    }
    assert shown["provenance"]["times"]["seconds"] == {"total": 0.5}


def test_an_ordinary_job_has_no_payload(place: Place, ada: Principal, lab: str) -> None:
    job = finished(place, ada, "run", json.dumps({"counts": {"0": 1}}).encode(), project_id=lab)
    assert refusal(place, ada, job) == "conflict"
    assert place.centre.ask(queries.document, ada, job=job)["counts"] == {"0": 1}


def test_there_is_none_before_the_end(place: Place, ada: Principal, lab: str) -> None:
    job = str(place.submit(ada, lab, opened=Opened(kind="sampler"))["job"])
    assert refusal(place, ada, job) == "conflict"


def test_it_is_for_whoever_may_see_the_contents(place: Place, ada: Principal, lab: str) -> None:
    stranger = person(place.centre, "eve")
    job = finished(place, ada, "sampler", BLOB, project_id=lab, private=True)
    assert refusal(place, stranger, job) == "not-found"
    assert refusal(place, stranger, job[:-1] + ("0" if job[-1] != "0" else "1")) == "not-found"
    assert refusal(place, place.operator, job) == "forbidden"
    assert place.centre.ask(queries.payload, ada, job=job) == PAYLOAD
