"""The bounded decoder: what it takes, and how it refuses."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from typing import Any

import numpy as np
import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import body as module
from markaz.quantum.runtime.body import BodyError, Inflater, tree
from tests.runtime_tools import array, npy, squeezed, tensor, typed


@pytest.mark.parametrize(
    "values",
    [
        np.float64(3.5),
        np.array([]),
        np.zeros((0, 3)),
        np.arange(6.0).reshape(2, 3),
        np.arange(6, dtype=np.int32),
        np.array([True, False]),
        np.asfortranarray(np.eye(3)[:2]),
        np.arange(4, dtype=np.uint8),
        np.arange(2, dtype=np.float32),
        np.zeros((2, 0, 3)),
    ],
)
def test_arrays_of_numpy_are_read(values: Any) -> None:
    found = Inflater().array(array(values))
    assert found.dtype == np.float64
    assert found.shape == np.shape(values)
    assert np.array_equal(found, np.asarray(values, float))


@pytest.mark.parametrize("values", [[], [1, 2.5], [[1, 2], [3, 4]], [[]], [[[0.5]]]])
def test_plain_lists_are_arrays_too(values: Any) -> None:
    found = Inflater().array(values)
    assert np.array_equal(found, np.array(values, float))
    assert found.shape == np.array(values, float).shape


def _header(text: str, data: bytes = b"") -> dict[str, Any]:
    raw = text.encode() + b"\n"
    return typed(
        "ndarray", squeezed(b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + data)
    )


def _npy_of(dtype: str, shape: str, data: bytes = b"") -> dict[str, Any]:
    return _header(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}", data)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "array was expected"),
        ("x", "array was expected"),
        ([[1], [2, 3]], "differ in length"),
        ([1, "2"], "no number"),
        ([1, True], "no number"),
        ([1, float("nan")], "not finite"),
        ([10**400], "not finite"),
        (typed("BindingsArray", {}), "a ndarray was expected, not a 'BindingsArray'"),
        ({**typed("ndarray", ""), "__module__": "os"}, "nothing else"),
        (typed("ndarray", 5), "base64 text was expected"),
        (typed("ndarray", "????"), "no base64"),
        (typed("ndarray", "AAAA"), "no zlib"),
        (typed("ndarray", squeezed(b"PK")), "NumPy's header"),
        (
            typed("ndarray", base64.b64encode(zlib.compress(npy([1.0])) + b"x").decode()),
            "ends early or late",
        ),
        (
            typed("ndarray", base64.b64encode(zlib.compress(npy([1.0]))[:-2]).decode()),
            "ends early or late",
        ),
        (_npy_of("|O", "(1,)", pickle.dumps([print])), "header"),
        (_npy_of("<U4", "(1,)", b"\0" * 16), "header"),
        (_npy_of("<c16", "(1,)", b"\0" * 16), "header"),
        (_npy_of("<f8", "(2,)", b"\0" * 8), "shape"),
        (_npy_of("<f8", "(1000000000,)", b"\0" * 8), "shape"),
        (_npy_of("<f8", "(-1,)", b"\0" * 8), "header"),
        (_npy_of("<f8", "(1 0,)", b"\0" * 80), "header"),
        (_npy_of("<f8", "(1,) + __import__('os').system('x')"), "header"),
        (_npy_of("<b8", "(1,)", b"\0" * 8), "an array of <b8"),
        (_npy_of("<f1", "(8,)", b"\0" * 8), "an array of <f1"),
        (_npy_of("<f8", "(" + "1," * 17 + ")", b"\0" * 8), "dimensions"),
        (_npy_of("<f8", "(0, 99999999999999)"), "a dimension"),
        (array([np.inf]), "not finite"),
    ],
)
def test_what_is_no_array_is_refused(value: Any, says: str) -> None:
    with pytest.raises(ProgramError, match=says):
        Inflater().array(value)


def test_inflating_stops_at_the_budget() -> None:
    inflater = Inflater(1000)
    assert inflater.inflate(squeezed(bytes(900))) == bytes(900)
    assert inflater.left == 100
    with pytest.raises(ProgramError, match="inflate") as caught:
        inflater.inflate(squeezed(bytes(10**7)))
    assert caught.value.kind == "limit-size"
    assert inflater.inflate(squeezed(bytes(100))) == bytes(100)


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", "parse", "no JSON"),
        (b"\xff\xfe{\0", "parse", "no JSON"),
        (b"[]", "parse", "must be an object, not a list"),
        (b"[" * 10_000, "limit-size", "nested too deeply"),
        (b'{"a":' * 10_000, "limit-size", "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "parse", "no JSON"),
        (b"{" + b"{" * module.MAX_OBJECTS, "limit-size", "objects"),
        (b"[" + b"," * module.MAX_VALUES, "limit-size", "values"),
    ],
)
def test_json_is_bounded(data: bytes, kind: str, says: str) -> None:
    with pytest.raises(BodyError, match=says) as caught:
        tree(data)
    assert (caught.value.kind, caught.value.place) == (kind, "params")


def test_an_error_says_where_and_survives_a_pickle() -> None:
    with pytest.raises(BodyError) as caught, module.at("outer"), module.at("pubs[3]"):
        module.parse("no good")
    error = pickle.loads(pickle.dumps(caught.value))
    for found in (caught.value, error):
        assert (found.kind, found.place, str(found)) == ("parse", "pubs[3]", "pubs[3]: no good")


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6.0).reshape(2, 3),
        np.array([True] * 11),
        np.arange(5, dtype=np.uint16),
        np.array([1 + 2j]),
        np.zeros((0, 4), bool),
        np.float32(2.5),
    ],
)
def test_tensors_are_read_and_written(values: Any) -> None:
    from markaz.quantum.runtime import tensors

    for compressed in (True, False):
        written = tensors.encoded(np.asarray(values), compressed=compressed)
        found = tensors.tensor(json.loads(json.dumps(written)), Inflater(), compressed=compressed)
        assert found.dtype == np.asarray(values).dtype
        assert np.array_equal(found, values)
    assert np.array_equal(tensors.tensor(tensor(values), Inflater(), compressed=True), values)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [7]},
        {"shape": [2.0, 3]},
        {"shape": [-2, -3]},
        {"shape": "6"},
        {"shape": [True, 6]},
        {"dtype": "f128"},
        {"dtype": "object"},
        {"dtype": ["f64"]},
        {"data": None},
        {"data": squeezed(b"")},
        {"extra": 1},
        {"dtype": "u8"},
    ],
)
def test_a_tensor_must_be_what_it_says(change: dict[str, Any]) -> None:
    from markaz.quantum.runtime import tensors

    with pytest.raises(ProgramError):
        tensors.tensor({**tensor(np.zeros((2, 3))), **change}, Inflater(), compressed=True)
