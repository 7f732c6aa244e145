"""``markaz accept``: measure a device against a contract, and write the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from markaz.interfaces.cli import reach, tables
from markaz.interfaces.cli.calibrate import until_ended


@click.command("accept")
@click.argument("device")
@click.option("--contract", "file", required=True, type=click.File("r", encoding="utf-8"),
              metavar="FILE", help="What it must reach (TOML).")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write acceptance.json (signed), .html and .pdf there.")  # fmt: skip
@tables.AS_JSON
@reach.speaks_to_centre
def command(device: str, file: Any, out: Path | None, as_json: bool) -> None:
    """Calibrate DEVICE, run the benchmarks of a contract on it, and judge (operators).

    The exit code is 0 only if everything passed. The record is signed by the centre; `markaz
    verify` checks it, anywhere.
    """
    with reach.connect() as client:
        found = client.post(f"/devices/{device}/acceptances", {"contract": file.read()})
        found = until_ended(client, found, quiet=as_json)
        if found["state"] == "failed":
            reach.fail(f"{device}: {found['note']}")
        envelope = client.get(f"/measurements/{found['measurement']}/record")
        key = client.get("/records/key")
    document = opened(envelope, key)
    if out is not None:
        write(out, envelope, document, key)
    if not tables.show(document, as_json):
        say(document, out)
    if document["overall"] != "pass":
        raise SystemExit(reach.EXIT_FAILED)


def opened(envelope: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """The document that was signed, once its signature has been checked."""
    # cryptography waits until there is something to verify
    from markaz.centre.records import signing  # noqa: PLC0415

    try:
        return signing.verify(envelope, signing.read_public(key["key"]))[1]
    except signing.RecordError as error:
        reach.fail(str(error))


def write(
    out: Path, envelope: dict[str, Any], document: dict[str, Any], key: dict[str, Any]
) -> None:
    """The signed record, the key, and the report for people, into a folder."""
    from markaz.interfaces.reports import acceptance  # noqa: PLC0415 - loads the PDF library

    out.mkdir(parents=True, exist_ok=True)
    signed = envelope["signatures"][0]["keyid"]
    record = json.dumps(envelope, indent=1, ensure_ascii=False)
    (out / "acceptance.json").write_text(record + "\n", encoding="utf-8")
    (out / "centre.pub").write_text(key["key"] + "\n", encoding="ascii")
    (out / "acceptance.html").write_text(acceptance.html(document, signed), encoding="utf-8")
    (out / "acceptance.pdf").write_bytes(acceptance.pdf(document, signed))


def say(document: dict[str, Any], out: Path | None) -> None:
    """The verdicts as a table."""
    click.secho(f"{document['title']}: {document['overall']}", bold=True)
    if document["emulated"]:
        click.echo(f"  {document['device']} is EMULATED: this is practice, no purchase.")
    # what the report is written with, once there is something to report
    from markaz.interfaces.reports.acceptance import (  # noqa: PLC0415
        asked,
        capital,
        interval,
        measured,
    )

    rows = [
        (capital(c["words"]), asked(c), measured(c), interval(c), c["verdict"])
        for c in document["criteria"]
    ]
    columns = ("criterion", "contracted", "measured", "95 % interval", "verdict")
    tables.table(columns, rows, "No criteria.")
    if out is not None:
        click.echo(f"Report: {out / 'acceptance.html'}")
