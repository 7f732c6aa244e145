"""Circuits as bytes: how a checked circuit leaves the child that opened the program.

A message is a JSON header followed by raw little-endian arrays. There is no pickle, and the
reader checks everything, because the writer may have been taken over by a stranger's program.

Layout: ``MKZ1``, header length (uint32), header, then each array, every part padded to a
multiple of 8 bytes. The header is ``{"header": …, "arrays": [[dtype, shape], …]}``.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit, Expr, Register
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.validate import EXPR_DEPTH, InvalidCircuitError, pool_limit, validate

Buffer = bytes | bytearray | memoryview

MAGIC: Final = b"MKZ1"
HEADER_BYTES: Final = 32 << 20  # JSON grows some 20-fold in memory, hence a limit of its own
_PREFIX: Final = struct.Struct("<4sI")
_DTYPES: Final = {
    name: np.dtype(name) for name in ("|u1", "|i1", "<i4", "<i8", "<u4", "<u8", "<f8", "<c16")
}


class WireError(ValueError):
    """Bytes that are not a well-formed message, or contents that cannot be written as one."""


def pack(header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> bytes:
    """One message as bytes; see ``pack_parts``."""
    return b"".join(pack_parts(header, arrays))


def pack_parts(header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> list[Buffer]:
    """One message as a list of buffers, without copying the arrays.

    Raises WireError if the header is no finite JSON or too large, or a dtype is not plain.
    """
    plain = [_little_endian(a) for a in arrays]
    shapes = [[a.dtype.str, list(a.shape)] for a in plain]
    try:
        text = json.dumps({"header": header, "arrays": shapes}, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"the header cannot be written: {error}") from error
    if len(text) > HEADER_BYTES:
        raise WireError(f"the header has {len(text)} bytes, more than {HEADER_BYTES}")
    parts: list[Buffer] = [_PREFIX.pack(MAGIC, len(text)), text, _padding(len(text))]
    for a in plain:
        if a.size:
            parts += [a.data.cast("B"), _padding(a.nbytes)]
    return parts


def _little_endian(a: NDArray[Any]) -> NDArray[Any]:
    """``a`` contiguous and little-endian, of one of the plain dtypes."""
    plain = np.ascontiguousarray(a, a.dtype.newbyteorder("<"))
    if plain.dtype.str not in _DTYPES:
        raise WireError(f"arrays of {a.dtype} are not sent")
    return plain


def _padding(size: int) -> bytes:
    return bytes(-size % 8)


def unpack(data: Buffer, max_bytes: int) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Header and arrays of a message; the arrays are views of ``data``.

    Raises WireError for more than ``max_bytes`` bytes, and for anything but exactly one
    message of plain dtypes and non-negative shapes.
    """
    view = memoryview(data)
    if len(view) > max_bytes:
        raise WireError(f"{len(view)} bytes, more than the {max_bytes} allowed")
    body, offset = _header(view)
    header, shapes = body.get("header"), body.get("arrays")
    if not isinstance(header, dict) or not isinstance(shapes, list):
        raise WireError("the header lacks its parts")
    arrays = []
    for entry in shapes:
        dtype, shape = _array_type(entry)
        a = _array(view, offset, dtype, shape)
        arrays.append(a)
        offset += a.nbytes + -a.nbytes % 8
    if offset != len(view):
        raise WireError("the length differs from what the header says")
    return header, arrays


def _header(view: memoryview) -> tuple[dict[str, Any], int]:
    """The JSON object and the offset behind it."""
    if len(view) < _PREFIX.size:
        raise WireError("too short")
    magic, size = _PREFIX.unpack_from(view)
    end = _PREFIX.size + size
    if magic != MAGIC or size > HEADER_BYTES or end > len(view):
        raise WireError("no message")
    try:
        body = json.loads(bytes(view[_PREFIX.size : end]))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise WireError("the header is not an object")
    return body, end + -size % 8


def _array_type(entry: object) -> tuple[np.dtype[Any], list[int]]:
    if type(entry) is list and len(entry) == 2:
        name, shape = entry
        dtype = _DTYPES.get(name) if type(name) is str else None
        if dtype is not None and type(shape) is list and _is_shape(shape):
            return dtype, shape
    raise WireError("an array of unknown dtype or shape")


def _is_shape(shape: list[Any]) -> bool:
    for n in shape:  # a loop, because it runs several times for every job
        if type(n) is not int or not 0 <= n < 1 << 31:
            return False
    return len(shape) <= 4


def _array(view: memoryview, offset: int, dtype: np.dtype[Any], shape: list[int]) -> NDArray[Any]:
    count = math.prod(shape)
    if offset + count * dtype.itemsize > len(view):
        raise WireError("an array is longer than the message")
    if count == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(view, dtype, count, offset).reshape(shape)


