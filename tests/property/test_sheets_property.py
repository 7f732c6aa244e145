"""Any sheet survives JSON and CSV, and any text is a sheet or is refused with a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.quantities import QUANTITIES, parse, width
from markaz.quantum.devices.sheet import Row, Sheet, from_json
from markaz.quantum.devices.sheet_csv import from_csv, to_csv

NAMES = [
    name
    for q in QUANTITIES.values()
    for name in ([f"{q.name}:{g}" for g in NATIVE] if q.of == "gate" else [q.name])
]
TIMES = st.integers(0, (1 << 52) - 1)
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=20)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    name = draw(st.sampled_from(NAMES))
    target = draw(st.lists(st.integers(0, 999), min_size=width(name), max_size=width(name),
                           unique=True))  # fmt: skip
    quantity, _ = parse(name)
    lowest, highest = max(quantity.lowest, -1e300), min(quantity.highest, 1e300)
    value = st.none() | st.floats(lowest, highest, allow_nan=False)
    return Row.of(
        name, target, draw(value),
        uncertainty=draw(st.none() | st.floats(0, 1e300)),
        measured_at=draw(st.none() | TIMES), method=draw(WORDS),
    )  # fmt: skip


SHEETS = st.builds(
    lambda at, found: Sheet("indus", at, tuple(found)),
    TIMES,
    st.lists(rows(), max_size=8, unique_by=lambda r: (r.quantity, frozenset(r.target))),
)


@given(SHEETS)
def test_texts_give_the_same_sheet_and_id(sheet: Sheet) -> None:
    for back in (from_json(sheet.to_json()), from_csv(to_csv(sheet))):
        assert (back, back.id) == (sheet, sheet.id)


@given(SHEETS, st.integers(0, 10_000), WORDS)
def test_broken_texts_are_refused_in_words(sheet: Sheet, place: int, junk: str) -> None:
    for text, read in ((sheet.to_json(), from_json), (to_csv(sheet), from_csv)):
        cut = place % (len(text) + 1)
        try:
            read(text[:cut] + junk + text[cut + 3 :])
        except DescriptionError as error:
            assert str(error).startswith("sheet")
