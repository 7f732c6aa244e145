"""Malformed, oversized and dishonest requests: refused by name, at once, with nothing done."""

from __future__ import annotations

import base64
import functools
import json
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel
from sqlalchemy import func, select

from markaz.centre.centre import Centre
from markaz.centre.ids import new_id
from markaz.centre.jobs.tables import jobs
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.table import ROUTES
from tests.rest_fakes import Browser, silence
from tests.rest_world import BELL, Sent, World, build, requests, send, undone

MANY: Final = {"requests_per_minute": 10**6, "requests_per_minute_total": 10**7,
               "requests_per_minute_anonymous": 10**6, "workers": 0}  # fmt: skip
TAKING: Final = [r for r in ROUTES if r.body is not None]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **MANY})) as centre:
        yield build(centre)


@pytest.fixture
def member(world: World) -> Browser:
    return world.browser("member")


def stored(world: World) -> int:
    """Jobs in the database."""
    with world.centre.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(jobs)).scalar_one())


# Fields that nobody may set.

FORBIDDEN: Final = {
    "id", "user", "user_id", "project_id", "role", "roles", "state", "created_at", "charge",
    "charged", "reserved", "granted", "free", "secret", "password_hash", "is_operator", "actor",
    "attempt", "priority", "boost", "opened", "data", "place", "allocation_id", "private_key",
    "scopes", "totp", "mailed", "made_by", "__class__", "$ref", "",
}  # fmt: skip


def answer_fields(route: Route) -> set[str]:
    """Fields of the answer that are no fields of the body."""
    model = route.answer
    known = set(model.model_fields) if isinstance(model, type) and issubclass(
        model, BaseModel) else set()  # fmt: skip
    return known


@pytest.mark.parametrize("route", TAKING, ids=lambda r: r.operation)
def test_no_field_can_be_slipped_in(world: World, route: Route) -> None:
    assert route.body is not None
    sent = requests(world, world.own, "operator")[route.operation]
    browser = world.browser("operator" if route.who is not Who.ANYONE else "anonymous")
    extra = (FORBIDDEN | answer_fields(route)) - set(route.body.model_fields)
    accepted = []
    with undone(world) as entries:
        for name in sorted(extra):
            body = {**sent.body, name: "x"}
            answer = send(browser, route, Sent(sent.path, sent.query, body))
            pointers = [e.get("pointer") for e in answer.json().get("errors", [])]
            if answer.status_code != 422 or f"#/{name}" not in pointers:
                accepted.append((name, answer.status_code, answer.text[:200]))
    assert accepted == []
    assert entries == []
    assert len(extra) > 20


def test_no_field_can_be_slipped_in_deeper(member: Browser, world: World) -> None:
    before = stored(world)
    item = {"program": BELL}
    for body, pointer in (
        ({**item, "options": {"threads": 4}}, "#/options/threads"),
        ({**item, "options": {"shots": 5, "user": "x"}}, "#/options/user"),
    ):
        answer = member.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    answer = member.post("/v1/job-batches", json={"items": [item, {**item, "project": "x"}]})
    assert answer.json()["errors"][0]["pointer"] == "#/items/1/project"
    assert stored(world) == before


# Bombs.


