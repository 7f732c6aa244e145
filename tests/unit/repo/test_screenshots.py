"""The pictures of the documents are those that the tool takes, and light."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from markaz.interfaces.portal.languages import LANGUAGES
from tools.screenshots import FOLDER, LOCALES, MOST_BYTES, PICTURES, WIDTH, smaller

ROOT = Path(__file__).resolve().parents[3]
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]*images/[^)]*)\)")


def shown() -> dict[Path, str]:
    """Every picture that a page shows -> what it says for those who do not see it."""
    pages = [
        *ROOT.glob("*.md"),
        *(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts),
    ]
    return {
        (page.parent / found[2]).resolve(): found[1]
        for page in pages
        for found in PICTURE.finditer(page.read_text(encoding="utf-8"))
    }


def test_pages_show_what_the_command_takes_and_all_of_it() -> None:
    taken = {FOLDER / f"{name}.png" for name in PICTURES}
    assert set(shown()) == set(FOLDER.iterdir()) == taken
    assert all(len(words) > 20 for words in shown().values())


def test_each_is_a_light_picture_of_the_size_that_the_command_asks_for() -> None:
    for name, (_, language, _, height) in PICTURES.items():
        data = (FOLDER / f"{name}.png").read_bytes()
        assert data.startswith(b"\x89PNG\r\n"), name
        assert struct.unpack(">II", data[16:24]) == (WIDTH, height), name
        assert len(data) <= MOST_BYTES, name
        assert language in LOCALES and language in LANGUAGES


def test_a_picture_is_packed_into_few_colours() -> None:
    once = smaller((FOLDER / "job.png").read_bytes())
    assert once[25] == 3  # a palette
    assert len(once) <= MOST_BYTES
