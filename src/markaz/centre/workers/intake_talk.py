"""What the intake and its children say to each other, on the side that believes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markaz.centre.errors import CentreError
from markaz.centre.storage.blobs import Prepared
from markaz.centre.workers import frames
from markaz.centre.workers.nursery import Child
from markaz.centre.workers.pool import Warm
from markaz.quantum.programs import errors as program_errors
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.wire import MAGIC, message_limit
from markaz.quantum.runtime import KINDS

MEMORY: Final = 2 << 30  # bytes that a child may take beyond what it has at its birth
BASE_SECONDS: Final = 1.5  # to open any program, and to plan it
MIB_SECONDS: Final = 1.0  # more for each MiB of it
MOST_SECONDS: Final = 60.0
SHARE: Final = 0.4  # of that time, of the processor: less is starving
SOON_SECONDS: Final = 0.1  # before anybody looks at how much of the processor it got
STARVED: Final = 4.0  # times that long by the clock is all that a starved child gets
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
EXIT_MEMORY: Final = 71
_MESSAGE: Final = 600


@dataclass(frozen=True, slots=True)
class Program:
    """What a tenant handed in: ``fmt`` openqasm, qpy or qcis, None: by its contents; or
    sampler, estimator or executor for the JSON of the runtime client's ``params``."""

    data: bytes = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    fmt: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A program that is a circuit: its wire form, what it is, and what it may cost.

    ``circuit`` is as it came; one that is too large for a row is prepared (``storage.blobs``)
    before it is submitted. ``program_hash`` is what ``markaz run`` gives, ``options`` are
    complete (``options.TABLE``); predictions are None where planning did not end in time.
    ``kind`` is the job's: for a body of the runtime client its program's name, and the
    circuit is a bundle (``quantum.runtime.bundle``).
    """

    circuit: bytes | Prepared = field(repr=False)
    program_hash: str
    qubits: int
    clbits: int
    predicted_seconds: float | None
    predicted_bytes: int | None
    options: dict[str, Any]
    facts: dict[str, Any]
    kind: str = "run"


Answer = Opened | CentreError


def allowed_seconds(size: int) -> float:
    """How long opening ``size`` bytes may take; planning the circuit has as long again."""
    return min(MOST_SECONDS, BASE_SECONDS + MIB_SECONDS * size / (1 << 20))


class Reader(Warm):
    """A child that opens programs."""

    def __init__(self, tenant: str, child: Child) -> None:
        super().__init__(tenant, child, message_limit(DEFAULT))

    def send(self, programs: Sequence[Program], memory: int) -> None:
        """Hand over programs that together fit the socket, or a single one."""
        data = b"".join(
            frames.pack({"format": p.fmt, "options": dict(p.options), "memory": memory}, p.data)
            for p in programs
        )
        self.give(data, allowed_seconds(len(data)), len(programs))

    def answer(self, program: Program) -> Answer:
        """What became of a program. Raises EOFError, OSError, FrameError, FrameLate."""
        seconds = allowed_seconds(len(program.data))
        header, circuit = self._next(seconds)
        if "error" in header:
            return refusal(header["error"])
        plan: dict[str, Any] = {}
        try:
            plan = self._next(seconds)[0]
        except (EOFError, OSError, frames.FrameError, frames.FrameLate):
            self.dead = True  # the circuit is known; only its cost is not
        failure = plan.get("error")
        if isinstance(failure, dict) and failure.get("kind") in ("engine", "unsupported"):
            return refusal(failure)
        return opened(header, circuit, plan, dict(program.options), program.fmt)

    def _next(self, seconds: float) -> frames.Frame:
        """The next frame, within ``seconds``, or later if the child hardly got the processor:
        on a busy machine a good program must not be refused for what others do."""
        begun = time.monotonic()
        try:
            return self.incoming.next(begun + SOON_SECONDS)  # most come: nothing to look up
        except frames.FrameLate:
            used = processor_seconds(self.child.pid)
        wait = seconds - SOON_SECONDS
        while True:
            try:
                return self.incoming.next(time.monotonic() + wait)
            except frames.FrameLate:
                spent = processor_seconds(self.child.pid) - used
                if spent > SHARE * seconds or time.monotonic() - begun > STARVED * seconds:
                    raise
                wait = seconds / 4


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK


def opened(
    header: dict[str, Any],
    circuit: bytes,
    plan: dict[str, Any],
    options: dict[str, Any],
    fmt: str | None = None,
) -> Opened:
    """A child's answer with every field checked for type and range: nothing more is believed.

    Raises FrameError for what no honest child says.
    """
    seconds, size = plan.get("seconds"), plan.get("bytes")
    facts = header.get("facts")
    good = (
        circuit[:4] == MAGIC
        and isinstance(facts, dict)
        and isinstance(header.get("program_hash"), str)
        and len(header["program_hash"]) == 71
        and header["program_hash"].startswith("sha256:")
        and _is_count(header.get("qubits"), DEFAULT.qubits)
        and _is_count(header.get("clbits"), DEFAULT.clbits)
        and (seconds is None or (isinstance(seconds, float | int) and 0 <= seconds < 1e18))
        and (size is None or _is_count(size, 1 << 62))
    )
    if not good:
        raise frames.FrameError("the child's answer is not one")
    kind = "run"
    if fmt in KINDS:
        kind, shots = fmt, _shots(header)
        options = {k: v for k, v in options.items() if k != "max_shots"} | {"shots": shots}
    facts = facts or {}
    facts |= {k: str(plan[k])[:_MESSAGE] for k in ("engine", "why") if k in plan}
    return Opened(
        circuit=circuit,
        program_hash=header["program_hash"],
        qubits=header["qubits"],
        clbits=header["clbits"],
        predicted_seconds=None if seconds is None else float(seconds),
        predicted_bytes=size,
        options=options,
        facts=facts,
        kind=kind,
    )


def _shots(header: dict[str, Any]) -> int:
    """The shots that a bundle asks for; who runs it counts them again."""
    shots = header.get("shots")
    if not _is_count(shots, 1 << 62):
        raise frames.FrameError("the child's answer is not one")
    return int(shots or 0)


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def refusal(said: Any) -> CentreError:
    """A child's error as the user reads it: bounded, printable, of a known kind."""
    said = said if isinstance(said, dict) else {}
    message = "".join(c if c.isprintable() else " " for c in str(said.get("message"))[:_MESSAGE])
    if isinstance(said.get("field"), str):
        return CentreError("invalid", message, field=said["field"][:100])
    kind = said.get("kind")
    kind = kind if kind in program_errors.KINDS else "parse"
    place = {k: said[k] for k in ("line", "column") if _is_count(said.get(k), 1 << 40)}
    field = said["place"][:100] if isinstance(said.get("place"), str) else "program"
    return program_error(kind, message, field, **place)


def program_error(kind: str, message: str, field: str = "program", **place: int) -> CentreError:
    """The refusal of a program, or of its part ``field``; ``kind`` as ``markaz run`` gives it."""
    return CentreError(
        "program",
        message,
        field=field,
        program_kind=kind,
        line=place.get("line"),
        column=place.get("column"),
    )


def cause_of_death(code: int | None, error: BaseException, program: Program) -> CentreError:
    """Why there is no answer, in words for whoever handed the program in."""
    if isinstance(error, frames.FrameLate | TimeoutError) or code == -signal.SIGXCPU:
        seconds = allowed_seconds(len(program.data))
        return program_error("limit-time", f"opening the program took longer than {seconds:.3g} s")
    if isinstance(error, frames.FrameError):
        return program_error("limit-size", "the opened program is too large")
    if code in (EXIT_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
        text = f"opening the program takes more than {MEMORY >> 20} MiB of memory"
        return program_error("limit-memory", text)
    return program_error(
        "parse", "the reader crashed on this program: it is nested too deeply or damaged"
    )
