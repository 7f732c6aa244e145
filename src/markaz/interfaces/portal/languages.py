"""The languages of the pages: which one a visitor reads, and its catalogue.

English stands in the code and the templates; the other languages are ``.po`` files, which
are compiled in memory when a language is first asked for, so that nothing compiled can be
out of date. ``python -m tools.catalogues`` brings them in line with the code.
"""

from __future__ import annotations

import functools
import gettext
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "catalogues"


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its code here, its name in itself, CLDR's locale, HTML's tag, direction."""

    code: str
    name: str
    locale: str
    tag: str
    direction: str = "ltr"


ENGLISH: Final = Language("en", "English", "en_GB", "en")
LANGUAGES: Final[dict[str, Language]] = {
    language.code: language
    for language in (
        ENGLISH,
        Language("ur", "اردو", "ur_PK", "ur", "rtl"),
        Language("zh", "中文", "zh_Hans_CN", "zh-Hans"),
    )
}


def wanted(accepted: str) -> Language:
    """The language that a browser asks for (``Accept-Language``), as far as there is one."""
    best, found = 0.0, ENGLISH
    for part in accepted[:500].split(","):
        tag, _, quality = part.partition(";")
        language = LANGUAGES.get(tag.strip().lower().partition("-")[0])
        weight = _weight(quality)
        if language is not None and weight > best:
            best, found = weight, language
    return found


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


@functools.cache
def translations(code: str) -> gettext.NullTranslations:
    """The catalogue of a language; English needs none."""
    if code == ENGLISH.code:
        return gettext.NullTranslations()
    # Babel reads catalogues in a few hundredths of a second, which a first page can bear.
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=LANGUAGES[code].locale, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
