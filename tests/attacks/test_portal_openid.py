"""A10: an issuer's tokens that do not hold, and ways back that nobody began."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest

from markaz.centre.access import VERBS, Principal
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.interfaces.portal.openid import OpenId
from markaz.interfaces.portal.pages_elsewhere import Proofs
from tests.fake_issuer import (
    CLIENT,
    CURVE,
    ISSUER,
    NEXT,
    OTHER,
    RSA,
    SECRET,
    Issuer,
    hmac_with_the_public_key,
    signed,
    unsigned,
)
from tests.portal_tools import QUIET, Site, Visitor, site_of
from tests.rest_fakes import silence

BACK: Final = "http://centre/login/elsewhere/back"
OIDC: Final = {"oidc_issuer": ISSUER, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
NOW: Final = 1_000_000.0
Claims = dict[str, Any]


def client(issuer: Issuer, clock: Callable[[], float] = lambda: NOW, **more: str) -> OpenId:
    issuer.now = clock
    return OpenId(Settings(OIDC | more), issuer.transport(), clock)


def begun(openid: OpenId, issuer: Issuer, browser: str = "b") -> dict[str, str]:
    return issuer.log_in(openid.begin(browser, BACK, "/home"))


def changed(**claims: Any) -> Callable[[Claims], str]:
    """An honest token but for these claims; None takes one away."""

    def make(honest: Claims) -> str:
        merged = honest | claims
        return signed({name: value for name, value in merged.items() if value is not None})

    return make


def swapped(claims: Claims) -> str:
    """The header and signature of one token around the claims of another."""
    head, _, signature = signed(claims).split(".")
    return f"{head}.{signed(claims | {'sub': 'operator'}).split('.')[1]}.{signature}"


BROKEN: Final[dict[str, Callable[[Claims], Any]]] = {
    "no signature": unsigned,
    "none, written otherwise": lambda c: unsigned(c, alg="nOnE"),
    "none, with a signature": lambda c: unsigned(c, signed(c).split(".")[2]),
    "no algorithm": lambda c: unsigned(c, alg=None),
    "RS256 without a signature": lambda c: unsigned(c, alg="RS256"),
    "HS256 with the public key": hmac_with_the_public_key,
    "another's key of the same name": lambda c: signed(c, key=OTHER),
    "an unknown key": lambda c: signed(c, key=NEXT, kid="two"),
    "a key that is a path": lambda c: signed(c, key=OTHER, kid="../../dev/null"),
    "a key that is an address": lambda c: signed(c, key=OTHER, kid="https://evil.example/k"),
    "a key that is no text": lambda c: unsigned(c, "AAAA", alg="RS256", kid=["one"]),
    "a key in the token": lambda c: signed(c, key=OTHER, jwk=OTHER.as_dict(private=False)),
    "an address of keys in the token": lambda c: signed(c, key=OTHER, jku="https://evil.example"),
    "a key of another kind": lambda c: signed(c, key=CURVE, kid="one", alg="ES256"),
    "other claims under the signature": swapped,
    "a byte more": lambda c: signed(c) + "A",
    "a part less": lambda c: signed(c).rpartition(".")[0],
    "no token": lambda c: "",
    "not a token": lambda c: "x.y.z",
    "not text": lambda c: {"a": 1},
    "claims that are no document": lambda c: unsigned(["a"], alg="RS256"),  # type: ignore[arg-type]
    "another issuer": changed(iss="https://evil.example"),
    "an issuer with a slash more": changed(iss=ISSUER + "/"),
    "no issuer": changed(iss=None),
    "for another centre": changed(aud="another"),
    "for nobody": changed(aud=None),
    "for an empty list": changed(aud=[]),
    "for several without a party": changed(aud=[CLIENT, "another"]),
    "for several, and another party": changed(aud=[CLIENT, "another"], azp="another"),
    "authorised for another": changed(azp="another"),
    "expired": changed(exp=NOW - 61),
    "just expired": changed(exp=NOW - 1),
    "without an end": changed(exp=None),
    "an end that is text": changed(exp="soon"),
    "an end that is true": changed(exp=True),
    "of the future": changed(iat=NOW + 600),
    "not yet": changed(nbf=NOW + 600),
    "of long ago": changed(iat=NOW - 90_000),
    "without a beginning": changed(iat=None),
    "another nonce": changed(nonce="n" * 48),
    "no nonce": changed(nonce=None),
    "a nonce that is a list": changed(nonce=["n"]),
    "nobody": changed(sub=None),
    "an empty somebody": changed(sub=""),
    "somebody that is a number": changed(sub=7),
    "somebody too long": changed(sub="s" * 256),
}  # fmt: skip


@pytest.mark.parametrize("wrong", BROKEN)
def test_no_broken_token_is_taken(wrong: str) -> None:
    issuer = Issuer(make=BROKEN[wrong])
    openid = client(issuer)
    with silence(), pytest.raises(CentreError) as caught:
        openid.end("b", BACK, **begun(openid, issuer))
    assert caught.value.kind == "unauthenticated"


def test_enough_is_tried() -> None:
    assert len(BROKEN) >= 25


@pytest.mark.parametrize(
    "make",
    [
        signed,
        lambda c: signed(c, alg="PS256"),
        lambda c: signed(c, key=CURVE, kid="curve", alg="ES256"),
        changed(aud=[CLIENT]),
        changed(aud=[CLIENT, "another"], azp=CLIENT),
    ],
)
def test_what_the_standard_allows_is_taken(make: Any) -> None:
    issuer = Issuer(make=make)
    openid = client(issuer)
    attempt, subject = openid.end("b", BACK, **begun(openid, issuer))
    assert (attempt.next, attempt.person, subject) == ("/home", "", "ayesha")


def refused(openid: OpenId, browser: str, **back: str) -> str:
    with silence(), pytest.raises(CentreError) as caught:
        openid.end(browser, BACK, **back)
    return caught.value.kind


def test_a_way_back_works_once_in_its_browser_and_in_time() -> None:
    issuer, at = Issuer(), [NOW]
    openid = client(issuer, lambda: at[0])
    assert refused(openid, "b", state="s" * 48, code="c") == "unauthenticated"
    assert refused(openid, "another", **begun(openid, issuer)) == "unauthenticated"
    good = begun(openid, issuer)
    assert openid.end("b", BACK, **good)[1] == "ayesha"
    assert refused(openid, "b", **good) == "unauthenticated"  # replayed
    late = begun(openid, issuer)
    at[0] += 601
    assert refused(openid, "b", **late) == "unauthenticated"
    no_code = begun(openid, issuer) | {"code": ""}
    assert refused(openid, "b", **no_code) == "unauthenticated"


def test_a_code_of_another_login_does_not_fit() -> None:
    issuer = Issuer()
    openid = client(issuer)
    mine, theirs = begun(openid, issuer), begun(openid, issuer, "another")
    stolen = {"state": mine["state"], "code": theirs["code"]}
    assert refused(openid, "b", **stolen) == "unauthenticated"


def test_a_token_is_not_taken_for_a_second_login() -> None:
    issuer, kept = Issuer(), []

    def make(claims: Claims) -> str:
        kept.append(signed(claims))
        return kept[0]

    issuer.make = make
    openid = client(issuer)
    assert openid.end("b", BACK, **begun(openid, issuer))[1] == "ayesha"
    assert refused(openid, "b", **begun(openid, issuer)) == "unauthenticated"


def test_the_way_there_has_a_challenge_and_says_nothing_secret() -> None:
    issuer = Issuer()
    url = client(issuer).begin("b", BACK, "/home")
    asked = issuer.codes[issuer.log_in(url)["code"]]
    assert asked["code_challenge_method"] == "S256"
    assert (asked["client_id"], asked["redirect_uri"], asked["scope"]) == (CLIENT, BACK, "openid")
    assert asked["response_type"] == "code"
    assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {48, 43}
    assert SECRET not in url


def test_an_issuer_that_says_it_is_another_is_not_used() -> None:
    for about in (
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://evil.example/a"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ""},
    ):
        with silence(), pytest.raises(CentreError) as caught:
            client(Issuer(about=about)).begin("b", BACK, "/")
        assert caught.value.kind == "unavailable", about


def test_an_issuer_that_fails_is_not_waited_for() -> None:
    issuer = Issuer(status=500)
    with silence(), pytest.raises(CentreError) as caught:
        client(issuer).begin("b", BACK, "/")
    assert caught.value.kind == "unavailable"


def test_new_keys_are_looked_for_but_not_at_every_token() -> None:
    issuer, at = Issuer(), [NOW]
    openid = client(issuer, lambda: at[0])
    openid.end("b", BACK, **begun(openid, issuer))
    issuer.make = lambda c: signed(c, key=NEXT, kid="two")
    for _ in range(5):
        assert refused(openid, "b", **begun(openid, issuer)) == "unauthenticated"
    assert sum(one.url.path == "/keys" for one in issuer.asked) == 1
    issuer.keys = [RSA, NEXT]
    at[0] += 31
    assert openid.end("b", BACK, **begun(openid, issuer))[1] == "ayesha"
    assert sum(one.url.path == "/keys" for one in issuer.asked) == 2


def test_attempts_that_nobody_ends_do_not_pile_up() -> None:
    openid = client(Issuer())
    openid.begin("b", BACK, "/")
    attempt = next(iter(openid._attempts.values()))
    for number in range(10_050):
        openid._remember(str(number), attempt)
    assert len(openid._attempts) == 10_000


# Through the pages.


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("centre")
    shutil.copy(sqlite_template, data / "markaz.db")
    with silence(), Centre.open(Settings({"data": str(data), **QUIET, **OIDC})) as centre:
        yield site_of(centre)


@pytest.fixture
def issuer(site: Site) -> Issuer:
    made = Issuer(now=time.time)
    site.portal.openid._transport = made.transport()
    return made


def elsewhere(visitor: Visitor, issuer: Issuer, path: str = "/login/elsewhere") -> Any:
    """There and back."""
    there = visitor.get(path)
    assert there.status_code == 303, there.text
    return visitor.get("/login/elsewhere/back", params=issuer.log_in(there.headers["location"]))


def test_who_is_linked_logs_in_and_who_is_not_is_told_so(site: Site, issuer: Issuer) -> None:
    issuer.subject = "member"
    visitor = site.visitor()
    answer = elsewhere(visitor, issuer, "/login/elsewhere?next=/jobs")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    assert "a-member" in visitor.get("/account").text
    issuer.subject = "nobody we know"
    unknown = site.visitor()
    answer = elsewhere(unknown, issuer)
    assert answer.status_code == 401
    assert "No account is linked" in answer.text
    assert unknown.get("/home").status_code == 303


def test_a_suspended_person_does_not_come_in_by_the_side_door(site: Site, issuer: Issuer) -> None:
    issuer.subject = "suspended"
    answer = elsewhere(site.visitor(), issuer)
    assert answer.status_code == 401


def app_of(site: Site, role: str) -> pyotp.TOTP:
    """The authenticator of ``role``, who turns one-time codes on."""
    who, centre = Principal(site.world.ids[role], "user"), site.world.centre
    begun = centre.perform(VERBS["people.totp_begin"], who)
    app = pyotp.parse_uri(begun["secret"])
    assert isinstance(app, pyotp.TOTP)
    seconds = centre.services.clock.now() / 1e6
    centre.perform(VERBS["people.totp_confirm"], who, code=app.at(int(seconds) - 30))
    return app


def test_who_turned_codes_on_is_asked_for_one_whatever_the_issuer_says(
    site: Site, issuer: Issuer
) -> None:
    issuer.subject = "reviewer"
    issuer.make = changed(amr=["pwd", "otp", "mfa"], acr="2", iat=time.time(), exp=time.time() + 60)
    app = app_of(site, "reviewer")
    visitor, other = site.visitor(), site.visitor()
    page = elsewhere(visitor, issuer, "/login/elsewhere?next=/jobs")
    assert page.status_code == 200
    assert visitor.get("/home").status_code == 303
    proof = page.text.split('name="proof" value="')[1].split('"')[0]
    code = app.at(int(site.world.centre.services.clock.now() / 1e6))
    wrong = "000000" if code != "000000" else "111111"
    assert other.fill("/login/elsewhere/code", {"proof": proof, "code": code}).status_code == 409
    refused = visitor.fill("/login/elsewhere/code", {"proof": proof, "code": wrong})
    assert (refused.status_code, proof in refused.text) == (401, True)
    assert visitor.get("/home").status_code == 303
    done = visitor.fill("/login/elsewhere/code", {"proof": proof, "code": code})
    assert (done.status_code, done.headers["location"]) == (303, "/jobs")
    # Neither the proof nor the code works again.
    visitor.token = ""
    again = visitor.fill("/login/elsewhere/code", {"proof": proof, "code": code})
    assert again.status_code == 409
    page = elsewhere(other, issuer)
    proof = page.text.split('name="proof" value="')[1].split('"')[0]
    assert other.fill("/login/elsewhere/code", {"proof": proof, "code": code}).status_code == 401


def test_a_proof_for_a_login_links_nothing_and_the_other_way_round(
    site: Site, issuer: Issuer
) -> None:
    proofs, visitor = site.portal.proofs, site.visitor("outsider")
    session = site.sessions["outsider"]
    login = proofs.keep(session, "somebody", to="/home")
    assert visitor.fill("/account/link", {"proof": login}).status_code == 409
    linking = proofs.keep(session, "reviewer", site.world.ids["outsider"])
    sent = {"proof": linking, "code": "000000"}
    assert visitor.fill("/login/elsewhere/code", sent).status_code == 409


def test_a_proof_ends_after_ten_minutes() -> None:
    at = [0.0]
    proofs = Proofs(lambda: at[0])
    name = proofs.keep("b", "ayesha")
    at[0] = 599.0
    assert proofs.find(name, "b") is not None
    assert proofs.find(name, "another") is None
    at[0] = 600.0
    assert (proofs.find(name, "b"), proofs.take(name, "b")) == (None, None)


def test_linking_asks_again_and_works_once_in_the_same_browser(site: Site, issuer: Issuer) -> None:
    issuer.subject = "zainab@campus"
    visitor, other = site.visitor("outsider"), site.visitor("trainer")
    page = elsewhere(visitor, issuer, "/account/link")
    assert page.status_code == 200
    proof = page.text.split('name="proof" value="')[1].split('"')[0]
    assert other.fill("/account/link", {"proof": proof}).status_code == 409
    page = elsewhere(visitor, issuer, "/account/link")
    proof = page.text.split('name="proof" value="')[1].split('"')[0]
    done = visitor.fill("/account/link", {"proof": proof})
    assert (done.status_code, done.headers["location"]) == (303, "/account?done=linked")
    assert visitor.fill("/account/link", {"proof": proof}).status_code == 409
    assert "zainab@campus" in visitor.get("/account").text
    assert elsewhere(site.visitor(), issuer).headers["location"] == "/home"
    again = elsewhere(other, issuer, "/account/link")
    proof = again.text.split('name="proof" value="')[1].split('"')[0]
    assert other.fill("/account/link", {"proof": proof}).status_code == 409  # somebody's already


def test_a_login_begun_elsewhere_is_not_ended_here(site: Site, issuer: Issuer) -> None:
    attacker, victim = site.visitor(), site.visitor()
    issuer.subject = "member"
    there = attacker.get("/login/elsewhere").headers["location"]
    back = issuer.log_in(there)
    victim.get("/login")
    assert victim.get("/login/elsewhere/back", params=back).status_code == 401
    assert victim.get("/home").status_code == 303


@pytest.mark.parametrize("back", [
    {}, {"error": "access_denied"}, {"state": "x"}, {"code": "x"}, {"state": "x", "code": "y"},
])  # fmt: skip
def test_a_way_back_that_nobody_began_opens_nothing(site: Site, back: dict[str, str]) -> None:
    visitor = site.visitor()
    assert visitor.get("/login/elsewhere/back", params=back).status_code == 401
    assert visitor.get("/home").status_code == 303
