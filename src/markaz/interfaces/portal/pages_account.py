"""Pages of the own account: profile, password, one-time codes, logins, data; and keys."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import SCOPES
from markaz.centre.people import login as doors
from markaz.centre.people.key_verbs import EVERYDAY
from markaz.interfaces.portal.downloads import attachment
from markaz.interfaces.portal.exports import exports
from markaz.interfaces.portal.forms import Unfilled
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.portal.words import WORDS

MOST_KEYS: Final = 200


async def account(visit: Visit, **more: Any) -> Response:
    """The own account."""
    me, keys, linked = await visit.ask_each(
        ("people.me", {}), ("keys.list", {"limit": MOST_KEYS}), ("people.identities", {})
    )
    logins = [key for key in keys["items"] if key["kind"] != "key" and not _over(visit, key)]
    return visit.show("account.html", me=me, logins=logins, linked=linked["items"], **more)


async def change(visit: Visit) -> Response:
    """Change name or address."""
    await visit.do("people.change", **visit.values)
    return visit.go("/account", "profile")


async def password(visit: Visit) -> Response:
    """Set a new password, knowing the old one."""
    await visit.through(doors.change_password, visit.actor, **visit.values)
    return visit.go("/account", "password")


async def totp_begin(visit: Visit) -> Response:
    """Show the secret for an authenticator, this once."""
    import segno  # noqa: PLC0415 - for the few who turn codes on

    begun = await visit.do("people.totp_begin")
    code = segno.make(begun["secret"], error="m")
    return visit.show("totp.html", address=begun["secret"], picture=code.svg_data_uri(border=3))


async def totp_form(visit: Visit) -> Response:
    """Ask for the first code again."""
    return visit.show("totp.html", address="", picture="")


async def totp_confirm(visit: Visit) -> Response:
    """Turn one-time codes on."""
    await visit.do("people.totp_confirm", **visit.values)
    return visit.go("/account", "totp-on")


async def totp_off(visit: Visit) -> Response:
    """Turn one-time codes off."""
    await visit.through(doors.totp_off, visit.actor, **visit.values)
    return visit.go("/account", "totp-off")


async def end_sessions(visit: Visit) -> Response:
    """Log out everywhere."""
    await visit.do("keys.end_sessions")
    visit.cookies["session"] = ""
    return visit.go("/login", "everywhere")


async def export(visit: Visit) -> Response:
    """All that the centre holds about the person."""
    found = await visit.ask("people.export")
    data = json.dumps(found, ensure_ascii=False, indent=1).encode()
    return attachment(data, "markaz-account.json", "application/json")


async def erase(visit: Visit) -> Response:
    """Erase the own account, once its login name was typed."""
    me = await visit.ask("people.me")
    if visit.values["login"] != me["login"]:
        raise Unfilled({"login": N_("Type your login name to confirm.")})
    await visit.do("people.erase")
    visit.cookies["session"] = ""
    return visit.go("/", "erased")


async def keys(visit: Visit, **more: Any) -> Response:
    """The own keys."""
    found, projects = await visit.ask_each(
        ("keys.list", {"limit": MOST_KEYS}), ("projects.list", {"limit": 100})
    )
    mine = [key for key in found["items"] if key["kind"] == "key"]
    slugs = {one["id"]: one["slug"] for one in projects["items"]}
    choices = [("", visit.gettext("all my projects")), *((s, s) for s in slugs.values())]
    shown = {"keys": mine, "slugs": slugs, "projects": choices, "everyday": list(EVERYDAY)}
    return visit.show("keys.html", **(shown | {"made": None, "lines": ""} | more))


async def make_key(visit: Visit) -> Response:
    """Make a key and show it, this once."""
    given = dict(visit.values)
    given["days"] = int(given["days"]) or None
    made = await visit.do("keys.create", **given)
    lines = await exports(visit, made["secret"], given.get("project"))
    visit.values = {}
    return await keys(visit, made=made, lines=lines)


async def revoke(visit: Visit) -> Response:
    """End a key or a login."""
    await visit.do("keys.revoke", key=visit.names["key"])
    return visit.go("/keys" if visit.values.get("from") == "keys" else "/account", "revoked")


def _over(visit: Visit, key: dict[str, Any]) -> bool:
    return key["expires_at"] is not None and key["expires_at"] <= visit.now


CODE: Final = Field("code", N_("Code that the authenticator shows"), most=12,
                    autocomplete="one-time-code", ltr=True)  # fmt: skip
PROFILE: Final = (
    Field("name", N_("Your name"), autocomplete="name"),
    Field("email", N_("Mail address"), "email", required=False, most=254, autocomplete="email",
          ltr=True),
)  # fmt: skip
PASSWORDS: Final = (
    Field("old", N_("Password until now"), "password", most=1024,
          autocomplete="current-password", ltr=True),
    Field("new", N_("New password"), "password", N_("At least 8 characters. A few words are good."),
          most=1024, autocomplete="new-password", ltr=True),
)  # fmt: skip
KEY: Final = (
    Field("label", N_("What it is for"), hint=N_("So that you know later which key this is."),
          most=100),
    Field("project", N_("Project"), "select", required=False),
    Field("scopes", N_("What it may do"), "checkboxes",
          choices=tuple((scope, WORDS["scope"][scope]) for scope in SCOPES)),
    Field("days", N_("How long it works"), "select", choices=(
        ("30", N_("30 days")), ("90", N_("90 days")), ("365", N_("a year")), ("0", N_("no end")))),
)  # fmt: skip
PAGES: Final = (
    Page("GET", "/account", "people.me", Who.PERSON, account),
    Page("POST", "/account/profile", "people.change", Who.PERSON, change, form=PROFILE,
         again=account),
    Page("POST", "/account/password", "people.change_password", Who.PERSON, password,
         form=PASSWORDS, again=account),
    Page("POST", "/account/totp", "people.totp_begin", Who.PERSON, totp_begin),
    Page("POST", "/account/totp/confirm", "people.totp_confirm", Who.PERSON, totp_confirm,
         form=(CODE,), again=totp_form),
    Page("POST", "/account/totp/off", "people.totp_off", Who.PERSON, totp_off, again=account,
         form=(Field("password", N_("Password"), "password", most=1024,
                     autocomplete="current-password", ltr=True), CODE)),
    Page("POST", "/account/sessions/end", "keys.end_sessions", Who.PERSON, end_sessions),
    Page("GET", "/account/export", "people.export", Who.PERSON, export),
    Page("POST", "/account/erase", "people.erase", Who.PERSON, erase, again=account,
         form=(Field("login", N_("Your login name"), most=64, ltr=True),)),
    Page("GET", "/keys", "keys.list", Who.PERSON, keys),
    Page("POST", "/keys", "keys.create", Who.PERSON, make_key, form=KEY, again=keys),
    Page("POST", "/keys/{key}/revoke", "keys.revoke", Who.SELF, revoke,
         form=(Field("from", kind="hidden", required=False),)),
)  # fmt: skip
