"""What every page needs: who asks, rate limits, forgery, the form; refusals become pages."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from markaz.centre.access import ANONYMOUS, Principal
from markaz.centre.errors import CentreError, invalid, not_found
from markaz.centre.people.keys import BROWSER
from markaz.interfaces.portal import forms, guard, languages, words
from markaz.interfaces.portal.forms import Unfilled
from markaz.interfaces.portal.page import Page, Who
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.rest_api import bodies

if TYPE_CHECKING:
    from markaz.interfaces.portal.portal import Portal

GONE: Final = 499  # the client went away; nobody reads this
MAX_NAME: Final = 100
THEMES: Final = ("light", "dark")
# Refusals after which a form is shown again with what was filled in.
_MENDABLE: Final = frozenset(
    {
        *("invalid", "conflict", "quota", "forbidden", "program", "too-large", "allocation"),
        *("unauthenticated", "rate-limited", "not-found", "unavailable"),
    }
)


class Door:
    """A row of the table, ready to serve."""

    def __init__(self, portal: Portal, page: Page) -> None:
        self.portal = portal
        self.page = page
        most = int(portal.api.centre.services.settings["max_body_mib"]) << 20
        self._limit = most if page.large else min(bodies.SMALL, most)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request (the ASGI interface, which Starlette's routes call)."""
        scope["route"] = self.page  # the name under which requests are counted
        answer = await self.serve(Request(scope, receive))
        await answer(scope, receive, send)

    async def serve(self, request: Request) -> Response:
        """The answer to ``request``; never raises what a client can cause."""
        visit = Visit(self.portal, self.page, request)
        try:
            await self._admit(visit)
            answer = await self._answer(visit)
        except (CentreError, Unfilled) as error:
            answer = await self._refused(visit, error)
        except ClientDisconnect:
            return Response(status_code=GONE)
        return self._finished(visit, answer)

    async def refuse(self, request: Request, error: CentreError, status: int = 0) -> Response:
        """A page that says why there is nothing else, for whoever asks."""
        visit = Visit(self.portal, self.page, request)
        try:
            await self._recognise(visit)
        except CentreError:
            visit.actor = ANONYMOUS
        return self._finished(visit, _error_page(visit, error, status))

    # Before the handler.

    async def _admit(self, visit: Visit) -> None:
        await self._recognise(visit)
        visit.headers.update(self.portal.api.gate.count(visit.request, visit.actor))
        for name, value in visit.names.items():
            if not 0 < len(value) <= MAX_NAME or not value.isprintable():
                raise not_found(name)
        if self.page.method == "POST":
            await self._read(visit)
        if self.page.who is not Who.ANYONE and not visit.actor.known:
            raise CentreError("unauthenticated", "log in first")

    async def _recognise(self, visit: Visit) -> None:
        """Who asks, in which language; a login that has ended is as none."""
        request, cookies = visit.request, self.portal.cookies
        visit.visitor = cookies.get(request, "visitor")
        code = cookies.get(request, "language")
        accepted = request.headers.get("accept-language", "")
        visit.language = languages.LANGUAGES.get(code) or languages.wanted(accepted)
        theme = cookies.get(request, "theme")
        visit.theme = theme if theme in THEMES else ""
        token = cookies.get(request, "session")
        if token:
            try:
                visit.actor = await self._principal(token)
                visit.session = token
            except CentreError as error:
                if error.kind != "unauthenticated":
                    raise
                visit.cookies["session"] = ""
        if not visit.session and len(visit.visitor) != 43:
            visit.visitor = visit.cookies["visitor"] = secrets.token_urlsafe(32)
        if visit.actor.known:
            request.scope["state"]["actor"] = visit.actor.id

    async def _principal(self, token: str) -> Principal:
        authenticator = self.portal.api.gate.authenticator
        known = authenticator.recall(token, BROWSER)
        if known is not None:
            return known
        # In a thread, since the database is asked.
        return await asyncio.to_thread(authenticator.authenticate, token, BROWSER)

    async def _read(self, visit: Visit) -> None:
        """The form or body, once it is sure that one of our pages sent it."""
        request, page = visit.request, self.page
        if page.who is not Who.ANYONE and not visit.actor.known:
            raise CentreError("unauthenticated", "log in first")
        public = str(self.portal.api.centre.services.settings["public_url"])
        if not guard.is_own_origin(request, public):
            raise CentreError("forbidden", "this was sent by another site's page")
        if page.json:
            self._check_token(visit, request.headers.get("x-csrf-token", ""))
            visit.body = await _json(request, self._limit)
            return
        given = await forms.read(request, page, self._limit)
        try:
            await self._take(visit, given)
        finally:
            await given.close()

    async def _take(self, visit: Visit, given: FormData) -> None:
        """What was filled in: as it was, to be shown again, and then as its fields read it."""
        token = given.get(forms.TOKEN)
        self._check_token(visit, token if isinstance(token, str) else "")
        visit.values = {k: v for k, v in given.multi_items() if isinstance(v, str)}
        for one in self.page.form:
            if one.kind == "checkboxes":
                visit.values[one.name] = [v for v in given.getlist(one.name) if isinstance(v, str)]
        visit.values = await forms.values_of(self.page, given)

    def _check_token(self, visit: Visit, token: str) -> None:
        if not self.portal.forgery.fits(visit.secret, token):
            raise CentreError("forbidden", "this form is out of date; load the page again")

    # The handler, and what follows.

    async def _answer(self, visit: Visit) -> Response:
        return await self.page.handler(visit)

    async def _refused(self, visit: Visit, error: CentreError | Unfilled) -> Response:
        page = self.page
        if page.json:
            return _json_refusal(visit, error)
        stranger = isinstance(error, CentreError) and not visit.actor.known
        if stranger and _needs_login(page, error):
            return _to_login(visit)
        mendable = isinstance(error, Unfilled) or error.kind in _MENDABLE
        if page.again is not None and mendable and visit.values:
            visit.failed = error
            try:
                return await page.again(visit)
            except CentreError as worse:  # the page itself is not to be had
                visit.failed = None
                return _error_page(visit, worse)
        if isinstance(error, Unfilled):
            error = invalid(next(iter(error.problems)), "the form is not filled in")
        return _error_page(visit, error)

    def _finished(self, visit: Visit, answer: Response) -> Response:
        for name, value in visit.cookies.items():
            self.portal.cookies.set(answer, name, value)
        for header, text in {**guard.HEADERS, **visit.headers}.items():
            answer.headers.setdefault(header, text)
        return answer


