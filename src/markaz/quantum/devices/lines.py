"""In which line of a TOML or JSON text a value stands: parsers do not tell."""

from __future__ import annotations

import re

Path = tuple["str | int", ...]

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''.*?'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<mark>[\[\]{},=:\n])"
    r"|(?P<word>[^\s\[\]{},=:\"'#]+)",
    re.DOTALL,
)
_HEADER = re.compile(r"^[ \t]*(\[\[?)([^\[\]\n]+)\]\]?[ \t]*(?:#.*)?$", re.MULTILINE)
_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*=")
_EACH = re.compile(_PART)


def toml_lines(text: str) -> dict[Path, int]:
    """The 1-based line of every table, key and array element of a valid TOML text.

    Keys inside inline tables are not listed.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        if header := _HEADER.match(line):
            table = _names(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found[table] = _line(text, position)
        elif key := _KEY.match(line):
            path = (*table, *_names(key[1]))
            found[path] = _line(text, position)
            end = _value(text, position + key.end(), path, found)
        position = end + 1
    return found


def json_rows(text: str, name: str) -> dict[int, int]:
    """The 1-based line of each element of the array under the top-level key ``name``."""
    start = re.search(rf'"{re.escape(name)}"\s*:\s*(?=\[)', text)
    if start is None:
        return {}
    found: dict[Path, int] = {}
    _value(text, start.end(), (), found)
    return {p[0]: line for p, line in found.items() if len(p) == 1 and isinstance(p[0], int)}


def _names(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _EACH.findall(dotted))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _value(text: str, position: int, path: Path, found: dict[Path, int]) -> int:
    """Note the elements of a value that starts here; the position where its line ends."""
    stack: list[tuple[str, int]] = []  # open brackets, and the index of their next element
    fresh = False
    number, counted = _line(text, position), position
    for token in _TOKEN.finditer(text, position):
        number += text.count("\n", counted, token.start())
        counted = token.start()
        mark = token["mark"]
        if mark == "\n" and not stack:
            return token.start()
        if token["comment"] or mark == "\n":
            continue
        if fresh and mark != "]" and all(b == "[" for b, _ in stack):
            found[(*path, *(i for _, i in stack))] = number
        fresh = False
        if mark in ("[", "{"):
            stack.append((mark, 0))
            fresh = mark == "["
        elif mark in ("]", "}"):
            if not stack:
                return token.start()
            stack.pop()
        elif mark == "," and stack:
            bracket, index = stack.pop()
            stack.append((bracket, index + 1))
            fresh = bracket == "["
    return len(text)