def field_bombs() -> dict[str, tuple[bytes, str | None]]:
    """By name: a body for POST /v1/jobs, and the pointer that the refusal names."""
    found: dict[str, tuple[bytes, str | None]] = {}

    def job(label: str, pointer: str | None, **fields: Any) -> None:
        found[label] = json.dumps({"program": BELL, **fields}).encode(), pointer

    def options(label: str, pointer: str | None, **fields: Any) -> None:
        job(label, f"#/options/{pointer}" if pointer else None, options=fields)

    for shots in (0, -1, 10**9 + 1, 10**12, 10**30, 1.5, "1000", True, [], {}):
        options(f"shots {shots}", "shots", shots=shots)
    options("shots within the model but not the settings", "shots", shots=10**9)
    for seed in (-1, 1 << 63, 1 << 4000, 0.5, "7"):
        options(f"seed {str(seed)[:20]}", "seed", seed=seed)
    for value in (0, -1, 1.5, "x", []):
        options(f"fidelity {value}", "min_fidelity", min_fidelity=value)
    for value in (0, -5, 10**9, "60"):
        options(f"time {value}", "time_limit", time_limit=value)
    options("memory", "memory_limit", memory_limit=10**30)
    options("many observables", "observables", observables=["Z"] * 1001)
    options("no observables", "observables", observables=[])
    options("long observable", "observables/0", observables=["Z" * 200_001])
    options("observable of another type", "observables/0", observables=[{"Z": 1}])
    options("parameter that is text", "parameters/a", parameters={"a": "pi"})
    options("many parameters", "parameters", parameters={f"p{i}": 0.0 for i in range(100_001)})
    for label, text in (
        ("null byte", "a\0b"), ("bidi", "a\u202eb"), ("isolate", "\u2066x"), ("escape", "\x1b[31m"),
        ("newline", "a\nb"), ("line separator", "a\u2028b"), ("tag", "\U000e0041"),
        ("private use", "\ue000"), ("byte order mark", "\ufeffx"),
    ):  # fmt: skip
        job(f"name with {label}", "#/name", name=text)
        job(f"tag with {label}", "#/tags/0", tags=[text])
    job("long name", "#/name", name="x" * 201)
    job("many tags", "#/tags", tags=["a"] * 17)
    job("long tag", "#/tags/0", tags=["a" * 87])
    job("tags of another type", "#/tags", tags="a")
    job("private of another type", "#/private", private="yes")
    job("unknown QoS", "#/qos", qos="urgent")
    job("unknown format", "#/format", format="pickle")
    job("two programs", "#/program", program_base64="AAAA")
    return found


def raw_bombs() -> dict[str, tuple[bytes, str | None]]:
    """The same, of texts that no library would write."""
    found: dict[str, tuple[bytes, str | None]] = {}

    def raw(label: str, text: bytes, pointer: str | None = "#") -> None:
        found[label] = text, pointer

    for literal in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        text = b'{"program": "x", "options": {"parameters": {"a": %b}}}' % literal
        raw(f"parameter {literal.decode()}", text, "#/options/parameters/a")
        text = b'{"program": "x", "limit_seconds": %b}' % literal
        raw(f"limit {literal.decode()}", text, "#/limit_seconds")
    raw("no program", b'{"name": "x"}', "#/program")
    raw("bad base 64", b'{"program_base64": "****"}', "#/program_base64")
    raw("base 64 with white space", b'{"program_base64": "AA AA"}', "#/program_base64")
    raw("empty program", b'{"program": ""}', None)
    raw("deep list", b"[" * 1_000_000)
    raw("deep object", b'{"a":' * 200_000)
    raw("deep options", b'{"program": "x", "options": ' + b'{"parameters":' * 100_000)
    raw("wide list", b'{"program": "x", "tags": [' + b"0," * 8_000_000 + b"0]}")
    raw("wide object", b"{" + b'"a":1,' * 300_000 + b'"b":2}')
    raw("many strings", b'{"tags": [' + b'"",' * 2_000_000 + b'""]}')
    raw("backslashes", b'{"program": "' + b"\\" * 4_000_001 + b'"}')
    raw("escaped quotes", b'{"program": "' + b'\\"' * 2_000_000 + b'"}')
    raw("open string", b'{"program": "' + b"x" * 4_000_000)
    raw("long number", b'{"program": "x", "limit_seconds": ' + b"9" * 4_000_000 + b"}")
    raw("lone surrogate", b'{"program": "\\ud800"}')
    raw("not UTF-8", b'{"program": "\xff\xfe"}')
    raw("UTF-16", '{"program": "x"}'.encode("utf-16"))
    raw("two documents", b'{"program": "x"}{"program": "x"}')
    raw("trailing comma", b'{"program": "x",}')
    raw("a comment", b'{"program": "x"} // no')
    raw("white space", b" " * 4_000_000)
    raw("null", b"null")
    raw("a list", b"[]")
    raw("a number", b"1")
    raw("gzip", b"\x1f\x8b\x08\x00" + b"\0" * 1000)
    return found


