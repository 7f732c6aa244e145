"""What every route gets from the framework, tried on verbs made for this test."""

from __future__ import annotations

import io
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from sqlalchemy import select

from markaz.centre.access import QUERIES, SYSTEM, VERBS, anyone, person, query, verb
from markaz.centre.audit.tables import audit_entries
from markaz.centre.centre import Centre
from markaz.centre.errors import KINDS, CentreError
from markaz.centre.people.key_verbs import issue
from markaz.centre.people.tables import institutions, users
from markaz.centre.settings import Settings
from markaz.centre.work import Work
from markaz.interfaces import logs
from markaz.interfaces.rest_api.app import make_app
from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.fields import Answer, Body, Listing, Name
from markaz.interfaces.rest_api.routes import Route, Who
from tests.rest_fakes import Browser, Idle, api_of, silence

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


class Thing(Answer):
    """A thing."""

    name: str
    number: int
    secret: str | None = None


class NewThing(Body):
    """A thing to make."""

    name: Name = Field(description="What it is called.")
    number: int = Field(0, ge=0, le=10, description="How many.")
    ratio: float = Field(0.5, description="A number.")
    items: list[Annotated[int, Field(ge=0)]] = Field([], max_length=5, description="Numbers.")


made: list[str] = []


def acts() -> dict[str, Any]:
    """Verbs and a query for this test; the registry forgets them afterwards."""

    @verb("test.make", rule=person, scope="jobs:write")
    def make(work: Work, _: None, *, name: str, number: int = 0, **rest: Any) -> dict[str, Any]:
        made.append(name)
        work.record(f"thing {name}", number=number)
        return {"name": name, "number": number, "secret": f"s{len(made)}"}

    @query("test.look", rule=anyone, scope=None)
    def look(work: Work, _: None, *, thing: str, **rest: Any) -> dict[str, Any]:
        if thing == "crash":
            raise RuntimeError("inside knowledge: password hunter2")
        if thing in KINDS:
            raise CentreError(thing, f"as asked: {thing}", field="limit", hint=3)
        return {"name": thing, "number": rest.get("limit", 0)}

    return {"test.make": make, "test.look": look}


async def _teapot(call: Call) -> Any:
    return await call.perform("test.look", thing="tea")


ROUTES = (
    Route("POST", "/v1/things", "test.make", Who.PERSON, "Make", Thing, 201, NewThing, once=True),
    Route("GET", "/v1/things/{thing}", "test.look", Who.ANYONE, "Look", Thing, query=Listing),
    Route("POST", "/v1/teas", "test.look", Who.ANYONE, "Tea", Thing, handler=_teapot),
)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    names = acts()
    yield
    for name in names:
        VERBS.pop(name, None)
        QUERIES.pop(name, None)


@pytest.fixture(autouse=True)
def nothing_made() -> Iterator[None]:
    made.clear()
    with silence():
        yield


