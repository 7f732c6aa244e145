"""Pages on the way in: login, sign-up, lost passwords and authenticators, invitations."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.people import login as doors
from markaz.centre.people.keys import BROWSER
from markaz.interfaces.portal.guard import own_path
from markaz.interfaces.portal.languages import ENGLISH, LANGUAGES
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.visit import Visit

MOST_LISTED: Final = 500


async def login(visit: Visit) -> Response:
    """Ask for login and password."""
    back = own_path(visit.asked("next") or visit.values.get("next", ""), "/home")
    return visit.show("login.html", next=back)


async def log_in(visit: Visit) -> Response:
    """Open a session, a new one whatever the browser had before."""
    given = dict(visit.values)
    back = own_path(given.pop("next", ""), "/home")
    opened = await visit.through(doors.log_in, **given, label=browser_of(visit), browser=True)
    return await admitted(visit, opened["secret"], back)


async def admitted(visit: Visit, secret: str, back: str) -> Response:
    """To where the person wanted to go, with the new session; an old one ends."""
    if visit.session:
        await visit.do("keys.log_out")
    visit.cookies |= {"session": secret, "visitor": ""}
    authenticator = visit.api.gate.authenticator
    visit.actor = await asyncio.to_thread(authenticator.authenticate, secret, BROWSER)
    stored = (await visit.ask("people.me"))["language"]
    chosen = visit.portal.cookies.get(visit.request, "language")
    if not chosen and stored in LANGUAGES and stored != ENGLISH.code:
        visit.cookies["language"] = stored
    return visit.go(back)


def browser_of(visit: Visit) -> str:
    """What to call a session: the browser, as far as it says."""
    agent = visit.request.headers.get("user-agent", "")
    names = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
    systems = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")
    name = next((one for one in names if one in agent), "")
    name = {"Edg": "Edge", "OPR": "Opera"}.get(name, name)
    return (
        " · ".join(filter(None, (name, next((s for s in systems if s in agent), "")))) or "browser"
    )


async def log_out(visit: Visit) -> Response:
    """End this login."""
    await visit.do("keys.log_out")
    visit.cookies["session"] = ""
    return visit.go("/", "logged-out")


async def sign_up(visit: Visit) -> Response:
    """Ask who wants an account."""
    found = await visit.ask("institutions.list", limit=MOST_LISTED)
    listed = [(one["id"], one["name"]) for one in found["items"]]
    return visit.show("sign-up.html", institutions=listed)


async def signed_up(visit: Visit) -> Response:
    """Write the request down."""
    await visit.through(doors.sign_up, **visit.values, language=visit.language.code)
    return visit.go("/login", "asked")


async def lost(visit: Visit) -> Response:
    """Ask what was lost."""
    return visit.show("lost.html")


async def report_lost(visit: Visit) -> Response:
    """Mail a code, or say who has one; the same whether there is such an account or not."""
    found = await visit.do("people.recover", **visit.values)
    where = "/lost/password" if visit.values["lost"] == "password" else "/lost/totp"
    return visit.go(where, "mailed" if found["by"] == "mail" else "operator")


async def new_password(visit: Visit) -> Response:
    """Ask for a code and a new password."""
    return visit.show("lost-password.html")


async def set_password(visit: Visit) -> Response:
    """Set it."""
    await visit.through(doors.set_password, **visit.values)
    return visit.go("/login", "password-set")


async def no_totp(visit: Visit) -> Response:
    """Ask for a code instead of the authenticator."""
    return visit.show("lost-totp.html")


async def reset_totp(visit: Visit) -> Response:
    """Turn one-time codes off."""
    await visit.through(doors.reset_totp, **visit.values)
    return visit.go("/login", "totp-off")


async def invitation(visit: Visit) -> Response:
    """Ask for an invitation's token. It is never in an address that goes to the server."""
    return visit.show("invitation.html")


async def accept(visit: Visit) -> Response:
    """Join the project."""
    joined: dict[str, Any] = await visit.do("projects.accept", **visit.values)
    return visit.go(f"/projects/{joined['slug']}", "joined")


NEXT: Final = Field("next", kind="hidden", required=False, most=2000)
LOGIN: Final = Field("login", N_("Login name"), most=64, autocomplete="username", ltr=True)
PASSWORD: Final = Field("password", N_("Password"), "password", most=1024,
                        autocomplete="current-password", ltr=True)  # fmt: skip
NEW_PASSWORD: Final = Field(
    "password", N_("New password"), "password", N_("At least 8 characters. A few words are good."),
    most=1024, autocomplete="new-password", ltr=True)  # fmt: skip
CODE: Final = Field(
    "code", N_("Code"), hint=N_("The code that you got by mail or from an operator."), ltr=True
)
SIGN_UP: Final = (
    Field("name", N_("Your name"), autocomplete="name"),
    Field("login", N_("Login name"), hint=N_("a to z, digits, dot, hyphen and underscore"), most=64,
          autocomplete="username", ltr=True),
    Field("email", N_("Mail address"), "email", most=254, autocomplete="email", ltr=True),
    Field("institution", N_("Institution"), "select", required=False),
    NEW_PASSWORD,
)  # fmt: skip
LOST: Final = (
    LOGIN,
    Field("lost", N_("What is lost?"), "select",
          choices=(("password", N_("the password")), ("totp", N_("the authenticator")))),
)  # fmt: skip
PAGES: Final = (
    Page("GET", "/login", "", Who.ANYONE, login, ("next",)),
    Page("POST", "/login", "people.log_in", Who.ANYONE, log_in, again=login, form=(
        LOGIN, PASSWORD,
        Field("code", N_("One-time code"), hint=N_("Only if your account asks for one."),
              required=False, most=12, autocomplete="one-time-code", ltr=True), NEXT)),
    Page("POST", "/logout", "keys.log_out", Who.PERSON, log_out),
    Page("GET", "/sign-up", "institutions.list", Who.ANYONE, sign_up),
    Page("POST", "/sign-up", "people.sign_up", Who.ANYONE, signed_up, form=SIGN_UP, again=sign_up),
    Page("GET", "/lost", "", Who.ANYONE, lost),
    Page("POST", "/lost", "people.recover", Who.ANYONE, report_lost, form=LOST, again=lost),
    Page("GET", "/lost/password", "", Who.ANYONE, new_password),
    Page("POST", "/lost/password", "people.set_password", Who.ANYONE, set_password,
         form=(CODE, NEW_PASSWORD), again=new_password),
    Page("GET", "/lost/totp", "", Who.ANYONE, no_totp),
    Page("POST", "/lost/totp", "people.totp_off", Who.ANYONE, reset_totp,
         form=(LOGIN, PASSWORD, CODE), again=no_totp),
    Page("GET", "/invitation", "", Who.PERSON, invitation),
    Page("POST", "/invitation", "projects.accept", Who.PERSON, accept, again=invitation,
         form=(Field("invitation", N_("Token of the invitation"), most=200, ltr=True),)),
)  # fmt: skip
