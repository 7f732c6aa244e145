"""Asking for an account, and one-time codes, at the command line of a real centre."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import pyotp
import pytest
from click.testing import CliRunner, Result

from markaz.interfaces.cli import reach
from markaz.interfaces.cli.main import cli
from tests.running_centre import RunningCentre, document

Markaz = Callable[..., Result]
PASSWORD = "seven-Bridges-cross-the-41-rivers"


def test_who_asks_for_an_account_gets_in_once_an_operator_agrees(
    markaz: Markaz, running: RunningCentre
) -> None:
    asked = document(
        markaz("people", "sign-up", running.url, "--login", "nadia", "--name", "Nadia",
               "--email", "nadia@example.org", "--json", input=f"{PASSWORD}\n{PASSWORD}\n")
    )  # fmt: skip
    assert (asked["login"], asked["state"]) == ("nadia", "pending")
    given = f"{PASSWORD}\n\n"
    markaz("login", running.url, "--user", "nadia", input=given, code=1)
    markaz("people", "step", "nadia", "approve")
    assert "as nadia (Nadia)" in markaz("login", running.url, "--user", "nadia", input=given).stdout


class Authenticator:
    """Answers what is asked for, with a code of the address that was shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.turn = -1  # each code is taken once

    def echo(self, message: Any = "", **_: Any) -> None:
        self.lines.append(str(message))

    def prompt(self, text: str, **_: Any) -> str:
        if text == "Password":
            return PASSWORD
        self.turn += 1
        return self.code(self.turn - 1)

    def have_asked(self, patch: pytest.MonkeyPatch, *arguments: str) -> None:
        """Run a command as whoever has logged in."""
        patch.setattr(click, "echo", self.echo)
        patch.setattr(click, "prompt", self.prompt)
        found = CliRunner().invoke(cli, arguments)
        assert found.exit_code == 0, (found.output, self.lines)

    def code(self, later: int) -> str:
        address = next(line for line in self.lines if line.startswith("otpauth://"))
        generator = pyotp.parse_uri(address)
        assert isinstance(generator, pyotp.TOTP)
        return generator.at(int(time.time()) + 30 * later)


def test_one_time_codes_are_turned_on_asked_for_and_turned_off(
    markaz: Markaz, running: RunningCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = markaz("people", "add", "omar", "--name", "Omar").stdout.strip()
    markaz("people", "set-password", running.url, input=f"{code}\n{PASSWORD}\n{PASSWORD}\n")
    markaz("login", running.url, "--user", "omar", input=f"{PASSWORD}\n\n")
    phone = Authenticator()
    with monkeypatch.context() as patch:
        phone.have_asked(patch, "people", "totp")
    assert phone.lines[-1] == "One-time codes are on."
    refused = markaz("login", running.url, "--user", "omar", input=f"{PASSWORD}\n\n", code=1)
    assert "needs a one-time code" in refused.stderr
    given = f"{PASSWORD}\n{phone.code(0)}\n"
    assert "as omar (Omar)" in markaz("login", running.url, "--user", "omar", input=given).stdout
    phone.turn = 1
    with monkeypatch.context() as patch:
        phone.have_asked(patch, "people", "totp", "--off")
    assert phone.lines[-1] == "One-time codes are off."
    markaz("login", running.url, "--user", "omar", input=f"{PASSWORD}\n\n")


def joined(markaz: Markaz, running: RunningCentre, login: str) -> None:
    """An account with a password, that is logged in here."""
    code = markaz("people", "add", login, "--name", login.title()).stdout.strip()
    markaz("people", "set-password", running.url, input=f"{code}\n{PASSWORD}\n{PASSWORD}\n")
    markaz("login", running.url, "--user", login, input=f"{PASSWORD}\n\n")


def test_logging_out_ends_the_session_and_forgets_it(
    markaz: Markaz, running: RunningCentre
) -> None:
    joined(markaz, running, "leila")
    kept = reach.kept_login()
    assert kept is not None
    assert markaz("logout").stdout == f"Logged out of {running.url}.\n"
    assert reach.kept_login() is None
    assert "markaz: nobody is logged in here" in markaz("logout", code=1).stderr
    assert "revoked" in markaz("jobs", key=kept.key, code=1).stderr
    reach.keep_login(kept)  # what has ended already is forgotten all the same
    markaz("logout")
    assert reach.kept_login() is None


def test_logging_out_leaves_a_key_as_it_is(markaz: Markaz, running: RunningCentre) -> None:
    markaz("login", running.url, "--key", running.key)
    said = markaz("logout").stdout
    assert said == f"Logged out of {running.url}; the key goes on working.\n"
    assert reach.kept_login() is None
    markaz("jobs")


def test_a_lost_authenticator_is_replaced_with_the_centres_code(
    markaz: Markaz, running: RunningCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(markaz, running, "rehan")
    with monkeypatch.context() as patch:
        Authenticator().have_asked(patch, "people", "totp")
    asked = markaz("people", "lost", running.url, "totp", "--login", "rehan").stdout
    assert asked == (
        "This centre sends no mail: an operator can make a code; "
        "`markaz people reset-totp` takes it.\n"
    )
    code = markaz("people", "code", "rehan", "--lost", "totp").stdout.strip()
    markaz("people", "reset-totp", running.url, "--login", "rehan", code=1,
           input=f"{PASSWORD}x\n{code}\n")  # fmt: skip
    said = markaz("people", "reset-totp", running.url, "--login", "rehan",
                  input=f"{PASSWORD}\n{code}\n").stdout  # fmt: skip
    assert said.startswith("One-time codes are off")
    markaz("login", running.url, "--user", "rehan", input=f"{PASSWORD}\n\n")
