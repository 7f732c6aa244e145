"""The same request twice, lost answers, and many at once: everything acts once, and nothing
is spent that is not there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import func, select

from markaz.centre.access import VERBS, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.jobs.tables import jobs
from markaz.centre.ledger.tables import allocations, ledger_entries
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.client import Client, ClientError
from tests.rest_fakes import Bridge, silence
from tests.rest_world import BELL, HOUR, World, build

MANY: Final = {"requests_per_minute": 10**6, "requests_per_minute_total": 10**7, "workers": 0,
               "max_held_per_user": 1000}  # fmt: skip
TWINS: Final = 16


@pytest.fixture
def world(settings_for: Callable[..., Settings]) -> Iterator[World]:
    with silence(), Centre.open(settings_for(**MANY)) as centre:
        yield build(centre)


def job(world: World, **more: Any) -> dict[str, Any]:
    return {"program": BELL, "project": world.own["project"], **more}


def count(world: World, name: str) -> int:
    """Stored jobs of this name."""
    wanted = select(func.count()).select_from(jobs).where(jobs.c.name == name)
    with world.centre.engine.connect() as connection:
        return int(connection.execute(wanted).scalar_one())


def test_concurrent_twins_act_once_and_hear_the_same(world: World) -> None:
    browser = world.browser("member")

    def post(key: str) -> tuple[int, str]:
        answer = browser.post(
            "/v1/jobs", json=job(world, name=key), headers={"Idempotency-Key": key}
        )
        return answer.status_code, answer.text

    keys = [f"twins {n}" for n in range(5) for _ in range(TWINS)]
    random.Random(3).shuffle(keys)
    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(post, keys))
    assert {status for status, _ in answers} == {201}
    assert len({text for _, text in answers}) == 5
    assert [count(world, f"twins {n}") for n in range(5)] == [1] * 5


def test_two_people_may_have_the_same_key(world: World) -> None:
    headers = {"Idempotency-Key": "same"}
    for role in ("member", "pi"):
        made = world.browser(role).post("/v1/jobs", json=job(world, name="same"), headers=headers)
        assert made.status_code == 201
    assert count(world, "same") == 2


class Lossy(Bridge):
    """A network that loses requests and answers."""

    def __init__(self, app: Any, seed: int) -> None:
        super().__init__(app)
        self._random = random.Random(seed)
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fate = self._random.random()
        if fate < 0.15:
            self.lost += 1
            raise httpx.ConnectError("lost on the way there")
        answer = super().handle_request(request)
        if fate < 0.3:
            self.lost += 1
            raise httpx.ReadError("lost on the way back")
        return answer


@pytest.mark.parametrize("database", ["sqlite"])
def test_lost_answers_lose_and_double_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markaz.interfaces.rest_api.client.PAUSE", 0.001)
    monkeypatch.setattr("markaz.interfaces.rest_api.client.TRIES", 12)
    network = Lossy(world.app, 11)
    made = []
    with Client("http://centre", world.keys["member"], transport=network) as client:
        for number in range(100):
            made.append(client.post("/jobs", job(world, name=f"lossy {number}"))["job"])
    with world.centre.engine.connect() as connection:
        rows = connection.execute(
            select(jobs.c.id, jobs.c.name).where(jobs.c.name.startswith("lossy"))
        ).all()
    assert network.lost > 20
    assert sorted(row.id for row in rows) == sorted(made)
    assert Counter(row.name for row in rows) == {f"lossy {n}": 1 for n in range(100)}


def test_at_once_nobody_spends_more_than_there_is(world: World) -> None:
    operator = Principal(world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    perform, price, enough_for = world.centre.perform, 1000, 10
    perform(VERBS["ledger.set_rate"], operator, device="spare", per_job=price)
    perform(VERBS["devices.change"], operator, device="spare", accepting=True, status="idle")
    slug = "thin"
    project = perform(
        VERBS["projects.create"], operator, slug=slug, title=slug, pi=world.ids["pi"]
    )["id"]
    now = world.centre.services.clock.now()
    granted = perform(
        VERBS["ledger.grant"], operator, project=project, amount=enough_for * price,
        starts_at=now - HOUR, ends_at=now + 9 * HOUR,
    )["allocation"]  # fmt: skip
    browser = world.browser("pi")

    def post(number: int) -> str:
        body = job(world, project=slug, device="spare", name=f"thin {number}")
        return str(browser.post("/v1/jobs", json=body).json()["state"])

    with ThreadPoolExecutor(32) as pool:
        states = Counter(pool.map(post, range(64)))
    assert states == {"queued": enough_for, "held": 64 - enough_for}
    with world.centre.engine.connect() as connection:
        row = connection.execute(select(allocations).where(allocations.c.id == granted)).one()
        entries = connection.execute(
            select(func.count(), func.sum(ledger_entries.c.amount)).where(
                ledger_entries.c.allocation_id == granted, ledger_entries.c.kind == "reserve"
            )
        ).one()
    assert (row.granted, row.reserved, row.charged) == (enough_for * price, enough_for * price, 0)
    assert tuple(entries) == (enough_for, -enough_for * price)


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_rate_limit_holds_against_many_at_once(settings_for: Callable[..., Settings]) -> None:
    with silence(), Centre.open(settings_for(requests_per_minute=20, workers=0)) as centre:
        world = build(centre)
        browser = world.browser("member")
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: browser.get("/v1/me"), range(80)))
        statuses = Counter(answer.status_code for answer in answers)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 20 <= statuses[200] <= 24
        assert statuses[200] + len(refused) == 80
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert world.browser("pi").get("/v1/me").status_code == 200


@pytest.mark.parametrize("database", ["sqlite"])
def test_failed_logins_close_the_address_and_not_the_account(
    settings_for: Callable[..., Settings],
) -> None:
    with silence(), Centre.open(settings_for(logins_per_minute=5, workers=0)) as centre:
        world = build(centre)
        browser = world.browser("anonymous")
        tries = [
            browser.post("/v1/login", json={"login": f"nobody{n}", "password": "x" * 12})
            for n in range(7)
        ]
        assert [t.status_code for t in tries] == [401] * 5 + [429] * 2
        assert int(tries[-1].headers["retry-after"]) >= 1
        assert world.browser("member").get("/v1/me").status_code == 200


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_client_that_gives_up_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markaz.interfaces.rest_api.client.PAUSE", 0.001)

    def dead(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    with (
        Client("http://centre", "mkz_u_x", transport=httpx.MockTransport(dead)) as client,
        pytest.raises(ClientError) as caught,
    ):
        client.post("/jobs", {})
    assert (caught.value.status, caught.value.kind) == (0, "unreachable")
    assert "http://centre" in str(caught.value)
