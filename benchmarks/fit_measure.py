"""Run each Markaz engine on the simplified components of the ``fit`` circuits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import forks
from benchmarks.engines_markaz import ghz
from benchmarks.suite import fit_items, select

SHOTS = (1024, 20_000)  # two numbers, so that terms of shots can be told from the others


class EngineAdapter:
    """One engine of Markaz, as the benchmark's children warm it up."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.name = engine, engine.key

    def warm(self) -> None:
        """The engine's import and first call."""
        self.step(ghz(4), SHOTS[0])

    def step(self, circuit: Any, shots: int) -> float:
        """Seconds of one run as the planner will call it."""
        from markaz.quantum.simulate.engines.base import Pauli

        n = circuit.num_qubits
        start = time.process_time()  # one thread: the same, without what others take
        if self.engine.can_sample:
            self.engine.sample(circuit, tuple(range(n)), shots, 1)
        else:
            self.engine.expectations(circuit, [Pauli(((n // 2, "Z"),))])
        return time.process_time() - start


def _timed(engine: Any, circuit: Any, shots: int, limit: float, memory: int) -> tuple[str, float]:
    """Status and seconds of one run in a fork; where it is short, the median of three more."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(EngineAdapter(engine), circuit, shots, memory, write)
    os.close(write)
    try:
        if forks.receive(read, forks.WARM_UP) != "warm":
            return "refused", 0.0
        answer = forks.receive(read, limit)
        return ("timeout", limit) if answer is None else (answer[0], float(answer[1]))
    except EOFError:
        return "crash", 0.0
    finally:
        os.close(read)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def _child(adapter: EngineAdapter, circuit: Any, shots: int, memory: int, fd: int) -> None:
    try:
        forks.prepare(adapter, memory)
        forks.send(fd, "warm")
        seconds = [adapter.step(circuit, shots)]
        if seconds[0] < 0.1:  # a fork's first run of that size pays for its memory pages
            seconds = [adapter.step(circuit, shots) for _ in range(3)]
        forks.send(fd, ("ok", sorted(seconds)[len(seconds) // 2]))
    except BaseException as error:
        forks.send(fd, ("refused", 0.0, f"{error}"[:200]))
    os._exit(0)


def parts(text: str) -> Iterator[tuple[Any, Any]]:
    """Simplified components of a program with their facts; none for dynamic programs."""
    from markaz.quantum.programs.intake import load
    from markaz.quantum.simulate.facts import describe
    from markaz.quantum.simulate.settle import settle
    from markaz.quantum.simulate.simplify import simplify

    circuit = settle(load(text))
    if circuit.is_dynamic:
        return
    seen = set()
    for part in simplify(circuit).parts:
        facts = describe(part.circuit)
        if facts.qubits > 1 and facts not in seen:
            seen.add(facts)
            yield part.circuit, facts


def steps(engine: Any, facts: Any, shots: int) -> dict[str, float]:
    """Terms of the cost model for one measured run."""
    from markaz.quantum.simulate.cost_model import terms, value_terms

    if engine.can_sample:
        return terms(facts, engine.method, shots)
    return value_terms(facts, engine.method, 1)


def _one(engine: Any, circuit: Any, facts: Any, shots: int, args: Any) -> dict[str, Any]:
    from markaz.quantum.simulate.cost_model import predicted_bytes
    from markaz.quantum.simulate.execute import for_engine
    from markaz.quantum.simulate.tasks import SAMPLE, Task

    memory = int(args.memory * 2**30)
    row = {"engine": engine.key, "package": engine.package, "shots": shots}
    row |= {"facts": facts.to_json()}
    too_large = facts.qubits > engine.max_qubits
    if too_large or predicted_bytes(facts, engine.method) > 64 * memory:
        return row | {"status": "too large", "seconds": 0.0}
    task = Task(SAMPLE, shots, 1, 1, tuple(range(facts.qubits)))
    ordered, _ = for_engine(engine, circuit, task, facts)
    status, seconds = _timed(engine, ordered, shots, args.limit, memory)
    return row | {"status": status, "seconds": seconds}


def rows(args: Any, done: set[tuple[str, int, str]]) -> Iterator[dict[str, Any]]:
    """Rows of everything that is not in ``done``: (circuit, component, engine)."""
    from markaz.quantum.simulate.engines.registry import engines
    from markaz.quantum.simulate.kernels import compile_kernels

    os.environ.update(forks.THREADS)
    compile_kernels()  # as in a process that stays
    wanted = args.engines.split(",") if args.engines else None
    found = [e for k, e in engines().items() if wanted is None or k in wanted]
    for item in select(fit_items(), args.only, None, 0):
        name = f"{item.name}_s{item.seed}"
        for index, (circuit, facts) in enumerate(parts(item.text)):
            for engine in found:
                if (name, index, engine.key) in done:
                    continue
                for shots in SHOTS[: 1 + engine.can_sample]:
                    row = _one(engine, circuit, facts, shots, args)
                    yield {"circuit": name, "part": index} | row
                    if row["status"] != "ok":
                        break
