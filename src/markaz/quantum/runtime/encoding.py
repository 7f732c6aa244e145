"""Results as the runtime client decodes them: typed JSON values."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 1  # outcomes are random: more effort makes them hardly smaller


def ndarray(values: NDArray[Any]) -> dict[str, Any]:
    """An array: base64 of zlib of a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version=(1, 0), allow_pickle=False)
    return _typed("ndarray", text_of(file.getbuffer()))


def text_of(data: bytes | memoryview) -> str:
    """Base64 of zlib of ``data``."""
    return base64.b64encode(zlib.compress(data, LEVEL)).decode("ascii")


def bit_array(rows: NDArray[np.uint8], bits: int) -> dict[str, Any]:
    """Outcomes of a register of ``bits`` bits, packed: uint8 (…, shots, bytes)."""
    return _typed("BitArray", {"num_bits": bits, "array": ndarray(rows)})


def data_bin(shape: Sequence[int], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Named results of one pub."""
    contents = {"field_names": list(fields), "shape": list(shape), "fields": dict(fields)}
    return _typed("DataBin", contents)


def pub_result(kind: str, data: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one pub; ``kind`` is PubResult or SamplerPubResult."""
    return _typed(kind, {"data": data, "metadata": dict(metadata)})


def primitive_result(results: Sequence[Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a job."""
    contents = {"pub_results": list(results), "metadata": dict(metadata)}
    return _typed("PrimitiveResult", contents)


def _typed(kind: str, value: Any) -> dict[str, Any]:
    return {"__type__": kind, "__value__": value}


def line(document: Mapping[str, Any]) -> bytes:
    """Compact JSON on one line."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
