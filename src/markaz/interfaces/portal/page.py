"""The rows of the table of pages, and the fields of their forms."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from markaz.centre.access import QUERIES, VERBS, Act
from markaz.interfaces.rest_api.routes import Who

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit

__all__ = ["N_", "Field", "Page", "Who"]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
FORM_BYTES: Final = 64 << 10  # of an ordinary form; only those with a program may be larger


def N_(message: str) -> str:  # noqa: N802 - gettext's usual name
    """Mark a text for the catalogues; it is translated when it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form: how it is asked for and how it is read.

    ``kind``: text, password, email, number, textarea, select, checkbox, checkboxes, file,
    date, hidden. ``choices`` are (value, label) pairs that every page has; a page that has
    others passes them when it shows the form. ``ltr``: what is typed is code or a name and
    runs left to right in any language. ``marked``: whether a field that may be left out says so.
    """

    name: str
    label: str = ""
    kind: str = "text"
    hint: str = ""
    required: bool = True
    most: int = 200
    least: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    autocomplete: str = "off"
    ltr: bool = False
    marked: bool = True


Handler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one address.

    ``does`` is the verb or query whose rule decides (empty: the page asks nothing of the
    centre that anybody may not know); ``who`` says in one word what that rule is. ``query``
    are the parameters that the address takes. ``form`` are the fields of a POST; ``again``
    shows the page that the form stands on, when the centre refuses what was filled in.
    ``json``: the body is JSON (for the page's own modules), and so are refusals; ``large``:
    a program may come with it.
    """

    method: str
    path: str
    does: str
    who: Who
    handler: Handler
    query: tuple[str, ...] = ()
    form: tuple[Field, ...] = ()
    again: Handler | None = None
    json: bool = False
    large: bool = False
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(_PARAMETER.findall(self.path)))

    @property
    def act(self) -> Act | None:
        """The verb or query. Raises KeyError if nothing has that name."""
        if not self.does:
            return None
        return VERBS[self.does] if self.does in VERBS else QUERIES[self.does]

    def address(self, **names: str) -> str:
        """The address with its names filled in."""
        return _PARAMETER.sub(lambda match: names[match[1]], self.path)
