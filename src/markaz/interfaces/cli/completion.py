"""``markaz completion``: the shell's side of completing commands with Tab."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script; put `eval "$(markaz completion bash)"` into ~/.bashrc."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(ctx.find_root().command, {}, "markaz", "_MARKAZ_COMPLETE").source())
