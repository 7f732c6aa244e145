"""Pages of the reference that are printed from the REST routes and the command line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final, cast

import click
from pydantic import BaseModel

from markaz.centre.settings import Settings
from markaz.interfaces import acts
from markaz.interfaces.cli import main
from markaz.interfaces.rest_api import openapi
from markaz.interfaces.rest_api.app import make_app
from markaz.interfaces.rest_api.calls import Api
from markaz.interfaces.rest_api.jobs_models import Job, Provenance, Submitted
from markaz.interfaces.rest_api.routes import Route
from markaz.interfaces.rest_api.table import ROUTES
from markaz.interfaces.runtime_api.errors import CODES
from markaz.interfaces.runtime_api.routes import PREFIXES
from markaz.interfaces.runtime_api.routes import Route as RuntimeRoute
from markaz.interfaces.runtime_api.table import ROUTES as RUNTIME
from tools.pages import page, section, table

DASH: Final = "–"
STATUSES: Final = (
    ("0", "done"),
    ("1", "a program, a job or a request was refused or failed"),
    ("2", "bad usage"),
    ("3", "the centre is not reachable"),
)
OPERATIONS: Final = (
    ("GET", "`/openapi.json`", "anyone", "The OpenAPI document."),
    ("GET", "`/health/live`", "anyone", "Whether the process answers."),
    ("GET", "`/health/ready`", "anyone", "Whether it can do its work: 200 or 503, with checks."),
    ("GET", "`/metrics`", "this machine; operators and directors", "[Metrics](metrics.md)."),
    ("GET", "`/v1/worker`", "worker keys", "The workers' WebSocket."),
)


def rest_page() -> str:
    """Every route: method, path, who may, scope, summary."""
    acts.register_all()
    groups: dict[str, list[Route]] = {}
    for route in ROUTES:
        groups.setdefault(_group(route), []).append(route)
    head = ("method", "path", "who may", "scope", "what it does")
    parts = [section(n, table(head, map(_route, found))) for n, found in sorted(groups.items())]
    return page(
        "REST routes",
        "The same table is served as OpenAPI 3.1 under `/openapi.json`; the file is\n"
        "{download}`here <openapi.json>`, with all fields of requests and answers. [Use the REST\n"
        "interface](../how-to/rest.md) shows how. A key needs the scope; where there is none, any\n"
        "key will do. Routes marked ⟳ take an `Idempotency-Key`. Another tenant's id is answered\n"
        "like an id that does not exist.",
        *parts,
        section("Beside them", table(("method", "path", "who may", "what it does"), OPERATIONS)),
    )


def _group(route: Route) -> str:
    return route.does.partition(".")[0]


def _route(route: Route) -> tuple[str, ...]:
    scope = route.act.scope
    mark = " ⟳" if route.takes_key else ""
    return (
        route.method,
        f"`{route.path}`{mark}",
        str(route.who),
        f"`{scope}`" if scope else DASH,
        route.summary,
    )


def runtime_page() -> str:
    """Every route of the runtime client's wire: method, path, who may, scope, summary."""
    acts.register_all()
    head = ("method", "path", "who may", "scope", "what it does")
    alone = [route for route in RUNTIME if route.path.startswith("/")]
    below = [route for route in RUNTIME if not route.path.startswith("/")]
    codes = ((f"`{kind}`", str(code), solution) for kind, (code, solution) in CODES.items())
    prefixes = " and under ".join(f"`{prefix}`" for prefix in PREFIXES)
    return page(
        "Runtime routes",
        "What the runtime client that Qiskit users have, and QRMI, ask for. [Use your Qiskit\n"
        "scripts](../how-to/qiskit.md) says how to point them here, and [decision\n"
        "21](../decisions/0021-the-runtime-wire.md) why it is as it is. A request says with the\n"
        "token of a login who asks, and with the header `Service-CRN` for which project. Another\n"
        "tenant's id is answered like an id that does not exist.",
        section("Login and discovery", table(head, map(_runtime, alone))),
        section(
            "Devices, jobs, sessions",
            f"Each under {prefixes}.\n",
            table(head, map(_runtime, below)),
        ),
        section(
            "Refusals",
            "Every refusal has the same two parts, of which clients print one or the other:\n"
            "`errors` (a list with `code`, `message`, `solution`, `more_info`) and `error`\n"
            "(`code`, `message`, `status`), and a `trace`, the number that the centre's log gives\n"
            "the request. Statuses are those of the [REST interface](errors.md), but an invalid\n"
            "value is 400, and where jobs are submitted only an unknown program is 404.\n",
            table(("kind", "code", "what to do"), codes),
        ),
    )


