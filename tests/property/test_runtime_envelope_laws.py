"""Whatever stands in a body, its parts are the texts that a JSON reader finds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from markaz.centre.errors import CentreError
from markaz.interfaces.runtime_api import envelope

TEXT = st.text(st.sampled_from('ab"\\{}[],: \n\t\u2603'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
INDENTS = st.sampled_from([None, 1, 3])


@given(st.dictionaries(TEXT, VALUES, max_size=5), VALUES, INDENTS, st.booleans())
def test_params_are_found_among_any_fields(
    others: dict[str, Any], params: Any, indent: int | None, ascii_only: bool
) -> None:
    whole = others | {"params": params}
    data = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode()
    found = envelope.params_of(data)
    assert found is not None
    assert json.loads(found) == params


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_any_bytes_are_taken_apart_or_refused(data: bytes) -> None:
    try:
        found = envelope.read(data)
    except CentreError as error:
        assert error.kind == "invalid"
    else:
        assert found.params in data


@given(VALUES, st.integers(0, 200), st.integers(1, 5))
def test_a_damaged_body_never_ends_otherwise(value: Any, at: int, size: int) -> None:
    data = json.dumps({"program_id": "sampler", "params": value}).encode()
    damaged = data[:at] + data[at + size :]
    try:
        found = envelope.read(damaged)
    except CentreError as error:
        assert error.kind == "invalid"
    else:
        assert found.params in damaged
