"""Documents of jobs and of the queue, as requests and as answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Cursor,
    Label,
    Listing,
    Micros,
    Name,
    Query,
    Reason,
    described,
)
from markaz.interfaces.rest_api.waiting import MAX_SECONDS

MAX_PROGRAM = 64 << 20
Tag = Annotated[str, Field(min_length=1, max_length=86)]
Observable = Annotated[str, Field(min_length=1, max_length=200_000)]
Qos = Literal["normal", "session", "booking", "teaching", "calibration", "scavenger"]


class Options(Body):
    """How to run a program."""

    shots: int | None = Field(None, ge=1, le=10**9, description="How often to sample.")
    seed: int | None = Field(None, ge=0, lt=1 << 63, description="Without one it is drawn.")
    engine: Label | None = described("An engine's name, or auto.", None)
    observables: list[Observable] | None = Field(
        None, min_length=1, max_length=1000, description="Sums of Pauli strings, for values."
    )
    parameters: dict[str, float] | None = Field(
        None, max_length=100_000, description="The program's parameters by name, in radians."
    )
    memory: bool | None = described("Also the outcome of every shot.", None)
    min_fidelity: float | None = Field(
        None, gt=0, le=1, description="Below 1 an approximate state of this fidelity will do."
    )
    compile_level: int | None = Field(
        None, ge=0, le=3, description="On a device: how hard to try when compiling."
    )
    precompiled: bool | None = described(
        "On a device: the program is in its gates and on its qubits already.", None
    )
    mitigation: int | None = Field(
        None, ge=0, le=4, description="On a device: level of error mitigation; 0: raw."
    )
    time_limit: float | None = Field(None, gt=0, le=1e7, description="Seconds it may run.")
    memory_limit: int | None = Field(None, ge=1, le=1 << 50, description="Bytes it may use.")


def _usual() -> Options:
    return Options.model_validate({})


class Item(Body):
    """A program and how to run it; ``program`` or ``program_base64``."""

    program: str | None = Field(
        None, max_length=MAX_PROGRAM, description="The program's text (OpenQASM, QCIS)."
    )
    program_base64: str | None = Field(
        None, max_length=2 * MAX_PROGRAM, description="The program's bytes (QPY), in base 64."
    )
    format: Literal["openqasm", "qpy", "qcis"] | None = described(
        "What it is; null: told from its contents.", None
    )
    options: Options = Field(default_factory=_usual, description="How to run it.")
    name: str = Field("", max_length=200, description="What to call the job.")
    tags: list[Tag] = Field([], max_length=16, description="Words to find it by.")
    private: bool = described("Whether only you see program and result.", False)
    limit_seconds: float | None = Field(None, gt=0, le=1e7, description="Seconds it may run.")


class _Place(Body):
    """Where jobs go."""

    project: Label | None = described("The project that pays; null: your only one.", None)
    device: Label | None = described("The device; null: the default one.", None)
    session: Label | None = described("The session that they belong to.", None)
    qos: Qos = described("Class of service.", "normal")


class Submission(Item, _Place):
    """A job to submit."""


class Batch(_Place):
    """Up to 100 jobs to submit; one that is refused refuses only itself."""

    items: list[Item] = Field(min_length=1, max_length=100, description="The jobs.")


class Estimated(Body):
    """A program to price before it is submitted."""

    program: str | None = Field(None, max_length=MAX_PROGRAM, description="The program's text.")
    program_base64: str | None = Field(
        None, max_length=2 * MAX_PROGRAM, description="The program's bytes, in base 64."
    )
    format: Literal["openqasm", "qpy", "qcis"] | None = described("What it is.", None)
    options: Options = Field(default_factory=_usual, description="How to run it.")
    device: Label = described("The device.")
    project: Label | None = described("The project that would pay.", None)
    limit_seconds: float | None = Field(None, gt=0, le=1e7, description="Seconds it may run.")


class WhyNow(Body):
    """A reason that the job's owner reads."""

    reason: Annotated[Reason, Field(min_length=3)] = described("Why.")


class Movement(WhyNow):
    """Where to move a job."""

    device: Label = described("The other device.")


class Boost(WhyNow):
    """How far to put a job before or behind all others."""

    boost: int = Field(ge=-9, le=9, description="1 to 9: before; -9 to -1: behind; 0: undo.")


