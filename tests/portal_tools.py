"""The portal around a centre with everybody in it: visitors, forms, and pages taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from markaz.centre.centre import Centre
from markaz.centre.people import tokens
from markaz.centre.people.key_verbs import issue
from markaz.interfaces.portal.page import Page
from markaz.interfaces.portal.portal import Portal
from markaz.interfaces.rest_api.app import make_app
from tests import overseers
from tests.rest_fakes import Browser, api_of
from tests.rest_world import BELL, PASSWORD, ROLES, Canned, World, build

HOME = "http://centre"
# Never refuses a test for being quick.
QUIET = {
    "requests_per_minute": 10**6, "requests_per_minute_anonymous": 10**6,
    "requests_per_minute_total": 10**7, "logins_per_minute": 10**6, "workers": 0,
    "sign_up": True,
}  # fmt: skip
VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})


class Visitor(Browser):
    """A browser that keeps cookies, shows our Origin, and has the token of its last page."""

    def __init__(self, app: Any, session: str = "", language: str = "en") -> None:
        super().__init__(app)
        self.headers["Accept"] = "text/html"
        self.headers["Accept-Language"] = language
        if session:
            self.cookies.set("markaz-session", session, domain="centre.local")
        self.token = ""

    def token_of(self, path: str = "/announcements") -> str:
        """A token that forms of ours have."""
        return re.findall(r'name="csrf" value="([^"]+)"', self.get(path).text)[0]

    def fill(
        self,
        path: str,
        form: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        **more: Any,
    ) -> Any:
        """Send a form as one of our pages would."""
        self.token = self.token or self.token_of()
        data = {**(form or {}), "csrf": self.token if token is None else token}
        more.setdefault("headers", {"Origin": HOME})
        return self.post(path, data=data, **more)


@dataclass
class Site:
    """A centre, its portal, and a session for everybody."""

    world: World
    portal: Portal
    app: Any
    sessions: dict[str, str] = field(default_factory=dict)

    def visitor(self, role: str = "anonymous", language: str = "en") -> Visitor:
        """A browser in which ``role`` is logged in."""
        return Visitor(self.app, self.sessions.get(role, ""), language)

    def session(self, role: str) -> str:
        """A further session of somebody."""
        made = self.world.do(
            lambda work: issue(
                work, "b", user_id=self.world.ids[role], label="Firefox · Linux",
                idle_seconds=3600, expires_at=work.now + 10**12,
            )
        )  # fmt: skip
        return str(made["secret"])


def site_of(centre: Centre) -> Site:
    """The portal around everybody and everything."""
    world = build(centre)
    api = api_of(centre, Canned(centre))
    portal = Portal(api)
    site = Site(world, portal, make_app(api, more=portal.routes(), refused=portal.refused))
    for role in (*ROLES[1:], "stranger", "waiting"):
        site.sessions[role] = site.session(role)
    overseers.prepare(site)
    return site


def names_of(site: Site, target: dict[str, str], role: str) -> dict[str, str]:
    """What stands for the names in addresses; ``target`` is ``world.own`` or ``world.other``."""
    world, own = site.world, target is site.world.own
    return {
        "project": target["project"],
        "job": target["job"],
        "session": target["session"],
        "invitation": target["invitation"],
        "user": world.ids["member" if own else "stranger"],
        "key": world.ids.get(f"{role} key", "nobody") if own else world.ids["stranger key"],
        "identity": world.ids.get(f"{role if own else 'stranger'} identity", "nobody"),
        "device": "simulator",
        "which": "input",
        **overseers.names_of(site, target, role),
    }


def forms_of(site: Site, target: dict[str, str], role: str) -> dict[str, dict[str, Any]]:
    """What ``role`` fills in, by the form's address in the table."""
    slug = target["project"]
    login = f"a-{role.replace('_', '-')}"
    return {
        "/preferences": {"language": "en", "theme": "dark", "next": "/"},
        "/submit": {
            "program": BELL, "project": slug, "device": "simulator", "shots": "10",
            "name": "n", "tags": "a, b", "seed": "1", "act": "run",
        },
        "/sessions": {"project": slug, "device": "simulator", "mode": "batch", "minutes": "5"},
        "/request-project": {"title": "New", "slug": "a-new-one", "description": "About"},
        "/projects/{project}/change": {
            "title": "T", "description": "D", "job_visibility": "own"},
        "/projects/{project}/invite": {"role": "member", "email": "a@example.org"},
        "/invitations/{invitation}/withdraw": {"project": "own"},
        "/projects/{project}/members/{user}/role": {"role": "trainer"},
        "/projects/{project}/members/{user}/shares": {"shares": "4"},
        "/account/profile": {"name": "New", "email": "new@example.org"},
        "/account/password": {"old": "x", "new": PASSWORD},
        "/account/totp/confirm": {"code": "000000"},
        "/account/totp/off": {"password": "x", "code": "000000"},
        "/account/erase": {"login": login},
        "/account/link": {"proof": "none"},
        "/login/elsewhere/code": {"proof": "none", "code": "000000"},
        "/keys": {"label": "k", "project": "", "scopes": ["jobs:read"], "days": "30"},
        "/keys/{key}/revoke": {"from": "keys"},
        "/login": {"login": "nobody", "password": PASSWORD, "code": "", "next": "/home"},
        "/sign-up": {
            "name": "N", "login": "newcomer", "email": "n@example.org", "password": PASSWORD,
            "institution": ""},
        "/lost": {"login": "a-member", "lost": "password"},
        "/lost/password": {"code": tokens.new("c").text, "password": PASSWORD},
        "/lost/totp": {"login": "a-member", "password": PASSWORD, "code": tokens.new("c").text},
        "/invitation": {"invitation": tokens.new("i").text},
        **overseers.forms_of(site, target),
    }  # fmt: skip


def address(site: Site, page: Page, target: dict[str, str], role: str) -> str:
    """The address of ``page`` about ``target``."""
    return page.address(**names_of(site, target, role))


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[tuple[str, dict[str, str | None]], ...], str]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1][0] == tag, (tag, self._open[-2:], self.getpos())
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((tuple(self._open), data.strip()))


@dataclass
class Parsed:
    """A page taken apart: its elements in order, and its texts with what they stand in."""

    elements: list[tuple[str, dict[str, str | None]]]
    texts: list[tuple[tuple[tuple[str, dict[str, str | None]], ...], str]]

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements with the names of their attributes: what no text may change."""
        return [(tag, tuple(sorted(found))) for tag, found in self.elements]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [found for name, found in self.elements if name == tag]

    @property
    def links(self) -> set[str]:
        """Where it leads on this site."""
        found = (one.get("href") or "" for one in self.all("a"))
        return {one for one in found if one.startswith("/")}


def parsed(text: str) -> Parsed:
    """``text`` as a page; its elements must be closed in order."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert not parser._open, parser._open
    return Parsed(parser.elements, parser.texts)
