from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markaz.centre.workers.messages import (
    TYPES,
    Accepted,
    Assign,
    Cancel,
    Condition,
    Finished,
    Heartbeat,
    Hello,
    Leaving,
    Message,
    MessageError,
    Noted,
    Refused,
    Returned,
    Started,
    Welcome,
    decode,
    encode,
)

HELD = [("job1", 1), ("job2", 7)]
ALL: list[Message] = [
    Hello("h:1", "h", 1, 2, 8, 1 << 34, "w1", 1, ["simulate"], {"markaz": "1"}, HELD),
    Hello("h:2", "h", 2, 1, 8, 1 << 34, drivers=["agent"], devices=["lab"], patience=604800.0),
    Condition("lab", "idle"),
    Condition("lab", "needs-calibration", "sha256:0", b'{"rows": []}'),
    Noted("lab", "sha256:0", accepted=True),
    Heartbeat(HELD),
    Started("j", 3),
    Finished("j", 3, "completed", 0.25, blob=b'{"counts": {}}\n'),
    Finished("j", 3, "failed", 1.5, "engine", "it broke"),
    Returned("j", 3, "leaving", unwell=True),
    Leaving(),
    Welcome("w1", 5.0, HELD),
    Assign(
        "j",
        3,
        "p/u",
        "run",
        "sha256:0",
        60.0,
        {"shots": 3},
        "simulator",
        True,
        {"at": 5},
        3,
        7,
        b"\n\0MKZ1",
    ),
    Cancel("j", 3),
    Accepted("j", 3, accepted=False),
    Refused("too old"),
]


def test_every_message_survives_the_wire_in_order_with_its_blob() -> None:
    assert {type(m).__name__.lower() for m in ALL} == set(TYPES)
    assert decode(encode(ALL)) == ALL
    assert decode(encode([])) == []


def frame(rows: Any, rest: bytes = b"") -> bytes:
    return json.dumps(rows).encode() + b"\n" + rest


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "without a header line"),
        (b"{}", "without a header line"),
        (b"nonsense\n", "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (frame({}), "not a list"),
        (frame([1]), "unknown message"),
        (frame([{"type": "exec"}]), "unknown message 'exec'"),
        (frame([{"type": ["cancel"]}]), "unknown message"),
        (frame([{"type": "cancel", "job": "j"}]), "a field is missing"),
        (frame([{"type": "cancel", "job": "j", "attempt": 1, "x": 1}]), "'x' is unknown"),
        (frame([{"type": "cancel", "job": 1, "attempt": 1}]), "'job'"),
        (frame([{"type": "cancel", "job": "j", "attempt": True}]), "'attempt'"),
        (frame([{"type": "cancel", "job": "j", "attempt": 1 << 70}]), "'attempt'"),
        (frame([{"type": "heartbeat", "running": [["j"]]}]), "'running'"),
        (frame([{"type": "heartbeat", "running": [["j", "1"]]}]), "'running'"),
        (b'[{"type":"finished","job":"j","attempt":1,"state":"failed","seconds":NaN}]\n', "seco"),
        (frame([{"type": "leaving"}], b"more"), "longer or shorter"),
        (
            frame([{"type": "assign", "job": "j", "attempt": 1, "tenant": "t", "kind": "run",
                    "program_hash": "", "limit_seconds": 1, "blob": 5}], b"four"),
            "longer or shorter",
        ),
        (frame([{"type": "welcome", "worker": "w", "heartbeat_seconds": 1, "blob": -1}]), "blob"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_says_why(data: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        decode(data)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_message_error(data: bytes) -> None:
    for candidate in (data, frame([{"type": "assign", "blob": len(data)}], data)):
        with pytest.raises(MessageError):
            decode(candidate)