@pytest.fixture(scope="module")
def plain(
    registered: None, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A world with the usual settings that many tests share."""
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with Centre.open(Settings({"data": str(data), "workers": 0})) as centre:
        yield Browser(make_app(api_of(centre), ROUTES), key_of(centre))


@pytest.fixture
def world(
    plain: Browser, settings_for: Callable[..., Settings]
) -> Iterator[Callable[..., Browser]]:
    """``world(**settings)`` is a client of an app with one person, whose key it sends."""
    opened: list[Centre] = []

    def open_world(dispatcher: Any = None, **settings: Any) -> Browser:
        if dispatcher is None and not settings:
            key = plain.headers["Authorization"].split()[1]
            return Browser(plain.app, key)
        centre = Centre.open(settings_for(**settings))
        opened.append(centre)
        return Browser(make_app(api_of(centre, dispatcher=dispatcher), ROUTES), key_of(centre))

    yield open_world
    for centre in opened:
        centre.close()


def key_of(centre: Centre, user: str = "ada", scopes: list[str] | None = None) -> str:
    """A key of a person who is made with an institution of their own."""

    def make(work: Work) -> str:
        work.run(institutions.insert().values(id=f"i-{user}", name=user, created_at=1))
        row = {"id": user, "login": user, "name": user, "institution_id": f"i-{user}"}
        work.run(users.insert().values(**row, state="active", created_at=1))
        return str(issue(work, "u", user_id=user, label="x", scopes=scopes)["secret"])

    def change(connection: Any) -> str:
        work = Work(connection, centre.services.clock.now(), SYSTEM, centre.services)
        with work.doing("test.person"):
            return make(work)

    return str(centre.writer.submit(change).result())


World = Callable[..., Browser]


def test_a_verb_is_done_and_answered(world: World) -> None:
    answer = world().post("/v1/things", json={"name": "a", "number": 3})
    assert (answer.status_code, answer.json()) == (
        201,
        {"name": "a", "number": 3, "secret": "s1"},
    )


def test_every_answer_has_the_security_headers_and_a_number(world: World) -> None:
    client = world()
    for answer in (
        client.get("/v1/things/a"),
        client.get("/nowhere"),
        client.get("/v1/things/crash"),
    ):
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert len(headers["x-request-id"]) == 16
        assert "server" not in headers


BAD = [
    (b'{"name": "a", "extra": 1}', "#/extra", "there is no such field"),
    (b"{}", "#/name", "this field is needed"),
    (b'{"name": 3}', "#/name", "should be a valid string"),
    (b'{"name": "a", "number": "3"}', "#/number", "should be a valid integer"),
    (b'{"name": "a", "number": true}', "#/number", "should be a valid integer"),
    (b'{"name": "a", "number": 11}', "#/number", "should be less than or equal to 10"),
    (b'{"name": "a", "number": 1e400}', "#/number", None),
    (b'{"name": "a", "number": ' + b"9" * 4000 + b"}", "#/number", None),
    (b'{"name": "a", "number": ' + b"9" * 100_000 + b"}", "#", None),
    (b'{"name": "a", "ratio": NaN}', "#/ratio", "should be a finite number"),
    (b'{"name": "a", "ratio": -Infinity}', "#/ratio", "should be a finite number"),
    (b'{"name": "a", "items": [1, -1]}', "#/items/1", "should be greater than or equal to 0"),
    (b'{"name": "a", "items": [1, 1, 1, 1, 1, 1]}', "#/items", None),
    (b'{"name": "a", "a/b~c": 1}', "#/a~1b~0c", "there is no such field"),
    (b'{"name": "' + b"x" * 201 + b'"}', "#/name", "String should have at most 200 characters"),
    (b"[1]", "#", None),
    (b"null", "#", None),
    (b"not json", "#", None),
    (b'{"name": "\\ud800"}', "#", None),
    (b'{"name": "\xff"}', "#", None),
    (b"[" * 100_000, "#", None),
    (b'{"name":' * 20_000, "#", None),
    (b"", "#/name", "this field is needed"),
]


@pytest.mark.parametrize(("body", "pointer", "detail"), BAD, ids=range(len(BAD)))
def test_a_bad_body_is_refused_by_name(
    world: World, body: bytes, pointer: str, detail: str | None
) -> None:
    client = world()
    began = time.process_time()
    answer = client.post("/v1/things", content=body, headers={"Content-Type": "application/json"})
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, document["kind"], document["status"]) == (422, "invalid", 422)
    assert document["type"] == "urn:markaz:problem:invalid"
    assert document["errors"][0]["pointer"] == pointer
    assert detail in (None, document["errors"][0]["detail"])
    assert time.process_time() - began < 1
    assert made == []


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=x", "limit"), ("limit=0", "limit"), ("limit=501", "limit"), ("other=1", "other"),
     ("limit=1&limit=2", "limit"), ("after=", "after"), ("after=" + "x" * 101, "after"),
     ("=1", "")],
)  # fmt: skip
def test_a_bad_parameter_is_refused_by_name(world: World, query: str, name: str) -> None:
    document = world().get(f"/v1/things/a?{query}").json()
    (error,) = document["errors"]
    assert (document["status"], error["parameter"]) == (422, name)


def test_a_good_parameter_reaches_the_query(world: World) -> None:
    assert world().get("/v1/things/a?limit=7").json() == {"name": "a", "number": 7}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_problem_document(world: World, kind: str) -> None:
    answer = world().get(f"/v1/things/{kind}")
    status, title, _ = KINDS[kind]
    assert answer.status_code == status
    assert answer.json() == {
        "type": f"urn:markaz:problem:{kind}",
        "title": title,
        "status": status,
        "detail": f"as asked: {kind}",
        "kind": kind,
        "errors": [{"parameter": "limit", "detail": f"as asked: {kind}"}],
        "details": {"hint": 3},
    }
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_a_fault_of_the_centre_shows_nothing_of_it(world: World) -> None:
    answer = world().get("/v1/things/crash")
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "urn:markaz:problem:internal",
        "title": "Internal error",
        "status": 500,
        "detail": "the centre failed; this was logged",
        "kind": "internal",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "urn:markaz:problem:not-found"),
        ("GET", "/v1/things/a/", 404, "urn:markaz:problem:not-found"),
        ("DELETE", "/v1/things/a", 405, "about:blank"),
        ("TRACE", "/v1/things", 405, "about:blank"),
        ("GET", "/v1/things/" + "x" * 101, 422, "urn:markaz:problem:invalid"),
        ("GET", "/v1/things/a%00b", 422, "urn:markaz:problem:invalid"),
        ("GET", "/v1/things/a%0ab", 422, "urn:markaz:problem:invalid"),
    ],
)
def test_http_refusals_are_problem_documents(
    world: World, method: str, path: str, status: int, kind: str
) -> None:
    answer = world().request(method, path)
    document = answer.json()
    assert (answer.status_code, document["type"], document["status"]) == (status, kind, status)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert "allow" in answer.headers


def test_only_json_is_taken(world: World) -> None:
    client = world()
    form = client.post("/v1/things", data={"name": "a"})
    text = client.post("/v1/things", content="{}", headers={"Content-Type": "text/plain"})
    assert [form.status_code, text.status_code, made] == [415, 415, []]
    good = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/things", content='{"name":"a"}', headers=good).status_code == 201


def test_a_body_where_none_is_taken_is_refused(world: World) -> None:
    client = world()
    assert client.post("/v1/teas", json={}).status_code == 422
    assert client.post("/v1/teas").json()["name"] == "tea"


# Who asks.


def test_without_a_key_nothing_is_read(world: World) -> None:
    client = world()
    del client.headers["Authorization"]
    answer = client.post("/v1/things", content=b"x" * 10, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["kind"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="markaz"'
    assert client.get("/v1/things/a").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer mkz_u_x", "mkz_u_x", "Bearer " + "x" * 5000],
)
def test_a_bad_key_is_refused_even_where_none_is_needed(world: World, header: str) -> None:
    client = world()
    client.headers["Authorization"] = header
    assert client.get("/v1/things/a").status_code == 401


def test_a_cookie_is_no_key(world: World) -> None:
    client = world()
    key = client.headers.pop("Authorization").split()[1]
    client.cookies.set("session", key)
    answer = client.post("/v1/things", json={"name": "a"})
    assert (answer.status_code, made) == (401, [])


def test_a_key_without_the_scope_is_refused(world: World) -> None:
    client = world()
    centre = client.api.centre
    client.headers["Authorization"] = f"Bearer {key_of(centre, 'bob', ['jobs:read'])}"
    answer = client.post("/v1/things", json={"name": "a"})
    assert (answer.status_code, answer.json()["kind"], made) == (403, "forbidden", [])


# Once.


def test_the_same_key_acts_once_and_shows_no_secret_again(world: World) -> None:
    client = world()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = client.post("/v1/things", json={"name": "a"}, headers=headers)
    again = client.post("/v1/things", json={"name": "a"}, headers=headers)
    assert (first.status_code, again.status_code, made) == (201, 201, ["a"])
    assert first.json() == {"name": "a", "number": 0, "secret": "s1"}
    assert again.json() == {"name": "a", "number": 0, "secret": None}


def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    client = world()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    client.post("/v1/things", json={"name": "a"}, headers=headers)
    other = client.post("/v1/things", json={"name": "b"}, headers=headers)
    assert (other.status_code, other.json()["kind"], made) == (422, "reused-key", ["a"])


def test_a_refused_request_does_not_use_its_key_up(world: World) -> None:
    client = world()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    assert client.post("/v1/things", json={"name": 1}, headers=headers).status_code == 422
    assert client.post("/v1/things", json={"name": "a"}, headers=headers).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_bad_idempotency_key_is_refused_by_name(world: World, key: str) -> None:
    answer = world().post(
        "/v1/things",
        json={"name": "a"},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],  # type: ignore[arg-type]
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert made == []


# How much.


def test_a_person_is_slowed_down_and_told(world: World) -> None:
    client = world(requests_per_minute=3)
    answers = [client.get("/v1/things/a") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"person";q=3;w=60'
    assert [a.headers["ratelimit"].split(";")[1] for a in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    assert answers[3].json()["kind"] == "rate-limited"


def test_strangers_share_the_quota_of_their_address(world: World) -> None:
    client = world(requests_per_minute_anonymous=2)
    key = client.headers.pop("Authorization")
    bad = {"Authorization": "Bearer mkz_u_wrong"}
    assert client.get("/v1/things/a").status_code == 200
    assert client.get("/v1/things/a", headers=bad).status_code == 401
    assert client.get("/v1/things/a").status_code == 429
    assert client.get("/v1/things/a", headers=bad).status_code == 429
    assert client.get("/v1/things/a", headers={"Authorization": key}).status_code == 200


def test_there_is_a_quota_for_all_together(world: World) -> None:
    client = world(requests_per_minute_total=2)
    assert [client.get("/v1/things/a").status_code for _ in range(3)] == [200, 200, 429]


def test_a_large_body_is_refused_by_its_length(world: World) -> None:
    client = world()
    headers = {"Content-Type": "application/json", "Content-Length": str(10**9)}
    answer = client.post("/v1/things", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["kind"]) == (413, "too-large")
    assert answer.headers["connection"] == "close"


def test_a_large_body_without_a_length_is_not_read_to_its_end(world: World) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50 << 20:
            sent += 1 << 16
            yield b"x" * (1 << 16)

    headers = {"Content-Type": "application/json"}
    answer = world().post("/v1/things", content=endless(), headers=headers)
    assert answer.status_code == 413


# What is written down.


def test_no_audit_entry_no_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world(requests_per_minute=99)
    centre = client.api.centre

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(centre.services.chain, "flush", full)
    answer = client.post("/v1/things", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["kind"]) == (507, "storage-full")
    monkeypatch.undo()
    assert client.post("/v1/things", json={"name": "a"}, headers={"Idempotency-Key": "k"}).json()[
        "secret"
    ]
    with centre.engine.connect() as connection:
        found = connection.execute(
            select(audit_entries.c.actor).where(audit_entries.c.verb == "test.make")
        ).all()
    assert [tuple(row) for row in found] == [("ada",)]


def test_one_log_line_a_request_without_secrets(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world()
    stream = io.StringIO()
    monkeypatch.setattr(logs._Lines, "stream", stream)  # as logs.set_up does in a server
    client.get("/v1/things/a?after=mkz_u_secret")
    text = stream.getvalue()
    assert text.count("/v1/things/a") == 1
    assert "ada" in text
    assert "mkz_" not in text


# Health and the document.


def test_health_says_what_is_missing(world: World) -> None:
    idle = Idle()
    client = world(dispatcher=idle)
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").status_code == 200
    idle.count = 0
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]) == (
        503,
        {
            "database writable": True,
            "dispatcher running": True,
            "worker connected": False,
            "not draining": True,
        },
    )


def test_metrics_are_for_this_machine_and_operators(world: World) -> None:
    client = world(requests_per_minute=99)
    assert client.get("/metrics").status_code == 403
    key = client.headers.pop("Authorization")
    client.get("/v1/things/a", headers={"Authorization": key})
    text = client.get("/metrics").text
    wanted = (
        'markaz_request_seconds_count{method="GET",route="/v1/things/{thing}",status="200"} 1.0'
    )
    assert wanted in text
    far = Browser(client.app, address="192.0.2.7")
    assert far.get("/metrics").status_code == 401
    through = {"X-Forwarded-For": "192.0.2.7"}
    assert client.get("/metrics", headers=through).status_code == 401


def test_the_document_describes_requests_answers_and_refusals(world: World) -> None:
    document = world().get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    post = document["paths"]["/v1/things"]["post"]
    assert sorted(post["responses"]) == [
        "201", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503", "507",
    ]  # fmt: skip
    assert post["security"] == [{"key": []}]
    assert [p["name"] for p in post["parameters"]] == ["idempotency-key"]
    schema = document["components"]["schemas"]["NewThing"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]
    look = document["paths"]["/v1/things/{thing}"]["get"]
    assert (look["security"], [p["name"] for p in look["parameters"]]) == (
        [],
        ["thing", "limit", "after"],
    )
    assert json.dumps(document).count("HTTPValidationError") == 0
