"""A9: other sites' forms, cookies, fixation, headers, open redirects; from the table of pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from markaz.centre.centre import Centre
from markaz.centre.settings import Settings
from markaz.interfaces.portal.guard import POLICY, Forgery, own_path
from markaz.interfaces.portal.page import Who
from markaz.interfaces.portal.table import PAGES
from tests.people_tools import cheap_hashes
from tests.portal_tools import HOME, QUIET, Site, Visitor, address, forms_of, parsed, site_of
from tests.rest_fakes import silence
from tests.rest_world import undone

WRITES: Final = [page for page in PAGES if page.method == "POST"]
READS: Final = [page for page in PAGES if page.method == "GET"]
FILES: Final = {"/jobs/{job}/contents/{which}", "/jobs/{job}/circuit.qasm", "/account/export"}
LOGIN: Final = "/login?next="


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **QUIET})) as centre:
        yield site_of(centre)


# Forgery.


def forged(site: Site, visitor: Visitor, other: Visitor) -> dict[str, dict[str, Any]]:
    """Requests that no page of ours sends, by what is wrong with them."""
    good, evil = visitor.token_of(), {"Origin": "https://evil.example"}
    return {
        "no token": {"token": ""},
        "a made-up token": {"token": "A" * len(good)},
        "a token cut off": {"token": good[:-4]},
        "a token with a byte changed": {"token": ("B" if good[0] == "A" else "A") + good[1:]},
        "no base 64": {"token": "é" * 20},
        "another person's token": {"token": other.token_of()},
        "a stranger's token": {"token": site.visitor().token_of()},
        "another site's page": {"headers": evil},
        "another port": {"headers": {"Origin": HOME + ":81"}},
        "another scheme": {"headers": {"Origin": "https://centre"}},
        "a neighbour": {"headers": {"Origin": "http://evil.centre"}},
        "a hidden origin": {"headers": {"Origin": "null"}},
        "no origin": {"headers": {"Origin": ""}},
        "a page that it came from": {"headers": {"Referer": "https://evil.example/a"}},
        "no origin, but cross-site": {"headers": {"Sec-Fetch-Site": "cross-site"}},
        "a sibling's site": {"headers": {"Sec-Fetch-Site": "same-site"}},
    }


@pytest.mark.parametrize("page", WRITES, ids=lambda page: page.path)
def test_no_other_site_can_write(site: Site, page: Any) -> None:
    role = "pi" if page.who is not Who.ANYONE else "anonymous"
    visitor, other = site.visitor(role), site.visitor("operator")
    form = forms_of(site, site.world.own, role).get(page.path, {})
    path = address(site, page, site.world.own, role)
    good = visitor.token_of()
    with undone(site.world) as entries:
        for wrong, how in forged(site, visitor, other).items():
            if page.json:
                headers = {"Origin": HOME, "X-CSRF-Token": how.get("token", good)}
                answer = visitor.post(path, json={}, headers=headers | how.get("headers", {}))
            else:
                sent = {"token": good, "headers": {"Origin": HOME}} | how
                answer = visitor.fill(path, form, **sent)
            assert answer.status_code == 403, wrong
    assert entries == []


def test_a_form_without_a_login_goes_to_the_login(site: Site) -> None:
    visitor = site.visitor()
    for page in WRITES:
        if page.who is Who.ANYONE:
            continue
        answer = visitor.fill(address(site, page, site.world.own, "pi"), {})
        assert (answer.status_code, answer.headers["location"]) == (303, LOGIN + "/home")


@pytest.mark.parametrize("media", ["application/json", "text/plain", ""])
def test_a_form_comes_as_a_form(site: Site, media: str) -> None:
    visitor = site.visitor("pi")
    headers = {"Origin": HOME, "Content-Type": media}
    answer = visitor.post("/keys", content=b"label=a", headers=headers)
    assert answer.status_code == 422


def test_a_token_is_another_text_each_time_and_fits_its_session_only() -> None:
    forgery, other = Forgery(b"k" * 32), Forgery(b"j" * 32)
    tokens = {forgery.token("session") for _ in range(20)}
    assert len(tokens) == 20
    assert all(forgery.fits("session", token) for token in tokens)
    token = tokens.pop()
    wrong = [forgery.fits("sessions", token), forgery.fits("", token), other.fits("session", token)]
    assert wrong == [False, False, False]
    assert forgery.fits("", forgery.token("")) is False


def test_a_key_does_not_open_pages_and_a_browser_opens_no_interface(site: Site) -> None:
    key, session = site.world.keys["pi"], site.sessions["pi"]
    bare = site.visitor()
    assert bare.get("/home", headers={"Authorization": f"Bearer {key}"}).status_code == 303
    bare.cookies.set("markaz-session", key, domain="centre.local")
    assert bare.get("/home").status_code == 303
    headers = {"Authorization": f"Bearer {session}", "Accept": "application/json"}
    refused = site.visitor().get("/v1/me", headers=headers)
    assert (refused.status_code, refused.json()["kind"]) == (401, "unauthenticated")
    assert site.visitor("pi").get("/v1/me").status_code == 401  # its cookie is no key


# Headers.


def test_every_answer_has_the_policy(site: Site) -> None:
    visitor, answers = site.visitor("pi"), {}
    for page in READS:
        answers[page.path] = visitor.get(address(site, page, site.world.own, "pi"))
    answers["an error"] = visitor.get("/nowhere")
    answers["a refusal"] = visitor.fill("/keys", {}, token="")
    answers["a mended form"] = visitor.fill("/keys", {})
    answers["a way on"] = site.visitor().get("/home")
    answers["a sheet"] = visitor.get(site.portal.statics.address("portal.css"))
    answers["no file"] = visitor.get("/static/x/y")
    for name, answer in answers.items():
        policies = answer.headers.get_list("content-security-policy")
        assert len(policies) == 1, name
        if name in FILES and answer.status_code == 200:
            assert policies[0].startswith("default-src 'none'; sandbox"), name
        else:
            assert policies[0] == POLICY, name
        found = {key: answer.headers[key] for key in (
            "x-content-type-options", "x-frame-options", "referrer-policy",
            "cross-origin-opener-policy", "cross-origin-resource-policy")}  # fmt: skip
        assert found == {
            "x-content-type-options": "nosniff", "x-frame-options": "DENY",
            "referrer-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }, name  # fmt: skip
        assert "camera=()" in answer.headers["permissions-policy"], name
        kept = name == "a sheet"
        assert answer.headers["cache-control"] == (
            "public, max-age=31536000, immutable" if kept else "no-store"
        ), name


def test_the_policy_lets_nothing_in_from_elsewhere_or_inline() -> None:
    parts = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == parts["form-action"] == "'self'"
    assert parts["frame-ancestors"] == parts["base-uri"] == "'none'"
    assert not any(word in POLICY for word in ("unsafe", "*", "http:", "https:", "blob:"))


# Cookies and sessions.


def cookies_of(answer: Any) -> dict[str, tuple[str, set[str]]]:
    """The cookies that an answer sets: name -> value, flags in lower case."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        first, *flags = (part.strip() for part in line.split(";"))
        name, _, value = first.partition("=")
        found[name] = value.strip('"'), {flag.lower() for flag in flags}
    return found