def encode(circuit: Circuit) -> bytes:
    """The circuit as one message; raises WireError if it cannot be written."""
    return b"".join(encode_parts(circuit))


def encode_parts(circuit: Circuit) -> list[Buffer]:
    """The circuit as buffers, without copying its arrays; see ``encode``."""
    table = _ExprTable()
    exprs = [table.index(e) for e in circuit.exprs]
    symbolic = [(i, slot, table.index(e)) for i, slot, e in circuit.symbolic]
    header = {
        "qubits": circuit.num_qubits,
        "clbits": circuit.num_clbits,
        "qregs": [_register_row(r) for r in circuit.qregs],
        "cregs": [_register_row(r) for r in circuit.cregs],
        "parameters": list(circuit.parameters),
        "exprs": table.rows,
        "phase": float(circuit.global_phase),
        "measured": circuit.measured,
    }
    arrays: list[NDArray[Any]] = [circuit.op, circuit.qubits, circuit.params, circuit.aux]
    arrays += [circuit.pool, np.array(exprs, np.int32)]
    arrays.append(np.array(symbolic, np.int32).reshape(-1, 3))
    return pack_parts(header, arrays)


class _ExprTable:
    """Distinct expressions; loops that were unrolled repeat the same ones."""

    def __init__(self) -> None:
        self.rows: list[Expr] = []
        self._index: dict[str, int] = {}

    def index(self, expr: Expr) -> int:
        """Row of ``expr``. The key is its text, since 1 == 1.0 == True as tuples."""
        try:
            key = json.dumps(expr, allow_nan=False)
        except (ValueError, TypeError, RecursionError) as error:
            raise WireError(f"an expression cannot be written: {error}") from error
        found = self._index.setdefault(key, len(self.rows))
        if found == len(self.rows):
            self.rows.append(expr)
        return found


def _register_row(r: Register) -> list[str | int | bool]:
    return [r.name, r.size, r.offset, r.hidden]


def decode(data: Buffer, limits: Limits = DEFAULT, max_bytes: int | None = None) -> Circuit:
    """The circuit in a message, checked as a stranger's; its arrays are views of ``data``.

    Raises WireError when the message or the circuit in it is malformed or beyond ``limits``.
    """
    header, arrays = unpack(data, max_bytes or message_limit(limits))
    wanted = [("|u1", 1), ("<i4", 2), ("<f8", 2), ("<i4", 1), ("<i4", 1), ("<i4", 1), ("<i4", 2)]
    if [(a.dtype.str, a.ndim) for a in arrays] != wanted:
        raise WireError("not the arrays of a circuit")
    try:
        circuit = _circuit(header, arrays)
        validate(circuit, limits)
    except InvalidCircuitError as error:
        raise WireError(str(error)) from error
    except RecursionError:
        raise WireError("an expression is nested too deeply") from None
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise WireError(f"not the header of a circuit: {error!r}") from error
    return circuit


def message_limit(limits: Limits) -> int:
    """Bytes that the largest circuit within ``limits`` can take as a message."""
    per_gate = 1 + 12 + 32 + 4 + 12 + 12
    return HEADER_BYTES + per_gate * limits.gates + 4 * pool_limit(limits) + 1024


def _circuit(header: dict[str, Any], arrays: list[NDArray[Any]]) -> Circuit:
    op, qubits, params, aux, pool, exprs, symbolic = arrays
    table = [_tuples(e, EXPR_DEPTH) for e in header["exprs"]]
    if exprs.size and (exprs.min() < 0 or symbolic.shape[1] != 3):
        raise WireError("an expression index is negative")
    if symbolic.size and symbolic.min() < 0:
        raise WireError("a parameter index is negative")
    return Circuit(
        header["qubits"],
        header["clbits"],
        op,
        qubits,
        params,
        aux,
        pool,
        tuple(table[i] for i in exprs.tolist()),
        _registers(header["qregs"]),
        _registers(header["cregs"]),
        tuple(header["parameters"]),
        tuple((i, slot, table[e]) for i, slot, e in symbolic.tolist()),
        header["phase"],
        header["measured"],
    )


def _registers(rows: Iterable[list[Any]]) -> tuple[Register, ...]:
    return tuple(Register(name, size, offset, hidden) for name, size, offset, hidden in rows)


def _tuples(expr: object, depth: int) -> Expr:
    """JSON lists back to nested tuples."""
    if depth == 0:
        raise WireError(f"an expression nests deeper than {EXPR_DEPTH}")
    if not isinstance(expr, list):
        raise WireError("an expression is not a list")
    items: list[Expr | str | int | float] = []
    for e in expr:  # one frame a level, which a comprehension would double
        items.append(_tuples(e, depth - 1) if isinstance(e, list) else e)
    return tuple(items)
