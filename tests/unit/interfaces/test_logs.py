"""Logs are lines of JSON that nobody can forge, and hold no secrets."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import structlog

from markaz.centre.people import tokens
from markaz.interfaces import logs

KEY = tokens.new("u").text


@pytest.fixture
def stream() -> io.StringIO:
    text = io.StringIO()
    logs.set_up("debug", stream=text)
    return text


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_and_fields(stream: io.StringIO) -> None:
    structlog.get_logger("markaz.x").warning("it happened", job="j1", ms=1.5)
    (line,) = lines(stream)
    at = line.pop("at")
    assert line == {
        "event": "it happened", "job": "j1", "ms": 1.5, "level": "warning", "logger": "markaz.x",
    }  # fmt: skip
    assert at.endswith("Z")


SECRETS = [
    {"token": KEY},
    {"note": f"sent {KEY} by mistake"},
    {"headers": {"Authorization": f"Bearer {KEY}", "cookie": "session=abc123secret"}},
    {"password": "correct horse"},
    {"body": [{"new_password": "correct horse"}, ("x", {"totp": "123456"})]},
    {"url": "postgresql://markaz:correct horse@db/markaz".replace(" ", "-")},
    {"smtp_password": "correct horse"},
    {"error": ValueError(f"bad key {KEY}")},
]


@pytest.mark.parametrize("fields", SECRETS, ids=range(len(SECRETS)))
def test_secrets_are_masked(stream: io.StringIO, fields: dict[str, Any]) -> None:
    structlog.get_logger("x").info("event", **fields)
    text = stream.getvalue()
    assert not any(s in text for s in (KEY, "correct", "123456", "abc123secret"))
    assert "\\u2022" in text


def test_secrets_in_exceptions_and_foreign_logs_are_masked(stream: io.StringIO) -> None:
    try:
        raise RuntimeError(f"key {KEY}")
    except RuntimeError:
        structlog.get_logger("x").exception("failed")
    logging.getLogger("some.library").warning("GET /x Authorization: Bearer %s", KEY)
    first, second = lines(stream)
    assert "RuntimeError" in first["exception"]
    assert KEY not in stream.getvalue()
    assert second["logger"] == "some.library"


@pytest.mark.parametrize(
    "text", ['a\n{"event": "forged"}', "\x1b[31mred", "a\r\nb", "\u2028x", "\u202eabc"]
)
def test_no_text_can_forge_a_line(stream: io.StringIO, text: str) -> None:
    structlog.get_logger("x").info("event", name=text)
    logging.getLogger("y").warning(text)
    first, second = lines(stream)
    assert (first["name"], second["event"]) == (text, text)
    assert stream.getvalue().isascii()
    assert "\x1b" not in stream.getvalue()


def test_the_level_is_kept(stream: io.StringIO) -> None:
    logs.set_up("error", stream=stream)
    structlog.get_logger("x").warning("quiet")
    structlog.get_logger("x").error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_what_is_no_secret_stays() -> None:
    value = {"codec": "x", "tokens": None, "n": 3, "ok": True, "id": "01abc", "b": b"xyz"}
    assert logs.scrubbed(value) == {
        "codec": "x", "tokens": None, "n": 3, "ok": True, "id": "01abc", "b": "3 bytes",
    }  # fmt: skip


def test_notes_are_lines_like_any_other(stream: io.StringIO) -> None:
    logs.note("request", path=f"/x?key={KEY}\n{{}}", ms=1.5, actor=None)
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "request", "path": "/x?key=mkz_u_•••\n{}", "ms": 1.5, "actor": None,
        "level": "info",
    }  # fmt: skip
    logs.set_up("warning", stream=stream)
    logs.note("request", path="/quiet")
    assert "quiet" not in stream.getvalue()
