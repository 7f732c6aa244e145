"""Fit the cost of expectation values, which differs from that of sampling.

    python -m benchmarks.fit_values --measure    runs what is missing and appends it to the rows
    python -m benchmarks.fit_values              fits the rows and prints the table
    python -m benchmarks.fit_values --write      writes cost_values.toml, too

The circuits are those of ``benchmarks.fit``; observables are one string in the middle and the
sum of XX on neighbours and Z on each qubit. No figure is taken on these circuits.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import forks, oracle, report
from benchmarks.fit import fit
from benchmarks.suite import fit_items, select

ROWS = Path(__file__).parent / ".results" / "fit_values.jsonl"
TABLE = Path("src/markaz/quantum/simulate/cost_values.toml")
LEAST = 1e-15  # seconds a step that stand for none
HEAD = """\
# Seconds per step of each engine for expectation values (terms: see value_cost.py), and the
# factor that 9 in 10 fitted runs stayed within. Written by `python -m benchmarks.fit_values`.
"""


def observables(n: int) -> Iterator[list[tuple[tuple[int, str], ...]]]:
    """Pauli strings asked for together."""
    yield [((n // 2 - 1, "Z"), (n // 2, "Z"))]
    chain = [((q, "X"), (q + 1, "X")) for q in range(n - 1)]
    yield [*chain, *(((q, "Z"),) for q in range(n))]


def tasks(text: str) -> Iterator[tuple[Any, Any, Any]]:
    """(circuit, facts, strings) of the costliest component for each observable."""
    from markaz.quantum.programs.intake import load
    from markaz.quantum.simulate.engines.base import Pauli
    from markaz.quantum.simulate.expect import lay_out
    from markaz.quantum.simulate.settle import settle

    circuit = settle(load(text))
    if circuit.is_dynamic:
        return
    for strings in observables(circuit.num_qubits):
        layout = lay_out(circuit, [Pauli(s) for s in strings])
        pieces = [p for p in layout.pieces if p.facts.qubits > 1 and p.paulis]
        if pieces:
            piece = max(pieces, key=lambda p: p.facts.gates * 2.0 ** min(p.facts.qubits, 40))
            yield piece.part.circuit, piece.facts, tuple(piece.paulis)


def _child(engine: Any, circuit: Any, strings: Any, memory: int, fd: int) -> None:
    class Adapter:
        def warm(self) -> None:
            engine.load()

    try:
        forks.prepare(Adapter(), memory)
        forks.send(fd, "warm")
        seconds: list[float] = []
        while len(seconds) < 3 and sum(seconds) < 0.1:
            start = time.process_time()
            engine.expectations(circuit, strings)
            seconds.append(time.process_time() - start)
        forks.send(fd, ("ok", sorted(seconds)[len(seconds) // 2]))
    except BaseException as error:
        forks.send(fd, ("refused", 0.0, f"{error}"[:200]))
    os._exit(0)


def timed(engine: Any, circuit: Any, strings: Any, args: Any) -> tuple[str, float]:
    """Status and seconds of one run in a fork; the median of three where it is short."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(engine, circuit, strings, int(args.memory * 2**30), write)
    os.close(write)
    try:
        if forks.receive(read, forks.WARM_UP) != "warm":
            return "refused", 0.0
        answer = forks.receive(read, args.limit)
        return ("timeout", args.limit) if answer is None else (answer[0], float(answer[1]))
    except EOFError:
        return "crash", 0.0
    finally:
        os.close(read)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def rows(args: Any, done: set[tuple[str, int, str]]) -> Iterator[dict[str, Any]]:
    """Rows of everything that is not in ``done``: (circuit, observable, engine)."""
    from markaz.quantum.simulate.engines.registry import engines
    from markaz.quantum.simulate.execute import for_engine
    from markaz.quantum.simulate.kernels import compile_kernels
    from markaz.quantum.simulate.plan import refusal
    from markaz.quantum.simulate.tasks import EXPECT, Task
    from markaz.quantum.simulate.value_cost import value_terms

    os.environ.update(forks.THREADS)
    compile_kernels()
    found = [e for e in engines().values() if e.can_expect]
    for item in select(fit_items(), args.only, None, 0)[:: args.every]:
        name = f"{item.name}_s{item.seed}"
        for index, (circuit, facts, strings) in enumerate(tasks(item.text)):
            for engine in found:
                if (name, index, engine.key) in done:
                    continue
                if refusal(engine, facts, int(args.memory * 2**30)) is not None:
                    continue
                ordered, task = for_engine(engine, circuit, Task(EXPECT, paulis=strings), facts)
                status, seconds = timed(engine, ordered, task.paulis, args)
                terms = value_terms(facts, engine.method, len(strings))
                row = {"circuit": name, "part": index, "engine": engine.key, "status": status}
                row |= {"seconds": seconds, "terms": terms, "package": engine.package}
                yield row | {"facts": facts.to_json()}


def as_toml(fitted: list[dict[str, Any]]) -> str:
    """The shipped table."""
    parts = [HEAD]
    for line in fitted:
        steps = ", ".join(f"{n} = {c:.2e}" for n, c in line["seconds"].items() if c > LEAST)
        parts.append(
            f'[engines."{line["engine"]}"]\nspread = {line["spread"]:.1f}\n'
            f"seconds = {{ {steps} }}\n"
        )
    return "\n".join(parts)


def main() -> None:
    """Measure, fit, print, write."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--measure", action="store_true", help="run what is missing first")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE}")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--only", help="comma-separated parts of circuit names")
    parser.add_argument("--every", type=int, default=1, help="each so many circuits only")
    parser.add_argument("--limit", type=float, default=2.0, help="seconds a run")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB a run")
    args = parser.parse_args()
    if args.measure:
        args.rows.parent.mkdir(parents=True, exist_ok=True)
        done = {(r["circuit"], r["part"], r["engine"]) for r in oracle.read(args.rows)}
        with args.rows.open("a") as file:
            for row in rows(args, done):
                file.write(json.dumps(row) + "\n")
                file.flush()
    fitted = list(fit(oracle.read(args.rows)))
    lines = [
        (f["engine"], f["runs"], f["timeouts"], f["spread"], f"{f['seconds']}") for f in fitted
    ]
    print(report.table(("engine", "runs", "timeouts", "spread", "seconds per step"), lines))
    if args.write:
        TABLE.write_text(as_toml(fitted))
        print(f"written: {TABLE}")


if __name__ == "__main__":
    main()
