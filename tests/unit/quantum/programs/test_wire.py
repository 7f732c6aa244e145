"""Circuits as bytes: exact round trips, and no damaged message gets through."""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.wire import WireError, decode, encode, pack, pack_parts, unpack

MANY = 1 << 20


def everything() -> Circuit:
    """A circuit that uses every field."""
    b = Builder()
    b.qreg("q", 3)
    b.qreg("other", 2)
    c = b.creg("c", 3)
    v = b.creg("v", 4, hidden=True)
    b.gate(Op.H, [0])
    b.gate(Op.U, [1], [0.1, -0.2, float("nan")])
    b.symbolic.append((1, 2, ("mul", ("const", 2.0), ("param", "θ"))))
    b.gate(Op.MCX, [0, 1, 2, 3])
    b.gate(Op.MCP, [4, 0], [0.5])
    b.barrier([0, 1, 2, 3, 4])
    b.measure(0, c.offset)
    b.control(Op.IF, ("eq", ("bits", 0, 3), ("const", 1)))
    b.assign(v.offset, 4, ("cast", ("add", ("bits", 3, 4), ("const", 1)), 4))
    b.control(Op.ELSE)
    b.control(Op.WHILE, ("not", ("bits", 0, 1)))
    b.reset(0)
    b.control(Op.BREAK)
    b.control(Op.CONTINUE)
    b.control(Op.END)
    b.control(Op.END)
    b.parameters += ["θ", "unused"]
    b.global_phase = -0.25
    b.measured = "implicit"
    return b.build()


def assert_same(a: Circuit, b: Circuit) -> None:
    """Every field equal, arrays bit for bit, constants with their types."""
    for f in fields(Circuit):
        x, y = getattr(a, f.name), getattr(b, f.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype
            assert x.shape == y.shape
            assert x.tobytes() == y.tobytes()
        else:
            assert repr(x) == repr(y), f.name


def test_round_trip_keeps_every_field() -> None:
    assert_same(decode(encode(everything())), everything())


def test_round_trip_of_an_empty_circuit() -> None:
    assert_same(decode(encode(Builder().build())), Builder().build())


def test_equal_constants_of_different_types_stay_apart() -> None:
    b = Builder(num_clbits=2)
    values: list[Any] = [1, True, 0, False]
    for value in values:
        b.assign(0, 1, ("const", value))
    assert [repr(e[1]) for e in decode(encode(b.build())).exprs] == ["1", "True", "0", "False"]


def test_repeated_expressions_are_sent_once() -> None:
    b = Builder(num_clbits=1)
    for _ in range(1000):
        b.assign(0, 1, ("bits", 0, 1))
    header, _ = unpack(encode(b.build()), MANY)
    assert header["exprs"] == [["bits", 0, 1]]


def test_a_message_takes_less_than_a_microsecond_a_gate() -> None:
    """By its size: nothing in encoding or decoding walks over gates."""
    n = 100_000
    zeros, minus = np.zeros(n, np.int32), np.full((n, 3), -1, np.int32)
    minus[:, 0] = 0
    c = Circuit(
        1, 0, np.ones(n, np.uint8), minus, np.zeros((n, 4)), zeros - 1, np.zeros(0, np.int32)
    )
    parts = pack_parts({}, [c.op, c.qubits, c.params, c.aux])
    assert len(parts) == 3 + 2 * 4
    assert len(encode(c)) < 50 * n + 1000
    assert_same(decode(encode(c)), c)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["|u1", "<i4", "<i8", "<f8", "<c16", ">f8"]),
            st.lists(st.integers(0, 4), min_size=1, max_size=3),
        ),
        max_size=4,
    ),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)
def test_pack_and_unpack_are_inverse(
    arrays: list[tuple[str, list[int]]], header: dict[str, Any]
) -> None:
    given_ = [np.arange(np.prod(s)).reshape(s).astype(d) for d, s in arrays]
    back, got = unpack(pack(header, given_), MANY)
    assert back == header
    assert len(got) == len(given_)
    for a, b in zip(given_, got, strict=True):
        assert b.dtype == a.dtype.newbyteorder("<")
        np.testing.assert_array_equal(a, b)


@given(st.data())
def test_damaged_messages_are_refused_or_still_circuits(data: st.DataObject) -> None:
    message = bytearray(encode(everything()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at] = data.draw(st.integers(0, 255))
    try:
        circuit = decode(bytes(message))
    except WireError:
        return
    assert_same(decode(encode(circuit)), circuit)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100])
def test_a_message_cut_short_is_refused(size: int) -> None:
    with pytest.raises(WireError):
        decode(encode(everything())[:size])