def _runtime(route: RuntimeRoute) -> tuple[str, ...]:
    scope = route.act.scope if route.does else None
    return (
        route.method,
        f"`{route.path}`",
        str(route.who),
        f"`{scope}`" if scope else DASH,
        route.summary,
    )


def openapi_text() -> str:
    """The OpenAPI document that a server with default settings serves."""
    acts.register_all()
    services = SimpleNamespace(settings=Settings(), clock=SimpleNamespace(now=lambda: 0))
    api = cast(Api, SimpleNamespace(centre=SimpleNamespace(services=services)))
    document = openapi.document(cast(Any, make_app(api).app), ROUTES)
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def commands() -> Iterator[tuple[click.Context, click.Command]]:
    """Every command with its context, those of groups behind their group."""
    root = click.Context(main.cli, info_name="markaz", **main.cli.context_settings)
    for name in main.COMMANDS:
        yield from _below(root, name, main.cli)


def _below(
    above: click.Context, name: str, group: click.Group
) -> Iterator[tuple[click.Context, click.Command]]:
    command = group.get_command(above, name)
    assert command is not None, name
    context = click.Context(command, info_name=name, parent=above)
    yield context, command
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _below(context, inner, command)


def cli_page() -> str:
    """Every command with its options."""
    return page(
        "Command line",
        "`markaz COMMAND --help` prints the same. Commands that speak to a centre find it by\n"
        "`MARKAZ_URL` and `MARKAZ_KEY`, or by what `markaz login` kept. With `--json` nothing but\n"
        "JSON goes to standard output; messages go to standard error.",
        table(("exit status", "meaning"), STATUSES),
        *(_command(context, command) for context, command in commands()),
    )


def _command(context: click.Context, command: click.Command) -> str:
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    text = inspect.cleandoc(command.help or "")
    records = [p.get_help_record(context) for p in command.get_params(context)]
    rows = [(f"`{r[0]}`", r[1]) for r in records if r is not None and "--help" not in r[0]]
    options = [table(("option", "meaning"), rows)] if rows else []
    return section(context.command_path, f"    {usage}\n", f"{text}\n", *options)


def job_page() -> str:
    """The document of a job, from the models of the REST interface."""
    return page(
        "Job documents",
        "`markaz job ID --json`, `markaz submit FILE --wait --json` and `GET /v1/jobs/ID` give\n"
        "one document for a job. Amounts are micro-credits, times (`…_at`) microseconds UTC, both\n"
        "integers. Keys that are not known yet are null, and those of a result are not there\n"
        "before it is. Of a private job only its owner sees what it holds.",
        table(("key", "meaning"), _fields(Job)),
        section("`provenance`", table(("key", "meaning"), _fields(Provenance))),
        section(
            "The answer to a submission",
            "Without `--wait`.\n",
            table(("key", "meaning"), _fields(Submitted)),
        ),
    )


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    fields = model.model_fields.items()
    yield from ((f"`{name}`", field.description or DASH) for name, field in fields)


BUILDERS: Final[dict[str, Callable[[], str]]] = {
    "rest.md": rest_page,
    "runtime-routes.md": runtime_page,
    "cli.md": cli_page,
    "job-documents.md": job_page,
}
