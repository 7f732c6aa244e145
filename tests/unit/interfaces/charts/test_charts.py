from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from markaz.interfaces.charts import bars, histogram, lines, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"
EVIL = "<script>&\"'</script>"


def tree(text: str) -> ElementTree.Element:
    """``text`` as XML, which must be well-formed."""
    return ElementTree.fromstring(text)


def names(text: str) -> set[str]:
    return {one.tag for one in tree(text).iter()}


@pytest.mark.parametrize(
    ("high", "wanted"),
    [(0, [0, 1]), (1, [0, 0.25, 0.5, 0.75, 1]), (7, [0, 2, 4, 6, 8]),
     (10_000, [0, 2500, 5000, 7500, 10_000]), (float("nan"), [0, 1]), (-3, [0, 1])],
)  # fmt: skip
def test_ticks_are_round_and_reach_the_top(high: float, wanted: list[float]) -> None:
    assert svg.ticks(high) == wanted


def test_numbers_have_two_decimals_at_most() -> None:
    assert [svg.number(v) for v in (1.0, 1.256, -0.001, 0.1)] == ["1", "1.26", "0", "0.1"]


def test_the_most_frequent_outcomes_are_shown_and_the_others_counted() -> None:
    counts = {f"{i:04b}": i for i in range(16)}
    assert histogram.shown(counts, 3) == ([("1111", 15), ("1110", 14), ("1101", 13)], 78)
    rows, rest = histogram.shown({"1": 5, "0": 7})
    assert (rows, rest) == ([("0", 7), ("1", 5)], 0)
    assert histogram.shown({"0": 1, "1": 5}, by_count=True)[0] == [("1", 5), ("0", 1)]
    assert histogram.shown({}) == ([], 0)


def test_bars_are_as_long_as_their_counts() -> None:
    picture = tree(histogram.histogram([("00", 30), ("11", 60)], 100, title="T"))
    widths = [float(one.get("width", "")) for one in picture.iter("rect")]
    assert widths[0] * 2 == pytest.approx(widths[1], abs=0.02)
    texts = [one.text for one in picture.iter("text")]
    assert texts == ["00", "30 (30.0%)", "11", "60 (60.0%)"]


def test_a_label_of_many_bits_is_cut_in_the_middle() -> None:
    picture = histogram.histogram([("0" * 60 + "1" * 67, 1)], 1, title="T")
    label = next(tree(picture).iter("text")).text or ""
    assert len(label) <= histogram.MOST_LABEL
    assert re.fullmatch("0+…1+", label)


def test_lines_go_where_their_values_are() -> None:
    series = [lines.Series("free", [10, 5, 0], area=True), lines.Series("used", [0, 5, 10])]
    picture = tree(lines.lines([0, 50, 100], series, title="T", mark=50))
    paths = {one.get("class"): one.get("d", "") for one in picture.iter("path")}
    top, bottom = lines.TOP, lines.HEIGHT - lines.BOTTOM
    left, right = lines.LEFT, lines.WIDTH - lines.RIGHT
    middle = f"{(left + right) / 2:g} {(top + bottom) / 2:g}"
    assert paths["line line-0"] == f"M{left:g} {top:g}L{middle}L{right:g} {bottom:g}"
    assert paths["line line-1"] == f"M{left:g} {bottom:g}L{middle}L{right:g} {top:g}"
    assert paths["area"].endswith("Z")
    assert paths["mark"].startswith(f"M{(left + right) / 2:g} ")


def test_names_of_lines_that_end_together_stand_apart() -> None:
    series = [lines.Series(name, [1, 1]) for name in "abc"]
    picture = tree(lines.lines([0, 1], series, title="T"))
    heights = [float(one.get("y", "")) for one in picture.iter("text")
               if (one.get("class") or "").startswith("name")]  # fmt: skip
    assert all(b - a >= lines.NAMES_APART for a, b in itertools.pairwise(heights))


def test_parts_fill_their_whole_and_no_more() -> None:
    picture = tree(bars.bars([("used", 1), ("reserved", 2)], title="T", whole=4))
    parts = [(one.get("class"), float(one.get("width", ""))) for one in picture.iter("rect")]
    assert parts == [
        ("part part-used", 158), ("part part-reserved", 318), ("part part-rest", 160),
    ]  # fmt: skip
    assert bars.bars([("used", 0)], title="T").count("part-rest") == 1
    over = tree(bars.bars([("used", 9)], title="T", whole=4))
    assert [one.get("width") for one in over.iter("rect")] == ["638"]


@pytest.mark.parametrize(
    "picture",
    [histogram.histogram([(EVIL, 1)], 1, title=EVIL, description=EVIL, written=lambda *_: EVIL),
     lines.lines([0, 1], [lines.Series(EVIL, [0, 1])], title=EVIL, value=lambda _: EVIL,
                 moment=lambda _: EVIL),
     bars.bars([("used", 1)], title=EVIL, description=EVIL),
     lines.lines([], [], title="nothing"), histogram.histogram([], 0, title="nothing")],
)  # fmt: skip
def test_every_chart_is_an_image_with_words_and_no_markup_of_others(picture: str) -> None:
    found = tree(picture)
    assert found.get("role") == "img"
    assert found.get("aria-label")
    assert found.get("direction") == "ltr"
    assert names(picture) <= {"svg", "title", "g", "path", "rect", "text"}
    assert "style=" not in picture
    assert not re.search(r"#[0-9a-f]{3}|rgb\(", picture)  # colours are the page's
