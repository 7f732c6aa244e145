"""Where values stand in a text."""

from __future__ import annotations

from markaz.quantum.devices.lines import json_rows, toml_lines

TEXT = '''\
# a comment with [brackets] and = signs
name = "a # b" # "c"
couplers = [
  [0, 1], # first
  [1, 2], [2, 3],

  [3, 4]]
text = """
not_a_key = 1
"""
[gates]
"gate_error:cz" = 1
x.y = 2
[[rows]]
a = 1
[[rows]]
a = { b = [1,
2] }
'''


def test_lines_of_toml_keys_and_elements() -> None:
    lines = toml_lines(TEXT)
    assert {
        ("name",): 2,
        ("couplers",): 3,
        ("couplers", 0): 4,
        ("couplers", 1): 5,
        ("couplers", 2): 5,
        ("couplers", 3): 7,
        ("text",): 8,
        ("gates",): 11,
        ("gates", "gate_error:cz"): 12,
        ("gates", "x", "y"): 13,
        ("rows", 0): 14,
        ("rows", 0, "a"): 15,
        ("rows", 1): 16,
        ("rows", 1, "a"): 17,
    } == {k: v for k, v in lines.items() if not (len(k) > 2 and k[0] == "couplers")}


def test_lines_of_elements_inside_elements() -> None:
    lines = toml_lines(TEXT)
    assert [lines["couplers", i, 0] for i in range(4)] == [4, 5, 5, 7]


def test_lines_of_json_rows() -> None:
    text = '{"a": [1],\n "rows": [\n {"x": [1,\n 2]}, {"y": "]"},\n\n3\n]}'
    assert json_rows(text, "rows") == {0: 3, 1: 4, 2: 6}
    assert json_rows(text, "b") == {}
