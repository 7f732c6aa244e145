"""``markaz convert``: translate a program to another format."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from markaz.interfaces.cli import options
from markaz.interfaces.cli.pool import isolated
from markaz.quantum.programs.errors import ProgramError

if TYPE_CHECKING:
    from markaz.quantum.programs.circuit import Circuit

FORMATS: Final = ("openqasm3", "openqasm2", "qcis", "qpy")
LIMIT_SECONDS: Final = 120.0


@click.command("convert")
@click.argument("file", metavar="FILE")
@click.option("--to", "target", type=click.Choice(FORMATS), required=True)
@click.option("-o", "--output", metavar="OUT", help="Default: standard output.")
@click.option("--param", "bindings", metavar="NAME=VALUE", multiple=True,
              callback=options.read_bindings,
              help="Value of a named parameter; may be repeated.")  # fmt: skip
def command(file: str, target: str, output: str | None, bindings: dict[str, float]) -> None:
    """Translate FILE (OpenQASM 2 or 3, QPY, QCIS; - reads standard input)."""
    if target == "qpy" and output is None and sys.stdout.isatty():
        raise click.UsageError("QPY is binary: name a file with -o")
    program = options.read_program(file)
    try:
        data = isolated(lambda: translate(program, target, bindings), LIMIT_SECONDS)
    except ProgramError as error:
        click.echo(options.describe(file, error), err=True)
        raise SystemExit(1) from None
    try:
        _write(data, output)
    except OSError as error:
        options.fail(f"{output}: {error.strerror or error}")


def translate(program: Path | bytes, target: str, values: dict[str, float]) -> bytes:
    """The program in format ``target``; ProgramError where that cannot say it."""
    from markaz.quantum.programs.intake import load  # noqa: PLC0415 - bad usage needs no reader

    circuit = load(program, guarded=True)
    if values:
        from markaz.quantum.programs.parameters import bind  # noqa: PLC0415 - seldom needed

        circuit = bind(circuit, values)
    return export(circuit, target)


def export(circuit: Circuit, target: str) -> bytes:
    """The circuit as a program of format ``target``."""
    circuit = without_implied_measurement(circuit)
    if target == "qpy":
        return _qpy(circuit)
    if target == "qcis":
        from markaz.quantum.programs.export_qcis import to_qcis  # noqa: PLC0415 - only for QCIS

        return to_qcis(circuit).encode()
    from markaz.quantum.programs import export_openqasm  # noqa: PLC0415 - only for OpenQASM

    newest = target == "openqasm3"
    write = export_openqasm.to_openqasm3 if newest else export_openqasm.to_openqasm2
    return write(circuit).encode()


def _qpy(circuit: Circuit) -> bytes:
    from qiskit import qpy

    from markaz.quantum.programs.qiskit_bridge import to_qiskit  # noqa: PLC0415 - imports Qiskit

    stream = io.BytesIO()
    qpy.dump(to_qiskit(circuit), stream)
    return stream.getvalue()


def without_implied_measurement(circuit: Circuit) -> Circuit:
    """The circuit as its author wrote it, if it measured nothing."""
    if circuit.measured == "explicit":
        return circuit
    import numpy as np  # noqa: PLC0415 - bad usage must not pay for it

    from markaz.quantum.programs.gates import Op  # noqa: PLC0415 - as above
    from markaz.quantum.programs.transform import select  # noqa: PLC0415 - as above

    bare = select(circuit, np.flatnonzero(circuit.op != Op.MEASURE))
    kept = circuit.num_clbits - circuit.num_qubits
    return bare.with_arrays(num_clbits=kept, cregs=circuit.cregs[:-1], measured="explicit")


def _write(data: bytes, output: str | None) -> None:
    if output is not None:
        Path(output).write_bytes(data)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
