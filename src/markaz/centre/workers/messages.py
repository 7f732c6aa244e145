"""What a worker and the centre say to each other, and how it is written.

A frame is a line of JSON, a list of messages, followed by the messages' blobs one after the
other. Each message is an object with ``type`` and the fields of its class; a blob is given
by its length. Frames travel over any ``links.Link``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

VERSION: Final = 1
HEADER_BYTES: Final = 8 << 20
FRAME_BYTES: Final = 512 << 20

Held = list[tuple[str, int]]  # jobs with their attempts


class MessageError(ValueError):
    """Bytes that are no frame of known messages."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Worker: who I am. ``worker`` is the id from an earlier ``Welcome``, or empty;
    ``running`` is what I still hold (waiting, running, or finished and not yet accepted).
    ``devices``: I run these alone, and nobody else does (an agent beside hardware);
    ``patience``: seconds that I may be away and keep what I hold."""

    name: str
    host: str
    pid: int
    slots: int
    cores: int
    memory: int
    worker: str = ""
    version: int = VERSION
    drivers: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    running: Held = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Worker: I live, and hold these."""

    running: Held = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Started:
    """Worker: a job that was handed out ahead has begun."""

    job: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Worker: how a job ended. ``state``: completed, failed or cancelled; ``seconds`` it
    ran; ``blob`` is the result document (JSON) of a completed one."""

    job: str
    attempt: int
    state: str
    seconds: float
    error_kind: str = ""
    error_message: str = ""
    blob: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """Worker: I give this job back, unfinished, through no fault of its own. ``unwell``: it
    was mine, so give me a rest."""

    job: str
    attempt: int
    reason: str
    unwell: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Worker: how a device of mine is, in QDMI's words; ``blob`` is its calibration sheet
    ``sheet`` (JSON), or empty."""

    device: str
    status: str
    sheet: str = ""
    blob: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Leaving:
    """Worker: I take no more jobs and end when what I hold is done."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Centre: your id, how often to say that you live, and which of the jobs that you hold
    are still yours."""

    worker: str
    heartbeat_seconds: float
    keep: Held = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assign:
    """Centre: run this. ``tenant`` separates children; ``ahead``: say when it begins;
    ``at``: the centre's time when it was handed out, µs UTC;
    ``blob`` is the circuit (wire), and in its last ``tail`` bytes the device that it is for,
    of which ``about`` says the moment (``devices.stations``)."""

    job: str
    attempt: int
    tenant: str
    kind: str
    program_hash: str
    limit_seconds: float
    options: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    ahead: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    tail: int = 0
    at: int = 0
    blob: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Centre: stop this job if you hold it."""

    job: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Centre: the outcome that you reported is on record, or refused for good; forget it."""

    job: str
    attempt: int
    accepted: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """Centre: this calibration sheet of yours is on record, or refused for good."""

    device: str
    sheet: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Centre: I do not want you; ``reason`` says why. Do not come back by yourself."""

    reason: str


FromWorker = Hello | Heartbeat | Started | Finished | Returned | Condition | Leaving
ToWorker = Welcome | Assign | Cancel | Accepted | Noted | Refused
Message = FromWorker | ToWorker

TYPES: Final[dict[str, type[Any]]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(Hello, Heartbeat, Started, Finished, Returned, Condition, Leaving),
        *(Welcome, Assign, Cancel, Accepted, Noted, Refused),
    )
}
# field -> whether a value that came in has its type
_CHECKS: Final[dict[str, Any]] = {
    "str": lambda v: isinstance(v, str),
    "int": lambda v: type(v) is int and abs(v) < 1 << 62,
    "float": lambda v: type(v) in (int, float) and math.isfinite(v),
    "bool": lambda v: isinstance(v, bool),
    "bytes": lambda v: type(v) is int and 0 <= v <= FRAME_BYTES,
    "list[str]": lambda v: isinstance(v, list) and all(isinstance(e, str) for e in v),
    "dict[str, str]": lambda v: isinstance(v, dict) and all(isinstance(e, str) for e in v.values()),
    "dict[str, Any]": lambda v: isinstance(v, dict),
    "Held": lambda v: isinstance(v, list) and all(_is_pair(e) for e in v),
}
_FIELDS: Final = {
    name: {f.name: (str(f.type), f) for f in fields(kind)} for name, kind in TYPES.items()
}


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and type(value[1]) is int
    )


def encode(messages: Sequence[Message]) -> bytes:
    """Messages as one frame."""
    rows, blobs = [], []
    for message in messages:
        name = type(message).__name__.lower()
        row: dict[str, Any] = {"type": name}
        row |= {key: getattr(message, key) for key in _FIELDS[name]}
        if "blob" in row:
            blobs.append(row["blob"])
            row["blob"] = len(row["blob"])
        rows.append(row)
    head = json.dumps(rows, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((head, b"\n", *blobs))


def decode(frame: bytes) -> list[Message]:
    """The messages in a frame. Raises MessageError that says what is wrong with it."""
    end = frame.find(b"\n", 0, HEADER_BYTES)
    if end < 0:
        raise MessageError("a frame without a header line")
    try:
        rows = json.loads(frame[:end])
    except (ValueError, RecursionError) as error:
        raise MessageError(f"a frame whose header is not JSON: {error}") from None
    if not isinstance(rows, list):
        raise MessageError("a frame whose header is not a list")
    found, at = [], end + 1
    for row in rows:
        message, at = _message(row, frame, at)
        found.append(message)
    if at != len(frame):
        raise MessageError("a frame longer or shorter than its header says")
    return found


def _message(row: Any, frame: bytes, at: int) -> tuple[Message, int]:
    name = row.pop("type", None) if isinstance(row, dict) else None
    known = _FIELDS.get(name) if isinstance(name, str) else None
    if known is None:
        raise MessageError(f"an unknown message {name!r:.50}")
    for key, value in row.items():
        if key not in known or not _CHECKS[known[key][0]](value):
            raise MessageError(f"{name}: {key!r:.50} is unknown or has a wrong type")
        if known[key][0] == "Held":
            row[key] = [(job, attempt) for job, attempt in value]
    if "blob" in row:
        end = at + row["blob"]
        row["blob"], at = frame[at:end], end
    try:
        message: Message = TYPES[str(name)](**row)
    except TypeError:
        raise MessageError(f"{name}: a field is missing") from None
    return message, at
