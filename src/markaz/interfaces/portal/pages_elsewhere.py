"""Logging in through the centre's OpenID Connect issuer, and linking who one is there."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from markaz.centre.errors import CentreError
from markaz.centre.people import identities
from markaz.centre.people import login as doors
from markaz.interfaces.portal.guard import HEADERS, own_path
from markaz.interfaces.portal.page import N_, Field, Page, Who
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
    try:
        return await _enter(visit, subject, attempt.next)
    except CentreError as error:
        if error.details.get("needs") != "code":
            raise
    proof = visit.portal.proofs.keep(visit.secret, subject, to=attempt.next)
    return visit.show("login-code.html", proof=proof)


async def _enter(visit: Visit, subject: str, to: str, **code: str) -> Response:
    given = {"issuer": visit.portal.openid.issuer, "subject": subject, **code}
    opened = await visit.through(doors.log_in_elsewhere, **given, label=browser_of(visit))
    return await admitted(visit, opened["secret"], to)


async def with_code(visit: Visit) -> Response:
    """In with the one-time code that the account asks for besides."""
    proof, secret = visit.values["proof"], visit.secret
    found = visit.portal.proofs.find(proof, secret)
    if found is None or found.person:
        raise CentreError("conflict", "this login elsewhere does not hold; begin again")
    answer = await _enter(visit, found.subject, found.to, code=visit.values["code"])
    visit.portal.proofs.take(proof, secret)
    return answer


async def ask_code(visit: Visit) -> Response:
    """Ask for the code once more."""
    return visit.show("login-code.html", proof=visit.values.get("proof", ""))


async def link(visit: Visit) -> Response:
    """Link the identity that was proved a moment ago in this browser."""
    found = visit.portal.proofs.take(visit.values["proof"], visit.session)
    if found is None or found.person != visit.actor.id:
        raise CentreError("conflict", "this login elsewhere does not hold; begin again")
    issuer = visit.portal.openid.issuer
    await visit.through(identities.link, visit.actor, issuer=issuer, subject=found.subject)
    return visit.go("/account", "linked")


async def unlink(visit: Visit) -> Response:
    """Let an identity log in no more."""
    await visit.do("people.unlink_identity", identity=visit.names["identity"])
    return visit.go("/account", "unlinked")


def _confirm(visit: Visit, person: str, subject: str) -> Response:
    if visit.actor.id != person:
        raise CentreError("unauthenticated", "this login elsewhere does not hold; begin again")
    proof = visit.portal.proofs.keep(visit.session, subject, person)
    return visit.show("link.html", proof=proof, subject=subject)


async def _away(visit: Visit, to: str, person: str) -> Response:
    openid, here = visit.portal.openid, _here(visit)
    url = await visit.through(lambda _: openid.begin(visit.secret, here, to, person))
    return Response("", 303, HEADERS | {"Location": url})


def _here(visit: Visit) -> str:
    """Our address for the way back, as it is registered with the issuer."""
    public = str(visit.api.centre.services.settings["public_url"]).rstrip("/")
    return (public or str(visit.request.base_url).rstrip("/")) + BACK


@dataclass(frozen=True, slots=True)
class Proof:
    """Who somebody is at the issuer, as a browser has proved; ``person``: to whose account it
    is to be linked (empty: it logs in), ``to``: where it wants to go then."""

    session: str
    subject: str
    person: str
    to: str
    until: float


class Proofs:
    """Identities that were proved, each waiting for a step more in the same browser."""

    MOST: Final = 1000
    LIVES_SECONDS: Final = 600.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._held: OrderedDict[str, Proof] = OrderedDict()
        self._clock = clock

    def keep(self, session: str, subject: str, person: str = "", to: str = "") -> str:
        """A name for what was proved in ``session`` (a secret of the browser)."""
        name = secrets.token_urlsafe(32)
        until = self._clock() + self.LIVES_SECONDS
        self._held[name] = Proof(session, subject, person, to, until)
        while len(self._held) > self.MOST:
            self._held.popitem(last=False)
        return name

    def find(self, name: str, session: str) -> Proof | None:
        """What was proved."""
        found = self._held.get(name)
        fits = found is not None and found.session == session and self._clock() < found.until
        return found if fits else None

    def take(self, name: str, session: str) -> Proof | None:
        """What was proved, once."""
        found = self.find(name, session)
        self._held.pop(name, None)
        return found


PAGES: Final = (
    Page("GET", "/login/elsewhere", "", Who.ANYONE, begin, ("next",)),
    Page("GET", BACK, "", Who.ANYONE, back, ("state", "code", "error", "iss")),
    Page("POST", "/login/elsewhere/code", "people.log_in_elsewhere", Who.ANYONE, with_code,
         again=ask_code,
         form=(Field("proof", kind="hidden"),
               Field("code", N_("One-time code"), hint=N_("The six digits of your authenticator."),
                     most=12, autocomplete="one-time-code", ltr=True))),
    Page("GET", "/account/link", "", Who.PERSON, begin_link),
    Page("POST", "/account/link", "people.link_identity", Who.PERSON, link,
         form=(Field("proof", kind="hidden"),)),
    Page("POST", "/account/identities/{identity}/unlink", "people.unlink_identity", Who.SELF,
         unlink),
)  # fmt: skip
