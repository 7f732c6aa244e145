"""``markaz projects``: projects, their members and their life."""

from __future__ import annotations

from typing import Any

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.acting import act, given, moment

STEPS = ("approve", "refuse", "suspend", "resume", "close")


@click.group("projects", invoke_without_command=True)
@click.option("--all", "everybodys", is_flag=True, help="Not only your own (operators …).")
@click.option("--state", help="Only in this state, such as requested.")
@tables.AS_JSON
@click.pass_context
@reach.speaks_to_centre
def command(ctx: click.Context, everybodys: bool, state: str | None, as_json: bool) -> None:
    """List your projects."""
    if ctx.invoked_subcommand is not None:
        return
    everybody = "true" if everybodys else None
    with reach.connect() as client:
        found = list(client.items("/projects", state=state, everybodys=everybody))
    if tables.show({"items": found}, as_json):
        return
    columns = ("slug", "state", "role", "shares", "title")
    tables.table(columns, [[p[c] for c in columns] for p in found], "There is no such project.")


@command.command("create")
@click.argument("slug")
@click.option("--title", help="Title; else the short name.")
@click.option("--institution", metavar="ID", help="Else your own.")
@click.option("--pi", metavar="LOGIN", help="The lead; else you.")
@click.option("--request", "ask", is_flag=True, help="Only ask for it; an operator approves.")
@tables.AS_JSON
@reach.speaks_to_centre
def create(
    slug: str, title: str | None, institution: str | None, pi: str | None, ask: bool, as_json: bool
) -> None:
    """Make the project SLUG (operators and resource allocators), or ask for one."""
    body = {"slug": slug, "title": title or slug, "institution": institution}
    path = "/project-requests" if ask else "/projects"
    with reach.connect() as client:
        if not ask:
            body["pi"] = pi or client.get("/me")["login"]
        made = client.post(path, {k: v for k, v in body.items() if v is not None})
    if not tables.show(made, as_json):
        click.echo(f"{made['slug']} is {made['state']}.")


@command.command("step")
@click.argument("project")
@click.argument("step", type=click.Choice(STEPS))
@click.option("--reason", help="Why, for those concerned (refuse, suspend).")
@tables.AS_JSON
@reach.speaks_to_centre
def move(project: str, step: str, reason: str | None, as_json: bool) -> None:
    """Move PROJECT on in its life: approve, refuse, suspend, resume or close it."""
    body = {"reason": reason} if reason else None
    act(f"/projects/{project}/{step}", body, as_json, lambda p: f"{p['slug']} is {p['state']}.")


@command.command("renew")
@click.argument("project")
@click.option("--until", type=moment, required=True, metavar="WHEN", help="Such as 2027-12-31.")
@tables.AS_JSON
@reach.speaks_to_centre
def renew(project: str, until: int, as_json: bool) -> None:
    """Give PROJECT a later end."""
    path = f"/projects/{project}/renew"
    act(
        path,
        {"ends_at": until},
        as_json,
        lambda p: f"{p['slug']} ends {tables.when(p['ends_at'])}.",
    )


@command.command("leave")
@click.argument("project")
@tables.AS_JSON
@reach.speaks_to_centre
def leave(project: str, as_json: bool) -> None:
    """Leave PROJECT."""
    act(f"/projects/{project}/leave", None, as_json, lambda _: f"You have left {project}.")


@command.command("show")
@click.argument("project")
@tables.AS_JSON
@reach.speaks_to_centre
def show(project: str, as_json: bool) -> None:
    """One PROJECT, whole."""
    with reach.connect() as client:
        found = client.get(f"/projects/{project}")
    if not tables.show(found, as_json):
        _tell(found)


def _tell(project: dict[str, Any]) -> None:
    click.secho(f"{project['slug']}: {project['title']}", bold=True)
    for name, value in project.items():
        shown = tables.when(value) if name.endswith("_at") else tables.word(value)
        click.echo(f"  {name}: {shown}")


@command.command("set")
@click.argument("project")
@click.option("--title")
@click.option("--description")
@click.option("--visibility", "job_visibility", type=click.Choice(("own", "all")),
              help="Whose jobs a member sees.")  # fmt: skip
@tables.AS_JSON
@reach.speaks_to_centre
def change(project: str, as_json: bool, **body: Any) -> None:
    """Change what PROJECT says of itself (its PI and co-PIs)."""
    with reach.connect() as client:
        found = client.patch(f"/projects/{project}", given(body))
    if not tables.show(found, as_json):
        _tell(found)