def test_cookies_are_for_this_site_only_and_no_script_reads_them(site: Site) -> None:
    visitor = site.visitor()
    given = cookies_of(visitor.get("/login"))
    given |= cookies_of(visitor.fill("/preferences", {"language": "ur", "theme": "dark"}))
    assert set(given) == {"markaz-visitor", "markaz-language", "markaz-theme"}
    for name, (_, flags) in given.items():
        assert {"httponly", "samesite=lax", "path=/"} <= flags, name
        assert not any(flag.startswith(("domain", "secure")) for flag in flags), name


@pytest.mark.parametrize(
    "more", [{"public_url": "https://quantum.example"}, {"tls_certificate": "c", "tls_key": "k"}]
)
def test_with_https_cookies_are_bound_to_the_host(
    sqlite_template: Path, tmp_path: Path, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap_hashes(monkeypatch)
    shutil.copy(sqlite_template, tmp_path / "markaz.db")
    with Centre.open(Settings({"data": str(tmp_path), **QUIET, **more})) as centre:
        secure = site_of(centre)
        visitor = Visitor(secure.app)
        visitor.base_url = "https://quantum.example"  # type: ignore[assignment]
        given = cookies_of(visitor.get("/login"))
        assert set(given) == {"__Host-markaz-visitor"}
        flags = given["__Host-markaz-visitor"][1]
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
        # A cookie without the prefix, as a neighbour could plant it, says nothing.
        plain = Visitor(secure.app, secure.sessions["pi"])
        assert plain.get("/home").status_code == 303


@pytest.fixture
def person(site: Site, monkeypatch: pytest.MonkeyPatch) -> str:
    """A login with the password ``gravel otter nine``."""
    from sqlalchemy import update

    from markaz.centre.people import passwords
    from markaz.centre.people.tables import users

    cheap_hashes(monkeypatch)
    hashed = passwords.hashed("gravel otter nine")
    mine = update(users).where(users.c.id == site.world.ids["outsider"])
    site.world.do(lambda work: work.run(mine.values(password_hash=hashed)))
    return "a-outsider"


def log_in(visitor: Visitor, login: str, **form: str) -> Any:
    given = {"login": login, "password": "gravel otter nine", "next": "/home"}
    return visitor.fill("/login", given | form)


def test_a_login_begins_a_new_session_whatever_the_browser_had(site: Site, person: str) -> None:
    attacker = site.visitor()
    planted = cookies_of(attacker.get("/login"))["markaz-visitor"][0]
    victim = site.visitor()
    victim.cookies.set("markaz-visitor", planted, domain="centre.local")
    victim.cookies.set("markaz-session", "mkz_b_" + "0" * 49, domain="centre.local")
    answer = log_in(victim, person)
    given = cookies_of(answer)
    session = given["markaz-session"][0]
    assert re.fullmatch(r"mkz_b_\w{49}", session)
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= given["markaz-session"][1]
    assert given["markaz-visitor"][0] == ""  # what was known before is worth nothing
    again = Visitor(site.app, session)
    assert again.get("/home").status_code == 200
    old_token = attacker.token_of()
    assert again.fill("/logout", token=old_token).status_code == 403


def test_a_second_login_ends_the_first_and_logging_out_ends_it(site: Site, person: str) -> None:
    visitor = site.visitor()
    first = cookies_of(log_in(visitor, person))["markaz-session"][0]
    visitor = Visitor(site.app, first)
    second = cookies_of(log_in(visitor, person))["markaz-session"][0]
    assert first != second
    assert Visitor(site.app, first).get("/home").status_code == 303
    visitor = Visitor(site.app, second)
    out = visitor.fill("/logout")
    assert (out.status_code, out.headers["location"]) == (303, "/?done=logged-out")
    assert cookies_of(out)["markaz-session"][0] == ""
    assert Visitor(site.app, second).get("/home").status_code == 303


def test_logging_out_everywhere_ends_every_login_but_no_key(site: Site, person: str) -> None:
    sessions = [site.session("outsider") for _ in range(3)]
    visitor = Visitor(site.app, sessions[0])
    assert visitor.fill("/account/sessions/end").headers["location"] == "/login?done=everywhere"
    assert [Visitor(site.app, s).get("/home").status_code for s in sessions] == [303] * 3
    key = {"Authorization": f"Bearer {site.world.keys['outsider']}"}
    assert site.visitor().get("/v1/me", headers=key).status_code == 200


def test_an_unused_session_ends_and_a_used_one_ends_after_twelve_hours(
    site: Site, person: str
) -> None:
    minute = 60_000_000
    clock = site.world.centre.services.clock
    visitor = site.visitor()
    session = cookies_of(log_in(visitor, person))["markaz-session"][0]
    origin = clock._origin
    found = []
    try:
        for step in (100, 100, 100, 100, 100, 100, 100, 30):  # 12 hours are 720 minutes
            clock._origin += step * minute
            site.portal.api.gate.authenticator.forget()
            found.append(Visitor(site.app, session).get("/home").status_code)
            site.world.centre.writer.submit(lambda _: None).result()  # the use is noted
        assert found == [200] * 7 + [303]
        idle = cookies_of(log_in(site.visitor(), person))["markaz-session"][0]
        clock._origin += 121 * minute
        site.portal.api.gate.authenticator.forget()
        assert Visitor(site.app, idle).get("/home").status_code == 303
    finally:
        clock._origin = origin


def test_wrong_logins_are_told_the_same(site: Site, person: str) -> None:
    texts = set()
    for login in (person, "nobody-here"):
        answer = site.visitor().fill("/login", {"login": login, "password": "wrong password"})
        assert answer.status_code == 401
        texts.add(re.sub(r'value="[^"]*"', "", answer.text))
        assert "wrong password" not in answer.text
    assert len(texts) == 1


# Redirects.

ELSEWHERE: Final = (
    "https://evil.example", "http://evil.example/", "//evil.example", "///evil.example",
    "////evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example",
    " //evil.example", "/ /evil.example\x00", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "vbscript:x", "//evil.example/%2f..", "/..//evil.example",
    "/.//evil.example", "/a/..//evil.example", "/%2e%2e//evil.example", "/%2E//evil.example",
    "//evil.example:80", "//user@evil.example", "https:evil.example", "https:/evil.example",
    "https:///evil.example", "http:\\\\evil.example", "//[::1]/", "//①②⑦.evil", "/\u2028/evil",
    "evil.example", "evil.example/home", ".evil.example", "@evil.example", "?next=//evil",
    "#//evil", "/home\r\nSet-Cookie: a=b", "/home\nLocation: https://evil.example",
    "/a//evil.example", "//", "///", "/\\", "ftp://evil.example", "file:///etc/passwd",
    "", "/" + "a" * 3000,
)  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_address_leads_elsewhere(target: str) -> None:
    assert own_path(target, "/home") == "/home"


@pytest.mark.parametrize("target", ["/", "/home", "/jobs?tag=a&after=3", "/projects/a/ledger#b",
                                    "/jobs/1?next=//x", "/a-b_c.d~e"])  # fmt: skip
def test_own_addresses_stay(target: str) -> None:
    assert own_path(target, "/home") == target


def test_forms_and_links_lead_nowhere_else(site: Site, person: str) -> None:
    assert len(ELSEWHERE) >= 40
    chosen, asked, logged = site.visitor(), site.visitor(), site.visitor()
    token = logged.token_of()
    for target in ELSEWHERE:
        form = {"theme": "dark", "next": target}
        found = chosen.fill("/preferences", form).headers.get("location", "/")
        assert found == "/", target
        page = parsed(asked.get("/login", params={"next": target}).text)
        given = [one["value"] for one in page.all("input") if one.get("name") == "next"]
        assert given[0] in ("/home", "/login"), target
    for target in ELSEWHERE[:-1:6]:
        answer = log_in(site.visitor(), person, next=target)
        assert (answer.status_code, answer.headers["location"]) == (303, "/home"), target
    assert logged.fill("/logout", token=token).headers["location"] == LOGIN + "/home"