@pytest.mark.parametrize("size", [1, 8, 1000])
def test_a_message_with_something_behind_is_refused(size: int) -> None:
    with pytest.raises(WireError, match="length differs"):
        unpack(pack({}, []) + bytes(size), MANY)


def test_more_bytes_than_allowed_are_refused() -> None:
    with pytest.raises(WireError, match="more than the 10 allowed"):
        unpack(pack({}, []), 10)


def _raw(body: object, payload: bytes = b"") -> bytes:
    text = json.dumps(body).encode() if not isinstance(body, bytes) else body
    return struct.pack("<4sI", b"MKZ1", len(text)) + text + bytes(-len(text) % 8) + payload


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"header": {}, "arrays": 1' + b"0" * 5000 + b"}",
        [],
        {},
        {"header": [], "arrays": []},
        {"header": {}, "arrays": {}},
        {"header": {}, "arrays": [["|O", [1]]]},
        {"header": {}, "arrays": [["<U4", [1]]]},
        {"header": {}, "arrays": [["<f8", [-1]]]},
        {"header": {}, "arrays": [["<f8", [1.5]]]},
        {"header": {}, "arrays": [["<f8", [True]]]},
        {"header": {}, "arrays": [["<f8", [1 << 62, 1 << 62]]]},
        {"header": {}, "arrays": [["<f8", [2_000_000_000, 2_000_000_000]]]},
        {"header": {}, "arrays": [["<f8", [1] * 40]]},
        {"header": {}, "arrays": [["<f8"]]},
        {"header": {}, "arrays": ["<f8"]},
        {"header": {}, "arrays": [["<f8", [1]]]},
    ],
    ids=lambda b: str(b)[:40],
)
def test_forged_frames_are_refused(body: object) -> None:
    with pytest.raises(WireError):
        unpack(_raw(body), MANY)


def test_a_header_that_is_too_large_is_refused_both_ways() -> None:
    with pytest.raises(WireError, match="more than"):
        pack({"x": "a" * (40 << 20)}, [])
    with pytest.raises(WireError):
        unpack(struct.pack("<4sI", b"MKZ1", 40 << 20) + bytes(40 << 20), 64 << 20)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_headers_hold_finite_json_only(value: object) -> None:
    with pytest.raises(WireError, match="cannot be written"):
        pack({"x": value}, [])


def test_object_arrays_are_not_sent() -> None:
    with pytest.raises(WireError, match="not sent"):
        pack({}, [np.array([{}], object)])


def test_expressions_nested_too_deeply_are_refused_both_ways() -> None:
    expr: Any = ("bits", 0, 1)
    for _ in range(600):
        expr = ("not", expr)
    b = Builder(num_clbits=1)
    b.assign(0, 1, expr)
    circuit = b.build()
    try:
        message = encode(circuit)
    except WireError:
        return
    with pytest.raises(WireError, match="500"):
        decode(message)


def _change(**changes: Any) -> bytes:
    """The message of ``everything`` with fields of its header replaced."""
    header, arrays = unpack(encode(everything()), MANY)
    return pack(header | changes, arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"qubits": -1},
        {"qubits": "3"},
        {"qubits": True},
        {"qubits": 4},
        {"qubits": 10**9},
        {"clbits": 6},
        {"clbits": 10**9},
        {"clbits": None},
        {"qregs": [["q", 3]]},
        {"qregs": [["q", 3, 3, False]]},
        {"qregs": [[1, 3, 0, False]]},
        {"qregs": [["q", 3, -1, False]]},
        {"qregs": 5},
        {"cregs": [["a", 2, 0, False], ["b", 2, 1, False]]},
        {"cregs": [["a", 2, 0, False], ["a", 2, 2, False]]},
        {"parameters": ["θ", "θ"]},
        {"parameters": ["other"]},
        {"parameters": [1]},
        {"phase": "0"},
        {"phase": 1},
        {"measured": "maybe"},
        {"exprs": []},
        {"exprs": [["bits", 0, 3]]},
        {"exprs": "abc"},
        {"exprs": [["system", ["const", 1]]] * 4},
    ],
    ids=str,
)
def test_forged_headers_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        decode(_change(**changes))


def test_missing_fields_are_refused() -> None:
    header, arrays = unpack(encode(everything()), MANY)
    for name in header:
        with pytest.raises(WireError):
            decode(pack({k: v for k, v in header.items() if k != name}, arrays))
    for k in range(len(arrays)):
        with pytest.raises(WireError):
            decode(pack(header, arrays[:k] + arrays[k + 1 :]))


def test_limits_hold_for_what_is_decoded() -> None:
    message = encode(everything())
    for limits in (Limits(qubits=4), Limits(clbits=6), Limits(gates=5), Limits(nesting=1)):
        with pytest.raises(WireError):
            decode(message, limits)
    assert decode(message, DEFAULT).num_qubits == 5
