"""Bodies are taken apart without parsing what is in them, and hostile ones end quickly."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from markaz.centre.errors import CentreError
from markaz.interfaces.runtime_api import envelope
from markaz.interfaces.runtime_api.envelope import MAX_DEPTH, MAX_FIELD, MAX_MARKS


def body(**more: Any) -> bytes:
    return json.dumps({"program_id": "sampler", "params": {}} | more).encode()


def refused(data: bytes) -> CentreError:
    with pytest.raises(CentreError) as caught:
        envelope.read(data)
    assert caught.value.kind == "invalid"
    return caught.value


def test_all_fields_are_read_and_unknown_ones_are_not() -> None:
    found = envelope.read(
        body(
            backend="simulator", session_id="s", tags=["a", "b"], cost=300, private=True,
            start_session=True, session_time=60, calibration_id=None, log_level="WARNING",
            runtime={"deep": [[[]]]}, params={"pubs": [["c", None]]},
        )
    )  # fmt: skip
    assert (found.program_id, found.backend, found.session_id) == ("sampler", "simulator", "s")
    assert (found.tags, found.cost, found.private) == (("a", "b"), 300, True)
    assert (found.start_session, found.session_time, found.calibration_id) == (True, 60, None)
    assert json.loads(found.params) == {"pubs": [["c", None]]}


@pytest.mark.parametrize(
    "params",
    [
        '{"a":"}"}', '{"a":"\\"}"}',
        '{"a":"\\\\"}', '{"a":"\\\\\\"]{"}', '["[","\\\\\\\\"]', "null",
        "1.5e3", '"text"', "[]", "{}", ' [ 1 , {"b" : [ ] } ] ', '{"\\"":{"\\\\":"\\"\\""}}',
    ],
)  # fmt: skip
def test_params_are_the_text_that_came(params: str) -> None:
    data = f'{{ "params" :{params}, "program_id":"sampler"}}'.encode()
    assert envelope.read(data).params == params.strip().encode()
    assert envelope.params_of(data) == params.strip().encode()


def test_what_came_by_another_interface_has_no_params() -> None:
    assert envelope.params_of(b"OPENQASM 2.0;") is None
    assert envelope.params_of(b'{"private":true}') is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("program_id", 7, "program_id must be a text"),
        ("backend", ["a"], "backend must be a text"),
        ("tags", "a", "tags must be a list of texts"),
        ("cost", "9", "cost must be a number"),
        ("cost", True, "cost must be a number"),
        ("private", 1, "private must be true or false"),
        ("session_id", {}, "session_id must be a text"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(field: str, value: Any, words: str) -> None:
    error = refused(body(**{field: value}))
    assert (error.field, error.message) == (field, words)


def test_what_is_needed_is_asked_for() -> None:
    assert refused(b'{"params":{}}').field == "program_id"
    assert refused(b'{"program_id":null,"params":{}}').field == "program_id"
    assert refused(b'{"program_id":"sampler"}').field == "params"
    assert refused(b'{"params":1,"params":2,"program_id":"a"}').message == "params is given twice"
    assert refused(body(cost=float("nan"))).message == "cost is not JSON"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{"a":1}x', b'{"a":1}{}',
        b'{"a":"', b'{"a":"\\"}', b'{"a":[}', b'{"a":{]}', b'{"a":[[]', b"{a:1}", b'{"a" 1}',
        b'{"a\xff":1}', b'{"\\u00zz":1}', b"\x00", b'{"a":1 "b":2}',
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(data: bytes) -> None:
    assert refused(data).field in ("body", "program_id")


BOMBS = {
    "open brackets": b'{"params":' + b"[" * 10_000_000,
    "nested": b'{"params":' + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b"}",
    "quotes": b'{"params":[' + b'"",' * (MAX_MARKS + 10) + b'""]}',
    "open string": b'{"params":"' + b'\\"' * 5_000_000,
    "backslashes": b'{"params":"' + b"\\" * 10_000_001,
    "open strings in a row": b'{"params":["' + b'","' * 300_000,
    "long field": b'{"program_id":"' + b"a" * MAX_FIELD + b'","params":1}',
    "long name": b'{"' + b"a" * (MAX_FIELD + 1) + b'":1}',
    "spaces": b'{"params":' + b" " * 10_000_000,
    "deep field": b'{"tags":' + b"[" * 150 + b"]" * 150 + b',"params":1,"cost":' + b"[" * 9 + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_quickly(name: str) -> None:
    began = time.process_time()
    refused(BOMBS[name])
    assert time.process_time() - began < 2.0


def test_long_programs_are_cheap() -> None:
    text = "A" * 20_000_000
    began = time.process_time()
    found = envelope.read(body(params={"pubs": [[{"__value__": text}, None]]}))
    assert len(found.params) == len(text) + len('{"pubs": [[{"__value__": ""}, null]]}')
    assert time.process_time() - began < 2.0