def _needs_login(page: Page, error: CentreError | Unfilled) -> bool:
    unknown = isinstance(error, CentreError) and error.kind == "unauthenticated"
    return unknown and page.who is not Who.ANYONE


def _to_login(visit: Visit) -> Response:
    """To the login, and back here afterwards; what a form said is lost."""
    here = visit.request.url.path
    if visit.request.url.query:
        here += "?" + visit.request.url.query
    back = guard.own_path(here, "/home") if visit.page.method == "GET" else "/home"
    return visit.go(f"/login?next={quote(back, safe='/')}")


def _error_page(visit: Visit, error: CentreError, status: int = 0) -> Response:
    title, what = words.REFUSALS[error.kind]
    text, detail = visit.said(error)
    if error.kind == "not-found":
        text, detail = visit.gettext(what), ""  # the same, whatever it is that is not there
    answer = visit.show(
        "error.html",
        status=status or visit.portal.status_of(error),
        title=visit.gettext(title),
        text=text,
        detail=detail,
    )
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return answer


def _json_refusal(visit: Visit, error: CentreError | Unfilled) -> Response:
    if isinstance(error, Unfilled):
        error = invalid(next(iter(error.problems)), "the form is not filled in")
    text, detail = visit.said(error)
    document = {"kind": error.kind, "text": text, "detail": detail or error.message}
    document["field"] = error.field or ""
    return as_json(document, visit.portal.status_of(error))


def as_json(document: Any, status: int = 200) -> Response:
    """A document for one of our own modules."""
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(data.encode("utf-8", "replace"), status, media_type="application/json")


async def _json(request: Request, limit: int) -> Any:
    if not bodies.is_json(request):
        raise invalid("", "the body must be application/json")
    data = await bodies.read(request, limit)
    try:
        if len(data) > bodies.SMALL:
            bodies.check_shape(data)
        return json.loads(data)
    except (ValueError, RecursionError):
        raise invalid("", "the body is not JSON") from None
