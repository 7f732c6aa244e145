"""``markaz up``: a whole centre in the foreground."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import examples, serve

if TYPE_CHECKING:
    from markaz.centre.workers.local import LocalWorkers
    from markaz.interfaces.server import Server

WORKERS_SECONDS: Final = 300.0  # for the first worker: a cold machine compiles its kernels
LOOK_SECONDS: Final = 0.02
NOTE_SECONDS: Final = 8.0  # after which whoever waits is told what for
COMPILING: Final = "Compiling the simulation kernels for this machine: once, a few minutes."
OVERTIME_SECONDS: Final = 2.0  # that workers get beyond drain_seconds to deliver results
LOG_LEVEL: Final = "MARKAZ_LOG_LEVEL"


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
    stdout = keep_stdout()
    if sys.stderr.isatty() and LOG_LEVEL not in os.environ:
        given["log_level"] = "warning"  # a line for every request is for collectors of logs
    values = serve.settings_of(given)
    # These import the database, the web framework and the engines: not for --help.
    from markaz.interfaces import start  # noqa: PLC0415
    from markaz.interfaces.server import Server  # noqa: PLC0415

    start.prepare_database(values)
    with Server.open(values) as server:
        facts = start.set_up(server.api.centre, demo=not no_demo)
        up = Up(server, facts, start.worker_key(server.api.centre), as_json, folder, stdout)
        try:
            server.run(up.ready, up.drain)
        finally:
            up.end()


def keep_stdout() -> int:
    """A descriptor of standard output for the ready line alone.

    Whatever else this process, its workers or a library print there goes to standard error.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


class Up:
    """The server's company: its workers, its ready line, its examples."""

    def __init__(
        self,
        server: Server,
        facts: dict[str, Any],
        key: str,
        as_json: bool,
        folder: Path | None,
        stdout: int,
    ) -> None:
        self._server, self._facts, self._key = server, facts, key
        self._as_json, self._folder, self._stdout = as_json, folder, stdout
        self._workers: LocalWorkers | None = None

    def ready(self, url: str) -> None:
        """Requests are answered: start the workers, and say so when one has come."""
        try:
            self._wait_for_intake()  # it compiles what the workers then find compiled
            if self._server.stopping:
                return
            self._start_workers()
            if self._wait_for_worker():
                self._say(url)
        except BaseException:
            self._server.stop()  # whoever waits for it learns why
            raise

    def drain(self) -> None:
        """No more jobs are handed out: let the workers end."""
        if self._workers is not None:
            self._workers.close(float(self._server.settings["drain_seconds"]) + OVERTIME_SECONDS)

    def end(self) -> None:
        """Whatever happened, leave no worker behind."""
        if self._workers is not None:
            self._workers.close(0.0)

    def _wait_for_intake(self) -> None:
        """Until it is warm, or the server is told to end."""
        warming = threading.Thread(target=self._warm_intake, daemon=True)
        warming.start()
        note_at = time.monotonic() + NOTE_SECONDS
        while warming.is_alive() and not self._server.stopping:
            warming.join(LOOK_SECONDS)
            if time.monotonic() > note_at:
                click.echo(COMPILING, err=True)
                note_at = float("inf")

    def _warm_intake(self) -> None:
        from markaz.centre.workers.nursery import NurseryClosed  # noqa: PLC0415 - not for --help

        with contextlib.suppress(NurseryClosed):  # the server starts another when it needs one
            self._server.intake.wait_ready()

    def _start_workers(self) -> None:
        from markaz.centre.workers import local  # noqa: PLC0415 - not for --help

        settings = self._server.settings
        self._workers = local.LocalWorkers(
            settings["workers"],
            [*local.worker_command(), "--url", self._server.local_url],
            self._server.dispatcher.worker_died,
            {"MARKAZ_WORKER_KEY": self._key, "MARKAZ_DATA": str(settings.data.absolute())},
        )
        self._workers.start()

    def _wait_for_worker(self) -> bool:
        """Whether the centre is ready: False if it was told to end before."""
        until = time.monotonic() + WORKERS_SECONDS
        while self._server.settings["workers"] and not self._server.dispatcher.workers():
            if time.monotonic() > until:
                click.echo("markaz: no worker has come; jobs wait until one does", err=True)
                break
            if self._server.stopping:
                break
            time.sleep(LOOK_SECONDS)
        return not self._server.stopping

    def _say(self, url: str) -> None:
        document = self._document(url)
        with os.fdopen(self._stdout, "w", encoding="utf-8") as stdout:
            serve.say_ready(document, self._as_json, stdout)
        if self._folder is None:
            self._greet(document)
        else:
            threading.Thread(target=self._show_examples, args=(document,), daemon=True).start()

    def _greet(self, document: dict[str, Any]) -> None:
        if not self._as_json:
            click.echo("\n".join(greeting(document, self._server.settings.data)), err=True)

    def _document(self, url: str) -> dict[str, Any]:
        from markaz.interfaces import start  # noqa: PLC0415 - not for --help
        from markaz.interfaces.runtime_api.crn import crn_of  # noqa: PLC0415 - not for --help

        facts = {k: v for k, v in self._facts.items() if k not in ("project", "people")}
        crn = crn_of(self._facts["project"])
        start.finish_first_login(self._server.settings.data, url, crn)
        return {"url": url, **facts, "crn": crn}

    def _show_examples(self, document: dict[str, Any]) -> None:
        assert self._folder is not None
        key = self._facts.get("api_key") or examples.kept_key(self._server.settings.data)
        with contextlib.suppress(KeyboardInterrupt):
            if key is None:
                click.echo("No key to submit the examples with: first-login.json is gone", err=True)
            else:
                examples.show(self._server.local_url, key, self._folder)
            self._greet(document)


def greeting(document: dict[str, Any], data: Path) -> list[str]:
    """How to log in."""
    url, login = document["url"], document["admin_login"]
    kept = data / "first-login.json"
    lines = [f"Markaz is up at {url} (Ctrl-C ends it)."]
    if "admin_password" in document:
        lines += [
            f"  Log in as {login} with the password {document['admin_password']}",
            f"  It is kept with the first keys in {kept}.",
        ]
    elif kept.exists():
        lines.append(f"  Log in as {login}; the first password is in {kept}.")
    else:
        lines.append(f"  Log in as {login}.")
    return [*lines, f"  In another terminal: markaz login {url} --user {login}"]
