"""``markaz people``: accounts and institutions, for operators."""

from __future__ import annotations

import click

from markaz.interfaces.cli import reach, tables

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group("people", invoke_without_command=True)
@click.option("--state", help="Only accounts in this state, such as pending.")
@_AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, state: str | None, as_json: bool) -> None:
    """List the accounts (operators and directors)."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(client.items("/users", state=state))
    if tables.show({"items": found}, as_json):
        return
    columns = ("login", "name", "state", "roles", "id")
    tables.table(columns, [[u[c] for c in columns] for u in found], "No such accounts.")


@command.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option("--email", help="Mail address.")
@click.option("--institution", metavar="ID", help="Institution; else the centre's own.")
@_AS_JSON
@reach.speaks_to_centre
def add(login: str, name: str, email: str | None, institution: str | None, as_json: bool) -> None:
    """Make the account LOGIN; prints a one-time code for its first password."""
    body = {"login": login, "name": name, "email": email, "institution": institution}
    with reach.connect() as client:
        made = client.post("/users", {k: v for k, v in body.items() if v is not None})
    if not tables.show(made, as_json):
        click.echo(made["secret"] or "")
        click.echo(f"Hand this code to {name}: `markaz people set-password` takes it.", err=True)


@command.command("set-password")
@click.argument("url")
@reach.speaks_to_centre
def set_password(url: str) -> None:
    """Choose a password at the centre at URL with a one-time code."""
    code = click.prompt("One-time code", hide_input=True, err=True)
    password = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    with reach.connect(reach.login_at(url, "")) as client:
        client.post("/recovery/password", {"code": code, "password": password})
    click.echo("The password is set; `markaz login` takes it.")


@command.command("step")
@click.argument("user", metavar="ID")
@click.argument("step", type=click.Choice(("approve", "refuse", "suspend", "reactivate")))
@click.option("--reason", help="Why (refuse, suspend).")
@_AS_JSON
@reach.speaks_to_centre
def move(user: str, step: str, reason: str | None, as_json: bool) -> None:
    """Approve, refuse, suspend or reactivate an account."""
    with reach.connect() as client:
        found = client.post(f"/users/{user}/{step}", {"reason": reason} if reason else None)
    if not tables.show(found, as_json):
        click.echo(f"{user}: {step} is done.")


@command.command("code")
@click.argument("user", metavar="ID")
@click.option("--lost", type=click.Choice(("password", "totp")), default="password")
@_AS_JSON
@reach.speaks_to_centre
def code(user: str, lost: str, as_json: bool) -> None:
    """Make a one-time code for somebody who lost a password or authenticator."""
    with reach.connect() as client:
        made = client.post(f"/users/{user}/codes", {"lost": lost})
    if not tables.show(made, as_json):
        click.echo(made["secret"])


@command.command("institutions")
@click.option("--add", "name", help="Add one of this name.")
@click.option("--country", default="", help="Its country, two letters.")
@click.option("--shares", type=click.IntRange(0), default=1, help="Its shares of the machine.")
@_AS_JSON
@reach.speaks_to_centre
def institutions(name: str | None, country: str, shares: int, as_json: bool) -> None:
    """List institutions, or add one."""
    with reach.connect() as client:
        if name:
            client.post("/institutions", {"name": name, "country": country, "shares": shares})
        found = list(client.items("/institutions"))
    if tables.show({"items": found}, as_json):
        return
    columns = ("id", "name", "country", "shares")
    tables.table(columns, [[i[c] for c in columns] for i in found], "There are none.")
