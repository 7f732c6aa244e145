"""Tensors as the program executor takes and gives them: base64 of little-endian values in
C order, truth values packed eight to a byte from the lowest bit, compressed or not."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.runtime import encoding
from markaz.quantum.runtime.body import Inflater, mapping, parse, shape_of

# version of the executor's schema -> whether its tensors and circuits are compressed
SCHEMAS: Final = {"v1.0": False, "v1.1": False, "v2.0": True}
_DTYPES: Final = {
    **{f"f{8 * n}": f"<f{n}" for n in (2, 4, 8)},
    **{f"i{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
    **{f"u{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
    **{f"c{8 * n}": f"<c{n}" for n in (8, 16)},
    "bool": "|b1",
}
_NAMES: Final = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def tensor(value: Any, inflater: Inflater, *, compressed: bool) -> NDArray[Any]:
    """The array of a tensor, checked before it is built. Raises ProgramError."""
    given = mapping(value, "a tensor")
    if set(given) != {"data", "shape", "dtype"} or not isinstance(given["shape"], list):
        parse("a tensor has data, shape and dtype and nothing else")
    name, shape = given["dtype"], shape_of(given["shape"])
    if not isinstance(name, str) or name not in _DTYPES:
        parse(f"tensors of {name!r:.20} are not read")
    data = inflater.inflate(given["data"]) if compressed else inflater.plain(given["data"])
    count = math.prod(shape)
    dtype = np.dtype(_DTYPES[name])
    if len(data) != (-(-count // 8) if name == "bool" else count * dtype.itemsize):
        parse("a tensor's shape is not that of its data")
    if name == "bool":
        bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little")
        return bits.astype(np.bool_).reshape(shape)
    found = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind in "fc" and not np.isfinite(found).all():
        parse("a tensor holds a number that is not finite")
    return found


def encoded(values: NDArray[Any], *, compressed: bool) -> dict[str, Any]:
    """An array as a tensor."""
    shape = list(values.shape)
    if values.dtype.kind == "b":
        return of_bits(np.packbits(values, bitorder="little"), shape, compressed=compressed)
    name = _NAMES[values.dtype]
    data = np.ascontiguousarray(values, _DTYPES[name]).tobytes()
    return {"data": _text(data, compressed), "shape": shape, "dtype": name}


def of_bits(packed: NDArray[np.uint8], shape: Sequence[int], *, compressed: bool) -> dict[str, Any]:
    """Truth values that are packed already."""
    return {"data": _text(packed.tobytes(), compressed), "shape": list(shape), "dtype": "bool"}


def _text(data: bytes, compressed: bool) -> str:
    return encoding.text_of(data) if compressed else base64.b64encode(data).decode("ascii")
