"""The ``markaz`` command; each sub-command's module is imported when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

import markaz

# name -> (module, one line for ``markaz --help``); listing them must import none of them
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("run", "Simulate programs and print counts or expectation values."),
    "explain": ("explain", "Show the plan for a program and every engine considered."),
    "convert": ("convert", "Translate a program to another format."),
    "engines": ("engines", "List the simulation engines and which are installed."),
    "up": ("up", "Start a whole centre: server, workers, first operator."),
    "serve": ("serve", "Start the server alone."),
    "worker": ("worker", "Start a worker that runs a centre's jobs."),
    "agent": ("agent", "Beside hardware: run a centre's jobs on it."),
    "login": ("login", "Keep the address of a centre and a key for it."),
    "logout": ("logout", "End that login and forget it."),
    "env": ("env", "Print the variables by which programs find the centre."),
    "submit": ("submit", "Hand programs to the centre's queue."),
    "jobs": ("jobs", "List jobs."),
    "job": ("job", "Show one job: result, price, provenance, or why it waits."),
    "cancel": ("cancel", "Stop jobs."),
    "estimate": ("estimate", "Price a program before it is submitted."),
    "sessions": ("sessions", "Jobs that belong together."),
    "queue": ("queue", "What waits and why; hold, release, move, override."),
    "workers": ("workers", "Who runs jobs, and keys for further ones."),
    "projects": ("projects", "Projects and their members."),
    "people": ("people", "Accounts and institutions."),
    "keys": ("keys", "Your API keys."),
    "credits": ("credits", "What projects have left, statements, grants."),
    "devices": ("calendar", "What there is to run on, bookings and maintenance."),
    "calibrate": ("calibrate", "Tune a device and measure its calibration sheet."),
    "accept": ("accept", "Measure a device against a contract; a signed report."),
    "verify": ("verify", "Check a record that a centre signed, without reaching it."),
    "audit": ("audit", "Search and verify the audit trail."),
    "db": ("db", "Upgrade, back up, restore and move the database."),
    "settings": ("settings", "All settings and what they mean."),
    "doctor": ("doctor", "Check this installation and say how to mend it."),
    "completion": ("completion", "Completion of commands by the shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of ``cmd_name``; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"markaz.interfaces.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(markaz.__version__, prog_name="markaz", message="%(prog)s %(version)s")
def cli() -> None:
    """Markaz: the software of a quantum computing centre."""


def main() -> None:
    """Entry point of the ``markaz`` script."""
    cli.main(args=sys.argv[1:], prog_name="markaz")
