"""``markaz login``: keep the address of a centre and a key for it."""

from __future__ import annotations

import click

from markaz.interfaces.cli import reach


@click.command("login")
@click.argument("url")
@click.option("--user", metavar="NAME", help="Name to log in with (asked for otherwise).")
@click.option("--key", metavar="KEY", help="Use this key instead of a password.")
@reach.speaks_to_centre
def command(url: str, user: str | None, key: str | None) -> None:
    """Log in to the centre at URL, so that later commands need neither address nor key.

    With a password this opens a session of some hours; a key lasts as long as it was made for.
    """
    login = reach.login_at(url, key or "")
    with reach.connect(login) as client:
        if key is None:
            opened = client.post("/login", _credentials(user))
            login = reach.login_at(login.url, opened["secret"])
    with reach.connect(login) as client:
        me = client.get("/me")
    path = reach.keep_login(login)
    click.echo(f"Logged in to {login.url} as {me['login']} ({me['name']}); kept in {path}.")


def _credentials(user: str | None) -> dict[str, str]:
    login = user or click.prompt("Name", err=True)
    given = {"login": login, "password": click.prompt("Password", hide_input=True, err=True)}
    code = click.prompt("One-time code (empty if you have none)", default="", err=True)
    return given | ({"code": code} if code else {})
