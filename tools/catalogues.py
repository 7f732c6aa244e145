"""Bring the catalogues of the portal in line with its code and templates.

``python -m tools.catalogues`` reads every marked text, adds what is new to each catalogue,
marks what changed as fuzzy and drops what is gone; ``--check`` only says whether that would
change anything, and which texts have no translation.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from markaz.interfaces.portal.languages import ENGLISH, FOLDER, LANGUAGES

PORTAL: Final = FOLDER.parent
METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS: Final = {"templates/**.html": {"trimmed": "false", "silent": "false"}}
KEYWORDS: Final[dict[str, Any]] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "_gettext": None,
    "ngettext": (1, 2),
}
WIDTH: Final = 100
_FIELD: Final = re.compile(r"%\((\w+)\)s")


def extracted() -> Catalog:
    """Every marked text of the portal."""
    found = Catalog(project="Markaz", charset="utf-8")
    texts = extract_from_dir(
        str(PORTAL), method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS, comment_tags=()
    )
    for name, _, message, _, context in sorted(texts, key=lambda one: (one[0], one[1])):
        found.add(message, None, [(name, 0)], context=context)
    return found


def merged(code: str, template: Catalog) -> Catalog:
    """The catalogue of a language, brought in line with ``template``."""
    path = FOLDER / f"{code}.po"
    catalogue = Catalog(locale=LANGUAGES[code].locale)
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            catalogue = read_po(file, locale=LANGUAGES[code].locale, abort_invalid=True)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """A catalogue as a file: in the order of its texts, without places and dates."""
    out = io.BytesIO()
    write_po(
        out, catalogue, width=WIDTH, no_location=True, omit_header=True, sort_output=True,
        ignore_obsolete=True,
    )  # fmt: skip
    plural = f'"Plural-Forms: {catalogue.plural_forms}\\n"\n'
    head = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n{plural}\n'
    return head.encode() + out.getvalue()


def problems(code: str, catalogue: Catalog) -> list[str]:
    """What is wrong with the translations of a language, each named by its text."""
    found = []
    for message in catalogue:
        if message.id:
            found += [f"{code}: {why}: {message.id!r}" for why in _wrong(message)]
    return found


def _wrong(message: Message) -> list[str]:
    texts = message.string if isinstance(message.string, list | tuple) else (message.string,)
    source = message.id if isinstance(message.id, list | tuple) else (message.id,)
    if not all(texts):
        return ["not translated"]
    wanted = set(_FIELD.findall(source[-1]))
    wrong = ["fuzzy"] if message.fuzzy else []
    for text in texts:
        extra = set(_FIELD.findall(str(text))) ^ wanted
        if extra - ({"num"} if len(texts) > 1 or len(source) > 1 else set()):
            wrong.append(f"other fields ({', '.join(sorted(extra))})")
        if bool(re.search(r"%(?!\(\w+\)s|%)", str(text))):
            wrong.append("a stray percent sign")
    return wrong


def main() -> None:
    """Update or check all catalogues."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    template, wrong = extracted(), []
    for code in LANGUAGES:
        if code == ENGLISH.code:
            continue
        catalogue, path = merged(code, template), FOLDER / f"{code}.po"
        data = written(catalogue)
        wrong += problems(code, catalogue)
        if not path.exists() or path.read_bytes() != data:
            if check:
                wrong.append(f"{code}: {path.name} is not in line with the code")
            else:
                path.write_bytes(data)
    print(*wrong, sep="\n", file=sys.stderr)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
