"""Forms: read from a request by the fields that the table declares, and shown again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.portal.page import FORM_BYTES, N_, Field, Page
from markaz.interfaces.rest_api import bodies

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit

TOKEN: Final = "csrf"  # noqa: S105 - the name of the field
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
MISSING: Final = N_("Fill this in.")
NO_NUMBER: Final = N_("Enter a whole number.")
NO_CHOICE: Final = N_("Choose one of the list.")
TOO_LONG: Final = N_("This is too long.")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_SECRET: Final = frozenset({"password", "file"})  # never shown again


class Unfilled(Exception):
    """A form with fields that cannot be read: field -> what to do about it."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("the form is not filled in")
        self.problems = problems


async def read(request: Request, page: Page, limit: int) -> FormData:
    """The form, bounded while it streams in. Raises CentreError ``invalid``, ``too-large``."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    files = any(one.kind == "file" for one in page.form)
    if media not in ((URLENCODED, MULTIPART) if files else (URLENCODED,)):
        raise invalid("", "this form must be sent as a browser sends it")
    body = await bodies.read(request, limit if page.large else FORM_BYTES)
    request._body = body  # Starlette's parser reads it from here
    most = len(page.form) + 40
    # A part of a multipart form is held in memory, so that a field may be as long as a file.
    return await request.form(max_files=2, max_fields=most, max_part_size=limit)


async def values_of(page: Page, given: FormData) -> dict[str, Any]:
    """The fields' values by name; what was left empty is not there. Raises Unfilled."""
    problems: dict[str, str] = {}
    values: dict[str, Any] = {}
    for one in page.form:
        try:
            value = await _value(one, given)
        except _Bad as bad:
            problems[one.name] = bad.text
            continue
        if value is not None:
            values[one.name] = value
        elif one.required and one.kind != "checkbox":
            problems[one.name] = MISSING
    if problems:
        raise Unfilled(problems)
    return values


class _Bad(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


async def _value(one: Field, given: FormData) -> Any:
    match one.kind:
        case "checkbox":
            return one.name in given
        case "checkboxes":
            chosen = [v for v in given.getlist(one.name) if isinstance(v, str)][:50]
            return _chosen(one, chosen) or None
        case "file":
            return await _file(given.get(one.name))
        case _:
            return _typed(one, given.get(one.name))


async def _file(value: UploadFile | str | None) -> bytes | None:
    if not isinstance(value, UploadFile):
        return None
    return await value.read() or None


def _chosen(one: Field, chosen: list[str]) -> list[str]:
    known = {value for value, _ in one.choices}
    if known and not known.issuperset(chosen):
        raise _Bad(NO_CHOICE)
    return chosen


def _typed(one: Field, value: Any) -> Any:
    text = value if isinstance(value, str) else ""
    # Browsers send a text area's lines with CR LF.
    text = text.replace("\r\n", "\n") if one.kind == "textarea" else text
    text = text if one.kind in ("password", "textarea") else text.strip()
    if not text:
        return None
    if len(text) > one.most:
        raise _Bad(TOO_LONG)
    if one.kind == "number":
        return _number(text)
    if one.kind == "select" and one.choices:
        return _chosen(one, [text])[0]
    return text


def _number(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise _Bad(NO_NUMBER)
    return int(text)


@dataclass(slots=True)
class Shown:
    """A field as a template shows it; ``choices`` are (value, label, chosen)."""

    field: Field
    id: str
    label: str
    hint: str
    value: Any
    problem: str
    choices: list[tuple[str, str, bool]]


@dataclass(slots=True)
class Form:
    """A form as a template shows it: where it goes, its fields, what is wrong with it."""

    action: str
    token: str
    fields: list[Shown]
    problem: str = ""  # of the whole form
    detail: str = ""  # the centre's own words, where they have no translation
    large: bool = False
    files: bool = False
    refused: bool = False
    problems: list[tuple[str, str, str]] = field(default_factory=list)  # id, label, text

    def __getitem__(self, name: str) -> Shown:
        return next(one for one in self.fields if one.field.name == name)


def form_of(
    visit: Visit,
    page: Page,
    values: dict[str, Any],
    choices: dict[str, list[tuple[str, str]]],
    names: dict[str, str],
) -> Form:
    """The form of ``page``, filled with ``values`` or, after a refusal, with what was sent."""
    action = page.address(**names)
    mine = visit.page is page and visit.request.url.path == action and visit.failed
    filled = visit.values if mine else values
    prefix = action.strip("/").replace("/", "-") or "form"
    form = Form(action, visit.csrf, [], large=page.large, refused=bool(mine))
    form.files = any(one.kind == "file" for one in page.form)
    for one in page.form:
        problem = visit.problem_at(one.name) if mine else ""
        shown = _shown(visit, one, f"{prefix}-{one.name}", filled, problem, choices)
        form.fields.append(shown)
        if problem:
            form.problems.append((shown.id, shown.label, problem))
    if mine:
        form.problem, form.detail = visit.problem_of_form([one.name for one in page.form])
    return form


def _shown(
    visit: Visit,
    one: Field,
    name: str,
    filled: dict[str, Any],
    problem: str,
    choices: dict[str, list[tuple[str, str]]],
) -> Shown:
    value = "" if one.kind in _SECRET else filled.get(one.name, "")
    options = choices.get(one.name) or [(v, visit.gettext(label)) for v, label in one.choices]
    picked = value if isinstance(value, list) else [str(value)]
    listed = [(v, label, v in picked) for v, label in options]
    label = visit.gettext(one.label) if one.label else ""
    hint = visit.gettext(one.hint) if one.hint else ""
    return Shown(one, name, label, hint, value, problem, listed)


def fields_of(error: CentreError) -> set[str]:
    """Names that may be those of the fields that a refusal is about (``options/shots``)."""
    return set((error.field or "").split("/")) - {""}
