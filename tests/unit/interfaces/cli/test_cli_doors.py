"""Asking for an account, and one-time codes, at the command line of a real centre."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import pyotp
import pytest
from click.testing import CliRunner, Result

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
