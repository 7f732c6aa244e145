"""The portal: what all visits share, and its addresses for the application."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from markaz.centre.errors import KINDS, CentreError, not_found
from markaz.interfaces.portal.door import Door
from markaz.interfaces.portal.guard import Cookies, Forgery
from markaz.interfaces.portal.openid import OpenId
from markaz.interfaces.portal.page import Page
from markaz.interfaces.portal.pages_elsewhere import Proofs
from markaz.interfaces.portal.render import Pages
from markaz.interfaces.portal.statics import Statics
from markaz.interfaces.portal.table import PAGES
from markaz.interfaces.rest_api.calls import Api

# Addresses of other interfaces: what goes wrong there is answered for programs.
MACHINES: Final = ("/v1/", "/api/", "/openapi.json", "/metrics", "/health/", "/workers/")


class Portal:
    """One for a server."""

    def __init__(self, api: Api, pages: tuple[Page, ...] = PAGES) -> None:
        settings = api.centre.services.settings
        self.api = api
        self.table = {(page.method, page.path): page for page in pages}
        self.cookies = Cookies(settings)
        self.forgery = Forgery(api.centre.services.key)
        self.statics = Statics()
        self.openid = OpenId(settings)
        self.proofs = Proofs()
        self.pages = Pages(self)
        self._stray = Door(self, Page("GET", "/{path:path}", "", pages[0].who, _nothing))

    def routes(self) -> list[BaseRoute]:
        """The addresses, in the order of the table."""
        doors = {page: Door(self, page) for page in self.table.values()}
        pages: list[BaseRoute] = [
            Route(page.path, door, methods=[page.method]) for page, door in doors.items()
        ]
        serve = Route("/static/{version}/{name:path}", self.statics.serve, methods=["GET"])
        return [*pages, serve]

    def form_page(self, path: str) -> Page:
        """The row that takes a form. Raises KeyError if there is none."""
        return self.table["POST", path]

    async def refused(self, request: Request, error: Exception) -> Response | None:
        """A page for an address that is nobody's, and for a fault in one of ours."""
        person = "text/html" in request.headers.get("accept", "")
        if not person or request.url.path.startswith(MACHINES):
            return None
        status = getattr(error, "status_code", 500)
        if status >= 500:
            return await self._stray.refuse(request, CentreError("internal", "the centre failed"))
        return await self._stray.refuse(request, not_found("page"), status)

    @staticmethod
    def status_of(error: CentreError) -> int:
        """The HTTP status of a refusal."""
        return KINDS[error.kind][0]


async def _nothing(_: Any) -> Response:
    raise not_found("page")
