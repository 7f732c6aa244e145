"""``markaz projects``: projects, their members and their life."""

from __future__ import annotations

import click

from markaz.interfaces.cli import reach, tables

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
STEPS = ("approve", "refuse", "suspend", "resume", "close")


@click.group("projects", invoke_without_command=True)
@_AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, as_json: bool) -> None:
    """List your projects (operators: all)."""
    if ctx.invoked_subcommand is not None:
        return
    with reach.connect() as client:
        found = list(client.items("/projects"))
    if tables.show({"items": found}, as_json):
        return
    columns = ("slug", "state", "role", "shares", "title")
    tables.table(columns, [[p[c] for c in columns] for p in found], "You are in no project.")


@command.command("create")
@click.argument("slug")
@click.option("--title", help="Title; else the short name.")
@click.option("--institution", metavar="ID", help="Else your own.")
@click.option("--pi", metavar="LOGIN", help="The lead; else you.")
@click.option("--request", "ask", is_flag=True, help="Only ask for it; an operator approves.")
@_AS_JSON
@reach.speaks_to_centre
def create(
    slug: str, title: str | None, institution: str | None, pi: str | None, ask: bool, as_json: bool
) -> None:
    """Make the project SLUG (operators and resource allocators), or ask for one."""
    body = {"slug": slug, "title": title or slug, "institution": institution}
    if not ask:
        body["pi"] = pi
    path = "/project-requests" if ask else "/projects"
    with reach.connect() as client:
        made = client.post(path, {k: v for k, v in body.items() if v is not None})
    if not tables.show(made, as_json):
        click.echo(f"{made['slug']} is {made['state']}.")


@command.command("step")
@click.argument("project")
@click.argument("step", type=click.Choice(STEPS))
@click.option("--reason", help="Why, for those concerned (refuse, suspend, close).")
@_AS_JSON
@reach.speaks_to_centre
def move(project: str, step: str, reason: str | None, as_json: bool) -> None:
    """Move PROJECT on in its life: approve, refuse, suspend, resume or close it."""
    with reach.connect() as client:
        found = client.post(f"/projects/{project}/{step}", {"reason": reason} if reason else None)
    if not tables.show(found, as_json):
        click.echo(f"{found['slug']} is {found['state']}.")


@command.command("members")
@click.argument("project")
@_AS_JSON
@reach.speaks_to_centre
def members(project: str, as_json: bool) -> None:
    """Who is in PROJECT."""
    with reach.connect() as client:
        found = list(client.items(f"/projects/{project}/members"))
    if tables.show({"items": found}, as_json):
        return
    columns = ("login", "name", "role", "shares")
    tables.table(columns, [[m[c] for c in columns] for m in found], "Nobody is in it.")


@command.command("add")
@click.argument("project")
@click.argument("login")
@click.option("--role", default="member", show_default=True)
@_AS_JSON
@reach.speaks_to_centre
def add(project: str, login: str, role: str, as_json: bool) -> None:
    """Put LOGIN into PROJECT (operators; leads invite)."""
    with reach.connect() as client:
        made = client.post(f"/projects/{project}/members", {"user": login, "role": role})
    if not tables.show(made, as_json):
        click.echo(f"{login} is {role} of {project}.")


@command.command("invite")
@click.argument("project")
@click.option("--role", default="member", show_default=True)
@click.option("--email", help="Mail it there, if the centre has a mail server.")
@_AS_JSON
@reach.speaks_to_centre
def invite(project: str, role: str, email: str | None, as_json: bool) -> None:
    """Make an invitation to PROJECT; its token is shown this once."""
    body = {"role": role} | ({"email": email} if email else {})
    with reach.connect() as client:
        made = client.post(f"/projects/{project}/invitations", body)
    if not tables.show(made, as_json):
        click.echo(made["secret"] or "It is on its way by mail.")


@command.command("accept")
@click.argument("token")
@_AS_JSON
@reach.speaks_to_centre
def accept(token: str, as_json: bool) -> None:
    """Join the project that an invitation's TOKEN is for."""
    with reach.connect() as client:
        made = client.post("/invitations/accept", {"invitation": token})
    if not tables.show(made, as_json):
        click.echo(f"You are {made['role']} now.")
