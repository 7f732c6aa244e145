"""The body of a submission, taken apart without opening the program in it.

Its top-level fields are found by counting brackets and quotation marks; what stands in
``params`` stays the text that it is, for the child that opens it. The other fields are small
and plain, and only those that are known are read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from markaz.centre.errors import CentreError, invalid

MAX_FIELD: Final = 16 << 10  # bytes of a field other than params
MAX_NUMBER: Final = 1 << 53
MAX_DEPTH: Final = 200
MAX_MARKS: Final = 500_000  # strings and brackets of a body
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_MARK: Final = re.compile(rb'"[^"]*"|[\[\]{}"]')  # a whole string, a bracket, an open string
_PLAIN: Final = re.compile(rb"[-+.0-9A-Za-z]+")
_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "program_id": (str,),
    "backend": (str,),
    "session_id": (str,),
    "tags": (list,),
    "cost": (int, float),
    "private": (bool,),
    "start_session": (bool,),
    "session_time": (int, float),
    "calibration_id": (str,),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a submission says around its program; ``params`` is JSON text as it came.

    Null is the same as a field that is not there. ``cost``, ``session_time``: seconds.
    """

    params: bytes
    program_id: str
    backend: str | None = None
    session_id: str | None = None
    tags: tuple[Any, ...] = ()
    cost: float | None = None
    private: bool = False
    start_session: bool = False
    session_time: float | None = None
    calibration_id: str | None = None


def read(data: bytes) -> Envelope:
    """The parts of a body. Raises CentreError ``invalid`` that names the field."""
    spans = _spans(data)
    found: dict[str, Any] = {}
    for name, kinds in _FIELDS.items():
        if name in spans:
            value = _value(name, data[slice(*spans[name])], kinds)
            if value is not None:
                found[name] = value
    if "program_id" not in found:
        raise invalid("program_id", "program_id is needed: sampler, estimator or executor")
    if "params" not in spans:
        raise invalid("params", "params are needed: what the program is to run")
    found["tags"] = tuple(found.get("tags", ()))
    return Envelope(params=data[slice(*spans["params"])], **found)


def params_of(data: bytes) -> bytes | None:
    """``params`` of a body that was taken in before, as JSON text."""
    try:
        span = _spans(data).get("params")
    except CentreError:
        return None  # a program that came by another interface
    return None if span is None else data[slice(*span)]


def _value(name: str, text: bytes, kinds: tuple[type, ...]) -> Any:
    if len(text) > MAX_FIELD:
        raise invalid(name, f"{name} has more than {MAX_FIELD} bytes")
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise invalid(name, f"{name} is not JSON") from None
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise invalid(name, f"{name} is too large")
    is_flag = isinstance(value, bool)
    if value is None or (isinstance(value, kinds) and is_flag == (kinds == (bool,))):
        return value
    raise invalid(name, f"{name} must be {' or '.join(_WORDS[kind] for kind in kinds[:1])}")


_WORDS: Final = {str: "a text", list: "a list of texts", int: "a number", bool: "true or false"}


def _no_number(text: str) -> None:
    raise ValueError(text)


def _spans(data: bytes) -> dict[str, tuple[int, int]]:
    """Where the value of each top-level field begins and ends."""
    scanner = _Scanner(data)
    at = scanner.expect(scanner.space(0), b"{")
    found: dict[str, tuple[int, int]] = {}
    at = scanner.space(at)
    if data[at : at + 1] == b"}":
        return _ended(scanner, at + 1, found)
    while True:
        name, at = scanner.name(scanner.space(at))
        start = scanner.space(scanner.expect(scanner.space(at), b":"))
        end = scanner.skip(start)
        if name in found:
            raise invalid(name, f"{name} is given twice")
        found[name] = start, end
        at = scanner.space(end)
        if data[at : at + 1] == b"}":
            return _ended(scanner, at + 1, found)
        at = scanner.expect(at, b",")


def _ended(scanner: _Scanner, at: int, found: dict[str, Any]) -> dict[str, Any]:
    if scanner.space(at) != scanner.size:
        raise _broken(at)
    return found


class _Scanner:
    """Finds the ends of JSON values. Raises CentreError ``invalid`` for what is none."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)
        # The same text, as long, in which no quotation mark stands inside a string.
        self._masked = data
        if b"\\" in data:
            self._masked = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        self._marks = 0

    def space(self, at: int) -> int:
        """After the white space."""
        match = _SPACE.match(self.data, at)
        assert match is not None
        return match.end()

    def expect(self, at: int, what: bytes) -> int:
        """After ``what``."""
        if self.data[at : at + 1] != what:
            raise _broken(at)
        return at + 1

    def name(self, at: int) -> tuple[str, int]:
        """The name of a field, and where it ends."""
        end = self._string(at)
        if end - at > MAX_FIELD:
            raise invalid("body", "a field's name is too long")
        try:
            return str(json.loads(self.data[at:end])), end
        except ValueError:
            raise _broken(at) from None

    def skip(self, at: int) -> int:
        """After the value that begins here."""
        first = self._masked[at : at + 1]
        if first == b'"':
            return self._string(at)
        if first in (b"{", b"["):
            return self._nested(at)
        match = _PLAIN.match(self.data, at)
        if match is None:
            raise _broken(at)
        return match.end()

    def _string(self, at: int) -> int:
        if self._masked[at : at + 1] != b'"':
            raise _broken(at)
        end = self._masked.find(b'"', at + 1)
        if end < 0:
            raise _broken(at)
        return end + 1

    def _nested(self, at: int) -> int:
        open_: list[bytes] = []
        marks = self._marks
        for match in _MARK.finditer(self._masked, at):
            marks += 1
            if marks > MAX_MARKS:
                raise invalid("params", f"the body has more than {MAX_MARKS} parts")
            mark = match.group()
            if mark in _CLOSED_BY:
                open_.append(_CLOSED_BY[mark])
                if len(open_) > MAX_DEPTH:
                    raise invalid("params", f"the body is nested deeper than {MAX_DEPTH}")
            elif len(mark) > 1:
                continue
            elif mark == b'"' or open_.pop() != mark:
                raise _broken(match.start())
            elif not open_:
                self._marks = marks
                return match.end()
        raise _broken(self.size)


_CLOSED_BY: Final = {b"{": b"}", b"[": b"]"}


def _broken(at: int) -> CentreError:
    return invalid("body", f"the body is not a JSON object: see byte {at}")
