"""The command itself: help, version, and what they must not import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

import markaz
from markaz.interfaces.cli.main import COMMANDS, LazyGroup, cli

HEAVY = {"numpy", "qiskit", "numba", "rich", "multiprocessing", "matplotlib", "stim", "prism_q"}


def test_help_lists_every_command() -> None:
    found = CliRunner().invoke(cli, ["--help"])
    assert found.exit_code == 0
    assert [line.split()[0] for line in found.stdout.split("Commands:")[1].split("\n") if line] == [
        *COMMANDS
    ]


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"markaz {markaz.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    found = CliRunner().invoke(cli, [name, "--help"])
    assert found.exit_code == 0
    assert found.stdout.startswith(f"Usage: cli {name} ")


def test_unknown_commands_are_bad_usage() -> None:
    found = CliRunner().invoke(cli, ["fly"])
    assert found.exit_code == 2
    assert "No such command 'fly'" in found.stderr


def test_no_command_shows_help() -> None:
    assert "Commands:" in CliRunner().invoke(cli, []).output


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from markaz.interfaces.cli.main import main\n"
        f"sys.argv = ['markaz', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()[1:]}
    assert loaded & HEAVY == set()


def test_completion_knows_the_commands() -> None:
    found = CliRunner().invoke(
        cli, env={"_MARKAZ_COMPLETE": "bash_complete", "COMP_WORDS": "markaz e", "COMP_CWORD": "1"},
        prog_name="markaz", args=[],
    )  # fmt: skip
    assert {line.partition(",")[2] for line in found.stdout.splitlines()} == {
        "explain", "engines", "env", "estimate",
    }  # fmt: skip


def test_the_group_is_lazy() -> None:
    assert isinstance(cli, LazyGroup)
    assert cli.commands == {}
