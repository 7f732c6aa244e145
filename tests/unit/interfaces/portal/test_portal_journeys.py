from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest

from markaz.centre.access import VERBS, CentreRole, Principal
from markaz.centre.people import passwords
from markaz.interfaces.portal.table import PAGES
from tests.people_tools import Mailbox, cheap_hashes
from tests.portal_tools import Site, Visitor, parsed
from tests.rest_world import BELL

PASSWORD = "gravel otter nine"
NEW = "marble heron eleven"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_hashes(monkeypatch)


@pytest.fixture
def mailbox(site: Site) -> Iterator[Mailbox]:
    services = site.world.centre.services
    before, services.mailer = services.mailer, Mailbox()
    yield services.mailer
    services.mailer = before


def operate(site: Site, verb: str, **given: Any) -> Any:
    operator = Principal(site.world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    return site.world.centre.perform(VERBS[verb], operator, **given)


def person(site: Site, login: str, **more: Any) -> Visitor:
    """A new person with ``PASSWORD``, logged in by the form."""
    made = operate(site, "people.create", login=login, name=login.title(), **more)
    visitor = site.visitor()
    done = visitor.fill("/lost/password", {"code": made["secret"], "password": PASSWORD})
    assert done.headers["location"] == "/login?done=password-set"
    return log_in(visitor, login)


def log_in(visitor: Visitor, login: str, **more: str) -> Visitor:
    answer = visitor.fill("/login", {"login": login, "password": PASSWORD, "next": "/jobs"} | more)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs"), answer.text
    visitor.token = ""
    return visitor


def text_of(answer: Any) -> str:
    """What a reader sees, without runs of white space."""
    return re.sub(r"\s+", " ", " ".join(text for _, text in parsed(answer.text).texts))


def test_an_account_is_asked_for_and_approved(site: Site) -> None:
    visitor = site.visitor("anonymous", "ur")
    form = {"name": "زینب", "login": "Zainab", "email": "Z@example.org", "password": PASSWORD,
            "institution": site.world.ids["institution"]}  # fmt: skip
    assert visitor.fill("/sign-up", form).headers["location"] == "/login?done=asked"
    waiting = visitor.fill("/login", {"login": "zainab", "password": PASSWORD})
    assert (waiting.status_code, "آپریٹر کی منظوری" in waiting.text) == (401, True)
    operate(site, "people.approve", user="zainab")
    log_in(visitor, "zainab")
    me = visitor.get("/account/export").json()["person"]
    assert (me["name"], me["email"], me["language"]) == ("زینب", "z@example.org", "ur")
    # In another browser the account's language is the one of the pages.
    assert 'lang="ur"' in log_in(site.visitor(), "zainab").get("/home").text
    again = site.visitor().fill("/sign-up", form)
    assert (again.status_code, "is taken" in again.text) == (409, True)


def test_a_lost_password_is_replaced_with_a_mailed_code(site: Site, mailbox: Mailbox) -> None:
    person(site, "bilal")
    operate(site, "people.change", user="bilal", email="bilal@example.org")
    visitor = site.visitor()
    asked = visitor.fill("/lost", {"login": "bilal", "lost": "password"})
    assert asked.headers["location"] == "/lost/password?done=mailed"
    code = mailbox.codes()[-1]
    done = visitor.fill("/lost/password", {"code": code, "password": NEW})
    assert done.headers["location"] == "/login?done=password-set"
    log_in(visitor, "bilal", password=NEW)
    used = site.visitor().fill("/lost/password", {"code": code, "password": NEW})
    assert (used.status_code, "This code does not work" in used.text) == (401, True)


def test_a_password_is_changed_and_other_logins_end(site: Site) -> None:
    visitor, other = person(site, "dania"), site.visitor()
    log_in(other, "dania")
    wrong = visitor.fill("/account/password", {"old": "no", "new": NEW})
    assert (wrong.status_code, "Login, password or code is wrong" in wrong.text) == (401, True)
    weak = visitor.fill("/account/password", {"old": PASSWORD, "new": "password1"})
    assert (weak.status_code, "guessed first" in weak.text) == (422, True)
    done = visitor.fill("/account/password", {"old": PASSWORD, "new": NEW})
    assert done.headers["location"] == "/account?done=password"
    assert (visitor.get("/home").status_code, other.get("/home").status_code) == (200, 303)


def test_one_time_codes_are_turned_on_asked_for_and_turned_off(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = person(site, "omar")
    page = visitor.fill("/account/totp")
    shown = re.findall(r"otpauth://[^<\s]+", page.text)[0].replace("&amp;", "&")
    picture = parsed(page.text).all("img")[0]["src"] or ""
    assert picture.startswith("data:image/svg+xml")
    code = pyotp.parse_uri(shown)
    wrong = visitor.fill("/account/totp/confirm", {"code": "000000"})
    assert (wrong.status_code, shown in wrong.text) == (422, False)
    clock = site.world.centre.services.clock
    now = code.at(clock.now() / 1e6)  # type: ignore[union-attr, arg-type]
    assert visitor.fill("/account/totp/confirm", {"code": now}).headers["location"] == (
        "/account?done=totp-on"
    )
    asked = site.visitor().fill("/login", {"login": "omar", "password": PASSWORD})
    assert (asked.status_code, 'id="login-code-problem"' in asked.text) == (401, True)
    replayed = site.visitor().fill("/login", {"login": "omar", "password": PASSWORD, "code": now})
    assert replayed.status_code == 401
    clock._origin += 60_000_000
    later = code.at(clock.now() / 1e6)  # type: ignore[union-attr, arg-type]
    log_in(visitor, "omar", code=later)
    clock._origin += 60_000_000
    last = code.at(clock.now() / 1e6)  # type: ignore[union-attr, arg-type]
    off = visitor.fill("/account/totp/off", {"password": PASSWORD, "code": last})
    assert off.headers["location"] == "/account?done=totp-off"
    log_in(site.visitor(), "omar")


def test_a_lost_authenticator_is_replaced_with_an_operators_code(site: Site) -> None:
    visitor = person(site, "hina")
    page = visitor.fill("/account/totp")
    shown = re.findall(r"otpauth://[^<\s]+", page.text)[0].replace("&amp;", "&")
    now = pyotp.parse_uri(shown).at(site.world.centre.services.clock.now() / 1e6)  # type: ignore
    visitor.fill("/account/totp/confirm", {"code": now})
    asked = site.visitor().fill("/lost", {"login": "hina", "lost": "totp"})
    assert asked.headers["location"] == "/lost/totp?done=operator"
    code = operate(site, "people.issue_code", user="hina", lost="totp")["secret"]
    given = {"login": "hina", "password": PASSWORD, "code": code}
    assert site.visitor().fill("/lost/totp", given).headers["location"] == "/login?done=totp-off"
    log_in(site.visitor(), "hina")


def test_a_key_is_shown_once_with_the_lines_for_a_terminal(site: Site) -> None:
    visitor = site.visitor("pi")
    form = {"label": "notebook", "project": "own-project", "scopes": ["jobs:read", "jobs:write"],
            "days": "30"}  # fmt: skip
    page = visitor.fill("/keys", form)
    assert page.status_code == 200
    secret = re.findall(r"mkz_u_\w{49}", page.text)[0]
    assert f"export MARKAZ_KEY={secret}" in page.text
    assert "export MARKAZ_URL=http://centre" in page.text
    assert "export MARKAZ_PROJECT=own-project" in page.text
    assert secret not in visitor.get("/keys").text
    bearer = {"Authorization": f"Bearer {secret}"}
    me = site.visitor().get("/v1/me", headers=bearer).json()
    assert (me["scopes"], me["project"]) == (["jobs:read", "jobs:write"], site.world.own["project"])
    keys = list(site.visitor().get("/v1/keys", headers=bearer).json().get("items", []))
    assert keys == []  # the key lacks the scope for that
    assert visitor.fill(f"/keys/{me['key']}/revoke", {"from": "keys"}).headers["location"] == (
        "/keys?done=revoked"
    )
    assert site.visitor().get("/v1/me", headers=bearer).status_code == 401
    none = visitor.fill("/keys", {"label": "x", "days": "30"})
    assert (none.status_code, "What it may do: Fill this in." in text_of(none)) == (422, True)


def test_a_program_is_priced_then_run_then_looked_at_then_cancelled(site: Site) -> None:
    visitor = site.visitor("pi")
    form = {"program": BELL, "project": "own-project", "device": "simulator", "shots": "100",
            "name": "Bell <pair>", "tags": "lesson 1, bell", "act": "estimate"}  # fmt: skip
    priced = visitor.fill("/submit", form)
    assert priced.status_code == 200
    assert "What it costs" in priced.text
    assert BELL in [
        text for _, text in parsed(priced.text).texts
    ]  # nothing that was filled in is lost
    sent = visitor.fill("/submit", form | {"act": "run"})
    place = sent.headers["location"]
    assert re.fullmatch(r"/jobs/\w{20}\?done=submitted", place)
    page = visitor.get(place)
    seen = text_of(page)
    assert "The job is in the queue." in seen
    assert "Bell <pair>" in seen and "lesson 1" in seen
    assert re.search(r"\d+ jobs are before it|Next on this device", seen)
    job = place[6:26]
    listed = visitor.get("/jobs", params={"tag": "lesson 1"})
    assert job in listed.text
    assert job not in visitor.get("/jobs", params={"tag": "lesson"}).text
    assert job in visitor.get("/home").text
    live = visitor.get(f"/jobs/{job}/live")
    assert live.headers["x-job-state"] == "queued"
    assert "<html" not in live.text
    kept = visitor.get(f"/jobs/{job}/contents/input")
    assert (kept.content, kept.headers["content-type"]) == (
        BELL.encode(), "application/octet-stream",
    )  # fmt: skip
    again = parsed(visitor.get("/submit", params={"again": job}).text)
    filled = {one["name"]: one.get("value") for one in again.all("input") if one.get("id")}
    assert (filled["name"], filled["tags"], filled["shots"]) == (
        "Bell <pair>", "lesson 1, bell", "100",
    )  # fmt: skip
    gone = visitor.fill(f"/jobs/{job}/cancel")
    assert gone.headers["location"] == f"/jobs/{job}?done=cancelled"
    assert visitor.get(f"/jobs/{job}/live").headers["x-job-state"] == "cancelled"
    assert visitor.fill(f"/jobs/{job}/cancel").status_code in (303, 409)


def test_a_file_goes_before_the_text(site: Site) -> None:
    visitor = site.visitor("pi")
    form = {"program": "nonsense", "project": "own-project", "device": "simulator", "act": "run"}
    sent = visitor.fill("/submit", form, files={"file": ("b.qasm", BELL.encode())})
    job = sent.headers["location"][6:26]
    assert visitor.get(f"/jobs/{job}/contents/input").content == BELL.encode()
    binary = visitor.fill("/submit", form, files={"file": ("b.qpy", b"\xff\xfe")})
    assert (binary.status_code, "markaz submit" in binary.text) == (422, True)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [({"shots": "many"}, "submit-shots"), ({"shots": "0"}, "submit-shots"),
     ({"program": " "}, "submit-program"), ({"tags": "x" * 90}, "submit-tags")],
)  # fmt: skip
def test_what_is_wrong_with_a_program_is_told_at_its_field(
    site: Site, wrong: dict[str, str], place: str
) -> None:
    form = {"program": BELL, "project": "own-project", "device": "simulator", "shots": "5",
            "act": "run"} | wrong  # fmt: skip
    answer = site.visitor("pi").fill("/submit", form)
    assert answer.status_code == 422
    assert {"href": f"#{place}"} in parsed(answer.text).all("a")


def test_a_stranger_to_a_project_cannot_run_on_it(site: Site) -> None:
    form = {"program": BELL, "project": "other-project", "device": "simulator", "act": "run"}
    assert site.visitor("pi").fill("/submit", form).status_code == 404


def test_a_session_is_opened_and_closed(site: Site) -> None:
    visitor = site.visitor("pi")
    form = {"project": "own-project", "device": "simulator", "mode": "dedicated", "minutes": "30"}
    place = visitor.fill("/sessions", form).headers["location"]
    page = visitor.get(place)
    assert "30 minutes" in text_of(page)
    assert place.partition("?")[0] in visitor.get("/sessions").text
    closed = visitor.fill(place.partition("?")[0] + "/close")
    assert closed.headers["location"].endswith("?done=session-closed")
    assert "Take no more jobs" not in visitor.get(place).text


def test_members_are_invited_join_get_a_role_and_leave(site: Site) -> None:
    pi, guest = site.visitor("pi"), person(site, "guest")
    at = "/projects/own-project"
    page = pi.fill(f"{at}/invite", {"role": "member"})
    token = re.findall(r"mkz_i_\w{49}", page.text)[0]
    assert token not in pi.get(f"{at}/members").text
    assert guest.get(at).status_code == 404
    joined = guest.fill("/invitation", {"invitation": token})
    assert joined.headers["location"] == f"{at}?done=joined"
    assert "Overview" in guest.get(at).text
    me = guest.get("/account/export").json()["person"]["id"]
    assert pi.fill(f"{at}/members/{me}/role", {"role": "trainer"}).status_code == 303
    assert pi.fill(f"{at}/members/{me}/shares", {"shares": "7"}).status_code == 303
    row = next(one for one in pi.get(f"{at}/members").text.split("<tr>") if "guest" in one)
    assert "trainer" in row and "7" in row
    assert guest.fill(f"{at}/leave").headers["location"] == "/projects?done=left"
    assert guest.get(at).status_code == 404
    used = guest.fill("/invitation", {"invitation": token})
    assert (used.status_code, "does not work" in used.text) == (404, True)


def test_an_invitation_is_mailed_where_there_is_mail(site: Site, mailbox: Mailbox) -> None:
    form = {"role": "member", "email": "new@example.org"}
    sent = site.visitor("pi").fill("/projects/own-project/invite", form)
    assert sent.headers["location"] == "/projects/own-project/members?done=invited"
    assert mailbox.codes()[-1].startswith("mkz_i_")
    listed = site.visitor("pi").get("/projects/own-project/members")
    assert "new@example.org" in listed.text


def test_a_project_is_requested_and_changed(site: Site) -> None:
    visitor = person(site, "lead")
    form = {"title": "Rivers", "slug": "rivers", "description": "One\n\nTwo"}
    assert visitor.fill("/request-project", form).headers["location"] == (
        "/projects/rivers?done=requested"
    )
    page = visitor.get("/projects/rivers")
    assert page.text.count('<p dir="auto">') == 2
    change = {"title": "Canals", "description": "", "job_visibility": "all"}
    assert visitor.fill("/projects/rivers/change", change).status_code == 303
    assert "Canals" in text_of(visitor.get("/projects"))
    bad = visitor.fill("/request-project", form | {"slug": "Not a slug"})
    assert (bad.status_code, "#request-project-slug" in bad.text) == (422, True)


def test_the_ledger_and_the_burn_down_have_the_entries(site: Site) -> None:
    visitor = site.visitor("pi")
    ledger = text_of(visitor.get("/projects/own-project/ledger"))
    assert "grant" in ledger and "1,000,000" in ledger and "set aside" in ledger
    overview = visitor.get("/projects/own-project", params={"days": "30"})
    chart = next(one for one in parsed(overview.text).all("svg") if "chart-lines" in one["class"])
    assert chart["aria-label"].startswith("Credits over time")
    assert visitor.get("/projects/own-project", params={"days": "7;--"}).status_code == 200


def test_announcements_are_read_in_the_readers_language(site: Site) -> None:
    texts = {"en": {"title": "New device", "body": "It is here.\n\nUse it."},
             "ur": {"title": "نیا آلہ", "body": "آ گیا ہے۔"}}  # fmt: skip
    made = operate(site, "announcements.publish", texts=texts, kind="maintenance")
    english = site.visitor().get("/announcements").text
    assert 'lang="en" dir="ltr"' in english and "New device" in english
    urdu = site.visitor("anonymous", "ur").get("/").text
    assert "نیا آلہ" in urdu and "New device" not in urdu
    chinese = site.visitor("anonymous", "zh").get("/").text
    assert "New device" in chinese
    operate(site, "announcements.withdraw", announcement=made["announcement"])
    assert "New device" not in site.visitor().get("/announcements").text


def test_an_account_is_exported_and_erased(site: Site) -> None:
    visitor = person(site, "passing")
    kept = visitor.get("/account/export")
    assert kept.headers["content-disposition"] == 'attachment; filename="markaz-account.json"'
    assert json.loads(kept.content)["person"]["login"] == "passing"
    wrong = visitor.fill("/account/erase", {"login": "another"})
    assert (wrong.status_code, "Type your login name" in wrong.text) == (422, True)
    done = visitor.fill("/account/erase", {"login": "passing"})
    assert done.headers["location"] == "/?done=erased"
    assert visitor.get("/home").status_code == 303


def test_a_login_elsewhere_in_the_browser_is_ended_from_here(site: Site) -> None:
    here, there = person(site, "twofold"), site.visitor()
    log_in(there, "twofold")
    rows = here.get("/account").text.split("<li>")
    row = next(one for one in rows if "/revoke" in one)
    key = re.findall(r"/keys/(\w{20})/revoke", row)[0]
    assert here.fill(f"/keys/{key}/revoke", {"from": "account"}).headers["location"] == (
        "/account?done=revoked"
    )
    assert (here.get("/home").status_code, there.get("/home").status_code) == (200, 303)


def test_passwords_are_hashed_nowhere_but_at_the_doors() -> None:
    """Forms with a password go through ``centre.people.login``, which takes a thread."""
    fields = {page.path for page in PAGES if any(one.kind == "password" for one in page.form)}
    assert fields == {"/login", "/sign-up", "/lost/password", "/lost/totp", "/account/password",
                      "/account/totp/off"}  # fmt: skip
    assert passwords.HASHER is not None
