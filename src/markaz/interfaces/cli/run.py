"""``markaz run``: simulate programs, each in the way that is fastest for it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli import engines, options, render, replay
from markaz.quantum.programs.errors import ProgramError

if TYPE_CHECKING:
    from markaz.interfaces.cli.pool import Pool
    from markaz.quantum.observables import PauliSum
    from markaz.quantum.simulate.result import Result

# Beyond its own time limit a run may still need to stop an engine and to clean up.
GRACE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """One file and how to run it; the fields are those of ``markaz.quantum.run``."""

    file: str
    program: Path | bytes
    shots: int = 1024
    seed: int | None = None
    engine: str = "auto"
    time_limit: float = 60.0
    memory_limit: int | None = None
    observables: tuple[PauliSum, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    memory: bool = False
    wanted: str = "counts"
    threads: int | None = None
    min_fidelity: float = 1.0
    replay: Mapping[str, Any] | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes back from a worker: the result without its circuit, which may be large,
    the circuit's number of gates, and the JSON document if that was asked for."""

    result: Result
    gates: int = 0
    document: dict[str, Any] | None = None


@dataclass(slots=True)
class Printer:
    """Writes outcomes to standard output in order of the files; remembers failures."""

    tasks: list[Task]
    names: list[str]
    spaces: bool = False
    plot: str | None = None
    pending: dict[int, Outcome | ProgramError] = field(default_factory=dict)
    printed: int = 0
    failed: bool = False

    def add(self, index: int, outcome: Outcome | ProgramError) -> None:
        """Take an outcome; print it once all before it are printed."""
        self.pending[index] = outcome
        while self.printed in self.pending:
            self._print(self.printed, self.pending.pop(self.printed))
            self.printed += 1

    def flush(self) -> None:
        """Print what has finished out of turn (after Ctrl-C)."""
        for index in sorted(self.pending):
            self._print(index, self.pending.pop(index))

    def _print(self, index: int, outcome: Outcome | ProgramError) -> None:
        task = self.tasks[index]
        _clear_status()
        if isinstance(outcome, ProgramError):
            self.failed = True
            if task.as_json:
                _say(json.dumps(failure_line(task, outcome)))
            click.echo(options.describe(task.file, outcome), err=True)
            return
        if task.as_json:
            _say(json.dumps(result_line(task.file, outcome, self.spaces)))
        else:
            style = render.Style.of(sys.stdout)
            report = render.result(task.file, outcome.result, outcome.gates, self.names, style)
            _say(("\n" if index else "") + report)
        self._plot(task, outcome.result)
        if task.replay is not None:
            self._compare(task.replay, outcome.result)

    def _plot(self, task: Task, found: Result) -> None:
        if self.plot is None:
            return
        from markaz.interfaces.cli import plot  # noqa: PLC0415 - imports matplotlib

        try:
            plot.save(self.plot, task.file, found, self.names)
        except OSError as error:
            self.failed = True
            click.echo(f"{self.plot}: file: {error.strerror or error}", err=True)

    def _compare(self, recorded: Mapping[str, Any], found: Result) -> None:
        same, messages = replay.compare(recorded, found)
        self.failed |= not same
        for message in messages:
            click.echo(f"replay: {message}", err=True)


def result_line(file: str, outcome: Outcome, spaces: bool) -> dict[str, Any]:
    """The JSON object of a file that ran."""
    line = {"file": file, **(outcome.document or {})}
    if spaces:
        _space(line, outcome.result.registers)
    return line


def _space(line: dict[str, Any], registers: Sequence[tuple[str, int]]) -> None:
    """Put a space between the registers of every bit string."""
    for key in ("counts", "probabilities"):
        if line.get(key) is not None:
            line[key] = {render.spaced(b, registers): n for b, n in line[key].items()}
    if line.get("memory") is not None:
        line["memory"] = [render.spaced(b, registers) for b in line["memory"]]


