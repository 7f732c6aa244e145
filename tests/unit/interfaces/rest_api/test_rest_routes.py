"""The table of routes fits the verbs and queries that it names, and the document tells it all."""

from __future__ import annotations

import inspect
from typing import Any, Final

import pytest
from pydantic import BaseModel

from markaz.centre.access import QUERIES, VERBS, system
from markaz.interfaces.acts import register_all
from markaz.interfaces.rest_api.app import describe
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.table import ROUTES
from markaz.interfaces.runtime_api.table import ROUTES as RUNTIME

register_all()

# Routes whose handler does more than to pass on what it was given.
# What handlers do beside what their row names: waiting polls, results that are read once, keys
# that went astray, lists of everything, the length of queues.
BESIDE: Final = {"jobs.poll", "jobs.forget_private", "keys.leaked", "sessions.own", "jobs.load"}
OWN_HANDLING: Final = {route.operation for route in ROUTES if route.handler is not None}


def given(route: Route) -> set[str]:
    """The arguments that a request can bring."""
    names = set(route.names)
    for model in (route.query, route.body):
        if model is not None:
            names |= set(model.model_fields)
    return names


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.operation)
def test_a_route_gives_its_act_what_it_takes(route: Route) -> None:
    if route.operation in OWN_HANDLING:
        return
    parameters = inspect.signature(route.act.body).parameters.values()
    takes = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    needs = {name for name, p in takes.items() if p.default is p.empty}
    assert given(route) <= set(takes)
    required = {
        name
        for model in (route.query, route.body)
        if model is not None
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    assert needs <= required | set(route.names)


def test_everything_that_a_person_may_do_has_a_route() -> None:
    served = {route.does for route in (*ROUTES, *RUNTIME)} | BESIDE
    people = {name for name, act in (VERBS | QUERIES).items() if act.rule is not system}
    assert people - served == set()


def test_only_doors_stand_before_what_the_centre_does_itself() -> None:
    inside = {r.operation for r in ROUTES if r.act.rule is system}
    assert inside <= OWN_HANDLING


def models() -> list[type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for route in ROUTES:
        for model in (route.query, route.body):
            if model is not None:
                found[model.__name__] = model
    return list(found.values())


@pytest.mark.parametrize("model", models(), ids=lambda m: m.__name__)
def test_what_is_taken_is_bounded_and_described(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    loose = [name for name, one in schema["properties"].items() if not one.get("description")]
    assert loose == []
    unbounded = list(_unbounded(schema, schema.get("$defs", {})))
    assert unbounded == []


def _unbounded(node: Any, defs: dict[str, Any], path: str = "") -> Any:
    """Places where a text or a list may have any size."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "string" and not {"maxLength", "enum", "const"} & set(node):
        yield path
    if node.get("type") == "array" and "maxItems" not in node:
        yield path
    for key, child in node.get("properties", {}).items():
        yield from _unbounded(child, defs, f"{path}/{key}")
    for child in node.get("anyOf", []):
        yield from _unbounded(child, defs, path)
    if "items" in node:
        yield from _unbounded(node["items"], defs, f"{path}/*")


def test_the_document_is_complete() -> None:
    document = describe()
    assert document["openapi"].startswith("3.1")
    text = str(document)
    assert "HTTPValidationError" not in text
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["summary"] == route.summary
        assert str(route.who) in operation["description"]
        assert {"401", "422", "429", "500", "503", str(route.status)} <= set(operation["responses"])
        assert (operation["security"] == []) == (route.who is Who.ANYONE)
        keyed = any(p["name"] == "idempotency-key" for p in operation.get("parameters", []))
        assert keyed == route.takes_key
        for parameter in operation.get("parameters", []):
            assert parameter["description"]


def test_every_post_that_acts_in_somebodys_name_takes_an_idempotency_key() -> None:
    without = {r.operation for r in ROUTES if r.method == "POST" and not r.takes_key}
    assert without == {
        "post_login", "post_logout", "post_sign_up", "post_recovery", "post_recovery_password",
        "post_recovery_totp", "post_me_password", "post_me_totp", "post_me_totp_confirm",
        "post_me_totp_off", "post_me_sessions_end", "post_estimates",
    }  # fmt: skip


def test_no_argument_is_called_as_those_of_the_door() -> None:
    taken = {"act", "actor", "once", "work", "self"}
    for name, act in (VERBS | QUERIES).items():
        arguments = list(inspect.signature(act.body).parameters)[2:]
        assert taken.isdisjoint(arguments), name
