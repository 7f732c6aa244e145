"""``markaz env``: the variables by which other programs find this centre."""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import Any, Final

import click

from markaz.interfaces.cli import reach
from markaz.interfaces.variables import client_variables

QRMI: Final = "QRMI_IBM_QCS"
QRMI_TYPE: Final = "ibm-quantum-compute-service"
_SHELL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STATES: Final = ("active",)  # of projects in which jobs can run


@click.command("env")
@click.option("--key", metavar="KEY", help="A key; else the one that you are logged in with.")
@click.option("--project", "-p", envvar="MARKAZ_PROJECT", help="Project that pays for jobs.")
@click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Certificate (PEM) of the centre's own authority; else SSL_CERT_FILE.",
)
@click.option("--qrmi", metavar="DEVICE", help="Also the variables of QRMI for this device.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The same as JSON; with --qrmi what qrmi_config.json takes.",
)
@click.option("--check", is_flag=True, help="Try what a client does; say which variable is wrong.")
@reach.speaks_to_centre
def command(
    key: str | None, project: str | None, ca: str | None, qrmi: str | None, as_json: bool,
    check: bool,
) -> None:  # fmt: skip
    """Print `export` lines: after `eval "$(markaz env)"` runtime clients come to this centre.

    `QiskitRuntimeService()` and QRMI read them, and so does this command line. With --check
    nothing is printed but how each step of a client's start goes with the variables that are
    set now; exits with 1 if one fails.
    """
    if check:
        from markaz.interfaces.cli import env_check  # noqa: PLC0415 - imports httpx

        raise SystemExit(env_check.run(dict(os.environ), as_json=as_json))
    login = reach.find_login(key)
    url = os.environ.get("MARKAZ_PUBLIC_URL", "").rstrip("/") or login.url
    authority = ca or os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    found, others = _project(login, project)
    lines = _lines(url, login.key, found, project)
    if authority and url.startswith("https://"):
        lines |= dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), os.path.abspath(authority))
    if qrmi is not None:
        lines |= _qrmi(url, login.key, found, qrmi, prefixed=not as_json)
    if as_json:
        click.echo(json.dumps(_resource(lines, qrmi) if qrmi is not None else lines, indent=2))
        return
    for name, value in lines.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if others:
        click.echo(f"# You are in several projects: choose with --project ({', '.join(others)}).")


def _project(login: reach.Login, wanted: str | None) -> tuple[dict[str, Any] | None, list[str]]:
    """The project that is meant: as named, or the only one; else the names to choose from."""
    with reach.connect(login) as client:
        if wanted is not None:
            return client.get(f"/projects/{wanted}"), []
        mine = [one for one in client.items("/projects") if one["state"] in _STATES]
    if len(mine) == 1:
        return mine[0], []
    return None, [one["slug"] for one in mine]


def _lines(url: str, key: str, project: dict[str, Any] | None, named: str | None) -> dict[str, str]:
    from markaz.interfaces.runtime_api import crn  # noqa: PLC0415 - not for --help

    instance = None if project is None else crn.crn_of(project["id"])
    return client_variables(url, key, instance=instance, project=named)


def _qrmi(
    url: str, key: str, project: dict[str, Any] | None, device: str, *, prefixed: bool
) -> dict[str, str]:
    """Variables of QRMI for one device, with its name before each where a shell takes them."""
    from markaz.interfaces.runtime_api import crn  # noqa: PLC0415 - not for --help

    if project is None:
        raise click.UsageError("QRMI needs a project: name one with --project")
    if prefixed and not _SHELL_NAME.fullmatch(device):
        raise click.UsageError(
            f"no shell takes a variable with {device!r} in its name: use --json and put what it "
            "prints into qrmi_config.json"
        )
    values = {
        f"{QRMI}_ENDPOINT": f"{url}/api/v1",
        f"{QRMI}_IAM_ENDPOINT": url,
        f"{QRMI}_IAM_APIKEY": key,
        f"{QRMI}_SERVICE_CRN": crn.crn_of(project["id"]),
    }
    return {f"{device}_{name}" if prefixed else name: value for name, value in values.items()}


def _resource(lines: dict[str, str], device: str) -> dict[str, Any]:
    """An entry of ``resources`` in qrmi_config.json."""
    environment = {name: value for name, value in lines.items() if name.startswith(QRMI)}
    return {"resources": [{"name": device, "type": QRMI_TYPE, "environment": environment}]}