def failure_line(task: Task, error: ProgramError) -> dict[str, Any]:
    """The JSON object of a file that failed: the same keys, null where nothing is known."""
    values: dict[str, Any] = {"values": None, "standard_errors": None}
    return {
        "file": task.file,
        "ok": False,
        **(values if task.observables else {task.wanted: None}),
        "shots": task.shots,
        "seed": task.seed,
        "qubits": None,
        "clbits": None,
        "measured": None,
        "plan": None,
        "seconds": None,
        "error": {"kind": error.kind, "message": str(error)},
    }


def simulate(task: Task, progress: Callable[[str], None]) -> Outcome:
    """Run one task in this process; every file counts as a stranger's."""
    from markaz.quantum.api import run  # noqa: PLC0415 - bad usage must not pay for it
    from markaz.quantum.programs.circuit import Builder  # noqa: PLC0415 - as above
    from markaz.quantum.programs.gates import LAST_GATE  # noqa: PLC0415 - as above

    found = run(
        task.program,
        shots=task.shots,
        seed=task.seed,
        engine=task.engine,
        time_limit=task.time_limit,
        memory_limit=task.memory_limit,
        observables=task.observables or None,
        parameters=task.parameters or None,
        memory=task.memory,
        wanted=task.wanted,
        guarded=True,
        replay=task.replay,
        threads=task.threads,
        min_fidelity=task.min_fidelity,
        progress=progress,
    )
    gates = int((found.circuit.op <= LAST_GATE).sum())
    document = found.to_json() if task.as_json else None
    return Outcome(replace(found, circuit=Builder().build()), gates, document)


@click.command("run")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--shots", type=click.IntRange(1, options.MAX_SHOTS), default=1024, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, options.MAX_SEED), help="Default: a random one, reported."
)
@click.option("--engine", default="auto", show_default=True, metavar="auto|NAME")
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), default=60.0,
              show_default=True, metavar="S", help="Seconds for each file.")  # fmt: skip
@click.option("--memory-limit", type=click.FloatRange(min=0, min_open=True), metavar="GiB",
              help="Default: what leaves the machine usable.")  # fmt: skip
@click.option("--observable", "texts", multiple=True, metavar="SUM",
              help='Such as "ZZ + 0.5*XI" or "Z0 Z3"; may be repeated.')  # fmt: skip
@click.option("--observables-file", metavar="F", help="One observable a line.")
@click.option("--param", "bindings", metavar="NAME=VALUE", multiple=True,
              callback=options.read_bindings,
              help="Value of a named parameter; may be repeated.")  # fmt: skip
@click.option("--probabilities", "wanted", flag_value="probabilities",
              help="Exact probabilities of all outcomes in place of counts.")  # fmt: skip
@click.option("--statevector", "wanted", flag_value="statevector",
              help="Amplitudes before final measurements (up to 20 qubits).")  # fmt: skip
@click.option("--replay", "recorded", metavar="RESULT",
              help="Repeat a result saved with --json and compare.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--spaces", is_flag=True, help="A space between registers in bit strings.")
@click.option("--memory", is_flag=True, help="Also the outcome of every shot (with --json).")
@click.option("--plot", metavar="FILE.png|svg", help="Draw the result of a single file.")
@click.option("--jobs", type=click.IntRange(min=1), help="Files at a time; default: all cores.")
@click.option(
    "--approximate", is_flag=True, help=f"The same as --min-fidelity {options.APPROXIMATE}."
)
@click.option("--min-fidelity", type=click.FloatRange(0, 1, min_open=True), metavar="F",
              help="Allow engines that truncate, down to this fidelity.")  # fmt: skip
def command(files: tuple[str, ...], **given: Any) -> None:
    """Simulate each FILE: OpenQASM 2 or 3, QPY or QCIS; - reads standard input.

    Exits with 0 when every file ran, with 1 when one failed, with 2 for bad usage.
    """
    tasks, names = _tasks(files, given)
    printer = Printer(tasks, names, given["spaces"], given["plot"])
    jobs = given["jobs"] or len(os.sched_getaffinity(0))
    try:
        _run_all(tasks, jobs, printer)
    except KeyboardInterrupt:
        printer.flush()
        _clear_status()
        click.echo("markaz: interrupted", err=True)
        raise SystemExit(130) from None
    raise SystemExit(int(printer.failed))