@functools.cache
def bombs() -> dict[str, tuple[bytes, str | None]]:
    """All of them."""
    return field_bombs() | raw_bombs()


def test_there_are_enough_bombs() -> None:
    assert len(bombs()) >= 60


def test_bombs_are_refused_by_name_at_once_and_cheaply(member: Browser, world: World) -> None:
    before = stored(world)
    headers = {"Content-Type": "application/json"}
    wrong = []
    for name, (body, pointer) in bombs().items():
        room = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        answer = member.post("/v1/jobs", content=body, headers=headers)
        seconds = time.process_time() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - room) / 1024
        document = answer.json()
        pointers = [e.get("pointer") for e in document.get("errors", [])]
        named = pointer is None or pointer in pointers
        if answer.status_code not in (413, 422) or not named or seconds > 1 or grown > 200:
            wrong.append((name, answer.status_code, pointers, seconds, grown, answer.text[:200]))
        assert len(answer.content) < 20_000, name
    assert wrong == []
    assert stored(world) == before


@pytest.mark.parametrize("size", [64 << 20, 1 << 30])
def test_a_body_beyond_the_limit_is_not_read(member: Browser, size: int) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        chunk = b'{"program": "' + b"x" * (1 << 20)
        while given < size + 1:
            given += len(chunk)
            yield chunk

    began = time.process_time()
    headers = {"Content-Type": "application/json", "Content-Length": str(size + 1)}
    answer = member.post("/v1/jobs", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["kind"]) == (413, "too-large")
    assert time.process_time() - began < 1
    assert given <= 2 << 20


def test_unicode_that_people_need_is_taken(member: Browser, world: World) -> None:
    name = "کوانٹم\u200cحساب Δψ é 量子"
    with undone(world):
        made = member.post(
            "/v1/jobs", json={"program": BELL, "name": name, "project": world.own["project"]}
        )
    assert made.status_code == 201, made.text


def test_bytes_are_taken_as_base_64(member: Browser, world: World) -> None:
    body = {
        "program_base64": base64.b64encode(BELL.encode()).decode(),
        "project": world.own["project"],
    }
    with undone(world):
        assert member.post("/v1/jobs", json=body).status_code == 201


def test_one_bad_job_of_a_batch_refuses_only_itself(member: Browser, world: World) -> None:
    good, before = {"program": BELL}, stored(world)
    body = {
        "project": world.own["project"],
        "items": [good, {"program": ""}, {**good, "options": {"shots": 10**9}}, good],
    }
    items = member.post("/v1/job-batches", json=body).json()["items"]
    assert [one.get("error", {}).get("kind") for one in items] == [None, "program", "invalid", None]
    assert items[2]["error"]["field"] == "options/shots"
    assert items[1]["error"]["line"] == 1
    assert stored(world) == before + 2


def test_a_reference_to_nothing_names_its_field(member: Browser, world: World) -> None:
    """The same for what another tenant has and for what nobody has."""
    before = stored(world)
    absent = new_id(world.now)
    for path, more in (
        ("/v1/jobs", {"program": BELL}),
        ("/v1/job-batches", {"items": [{"program": BELL}]}),
        ("/v1/estimates", {"program": BELL, "device": "simulator"}),
    ):
        fields: dict[str, str | None] = {"project": world.other["project"], "device": None}
        if path != "/v1/estimates":
            fields["session"] = world.other["session"]
        for field, theirs in fields.items():
            found = []
            for value in filter(None, (theirs, absent)):
                answer = member.post(path, json=more | {field: value})
                found.append((answer.status_code, answer.json()))
            expected = {"pointer": f"#/{field}", "detail": f"there is no such {field}"}
            assert [(code, said["errors"]) for code, said in found] == [(404, [expected])] * len(
                found
            )
            assert all(one == found[0] for one in found)
    assert stored(world) == before
