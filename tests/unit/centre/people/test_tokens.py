"""The form of keys and codes, which passwords are refused, and authenticator codes."""

from __future__ import annotations

import random

import pyotp
import pytest

from markaz.centre.people import passwords, tokens, totp
from markaz.centre.people.common import is_common
from tests.people_tools import refusal


@pytest.mark.parametrize("kind", tokens.KINDS)
def test_token_has_its_form(kind: str) -> None:
    token = tokens.new(kind)
    assert token.text.startswith(f"mkz_{kind}_")
    assert len(token.text) == 6 + 43 + 6
    assert token.text.isascii()
    assert token.text.replace("_", "").isalnum()  # a double click takes all of it
    assert tokens.check(token.text, kind) == token.text
    assert token.shown == token.text[:12]
    assert token.text not in repr(token)


def test_tokens_differ() -> None:
    assert len({tokens.new("u").text for _ in range(100)}) == 100


def test_every_single_typo_and_swap_is_told_by_the_checksum() -> None:
    text = tokens.new("u").text
    dice = random.Random(5)
    typos = [
        text[:i] + dice.choice(tokens.DIGITS.replace(text[i], "")) + text[i + 1 :]
        for i in range(6, len(text))
    ]
    swaps = [
        text[:i] + text[i + 1] + text[i] + text[i + 2 :]
        for i in range(6, len(text) - 1)
        if text[i] != text[i + 1]
    ]
    cut = [text[:-1], text + "0", text[1:], "", " " + text, text + "\n", "mkz_x_" + text[6:]]
    assert [one for one in typos + swaps + cut if tokens.is_whole(one, "u")] == []


def test_token_of_another_kind_is_refused() -> None:
    error = refusal(lambda: tokens.check(tokens.new("w").text, "us"))
    assert (error.kind, error.message) == (
        "unauthenticated",
        "this key is mistyped or cut off: its checksum does not match",
    )
    assert refusal(lambda: tokens.check(None, "u")).kind == "unauthenticated"


@pytest.mark.parametrize(
    "password",
    [
        "password1", "P@ssw0rd!", "qwerty123", "12345678", "abcd1234", "1q2w3e4r", "iloveyou2",
        "Welcome2026!", "letmein99", "11111111", "abcabcabc", "adminadmin", "quantum2026",
        "trustno1", "monkey123", "19901224", "passwordwelcome", "asdfghjkl", "zaq12wsx",
        "1qaz2wsx", "pakistan123", "!!football1", "superman!", "aaaaaaab", "0987654321",
        "Summer2026", "blackdragon", "___secret___", "qweasdzxc",
    ],
)  # fmt: skip
def test_first_guesses_are_refused(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple", "tr0ub4dor&3x", "kuP9-mmw3-zzQa", "lampshade river 7",
        "Xq8vLw2p", "gravel-otter-nine", "8243905716624398", "یہ میرا پاس ورڈ ہے",
    ],
)  # fmt: skip
def test_good_passwords_are_taken(password: str) -> None:
    assert passwords.check(password, names=["sana", "Sana Khan", "s@x.org", "Markaz"]) == password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short7!", "the password must have 8 to 1024 characters"),
        ("x" * 1025, "the password must have 8 to 1024 characters"),
        (12345678, "the password must be text"),
        ("my-sanakhan-77", "the password must not contain 'sanakhan'"),
        ("KHADIJA of old", "the password must not contain 'khadija'"),
        ("at markaz we go", "the password must not contain 'markaz'"),
        ("xx-post.box-xx", "the password must not contain 'post.box'"),
        ("password", "the password is one of those that are guessed first"),
    ],
)
def test_refused_password_says_why(password: object, reason: str) -> None:
    names = ["sanakhan", "Khadija Tul", "post.box@x.org", "Markaz"]
    error = refusal(lambda: passwords.check(password, names=names))
    assert (error.field, error.message) == ("password", reason)


def test_password_fits_whatever_keyboard_wrote_it() -> None:
    stored = passwords.hashed("cafe\u0301 olé ﬁn")
    assert passwords.fits(stored, "café olé fin")
    assert not passwords.fits(stored, "cafe olé fin")
    assert not passwords.fits(stored, None)
    assert not passwords.fits("no hash at all", "x")
    assert not passwords.fits(None, "nobody's password")


def test_no_longer_text_fits_than_can_be_chosen() -> None:
    stored = passwords.hashed("ab" * 512)
    assert passwords.fits(stored, "ab" * 512)
    assert not passwords.fits(stored, "ab" * 512 + "c")


def test_hashes_have_todays_costs_and_so_has_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert passwords.NOBODY.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.is_outdated(passwords.NOBODY)
    assert passwords.is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


def test_authenticator_secret_follows_from_key_person_and_salt() -> None:
    base = totp.secret(b"k" * 32, "sana", b"s" * 16)
    assert base == totp.secret(b"k" * 32, "sana", b"s" * 16)
    others = {
        totp.secret(b"j" * 32, "sana", b"s" * 16),
        totp.secret(b"k" * 32, "omar", b"s" * 16),
        totp.secret(b"k" * 32, "sana", b"t" * 16),
    }
    assert len(others | {base}) == 4
    assert pyotp.parse_uri(totp.address(base, "sana", "Markaz: East")).secret == base


def test_code_fits_one_step_before_and_after() -> None:
    secret = totp.secret(b"k" * 32, "sana", b"s" * 16)
    now = 1_790_000_000 * 1_000_000
    step = now // 1_000_000 // 30
    code = pyotp.TOTP(secret).at(now // 1_000_000)
    assert totp.fitting_step(secret, f" {code[:3]} {code[3:]}", now) == step
    found = [totp.fitting_step(secret, code, now + shift * 30_000_000) for shift in (-2, -1, 1, 2)]
    assert found == [None, step, step, None]
    assert totp.fitting_step(secret, "", now) is None
    assert totp.fitting_step(secret, "١٢٣٤٥٦", now) is None
