"""Results as the runtime client decodes them: typed JSON values."""

from __future__ import annotations

import base64
import io
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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


@dataclass(frozen=True, slots=True)
class Span:
    """When all outcomes of a pub were gained: an array of ``shape``, the last axis its shots;
    ``start`` and ``stop`` in seconds since 1970, UTC. What else there was to do may be in it."""

    shape: tuple[int, ...]
    start: float
    stop: float


def execution_spans(spans: Sequence[Span]) -> dict[str, Any]:
    """When the outcomes of each pub of a sampler were gained."""
    return _typed("ExecutionSpans", {"spans": [_span(k, one) for k, one in enumerate(spans)]})


def _span(pub: int, span: Span) -> dict[str, Any]:
    shape = list(span.shape)
    slices = {str(pub): [shape, 0, math.prod(shape[:-1]), 0, shape[-1]]}
    times = (("start", span.start), ("stop", span.stop))
    spent = {name: _typed("datetime", iso(at)) for name, at in times}
    return _typed("DoubleSliceSpan", {**spent, "data_slices": slices})


def chunk_timing(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """The same for each item of an executor, in that program's words."""
    return [
        {"start": iso(one.start), "stop": iso(one.stop), "parts": [_part(number, one.shape[:-1])]}
        for number, one in enumerate(spans)
    ]


def _part(item: int, shape: tuple[int, ...]) -> dict[str, Any]:
    size = math.prod(shape)
    order = list(range(len(shape)))
    return {"idx_item": item, "size": size, "permutation": order, "element_range": [0, size, 1]}


def iso(at: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def _typed(kind: str, value: Any) -> dict[str, Any]:
    return {"__type__": kind, "__value__": value}


def line(document: Mapping[str, Any]) -> bytes:
    """Compact JSON on one line."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
