"""``markaz doctor``: what is wrong with this installation and how to mend it."""

from __future__ import annotations

import itertools
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any, Final

import click

from markaz import __version__
from markaz.interfaces.cli import doctor_centre, serve
from markaz.interfaces.cli.engines import classes
from markaz.interfaces.cli.finding import FAILURE, OK, WARNING, Finding
from markaz.interfaces.cli.pool import Pool
from markaz.interfaces.cli.render import Style, seconds
from markaz.quantum.programs.errors import ProgramError

IMPORT_LIMIT_SECONDS: Final = 120.0
_BELL: Final = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];'
_PAINT: Final = {OK: "bar", WARNING: "warn", FAILURE: "bad"}


@click.command("doctor")
@serve.data_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(data: str | None, database: str | None, as_json: bool) -> None:
    """Check this installation and the centre whose data are here, and say how to mend it.

    Python, engines, the walls around strangers' programs, compiled kernels; the centre's
    data directory, secrets, disk, database, workers, mail and address. Exits with 1 when
    something must be mended.
    """
    style, failed = Style.of(sys.stdout), False
    for finding in itertools.chain(findings(style), doctor_centre.findings(data, database)):
        failed |= finding.state == FAILURE
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            click.echo(_shown(finding, style))
    raise SystemExit(int(failed))


def _shown(finding: Finding, style: Style) -> str:
    mark = style.paint(f"{finding.state:<8}", _PAINT[finding.state])
    text = f"{mark} {finding.name}: {finding.found}"
    return text + (f"\n         mend: {finding.mend}" if finding.mend else "")


def findings(style: Style) -> Iterator[Finding]:
    """All checks of the installation, in the order in which they are printed."""
    yield _python()
    yield from _engines(style)
    yield _walls()
    yield _kernels()
    yield _bell(style)


def _python() -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    return Finding("Python", OK, f"{found} on {platform.machine()}, Markaz {__version__}")


def _engines(style: Style) -> Iterator[Finding]:
    """Imports every engine's library, in workers: an import may crash or hang."""
    packages = packages_of_engines()
    missing = sorted(p for p, installed in packages.items() if not installed)
    present = sorted(p for p, installed in packages.items() if installed)

    def work(package: str, _progress: Callable[[str], None]) -> float:
        begin = time.monotonic()
        import_module(package)
        return time.monotonic() - begin

    if present:
        with Pool[str, float](work, present, 2, IMPORT_LIMIT_SECONDS) as pool:
            for index, outcome in sorted(pool, key=lambda item: item[0]):
                yield _import_finding(present[index], outcome, style)
    if missing:
        yield Finding("engines", OK, f"not installed: {', '.join(missing)} (optional)")


def packages_of_engines() -> dict[str, bool]:
    """Import names of the engines' libraries, and whether each is installed."""
    return {e.package: e.available() for e in classes() if e.package}


def _import_finding(package: str, outcome: float | ProgramError, style: Style) -> Finding:
    name = f"engine library {package}"
    if not isinstance(outcome, ProgramError):
        return Finding(name, OK, f"imported in {seconds(outcome, style)}")
    reason = outcome.message.partition("; this is a fault of Markaz")[0]
    mend = "reinstall it, or uninstall it: Markaz works without any one engine"
    return Finding(name, WARNING, f"cannot be imported: {reason}", mend)


def _walls() -> Finding:
    from markaz.quantum.programs import sandbox  # noqa: PLC0415 - not for --help

    held = sandbox.probe()
    open_walls = [name for name, holds in held.items() if not holds]
    name = "walls around strangers' programs"
    if not open_walls:
        return Finding(name, OK, f"all hold ({', '.join(held)})")
    mend = "use Linux 5.11 or newer on x86_64 or aarch64, outside a restricted container"
    state = FAILURE if "fork" in open_walls else WARNING
    return Finding(name, state, f"do not hold: {', '.join(open_walls)}", mend)


def _kernels() -> Finding:
    from markaz.quantum.simulate import jit  # noqa: PLC0415 - not for --help

    if not jit.numba_is_installed():
        mend = "pip install numba; large circuits are slow without it"
        return Finding("compiled kernels", WARNING, "Numba is not installed", mend)
    folder = cache_folder()
    if folder is None:
        mend = "set NUMBA_CACHE_DIR to a folder that you can write"
        return Finding("compiled kernels", WARNING, "no folder to keep them in", mend)
    return Finding("compiled kernels", OK, f"kept in {folder}")


def cache_folder() -> str | None:
    """Where Numba keeps compiled kernels; None where it can write nowhere."""
    from markaz.quantum.simulate import kernels_lower  # noqa: PLC0415 - not for --help

    store: Any = getattr(kernels_lower.lower.fast, "_cache", None)
    return None if store is None else str(store.cache_path)


def _bell(style: Style) -> Finding:
    from markaz.quantum.api import run  # noqa: PLC0415 - not for --help

    begin = time.monotonic()
    try:
        found = run(_BELL, shots=100, seed=1, guarded=True, time_limit=30.0)
    except ProgramError as error:
        return Finding("a Bell program", FAILURE, f"{error.kind}: {error}", "see above")
    outcomes = sorted(found.counts or {})
    if outcomes != ["00", "11"]:
        return Finding("a Bell program", FAILURE, f"gave {outcomes}", "report this as a fault")
    return Finding("a Bell program", OK, f"ran in {seconds(time.monotonic() - begin, style)}")
