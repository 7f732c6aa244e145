"""One visit of one page: who asks, what they gave, and the one door to the centre."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from markaz.centre.access import ANONYMOUS, QUERIES, VERBS, CentreRole, Principal
from markaz.centre.errors import CentreError
from markaz.interfaces.portal import words
from markaz.interfaces.portal.forms import Unfilled, fields_of
from markaz.interfaces.portal.guard import COOKIES, HEADERS, own_path
from markaz.interfaces.portal.languages import ENGLISH, Language
from markaz.interfaces.portal.page import Page
from markaz.interfaces.rest_api.calls import Api

if TYPE_CHECKING:
    from markaz.interfaces.portal.formats import Formats
    from markaz.interfaces.portal.portal import Portal

# Hashing a password takes tens of milliseconds and megabytes: two at a time are enough.
_DOORS: Final = ThreadPoolExecutor(2, thread_name_prefix="markaz-portal-doors")


@dataclass(slots=True)
class Visit:
    """A request on its way to a page. ``values`` are the form's, checked against its fields.

    ``actor`` and ``api`` have the names that REST's calls have, since both hand them on.
    """

    portal: Portal
    page: Page
    request: Request
    actor: Principal = ANONYMOUS
    session: str = ""  # the secret of the browser's login; empty for a stranger
    visitor: str = ""  # the secret of a browser that is not logged in
    language: Language = ENGLISH
    theme: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    body: Any = None  # of a page whose body is JSON
    failed: CentreError | Unfilled | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    # What the page was asked for.

    @property
    def api(self) -> Api:
        """What all requests share."""
        return self.portal.api

    @property
    def now(self) -> int:
        """The centre's time, microseconds UTC."""
        return self.api.centre.services.clock.now()

    @property
    def names(self) -> dict[str, str]:
        """The names in the address."""
        return dict(self.request.path_params)

    def asked(self, name: str) -> str:
        """A parameter of the address, which the row must have declared; empty if not given.

        A form that is shown again after a refusal has none.
        """
        if self.page.method != "GET":
            return ""
        assert name in self.page.query, name
        return self.request.query_params.get(name, "")[:2001].strip()

    @property
    def was_here(self) -> bool:
        """Whether this browser has seen a page of ours before, as far as it says."""
        return any(self.portal.cookies.get(self.request, name) for name in COOKIES)

    def has(self, *roles: CentreRole) -> bool:
        """Whether whoever asks has one of these roles at the centre."""
        return self.actor.has(*roles)

    # The centre.

    async def ask(self, name: str, /, **arguments: Any) -> Any:
        """Answer the query ``name`` as whoever asks."""
        later = self.api.centre.ask_later(QUERIES[name], self.actor, **arguments)
        return await asyncio.wrap_future(later)

    async def ask_each(self, *asked: tuple[str, dict[str, Any]]) -> list[Any]:
        """Answer several queries at once."""
        return list(await asyncio.gather(*(self.ask(name, **given) for name, given in asked)))

    async def do(self, name: str, /, **arguments: Any) -> Any:
        """Do the verb ``name`` as whoever asks."""
        later: Future[Any] = self.api.centre.perform_later(VERBS[name], self.actor, **arguments)
        return await asyncio.wrap_future(later)

    async def through(self, door: Callable[..., Any], /, *first: Any, **arguments: Any) -> Any:
        """Go through a front door of ``centre.people``, in a thread; failures are counted."""
        gate = self.api.gate
        gate.check_failures(self.request)
        loop = asyncio.get_running_loop()
        given = (self.api.centre, *first)
        try:
            return await loop.run_in_executor(_DOORS, lambda: door(*given, **arguments))
        except CentreError as error:
            if error.kind == "unauthenticated":
                gate.count_failure(self.request)
            raise

    # Words.

    def gettext(self, text: str) -> str:
        """``text`` in the reader's language."""
        return self.portal.pages.gettext(self.language, text)

    def word(self, table: str, value: Any) -> str:
        """A value of the centre's tables in words."""
        return words.word(self.gettext, table, value)

    @property
    def formats(self) -> Formats:
        """How numbers and times are written in the reader's language."""
        return self.portal.pages.formats(self.language)

    @property
    def csrf(self) -> str:
        """A token for the forms of this page."""
        return self.portal.forgery.token(self.secret)

    @property
    def secret(self) -> str:
        """What only this browser knows."""
        return self.session or self.visitor

    # A refusal of what the form said.

    def problem_at(self, name: str) -> str:
        """What is wrong with the field ``name``; empty if nothing."""
        if isinstance(self.failed, Unfilled):
            text = self.failed.problems.get(name, "")
            return self.gettext(text) if text else ""
        if self.failed is not None and name in fields_of(self.failed):
            return words.sentence(self.gettext, self.failed.message) or self.failed.message
        return ""

    def problem_of_form(self, names: list[str]) -> tuple[str, str]:
        """What is wrong with the form as a whole, and the centre's own words for it."""
        if isinstance(self.failed, Unfilled) or self.failed is None:
            return "", ""
        known = fields_of(self.failed) & set(names)
        return ("", "") if known else self.said(self.failed)

    def said(self, error: CentreError) -> tuple[str, str]:
        """A refusal in the reader's language; and, as far as it has no translation, in English."""
        known = words.sentence(self.gettext, error.message)
        if known is not None:
            return known, ""
        return self.gettext(words.REFUSALS[error.kind][1]), error.message

    # Answers.

    def show(self, template: str, status: int = 200, **context: Any) -> Response:
        """The page that ``template`` makes; after a refusal with the refusal's status."""
        if isinstance(self.failed, CentreError):
            status = self.portal.status_of(self.failed)
        elif self.failed is not None:
            status = 422
        return self.portal.pages.respond(self, template, status, context)

    def go(self, path: str, done: str = "") -> Response:
        """See ``path`` next, an address of this site; ``done`` names what was done."""
        target = own_path(path, "/")
        if done:
            target += ("&" if "?" in target else "?") + f"done={done}"
        return Response("", 303, HEADERS | {"Location": target})
