"""``markaz verify``: check a record that a centre signed, without reaching it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from markaz.interfaces.cli import reach, tables

MOST_BYTES = 64 << 20


@click.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "key", metavar="KEY|FILE",
              help="The public key, or a file with it; else the centre is asked.")  # fmt: skip
@click.option("--document", is_flag=True, help="Print what was signed.")
@tables.AS_JSON
@reach.speaks_to_centre
def command(file: Path, key: str | None, document: bool, as_json: bool) -> None:
    """Check the signature of FILE, a record that a centre signed.

    With --key nothing but the file is needed. The exit code is 1 for a record that was altered
    or signed by somebody else.
    """
    # cryptography waits until there is something to verify
    from markaz.centre.records import signing  # noqa: PLC0415

    try:
        kind, found = signing.verify(_read(file), signing.read_public(_key(key)))
    except signing.RecordError as error:
        reach.fail(f"{file}: {error}")
    if document:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif not tables.show({"file": str(file), "kind": kind, "valid": True}, as_json):
        title = found.get("title") or ""
        site = found.get("site") or "an unnamed centre"
        click.echo(f"{file}: valid. {kind} by {site}. {title}".rstrip())


def _read(file: Path) -> Any:
    if file.stat().st_size > MOST_BYTES:
        reach.fail(f"{file} is larger than any record")
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        reach.fail(f"{file} is not JSON")


def _key(given: str | None) -> str:
    """The public key as text."""
    if given is None:
        with reach.connect() as client:
            return str(client.get("/records/key")["key"])
    path = Path(given)
    return path.read_text(encoding="ascii", errors="replace") if path.is_file() else given