@command.command("terms")
@click.argument("project")
@click.option("--shares", type=click.IntRange(0), help="Shares of its institution's part.")
@click.option("--programme")
@click.option("--from", "starts_at", type=moment, metavar="WHEN")
@click.option("--until", "ends_at", type=moment, metavar="WHEN")
@click.option("--retention-days", type=click.IntRange(1), help="Days to keep results.")
@click.option("--quota-gib", type=click.FloatRange(0), help="GiB of inputs and results.")
@tables.AS_JSON
@reach.speaks_to_centre
def terms(project: str, as_json: bool, **body: Any) -> None:
    """Change PROJECT's terms (operators and resource allocators)."""
    with reach.connect() as client:
        found = client.patch(f"/projects/{project}/terms", given(body))
    if not tables.show(found, as_json):
        _tell(found)


@command.command("devices")
@click.argument("project")
@click.argument("devices", nargs=-1)
@click.option("--every", is_flag=True, help="Every device.")
@tables.AS_JSON
@reach.speaks_to_centre
def set_devices(project: str, devices: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Say that PROJECT may use DEVICES, and no others."""
    if every == bool(devices):
        raise click.UsageError("name devices, or say --every")
    with reach.connect() as client:
        found = client.put(
            f"/projects/{project}/devices", {"devices": None if every else list(devices)}
        )
    if not tables.show(found, as_json):
        click.echo(f"{found['slug']} may use {'every device' if every else ', '.join(devices)}.")


@command.command("members")
@click.argument("project")
@tables.AS_JSON
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
@tables.AS_JSON
@reach.speaks_to_centre
def add(project: str, login: str, role: str, as_json: bool) -> None:
    """Put LOGIN into PROJECT (operators; leads invite)."""
    with reach.connect() as client:
        made = client.post(f"/projects/{project}/members", {"user": login, "role": role})
    if not tables.show(made, as_json):
        click.echo(f"{login} is {role} of {project}.")


@command.command("remove")
@click.argument("project")
@click.argument("login")
@tables.AS_JSON
@reach.speaks_to_centre
def remove(project: str, login: str, as_json: bool) -> None:
    """Take LOGIN out of PROJECT."""
    with reach.connect() as client:
        done = client.delete(f"/projects/{project}/members/{login}")
    if not tables.show(done, as_json):
        click.echo(f"{login} is no longer in {project}.")


@command.command("member")
@click.argument("project")
@click.argument("login")
@click.option("--role", help="pi, co-pi, resource allocator, trainer or member.")
@click.option("--shares", type=click.IntRange(0), help="Shares of the project's part.")
@tables.AS_JSON
@reach.speaks_to_centre
def set_member(
    project: str, login: str, role: str | None, shares: int | None, as_json: bool
) -> None:
    """Give LOGIN another role or other shares in PROJECT."""
    if role is None and shares is None:
        raise click.UsageError("say --role or --shares")
    path = f"/projects/{project}/members/{login}"
    done: dict[str, Any] = {}
    with reach.connect() as client:
        if role is not None:
            done |= client.patch(path, {"role": role})
        if shares is not None:
            done |= client.put(f"{path}/shares", {"shares": shares})
    if not tables.show(done, as_json):
        said = [f"{name} {done[name]}" for name in ("role", "shares") if name in done]
        click.echo(f"{login} has in {project}: {', '.join(said)}.")


@command.command("invitations")
@click.argument("project")
@click.option("--withdraw", metavar="ID", help="End this one first.")
@tables.AS_JSON
@reach.speaks_to_centre
def invitations(project: str, withdraw: str | None, as_json: bool) -> None:
    """Invitations to PROJECT, without their tokens."""
    with reach.connect() as client:
        if withdraw:
            client.delete(f"/invitations/{withdraw}")
        found = list(client.items(f"/projects/{project}/invitations"))
    if not tables.show({"items": found}, as_json):
        columns = ("id", "state", "role", "email")
        rows = [(*(i[c] for c in columns), tables.when(i["expires_at"])) for i in found]
        tables.table((*columns, "until"), rows, "There are none.")


@command.command("invite")
@click.argument("project")
@click.option("--role", default="member", show_default=True)
@click.option("--email", help="Mail it there, if the centre has a mail server.")
@tables.AS_JSON
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
@tables.AS_JSON
@reach.speaks_to_centre
def accept(token: str, as_json: bool) -> None:
    """Join the project that an invitation's TOKEN is for."""
    with reach.connect() as client:
        made = client.post("/invitations/accept", {"invitation": token})
    if not tables.show(made, as_json):
        click.echo(f"You are {made['role']} now.")