def _tasks(files: tuple[str, ...], given: Mapping[str, Any]) -> tuple[list[Task], list[str]]:
    recorded = replay.read(given["recorded"]) if given["recorded"] else None
    if recorded is not None and not files:
        files = (replay.file_of(recorded),)
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if files.count("-") > 1:
        raise click.UsageError("- (standard input) can be read only once")
    if len(files) > 1 and (given["plot"] or recorded is not None):
        raise click.UsageError("--plot and --replay take a single FILE")
    if given["plot"]:
        from markaz.interfaces.cli import plot  # noqa: PLC0415 - only with --plot

        plot.check(given["plot"])
    _check_wanted(given)
    engines.check_name(given["engine"])
    observables = options.read_observables(given["texts"], given["observables_file"])
    names = [*given["texts"], *map(str, observables[len(given["texts"]) :])]
    template = Task(
        file="",
        program=b"",
        shots=given["shots"],
        seed=given["seed"],
        engine=given["engine"],
        time_limit=given["time_limit"],
        memory_limit=options.memory_bytes(given["memory_limit"]),
        observables=tuple(observables),
        parameters=given["bindings"],
        memory=given["memory"],
        wanted=given["wanted"] or "counts",
        min_fidelity=options.least_fidelity(given),
        as_json=given["as_json"],
    )
    if recorded is not None:
        template = replay.apply(template, recorded)
    return [replace(template, file=f, program=options.read_program(f)) for f in files], names


def _check_wanted(given: Mapping[str, Any]) -> None:
    others = {
        "--observable": given["texts"],
        "--observables-file": given["observables_file"],
        "--memory": given["memory"],
        "--replay": given["recorded"],
        "--plot": given["plot"],
    }
    excluded = [name for name, value in others.items() if value]
    if given["wanted"] and excluded:
        raise click.UsageError(f"--{given['wanted']} does not go with {excluded[0]}")


def _run_all(tasks: list[Task], jobs: int, printer: Printer) -> None:
    import markaz.quantum.api  # noqa: F401, PLC0415 - loaded once here, shared by the workers

    at_once = min(jobs, len(tasks))
    crowded: list[int] = []
    if at_once > 1:
        tasks = [replace(t, threads=max(1, jobs // at_once)) for t in tasks]
    with _pool(tasks, at_once) as pool:
        for index, outcome in pool:
            if at_once > 1 and _lacked_room(outcome):
                crowded.append(index)
            else:
                printer.add(index, outcome)
    # What did not fit beside another file may fit alone.
    for index in sorted(crowded):
        with _pool([replace(tasks[index], threads=None)], 1) as pool:
            for _, outcome in pool:
                printer.add(index, outcome)


def _lacked_room(outcome: Outcome | ProgramError) -> bool:
    return isinstance(outcome, ProgramError) and outcome.kind == "limit-memory"


def _pool(tasks: list[Task], jobs: int) -> Pool[Task, Outcome]:
    from markaz.interfaces.cli.pool import Pool  # noqa: PLC0415 - bad usage needs no pool

    limit = tasks[0].time_limit + GRACE_SECONDS
    status = _Status([t.file for t in tasks]) if sys.stderr.isatty() else None
    return Pool(simulate, tasks, jobs, limit, status)


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()


def _clear_status() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class _Status:
    """One line on a terminal's standard error, rewritten while workers are busy."""

    def __init__(self, files: list[str]) -> None:
        self._files, self._text, self._ticks = files, "", 0

    def __call__(self, index: int, text: str) -> None:
        if index >= 0:
            self._text = f"{self._files[index]}: {text}"
            return
        self._ticks += 1
        if self._ticks >= 10:  # nothing is shown for a run of less than a second
            seconds = f" ({self._ticks / 10:.0f} s)"
            shown = (self._text or "running")[: 78 - len(seconds)] + seconds
            sys.stderr.write(f"\r\x1b[K{shown}")
            sys.stderr.flush()