class Waiting(Query):
    """How long to wait for the end of the job."""

    wait: int = Field(
        0, ge=0, le=MAX_SECONDS, description="Seconds to wait for the job's end, if need be."
    )


class JobListing(Query):
    """Which jobs."""

    project: Label | None = described("Of this project, as far as one may see them.", None)
    user: Label | None = described("Only of this person (identifier).", None)
    everyone: bool = described("Of everybody, for operators and directors.", False)
    state: Label | None = described("A state, or waiting, active or final.", None)
    device: Label | None = described("Only on this device.", None)
    session: Label | None = described("Only of this session.", None)
    tag: Tag | None = described("Only with this tag.", None)
    name: Name | None = described("Only with this in the name.", None)
    since: Micros | None = described("Submitted at this time or later.", None)
    until: Micros | None = described("Submitted before this time.", None)
    limit: int = Field(50, ge=1, le=200, description="At most this many.")
    after: Cursor | None = described("The `next` of the page before.", None)


class QueueListing(Query):
    """Which part of the queue."""

    device: Label | None = described("Only of this device.", None)
    limit: int = Field(50, ge=1, le=200, description="At least this many, if there are.")
    after: Cursor | None = described("The `next` of the page before.", None)


class AccuracyQuery(Query):
    """Which forecasts."""

    device: Label | None = described("Only of this device.", None)
    days: float = Field(30, ge=0.01, le=3650, description="Jobs that ended in these days.")


class Range(Answer):
    """How long a job will wait, seconds."""

    p50: float = described("As likely shorter as longer.")
    p90: float = described("Nine times out of ten not longer.")


class Submitted(Answer):
    """A job that was taken in."""

    job: str = described("Identifier.")
    state: str = described("queued or held.")
    reason: str | None = described("Why it is held.")
    device: str = described("Name of the device.")
    project: str = described("Identifier of the project.")
    reserved: int = described("Micro-credits set aside.")
    wait: Range | None = described("How long it will wait.")


class Refused(Answer):
    """Why one job of several was refused."""

    kind: str = described("A kind of problem.")
    message: str = described("What is wrong.")
    field: str | None = described("Where.")
    program_kind: str | None = described("What is wrong with the program.", None)
    line: int | None = described("Where in its text.", None)
    column: int | None = described("Where in that line.", None)
    cap: int | None = described("The cap that was reached.", None)


class RefusedItem(Answer):
    """A job that was refused."""

    error: Refused = described("Why.")


class BatchAnswer(Answer):
    """One answer for each job, in order."""

    items: list[Submitted | RefusedItem] = described("What became of each.")


class Cancelled(Answer):
    """A job that is or will be cancelled."""

    job: str = described("Identifier.")
    state: str = described("Its state.")
    cancel: Literal["cancelled", "wanted"] = described(
        "cancelled: at once; wanted: its worker is told to stop it."
    )


class Operated(Answer):
    """A job after an operator did something to it."""

    job: str = described("Identifier.")
    state: str = described("Its state.")
    device: str | None = described("The device that it was moved to.", None)
    boost: int | None = described("Its boost.", None)


class JobError(Answer):
    """Why a job failed."""

    kind: str = described("What failed.")
    message: str = described("In words.")


class JobSummary(Answer):
    """A job in a list."""

    job: str = described("Identifier.")
    state: str = described("held, queued, claimed, running, completed, failed or cancelled.")
    reason: str | None = described("Why it is held.")
    device: str = described("Name of the device.")
    project: str = described("Identifier of the project.")
    user: str = described("Identifier of who submitted it.")
    session: str | None = described("Its session.")
    name: str = described("What it is called.")
    tags: list[str] = described("Words to find it by.")
    private: bool = described("Whether only its owner sees its contents.")
    qos: str = described("Class of service.")
    shots: int = described("Shots.")
    qubits: int = described("Qubits.")
    run_seconds: float | None = described("How long it ran.")
    charge: int | None = described("What it cost, micro-credits.")
    error: JobError | None = described("Why it failed.")
    created_at: int = described("When it was submitted.")
    eligible_at: int | None = described("When it could first have run.")
    claimed_at: int | None = described("When a worker took it.")
    started_at: int | None = described("When it began to run.")
    ended_at: int | None = described("When it ended.")


