"""Bodies for the runtime client's programs, and a decoder of results for tests."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("golden") / "runtime"
CLIENTS = ("0_49", "0_51")


def golden(name: str, client: str) -> bytes:
    """A body that a real client wrote (``golden/runtime/make.py``)."""
    return (GOLDEN / f"{name}_{client}.json").read_bytes()


def typed(kind: str, value: Any) -> dict[str, Any]:
    return {"__type__": kind, "__value__": value}


def squeezed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def qpy(*circuits: Any, version: int = 17) -> bytes:
    from qiskit import qpy as format_

    file = io.BytesIO()
    format_.dump(list(circuits), file, version=version)
    return file.getvalue()


def circuit(found: Any, version: int = 17) -> dict[str, Any]:
    """A typed circuit: of Qiskit's, or of QPY bytes."""
    return typed(
        "QuantumCircuit",
        squeezed(found if isinstance(found, bytes) else qpy(found, version=version)),
    )


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(values), allow_pickle=False)
    return file.getvalue()


def array(values: Any) -> dict[str, Any]:
    return typed("ndarray", squeezed(npy(values)))


def tensor(values: Any) -> dict[str, Any]:
    found = np.asarray(values)
    if found.dtype == np.bool_:
        data, name = np.packbits(found, bitorder="little").tobytes(), "bool"
    else:
        data, name = found.tobytes(), f"{found.dtype.kind}{8 * found.dtype.itemsize}"
    return {"data": squeezed(data), "shape": list(found.shape), "dtype": name}


def body(*pubs: Any, options: Any = None, **more: Any) -> bytes:
    """``params`` of a sampler or estimator."""
    params = {"pubs": list(pubs), "options": options or {}, "version": 2, **more}
    return json.dumps(params).encode()


def program(items: list[Any], qpy_file: bytes, **more: Any) -> bytes:
    """``params`` of the executor, version 2.0; circuits as QPY."""
    found = {"shots": 10, "circuits": {"b64_data": squeezed(qpy_file)}, "items": items, **more}
    return json.dumps({"schema_version": "v2.0", "quantum_program": found, "options": {}}).encode()


def plain(value: Any) -> Any:
    """A result as the client decodes it: typed values as Python's and NumPy's."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"data", "shape", "dtype"}:
        return _tensor(value)
    if "__type__" not in value:
        return {key: plain(one) for key, one in value.items()}
    inner = value["__value__"]
    if value["__type__"] == "ndarray":
        data = zlib.decompress(base64.b64decode(inner))
        return np.load(io.BytesIO(data), allow_pickle=False)
    return plain(inner)


def _tensor(value: dict[str, Any]) -> Any:
    data = zlib.decompress(base64.b64decode(value["data"]))
    shape = tuple(value["shape"])
    if value["dtype"] != "bool":
        kind, size = value["dtype"][0], int(value["dtype"][1:]) // 8
        return np.frombuffer(data, f"<{kind}{size}").reshape(shape)
    count = int(np.prod(shape))
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
    return bits.astype(bool).reshape(shape)


def numbers(rows: Any) -> Any:
    """Outcomes (…, shots) as numbers, from packed big-endian bytes (…, shots, bytes)."""
    weights = 256 ** np.arange(rows.shape[-1])[::-1]
    return rows.astype(np.int64) @ weights
