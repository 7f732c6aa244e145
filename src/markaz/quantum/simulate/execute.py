"""Run a task on one engine after another until one succeeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate import child
from markaz.quantum.simulate.cost_model import in_words
from markaz.quantum.simulate.engines.base import (
    Engine,
    EngineFault,
    EngineRefusal,
    Method,
    Pauli,
)
from markaz.quantum.simulate.facts import Facts, reordered
from markaz.quantum.simulate.plan import Attempt, is_short, schedule
from markaz.quantum.simulate.result import Candidate
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.tasks import Answer, Task, perform

EXACT = 1 - 1e-9  # an engine that reports less has truncated
PAUSED_SHARE = 0.25  # of the memory, that a task which waits for its next slice may hold
FAILURES = (EngineRefusal, child.Overrun, child.OutOfMemory, EngineFault)


@dataclass(slots=True)
class Budget:
    """What a run may use: ``deadline`` (time.monotonic seconds), ``memory`` bytes,
    ``threads``; the lowest fidelity that is accepted; where progress is told."""

    deadline: float
    seconds: float
    memory: int
    threads: int = 1
    min_fidelity: float = 1.0
    progress: Callable[[str], None] | None = None

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()


@dataclass(slots=True)
class Log:
    """What was tried, in words, and why it failed; ``unfinished`` names the engines that
    only lacked time."""

    lines: list[str] = field(default_factory=list)
    unfinished: set[str] = field(default_factory=set)
    out_of_time: bool = False
    out_of_memory: bool = False


def for_engine(
    engine: Engine, circuit: Circuit, task: Task, facts: Facts | None
) -> tuple[Circuit, Task]:
    """Circuit and task in the qubit order that suits the engine."""
    if facts is None or facts.order is None or engine.method is not Method.MPS:
        return circuit, task
    place = {qubit: i for i, qubit in enumerate(facts.order)}
    paulis = tuple(Pauli(tuple((place[q], f) for q, f in p.factors)) for p in task.paulis)
    moved = replace(task, qubits=tuple(place[q] for q in task.qubits), paulis=paulis)
    return reordered(circuit, facts.order), moved


def attempt_once(
    engine: Engine,
    circuit: Circuit,
    task: Task,
    attempt: Attempt,
    budget: Budget,
    paused: child.Paused | None = None,
) -> Answer:
    """One attempt, or a further slice of one that was paused; raises one of FAILURES."""
    seconds = min(attempt.seconds, budget.left())
    if attempt.in_child or engine.child_only:
        if budget.progress is not None:
            budget.progress(f"{engine.key}: up to {seconds:.1f} s")
        keep, most = int(PAUSED_SHARE * budget.memory), budget.left()
        if paused is not None:
            answer = paused.go_on(seconds, keep, most)
        else:
            host = child.host(budget.threads)
            answer = host.run(engine.key, circuit, task, seconds, budget.memory, keep, most)
    else:
        answer = _here(engine, circuit, task)
    return _accepted(answer, budget)


def _accepted(answer: Answer, budget: Budget) -> Answer:
    if isinstance(answer, Samples) and answer.fidelity < min(budget.min_fidelity, EXACT):
        raise EngineRefusal(f"would have truncated to fidelity {answer.fidelity:.6f}")
    return answer


def _here(engine: Engine, circuit: Circuit, task: Task) -> Answer:
    try:
        return perform(engine, circuit, task)
    except (EngineRefusal, KeyboardInterrupt, SystemExit):
        raise
    except MemoryError as error:
        raise child.OutOfMemory("out of memory") from error
    except BaseException as error:  # a Rust panic is no Exception
        raise EngineFault(f"{type(error).__name__}: {error}") from error


def _note(log: Log, engine: str, failure: BaseException, seconds: float) -> None:
    if isinstance(failure, child.Overrun):
        log.unfinished.add(engine)
        log.lines.append(f"{engine}: not finished after {seconds:.3g} s")
        return
    log.unfinished.discard(engine)
    log.out_of_memory |= isinstance(failure, child.OutOfMemory)
    log.lines.append(f"{engine}: {failure}")


def run_task(
    engines: Mapping[str, Engine],
    rows: list[Candidate],
    circuit: Circuit,
    task: Task,
    facts: Facts | None,
    budget: Budget,
    log: Log,
) -> tuple[Answer, str]:
    """The answer and the key of the engine that gave it.

    Raises ProgramError (limit-time, limit-memory or engine) when none did.
    """
    refused: set[str] = set()
    short = rows and facts is not None and is_short(rows[0])
    if short and not engines[rows[0].engine].child_only:
        # What ``schedule`` would try first, without what longer runs need.
        try:
            found = _here(engines[rows[0].engine], circuit, task)
            return _accepted(found, budget), rows[0].engine
        except FAILURES as failure:
            _note(log, rows[0].engine, failure, 0.0)
            refused.add(rows[0].engine)
    paused: dict[str, child.Paused] = {}
    try:
        answer = _first_success(engines, rows, circuit, task, facts, budget, log, paused, refused)
    finally:
        for waiting in paused.values():
            waiting.end()
    if answer is None:
        raise _exhausted(rows, circuit, budget, log)
    return answer


def _first_success(
    engines: Mapping[str, Engine],
    rows: list[Candidate],
    circuit: Circuit,
    task: Task,
    facts: Facts | None,
    budget: Budget,
    log: Log,
    paused: dict[str, child.Paused],
    refused: set[str],
) -> tuple[Answer, str] | None:
    """As ``run_task``, None if none did; tasks that wait for their next slice stay in
    ``paused``, engines that refused in ``refused``."""
    for attempt in schedule(rows, budget.left(), in_order=facts is None):
        if attempt.engine in refused:
            continue
        if budget.left() <= 0:
            log.out_of_time = True
            break
        engine = engines[attempt.engine]
        if attempt.steps:
            engine = engine.limited(attempt.steps)
        started = time.monotonic()
        try:
            prepared = for_engine(engine, circuit, task, facts)
            waiting = paused.pop(engine.key, None)
            return attempt_once(engine, *prepared, attempt, budget, waiting), engine.key
        except FAILURES as failure:
            _note(log, engine.key, failure, time.monotonic() - started)
            if isinstance(failure, child.Overrun):
                if failure.paused is not None:
                    paused[engine.key] = failure.paused
            elif not attempt.steps:
                refused.add(engine.key)
    return None


def _exhausted(rows: list[Candidate], circuit: Circuit, budget: Budget, log: Log) -> ProgramError:
    size = f"{circuit.num_qubits} entangled qubits and {len(circuit)} gates"
    reasons = [r.refused for r in rows if r.refused]
    wanting = [f"{r.engine} {r.refused}" for r in rows if r.refused and "needs" in r.refused]
    tried = "; ".join([*log.lines[-4:], *wanting[:1]])
    if log.out_of_time or log.unfinished:
        return ProgramError(
            "limit-time", f"no engine finished {size} within {budget.seconds:g} s ({tried})"
        )
    if log.out_of_memory or wanting:
        limit = in_words(budget.memory)
        return ProgramError("limit-memory", f"no engine can hold {size} within {limit} ({tried})")
    return ProgramError("engine", f"no engine could run {size} ({tried or '; '.join(reasons)})")
