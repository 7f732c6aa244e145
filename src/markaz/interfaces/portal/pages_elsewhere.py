"""Logging in through the centre's OpenID Connect issuer, and linking who one is there."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.errors import CentreError
from markaz.centre.people import identities
from markaz.interfaces.portal.guard import HEADERS, own_path
from markaz.interfaces.portal.page import Field, Page, Who
from markaz.interfaces.portal.pages_login import admitted, browser_of
from markaz.interfaces.portal.visit import Visit

BACK: Final = "/login/elsewhere/back"


async def begin(visit: Visit) -> Response:
    """Go to the issuer to log in."""
    return await _away(visit, own_path(visit.asked("next"), "/home"), "")


async def begin_link(visit: Visit) -> Response:
    """Go to the issuer to show who one is there; a form asks again before it is linked."""
    return await _away(visit, "/account", visit.actor.id)


async def back(visit: Visit) -> Response:
    """Back from the issuer."""
    if visit.asked("error") or not visit.asked("state"):
        raise CentreError("unauthenticated", "this login elsewhere does not hold; begin again")
    openid = visit.portal.openid
    attempt, subject = await visit.through(
        lambda _, **given: openid.end(**given),
        browser=visit.secret,
        back=_here(visit),
        state=visit.asked("state"),
        code=visit.asked("code"),
    )
    if attempt.person:
        return _confirm(visit, attempt.person, subject)
    opened = await visit.through(
        identities.log_in, issuer=openid.issuer, subject=subject, label=browser_of(visit)
    )
    return await admitted(visit, opened["secret"], attempt.next)


async def link(visit: Visit) -> Response:
    """Link the identity that was proved a moment ago in this browser."""
    found = visit.portal.proofs.take(visit.values["proof"], visit.session)
    if found is None or found["person"] != visit.actor.id:
        raise CentreError("conflict", "this login elsewhere does not hold; begin again")
    issuer = visit.portal.openid.issuer
    await visit.through(identities.link, visit.actor, issuer=issuer, subject=found["subject"])
    return visit.go("/account", "linked")


async def unlink(visit: Visit) -> Response:
    """Let an identity log in no more."""
    await visit.do("people.unlink_identity", identity=visit.names["identity"])
    return visit.go("/account", "unlinked")


def _confirm(visit: Visit, person: str, subject: str) -> Response:
    if visit.actor.id != person:
        raise CentreError("unauthenticated", "this login elsewhere does not hold; begin again")
    proof = visit.portal.proofs.keep(visit.session, person, subject)
    return visit.show("link.html", proof=proof, subject=subject)


async def _away(visit: Visit, to: str, person: str) -> Response:
    openid, here = visit.portal.openid, _here(visit)
    url = await visit.through(lambda _: openid.begin(visit.secret, here, to, person))
    return Response("", 303, HEADERS | {"Location": url})


def _here(visit: Visit) -> str:
    """Our address for the way back, as it is registered with the issuer."""
    public = str(visit.api.centre.services.settings["public_url"]).rstrip("/")
    return (public or str(visit.request.base_url).rstrip("/")) + BACK


class Proofs:
    """Identities that were proved, each waiting for one confirmation in the same browser."""

    MOST: Final = 1000

    def __init__(self) -> None:
        self._held: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def keep(self, session: str, person: str, subject: str) -> str:
        """A name for what was proved in ``session``."""
        name = secrets.token_urlsafe(32)
        self._held[name] = {"session": session, "person": person, "subject": subject}
        while len(self._held) > self.MOST:
            self._held.popitem(last=False)
        return name

    def take(self, name: str, session: str) -> dict[str, Any] | None:
        """What was proved, once."""
        found = self._held.pop(name, None)
        return found if found is not None and found["session"] == session else None


PAGES: Final = (
    Page("GET", "/login/elsewhere", "", Who.ANYONE, begin, ("next",)),
    Page("GET", BACK, "", Who.ANYONE, back, ("state", "code", "error", "iss")),
    Page("GET", "/account/link", "", Who.PERSON, begin_link),
    Page("POST", "/account/link", "people.link_identity", Who.PERSON, link,
         form=(Field("proof", kind="hidden"),)),
    Page("POST", "/account/identities/{identity}/unlink", "people.unlink_identity", Who.SELF,
         unlink),
)  # fmt: skip
