"""What a runtime client sends, decoded within bounds.

The client's own decoder believes what it reads: it inflates without bound and builds any
object that a body names, at any depth. Here the caller says what may stand where, sizes
are checked before anything is built, and all inflating draws on one budget.
"""

from __future__ import annotations

import binascii
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.observables import ObservableError
from markaz.quantum.programs.errors import ProgramError

MAX_VALUES: Final = 4_000_000  # commas and opening brackets: what a parsed body takes memory for
MAX_OBJECTS: Final = 500_000
INFLATED: Final = 64 << 20  # bytes, of all that a body holds compressed
MAX_DIMENSIONS: Final = 16
_NPY: Final = re.compile(
    rb"\s*\{'descr': '([<|])([biuf])([1248])', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,15}(?:, ?\d{1,15}){0,31},?)?)\), ?\}\s*"
)


class BodyError(ProgramError):
    """A program was refused; ``place`` says which part of the body, as ``pubs[3]``."""

    def __init__(self, kind: str, message: str, place: str = "params") -> None:
        super().__init__(kind, f"{place}: {message}")
        self.place = place

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return BodyError, (self.kind, self.message.removeprefix(f"{self.place}: "), self.place)


@contextmanager
def at(place: str) -> Iterator[None]:
    """Errors of the block name ``place``, unless they name one already."""
    try:
        yield
    except BodyError:
        raise
    except ProgramError as error:
        raise BodyError(error.kind, str(error), place) from None
    except ObservableError as error:
        raise BodyError("parse", str(error), place) from None


def parse(message: str) -> NoReturn:
    """Refuse what is malformed."""
    raise ProgramError("parse", message)


def too_large(message: str) -> NoReturn:
    """Refuse what is too large."""
    raise ProgramError("limit-size", message)


def tree(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``. Raises BodyError ``parse`` or ``limit-size``."""
    with at("params"):
        objects = data.count(b"{")
        if objects > MAX_OBJECTS or data.count(b",") + data.count(b"[") + objects > MAX_VALUES:
            too_large(f"more than {MAX_VALUES} values or {MAX_OBJECTS} objects")
        try:
            found = json.loads(data.decode())
        except RecursionError:
            too_large("the JSON is nested too deeply")
        except ValueError as error:
            parse(f"this is no JSON: {error}")
        return mapping(found, "params")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """``value``, which must be an object."""
    if not isinstance(value, dict):
        parse(f"{what} must be an object, not {_kind(value)}")
    return value


def sequence(value: Any, what: str, most: int) -> list[Any]:
    """``value``, which must be a list of at most ``most`` items."""
    if not isinstance(value, list):
        parse(f"{what} must be a list, not {_kind(value)}")
    if len(value) > most:
        too_large(f"{len(value)} {what}; at most {most}")
    return value


def whole(value: Any, what: str, low: int, high: int) -> int:
    """``value``, which must be a whole number from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        parse(f"{what} must be a whole number from {low} to {high}, not {_shown(value)}")
    return value


def real(value: Any, what: str, low: float, high: float) -> float:
    """``value``, which must be a number from ``low`` to ``high``."""
    if type(value) not in (int, float) or not low <= value <= high:
        parse(f"{what} must be a number from {low:g} to {high:g}, not {_shown(value)}")
    return float(value)


def flag(value: Any, what: str) -> bool:
    """``value``, which must be true or false."""
    if not isinstance(value, bool):
        parse(f"{what} must be true or false, not {_shown(value)}")
    return value


def typed(value: Any, kind: str) -> Any:
    """The contents of ``{"__type__": kind, "__value__": contents}``."""
    if not isinstance(value, dict) or value.get("__type__") != kind:
        parse(f"a {kind} was expected, not {_kind(value)}")
    if set(value) != {"__type__", "__value__"}:
        parse(f"a {kind} has __type__ and __value__ and nothing else")
    return value["__value__"]


def _kind(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("__type__"), str):
        return f"a {value['__type__'][:40]!r}"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "null" if value is None else names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return f"{value!r:.40}" if isinstance(value, int | float | str) else _kind(value)


class Inflater:
    """Opens compressed parts of one body; ``left`` bytes may still come out."""

    def __init__(self, budget: int = INFLATED) -> None:
        self.left = budget

    def plain(self, text: Any) -> bytes:
        """The bytes that ``text`` holds in base64."""
        if not isinstance(text, str):
            parse(f"base64 text was expected, not {_kind(text)}")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:
            parse(f"this is no base64: {error}")

    def inflate(self, text: Any) -> bytes:
        """The bytes that ``text`` holds in base64 of zlib."""
        stream = zlib.decompressobj()
        try:
            found = stream.decompress(self.plain(text), self.left + 1)
        except zlib.error as error:
            parse(f"this is no zlib stream: {error}")
        if len(found) > self.left:
            too_large(f"the parts of this body inflate to more than {INFLATED >> 20} MiB")
        if not stream.eof or stream.unused_data:
            parse("a zlib stream ends early or late")
        self.left -= len(found)
        return found

    def array(self, value: Any) -> NDArray[np.float64]:
        """Real numbers, all finite: a typed ndarray (.npy), or plain nested lists."""
        if isinstance(value, dict):
            found = _npy(self.inflate(typed(value, "ndarray")))
        else:
            found = _listed(value)
        if not np.isfinite(found).all():
            parse("an array holds a number that is not finite")
        return found


def _npy(data: bytes) -> NDArray[np.float64]:
    """A .npy file of plain numbers, checked before NumPy takes memory for it."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12 or data[6] not in (1, 2, 3):
        parse("an array without NumPy's header")
    start = 10 if data[6] == 1 else 12
    end = start + int.from_bytes(data[8:start], "little")
    header = _NPY.fullmatch(data[start:end])
    if header is None:
        parse("an array's header is not that of plain real numbers")
    order, kind, size, fortran, dims = header.groups()
    dtype = f"{order.decode()}{kind.decode()}{size.decode()}"
    if dtype == "<f1" or (kind == b"b" and size != b"1"):
        parse(f"an array of {dtype}")
    shape = shape_of([int(n) for n in dims.split(b",") if n.strip()])
    if math.prod(shape) * int(size) != len(data) - end:
        parse("an array's shape is not that of its data")
    flat = np.frombuffer(data[end:], dtype)
    found = flat.reshape(shape, order="F" if fortran == b"True" else "C")
    return found.astype(np.float64)


def shape_of(dims: Sequence[Any]) -> tuple[int, ...]:
    """A shape of at most 16 dimensions, each a whole number from 0."""
    if len(dims) > MAX_DIMENSIONS:
        too_large(f"an array of {len(dims)} dimensions; at most {MAX_DIMENSIONS}")
    return tuple(whole(n, "a dimension", 0, 1 << 40) for n in dims)


def _listed(value: Any) -> NDArray[np.float64]:
    """Nested lists of numbers, all as long as their neighbours."""
    shape, inner = list[int](), value
    while isinstance(inner, list) and len(shape) <= MAX_DIMENSIONS:
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if not isinstance(value, list):
        parse(f"an array was expected, not {_kind(value)}")
    flat = value
    for size in shape_of(shape)[1:]:
        if not all(isinstance(row, list) and len(row) == size for row in flat):
            parse("the rows of an array differ in length")
        flat = [x for row in flat for x in row]
    if not all(type(x) in (int, float) for x in flat):
        parse("an array holds something that is no number")
    try:
        return np.array(flat, np.float64).reshape(shape)
    except OverflowError:
        parse("an array holds a number that is not finite")
