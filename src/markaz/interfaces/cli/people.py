"""``markaz people``: accounts and institutions, for operators."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from markaz.interfaces.cli import reach, serve, tables

ROLES = ("operator", "director", "resource allocator", "reviewer", "trainer")


@click.group("people", invoke_without_command=True)
@click.option("--state", help="Only accounts in this state, such as pending.")
@tables.AS_JSON
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
@tables.AS_JSON
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


@command.command("lost")
@click.argument("url")
@click.argument("lost", type=click.Choice(("password", "totp")))
@click.option("--login", required=True, help="Name to log in with.")
@reach.speaks_to_centre
def recover(url: str, lost: str, login: str) -> None:
    """Ask the centre at URL to mail a one-time code for what was LOST."""
    with reach.connect(reach.login_at(url, "")) as client:
        asked = client.post("/recovery", {"login": login, "lost": lost})
    takes = {"password": "set-password", "totp": "reset-totp"}[lost]
    way = "If there is such an account, a code is on its way by mail"
    if asked["by"] != "mail":
        way = "This centre sends no mail: an operator can make a code"
    click.echo(f"{way}; `markaz people {takes}` takes it.")


@command.command("reset-totp")
@click.argument("url")
@click.option("--login", required=True, help="Name to log in with.")
@reach.speaks_to_centre
def reset_totp(url: str, login: str) -> None:
    """Have the centre at URL ask for no codes of a lost authenticator any more."""
    password = click.prompt("Password", hide_input=True, err=True)
    code = click.prompt("The centre's one-time code", hide_input=True, err=True)
    with reach.connect(reach.login_at(url, "")) as client:
        client.post("/recovery/totp", {"login": login, "password": password, "code": code})
    click.echo("One-time codes are off; `markaz people totp` turns them on again.")


@command.command("sign-up")
@click.argument("url")
@click.option("--login", required=True, help="Name to log in with.")
@click.option("--name", required=True, help="Your name.")
@click.option("--email", required=True, help="Mail address.")
@click.option("--institution", metavar="ID", help="Your institution.")
@tables.AS_JSON
@reach.speaks_to_centre
def sign_up(
    url: str, login: str, name: str, email: str, institution: str | None, as_json: bool
) -> None:
    """Ask for an account at the centre at URL; an operator approves it."""
    password = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    body = {"login": login, "name": name, "email": email, "password": password}
    with reach.connect(reach.login_at(url, "")) as client:
        asked = client.post(
            "/sign-up", body | ({"institution": institution} if institution else {})
        )
    if not tables.show(asked, as_json):
        click.echo(f"{asked['login']}: {asked['state']}; an operator decides.")


@command.command("totp")
@click.option("--off", is_flag=True, help="Turn them off.")
@reach.speaks_to_centre
def totp(off: bool) -> None:
    """Have logins ask for a one-time code of an authenticator, or with --off no more."""
    with reach.connect() as client:
        if off:
            password = click.prompt("Password", hide_input=True, err=True)
            code = click.prompt("One-time code", err=True)
            client.post("/me/totp/off", {"password": password, "code": code})
        else:
            click.echo(client.post("/me/totp")["secret"])
            click.echo("Give your authenticator this address; it is shown this once.", err=True)
            client.post("/me/totp/confirm", {"code": click.prompt("Its first code", err=True)})
    click.echo(f"One-time codes are {'off' if off else 'on'}.")


@command.command("step")
@click.argument("user", metavar="LOGIN")
@click.argument("step", type=click.Choice(("approve", "refuse", "suspend", "reactivate")))
@click.option("--reason", help="Why (refuse, suspend).")
@tables.AS_JSON
@reach.speaks_to_centre
def move(user: str, step: str, reason: str | None, as_json: bool) -> None:
    """Approve, refuse, suspend or reactivate an account."""
    with reach.connect() as client:
        found = client.post(f"/users/{user}/{step}", {"reason": reason} if reason else None)
    if not tables.show(found, as_json):
        click.echo(f"{user}: {step} is done.")


@command.command("code")
@click.argument("user", metavar="LOGIN")
@click.option("--lost", type=click.Choice(("password", "totp")), default="password")
@click.option("--offline", is_flag=True, help="From a stopped centre's data, without a login.")
@serve.data_options
@tables.AS_JSON
@reach.speaks_to_centre
def code(
    user: str, lost: str, offline: bool, data: str | None, database: str | None, as_json: bool
) -> None:
    """Make a one-time code for somebody who lost a password or authenticator.

    With --offline whoever may write the data directory of a stopped centre makes one, for
    operators who have locked themselves out.
    """
    if offline:
        made = _offline_code(user, lost, data, database)
    else:
        with reach.connect() as client:
            made = client.post(f"/users/{user}/codes", {"lost": lost})
    if not tables.show(made, as_json):
        click.echo(made["secret"])


def _offline_code(user: str, lost: str, data: str | None, database: str | None) -> dict[str, Any]:
    with serve.refusals():
        values = serve.values_of(data, database)
        from markaz.interfaces import start  # noqa: PLC0415 - the whole centre

        return start.code_at_console(values, user, lost)


@command.command("show")
@click.argument("user", metavar="LOGIN", required=False)
@tables.AS_JSON
@reach.speaks_to_centre
def show(user: str | None, as_json: bool) -> None:
    """One account; without LOGIN your own."""
    with reach.connect() as client:
        found = client.get(f"/users/{user}" if user else "/me")
    if tables.show(found, as_json):
        return
    for name, value in found.items():
        shown = tables.when(value) if name.endswith("_at") else tables.word(value)
        click.echo(f"{name}: {shown}")


@command.command("role")
@click.argument("user", metavar="LOGIN")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--take", is_flag=True, help="Take it away.")
@tables.AS_JSON
@reach.speaks_to_centre
def role(user: str, role: str, take: bool, as_json: bool) -> None:
    """Give an account a ROLE at the centre, or take it away (operators)."""
    with reach.connect() as client:
        if take:
            found = client.delete(f"/users/{user}/roles/{quote(role)}")
        else:
            found = client.post(f"/users/{user}/roles", {"role": role})
    if not tables.show(found, as_json):
        click.echo(f"{found['login']}: {tables.word(found['roles'])}")


@command.command("export")
@click.argument("user", metavar="LOGIN", required=False)
@reach.speaks_to_centre
def export(user: str | None) -> None:
    """All that the centre holds about a person, as JSON; without LOGIN about you."""
    with reach.connect() as client:
        tables.show(client.get(f"/users/{user}/export" if user else "/me/export"), True)


@command.command("erase")
@click.argument("user", metavar="LOGIN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@tables.AS_JSON
@reach.speaks_to_centre
def erase(user: str, yes: bool, as_json: bool) -> None:
    """Erase a person's data for good; what jobs cost stays in the ledger, without a name."""
    if not yes:
        click.confirm(f"Erase {user} for good?", abort=True, err=True)
    with reach.connect() as client:
        done = client.delete(f"/users/{user}")
    if not tables.show(done, as_json):
        click.echo(f"{user} is {done['state']}.")


@command.command("password")
@reach.speaks_to_centre
def password() -> None:
    """Change your own password."""
    old = click.prompt("Password until now", hide_input=True, err=True)
    new = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    with reach.connect() as client:
        done = client.post("/me/password", {"old": old, "new": new})
    click.echo(f"The password is changed; other logins have ended, {done['keys']} keys go on.")


@command.command("institutions")
@click.option("--add", "name", help="Add one of this name.")
@click.option("--country", default="", help="Its country, two letters.")
@click.option("--shares", type=click.IntRange(0), default=1, help="Its shares of the machine.")
@tables.AS_JSON
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
