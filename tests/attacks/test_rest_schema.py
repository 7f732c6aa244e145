"""Requests made up from the OpenAPI document, right and wrong ones: no fault of the server, no
status and no field that the document does not tell of."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.app import describe
from markaz.interfaces.rest_api.table import ROUTES
from tests.rest_fakes import silence
from tests.rest_world import Sent, World, build, requests, send, undone

MANY: Final = {"requests_per_minute": 10**6, "requests_per_minute_total": 10**7,
               "requests_per_minute_anonymous": 10**6, "logins_per_minute": 10**6, "workers": 0,
               "sign_up": True}  # fmt: skip
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Of each operation in each mode; all profiles but the everyday one make many more.
EVERYDAY: Final = 10
FACTOR: Final = 1 if settings.default.max_examples <= 25 else 100


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **MANY})) as centre:
        yield build(centre)


@functools.cache
def operations() -> dict[str, Any]:
    """Of the document, by name."""
    schema = schemathesis.openapi.from_dict(describe())
    found = [one.ok() for one in schema.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


def test_the_document_has_every_route() -> None:
    assert sorted(operations()) == sorted(route.operation for route in ROUTES)


def cases() -> list[Any]:
    """Every operation in each mode; what takes nothing cannot be given anything wrong."""
    return [
        pytest.param(route.operation, mode, id=f"{route.operation}-{mode.value}")
        for route in sorted(ROUTES, key=lambda r: r.operation)
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or route.names or route.query or route.body
    ]


@pytest.mark.parametrize(("name", "mode"), cases())
def test_answers_are_what_the_document_says(world: World, name: str, mode: GenerationMode) -> None:
    operation = operations()[name]
    browser = world.browser("operator")
    known = requests(world, world.own, "operator").get(name, Sent()).path
    turns, statuses = itertools.count(), Counter[int]()

    @settings(
        max_examples=EVERYDAY * FACTOR,
        suppress_health_check=list(HealthCheck),
        deadline=None,
        phases=[Phase.generate],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if known and next(turns) % 2:
            case.path_parameters = dict(known)
        sent = case.as_transport_kwargs(base_url="http://centre")
        try:
            request = browser.build_request(
                sent["method"],
                sent["url"],
                params={k: v for k, v in (sent.get("params") or {}).items() if k != "wait"} or None,
                content=_content(sent),
                headers={**_headers(sent), **browser.headers},
            )
        except httpx.InvalidURL:  # longer than any client sends
            return
        answer = browser.send(request)
        statuses[answer.status_code] += 1
        case.validate_response(_response(answer), checks=CHECKS)

    with undone(world):
        ask()
    assert statuses.total() >= 1


def _headers(sent: dict[str, Any]) -> dict[str, str]:
    """What was made up, as far as it is this test's."""
    made = {k.lower(): v for k, v in sent["headers"].items()}
    kept = {k: made[k] for k in ("content-type", "idempotency-key") if k in made}
    return {k: v.encode("latin-1", "replace").decode("latin-1") for k, v in kept.items()}


def _content(sent: dict[str, Any]) -> bytes | None:
    if "json" in sent:
        return json.dumps(sent["json"]).encode()
    data = sent.get("data")
    return data.encode() if isinstance(data, str) else data


def _response(answer: Any) -> Response:
    answer.elapsed = timedelta(0)
    return Response.from_any(answer)


def test_right_requests_succeed_as_documented(world: World) -> None:
    """Answers of the requests that are right, against their schemas: nothing undocumented."""
    statuses, wrong = {}, []
    with undone(world):
        for route in ROUTES:
            sent = requests(world, world.own, "operator").get(route.operation, Sent())
            browser = world.browser("member" if route.who.name == "SUBMITTER" else "operator")
            answer = send(browser, route, sent)
            statuses[route.operation] = answer.status_code
            try:
                operations()[route.operation].validate_response(_response(answer))
            except Exception as error:
                wrong.append((route.operation, answer.status_code, str(error)[:400]))
    assert wrong == []
    good = [name for name, status in statuses.items() if status in (200, 201)]
    assert len(good) > len(ROUTES) - 15
