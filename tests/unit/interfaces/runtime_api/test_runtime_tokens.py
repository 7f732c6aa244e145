"""Logins of clients: well formed for them, worthless unless this centre signed them."""

from __future__ import annotations

import base64
import json

import pytest

from markaz.centre.errors import CentreError
from markaz.interfaces.runtime_api.tokens import MOST, REMEMBERED, Tokens

DIGEST = "c0ffee" * 10 + "beef"


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.5

    def __call__(self) -> float:
        return self.now


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_token_is_a_jwt_whose_parts_a_client_can_read() -> None:
    token, ends = Tokens(b"k" * 32, Clock()).issue(DIGEST, 3600)
    head, claims, signature = token.split(".")
    assert json.loads(part(head)) == {"alg": "HS256", "typ": "JWT"}
    read = json.loads(part(claims))
    assert (read["iat"], read["exp"], read["sub"]) == (1_795_000_000, 1_795_003_600, DIGEST)
    assert ends == read["exp"]
    assert len(part(signature)) == 32


def test_it_stands_for_its_key_until_it_ends() -> None:
    clock = Clock()
    tokens = Tokens(b"k" * 32, clock)
    token, ends = tokens.issue(DIGEST, 60)
    assert (tokens.read(token).digest, tokens.read(token).ends) == (DIGEST, ends)
    clock.now = ends - 0.1
    assert tokens.read(token).digest == DIGEST
    clock.now = ends
    with pytest.raises(CentreError, match="this login has ended"):
        tokens.read(token)


def test_a_restarted_centre_knows_its_tokens_and_another_does_not() -> None:
    token, _ = Tokens(b"k" * 32, Clock()).issue(DIGEST, 60)
    assert Tokens(b"k" * 32, Clock()).read(token).digest == DIGEST
    with pytest.raises(CentreError, match="no login of this centre"):
        Tokens(b"x" * 32, Clock()).read(token)


def test_two_logins_with_one_key_differ() -> None:
    tokens = Tokens(b"k" * 32, Clock())
    first, second = (tokens.read(tokens.issue(DIGEST, 60)[0]) for _ in range(2))
    assert first.number != second.number


def forged() -> list[str]:
    tokens = Tokens(b"k" * 32, Clock())
    token, _ = tokens.issue(DIGEST, 60)
    head, claims, signature = token.split(".")

    def coded(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    nobody = coded({"alg": "none", "typ": "JWT"})
    longer = coded(json.loads(part(claims)) | {"exp": 2**40})
    return [
        "", "a", "a.b", "a.b.c", "..", f"{nobody}.{claims}.", f"{nobody}.{claims}.{signature}",
        f"{head}.{longer}.{signature}", f"{head}.{claims}.{signature[:-2]}AA", f"{head}.{claims}",
        f"{coded({'alg': 'HS512'})}.{claims}.{signature}", f"{token}.x", token + "x" * MOST,
        f"{coded({'alg': 'HS256', 'crit': ['b64'], 'b64': False})}.{claims}.{signature}",
        "é" * 40, f"{coded([1])}.{coded([2])}.{signature}", "\x00.\x00.\x00",
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(17))
def test_nothing_else_is_a_token(number: int) -> None:
    with pytest.raises(CentreError) as caught:
        Tokens(b"k" * 32, Clock()).read(forged()[number])
    assert caught.value.kind == "unauthenticated"


def test_the_memory_is_bounded() -> None:
    tokens = Tokens(b"k" * 32, Clock())
    for _ in range(3):
        tokens.read(tokens.issue(DIGEST, 60)[0])
    assert len(tokens._known) == 3 <= REMEMBERED