class Provenance(Answer):
    """Where a result comes from, and how to make it again."""

    program_hash: str = described("What the program is, whatever it is written in.")
    circuit_hash: str = described("SHA-256 of the checked circuit.")
    device: str = described("Name of the device.")
    emulated: Literal["EMULATED"] | None = described("Whether the device is emulated.")
    sheet: str | None = described("The calibration sheet in force.")
    on_device: dict[str, Any] | None = described(
        "Of a result that comes from no simulator: the device's version, the commitment to its "
        "hidden truth, the accuracy of the emulation, and how the program was compiled."
    )
    plan: dict[str, Any] | None = described("How it was simulated.")
    engines: Any = described("Engines and their versions.")
    seed: int | None = described("The seed.")
    fidelity: float | None = described("Lower bound of the state's fidelity; 1: exact.")
    attempt: int = described("The attempt that ended it.")
    times: dict[str, Any] = described("Its times, microseconds UTC, and its run's seconds.")


class Job(JobSummary):
    """A job with its result, as far as whoever asks may see it."""

    kind: str = described("run.")
    note: str | None = described("An operator's words.")
    limit_seconds: float = described("How long it may run.")
    predicted_seconds: float | None = described("How long it was thought to run.")
    reserved: int = described("Micro-credits set aside.")
    price: dict[str, int] = described("The price at submission.")
    cancel_wanted_at: int | None = described("When it was asked to stop.")
    contents: str = described("kept, or swept: retention took program and result.")
    counts: dict[str, int] | None = described("How often each outcome was seen.", None)
    values: list[float] | None = described("Expectation values.", None)
    standard_errors: list[float] | None = described("Their standard errors; 0: exact.", None)
    memory: list[str] | None = described("The outcome of every shot.", None)
    registers: list[Any] | None = described("The classical registers.", None)
    measured: str | None = described("explicit or implicit.", None)
    mitigation: dict[str, Any] | None = described("What was done against errors.", None)
    provenance: Provenance = described("Where the result comes from.")
    why: dict[str, Any] | None = described("Why it waits.")


class Waited(Answer):
    """Why a job waits."""

    model_config = ConfigDict(extra="allow")

    job: str = described("Identifier.")
    state: str = described("Its state.")
    words: list[str] = described("Why, in words.")


class QueuedJob(Answer):
    """A waiting job, as operators see it."""

    job: str = described("Identifier.")
    device: str = described("Name of the device.")
    project: str = described("Identifier of the project.")
    user: str = described("Identifier of who submitted it.")
    qos: str = described("Class of service.")
    boost: int = described("An operator's override.")
    created_at: int = described("When it was submitted.")
    place: int = described("Its place among the jobs of its group.")
    note: str | None = described("An operator's words.")
    factors: Any = described("The factors of its priority.")


class Queue(Answer):
    """A part of the queue."""

    items: list[QueuedJob] = described("Jobs, group after group.")
    groups: int = described("Groups of jobs that wait.")
    next: str | None = described("Pass it as `after` for more; null: no more.")


class Depth(Answer):
    """What waits and runs on a device."""

    device: str = described("Name of the device.")
    waiting: int = described("Jobs that wait.")
    seconds: float = described("Their predicted run time.")
    running: int = described("Jobs that run.")


class Accuracy(Answer):
    """How good the stated waits were."""

    device: str = described("Name of the device.")
    jobs: int = described("Jobs that were looked at.")
    before_p50: float = described("Part that began before P50.")
    p50_to_p90: float = described("Part that began between P50 and P90.")
    after_p90: float = described("Part that began after P90.")
    median_error_seconds: float = described("Median error of P50.")


class Worker(Answer):
    """A worker."""

    model_config = ConfigDict(extra="allow")

    id: str = described("Identifier.")
    name: str = described("Name.")
    state: str = described("connected, draining, lost or gone.")
    slots: int = described("Jobs at once.")
    connected_at: int = described("When it connected.")
    seen_at: int = described("When it was last heard of.")
    ended_at: int | None = described("When it ended.")


class WorkerListing(Listing):
    """Which workers."""

    gone: bool = described("Also those that have ended.", False)
