"""A body of the runtime client through intake, queue, a real worker and the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from markaz.centre.centre import Centre
from markaz.centre.jobs import queries
from markaz.centre.jobs.submit import submit
from markaz.centre.settings import Settings
from markaz.centre.storage import blobs
from markaz.centre.workers.intake import Intake, Opened
from tests.runtime_tools import body, golden, numbers, plain
from tests.waiting import until
from tests.worker_tools import Floor, floor

WIDE = """OPENQASM 3.0;
include "stdgates.inc";
qubit[30] q;
bit[30] c;
h q;
c = measure q;
"""


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop_floor(settings_for: Callable[..., Settings], tmp_path: Path) -> Iterator[Floor]:
    with Centre.open(settings_for(lease_seconds=60.0)) as centre, floor(centre, tmp_path) as made:
        made.hire()
        yield made


@pytest.fixture
def intake() -> Iterator[Intake]:
    opened = Intake(Settings({"workers": 1}))
    opened.wait_ready()
    yield opened
    opened.close()


def taken(floor: Floor, opened: Opened, data: bytes) -> str:
    """The job of an opened body, handed in."""
    shop = floor.shop
    answer = shop.centre.perform(
        submit, shop.member, project=shop.project, device="simulator", opened=opened,
        data=blobs.prepare(shop.centre.services, data),
    )  # fmt: skip
    return str(answer["job"])


def result(floor: Floor, job: str) -> Any:
    """What the client decodes, once the job has ended."""
    until(lambda: floor.shop.job(job)["state"] in ("completed", "failed"), 60)
    row = floor.shop.job(job)
    assert row["state"] == "completed", row["error_message"]
    return plain(json.loads(floor.shop.centre.ask(queries.payload, floor.shop.member, job=job)))


def test_each_program_ends_in_what_its_client_decodes(shop_floor: Floor, intake: Intake) -> None:
    shop = shop_floor.shop
    jobs = {}
    for name in ("sampler", "estimator", "executor_circuits"):
        data, kind = golden(name, "0_51"), name.partition("_")[0]
        jobs[kind] = taken(shop_floor, intake.open(shop.member.id, data, kind, {}), data)
    wide = body([WIDE, None, 100_000])
    large = taken(shop_floor, intake.open(shop.member.id, wide, "sampler", {}), wide)

    sampled = result(shop_floor, jobs["sampler"])["pub_results"]
    assert [p["data"]["field_names"] for p in sampled] == [["meas"], ["a", "b"], ["meas"]]
    values = result(shop_floor, jobs["estimator"])["pub_results"][1]["data"]["fields"]
    assert values["evs"].shape == (2, 3)
    executed = result(shop_floor, jobs["executor"])
    assert executed["data"][1]["results"]["a"].all()
    rows = result(shop_floor, large)["pub_results"][0]["data"]["fields"]["c"]["array"]
    assert rows.shape == (100_000, 4)
    assert abs(numbers(rows).mean() / 2**29 - 1) < 6 / np.sqrt(3 * 100_000)

    shown = shop.centre.ask(queries.document, shop.member, job=jobs["sampler"])
    assert (shown["kind"], shown["shots"]) == ("sampler", 6 * 500 + 40 + 3 * 123)
    assert shown["provenance"]["seed"] == 7
    assert shown["charge"] == shop.job(jobs["sampler"])["charged"] > 3409 * 10
