"""``markaz up``: a whole centre in the foreground."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import examples, serve

if TYPE_CHECKING:
    from markaz.centre.workers.local import LocalWorkers
    from markaz.interfaces.server import Server

WORKERS_SECONDS: Final = 120.0  # for the first worker to connect
LOOK_SECONDS: Final = 0.02


@click.command("up")
@serve.place_options
@click.option("--workers", type=click.IntRange(0, 256), help="Worker processes.")
@click.option("--no-demo", is_flag=True, help="No demo people and project.")
@click.option("--examples", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Submit the programs in this folder and show their results.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The ready line as JSON, first secrets too.")
@serve.refuses_clearly
def command(no_demo: bool, folder: Path | None, as_json: bool, **given: Any) -> None:
    """Start a whole centre: database, server, workers; Ctrl-C or SIGTERM drains and ends it.

    The first start makes an operator and a project with credits, and keeps their secrets in
    DIR/first-login.json. A later start continues with the same data.
    """
    values = serve.settings_of(given)
    # These import the database, the web framework and the engines: not for --help.
    from markaz.interfaces import start  # noqa: PLC0415
    from markaz.interfaces.server import Server  # noqa: PLC0415

    start.prepare_database(values)
    with Server.open(values) as server:
        facts = start.set_up(server.api.centre, demo=not no_demo)
        up = Up(server, facts, start.worker_key(server.api.centre), as_json, folder)
        try:
            server.run(up.ready, up.drain)
        finally:
            up.end()


class Up:
    """The server's company: its workers, its ready line, its examples."""

    def __init__(
        self, server: Server, facts: dict[str, Any], key: str, as_json: bool, folder: Path | None
    ) -> None:
        self._server, self._facts, self._key = server, facts, key
        self._as_json, self._folder = as_json, folder
        self._workers: LocalWorkers | None = None

    def ready(self, url: str) -> None:
        """Requests are answered: start the workers, and say so when one has come."""
        self._start_workers()
        self._wait_for_worker()
        document = self._document(url)
        serve.say_ready(document, self._as_json)
        if not self._as_json:
            greet(document, self._server.settings.data)
        if self._folder is not None:
            threading.Thread(target=self._show_examples, args=(url,), daemon=True).start()

    def drain(self) -> None:
        """No more jobs are handed out: let the workers end."""
        if self._workers is not None:
            self._workers.close(float(self._server.settings["drain_seconds"]) + 2.0)

    def end(self) -> None:
        """Whatever happened, leave no worker behind."""
        if self._workers is not None:
            self._workers.close(0.0)

    def _start_workers(self) -> None:
        from markaz.centre.workers import local  # noqa: PLC0415 - not for --help

        settings = self._server.settings
        self._workers = local.LocalWorkers(
            settings["workers"],
            [*local.worker_command(), "--url", self._server.local_url],
            self._server.dispatcher.worker_died,
            {"MARKAZ_WORKER_KEY": self._key, "MARKAZ_DATA": str(settings.data)},
        )
        self._workers.start()

    def _wait_for_worker(self) -> None:
        until = time.monotonic() + WORKERS_SECONDS
        while self._server.settings["workers"] and not self._server.dispatcher.workers():
            if time.monotonic() > until or self._server.stopping:
                return
            time.sleep(LOOK_SECONDS)

    def _document(self, url: str) -> dict[str, Any]:
        from markaz.interfaces import start  # noqa: PLC0415 - not for --help

        facts = {k: v for k, v in self._facts.items() if k not in ("project", "people")}
        document = {"url": url, **facts, "crn": start.crn_of(self._facts["project"])}
        if "api_key" in facts:
            people = self._facts["people"]
            kept = document | ({"people": people} if people else {})
            start.keep_first_login(self._server.settings.data, kept)
        return document

    def _show_examples(self, url: str) -> None:
        assert self._folder is not None
        key = self._facts.get("api_key") or examples.kept_key(self._server.settings.data)
        if key is None:
            click.echo("No key to submit the examples with.", err=True)
            return
        with contextlib.suppress(KeyboardInterrupt):
            examples.show(url, key, self._folder)


def greet(document: dict[str, Any], data: Path) -> None:
    """Say on standard error how to log in."""
    lines = [f"Markaz is up at {document['url']} (Ctrl-C ends it)."]
    if "admin_password" in document:
        lines += [
            f"  Log in as {document['admin_login']} with the password {document['admin_password']}",
            f"  These are kept in {data / 'first-login.json'}; they are shown this once.",
        ]
    else:
        lines.append(f"  Log in as {document['admin_login']}.")
    lines.append(f"  Try: markaz login {document['url']} --user {document['admin_login']}")
    click.echo("\n".join(lines), err=True)
