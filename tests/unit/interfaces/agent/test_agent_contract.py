"""The local contract: its examiner against the reference device and broken ones; its schema."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import httpx
import jsonschema_rs
import pytest

from markaz.interfaces.agent import serving
from markaz.interfaces.agent.drivers import wire
from markaz.interfaces.agent.examining import CLAUSES, Examiner
from markaz.interfaces.agent.serving import Handler
from tests.agent_tools import LAB, lab_sheet, served

SCHEMA: dict[str, Any] = json.loads(
    (files("markaz.interfaces.agent") / "contract.schema.json").read_text()
)


def reference() -> serving.Device:
    device = serving.emulated(LAB, 7, lab_sheet(40.0))
    assert LAB.emulator
    return device


def broken_clauses(url: str) -> dict[str, str]:
    connection = wire.open_wire({"url": url, "seconds": 5.0})
    found = {v.clause: v.seen for v in Examiner(connection, LAB, 5.0).run() if not v.ok}
    connection.close()
    return found


def test_the_reference_device_keeps_every_clause() -> None:
    with served(reference()) as url:
        assert broken_clauses(url) == {}
    assert len(CLAUSES) == 15


class Reversed(Handler):
    """Gives its bits the wrong way round."""

    def route(self, body: bytes) -> tuple[int, dict[str, Any]]:
        code, found = super().route(body)
        if "counts" in found:
            found["counts"] = {k[::-1]: n for k, n in found["counts"].items()}
        return code, found


class Forgetful(Handler):
    """Runs the same program again, and takes whatever comes under a known id."""

    def route(self, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.command == "PUT":
            self.device.jobs.pop(self.path.rpartition("/")[2], None)
        return super().route(body)


class Careless(Handler):
    """Loses a shot, claims another name and status, and never refuses."""

    def route(self, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            code, found = super().route(body)
        except serving.HttpError:
            return 201, {}
        if self.path == "/v1/device":
            found |= {"name": "other", "status": "sleepy"}
        if self.path == "/v1/calibration":
            found["measured_at"] = 0
        if "counts" in found and len(found["counts"]) > 1:
            found["counts"].popitem()
        return code, found


@pytest.mark.parametrize(
    ("kind", "clauses"),
    [
        (Reversed, {"3.2"}),
        (Forgetful, {"4.1", "4.2"}),
        (Careless, {"1.1", "1.2", "2.1", "4.2", "4.3", "5.1"}),
    ],
)
def test_broken_devices_are_told_what_they_break(kind: type[Handler], clauses: set[str]) -> None:
    with served(reference(), kind) as url:
        found = broken_clauses(url)
    assert clauses <= set(found)
    if kind is Reversed:
        assert "3.2" in found
        assert "most frequent is" in found["3.2"]
        assert set(found) <= {"3.2", "6.1"}
    if kind is Careless:
        assert "name is 'other'" in found["1.1"]
        assert "'sleepy', none of offline" in found["1.2"]


@pytest.fixture
def talk() -> Iterator[httpx.Client]:
    with served(reference()) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def assert_fits(said: Any, name: str) -> None:
    jsonschema_rs.validate({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}, said)


def test_what_the_reference_device_says_fits_the_schema(talk: httpx.Client) -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert_fits(talk.get("/v1/device").json(), "device")
    assert_fits(talk.get("/v1/calibration").json(), "calibration")
    program = {"format": "qcis", "program": "X2P Q0\nX2P Q0\nM Q0\n", "shots": 50, "bits": 1}
    assert_fits(program, "program")
    answer = talk.put("/v1/jobs/a", json=program)
    assert answer.status_code == 201
    assert_fits(answer.json(), "job")
    while (found := talk.get("/v1/jobs/a").json())["state"] != "completed":
        assert_fits(found, "job")
    assert_fits(found, "job")
    for bad in (program | {"shots": 0}, program | {"program": "?"}):
        refused = talk.put("/v1/jobs/b", json=bad)
        assert refused.status_code == 422
        assert_fits(refused.json(), "error")


@pytest.mark.parametrize(
    ("method", "path", "content", "code"),
    [
        ("PUT", "/v1/jobs/a", {"content": b"{"}, 400),
        ("PUT", "/v1/jobs/a", {"json": {"format": "qcis"}}, 400),
        ("PUT", "/v1/jobs/a", {"json": {"format": "qcis", "program": "M Q0", "shots": True,
                                        "bits": 1}}, 400),
        ("PUT", "/v1/jobs/a", {"json": {"format": "qcis", "program": "M Q0", "shots": 1,
                                        "bits": 2}}, 422),
        ("PUT", "/v1/jobs/a", {"json": {"format": "qcis", "program": "CZ Q0 Q4\nM Q0",
                                        "shots": 1, "bits": 1}}, 422),
        ("GET", "/v1/jobs/a/b", {}, 404),
        ("GET", "/", {}, 404),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(
    talk: httpx.Client, method: str, path: str, content: dict[str, Any], code: int
) -> None:
    assert talk.request(method, path, **content).status_code == code


def test_a_token_is_asked_for() -> None:
    with served(reference(), token="s3cret") as url:
        assert httpx.get(url + "/v1/device", trust_env=False).status_code == 401
        headers = {"authorization": "Bearer s3cret"}
        said = httpx.get(url + "/v1/device", headers=headers, trust_env=False)
        assert said.json()["name"] == "lab"


def test_an_emulated_device_needs_physics() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match=r"no table \[emulator\]"):
        serving.emulated(replace(LAB, emulator={}), 7, None)


def test_a_request_that_is_too_large_is_not_read() -> None:
    with served(reference()) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 5) as stream:
            stream.sendall(b"PUT /v1/jobs/a HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n")
            assert stream.recv(1 << 10).startswith(b"HTTP/1.1 413 ")
