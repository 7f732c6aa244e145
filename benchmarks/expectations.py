"""Expectation values: five kinds of task, all engines and Markaz in turn, from text.

    python -m benchmarks.expectations [--limit 10] [--only PATTERN] [--repeat 5]

Target: at most 1.2 times the fastest correct engine of each kind.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from math import pi
from statistics import median
from typing import Any

from benchmarks import registry, report
from benchmarks.engines_direct import Terms
from benchmarks.forks import Outcome, Pool, Task
from benchmarks.text import Program, clifford_gate, regular_graph

TARGET = 1.2
CORRECT = 1e-5  # of the median value; engines in single precision reach it
PAULI = registry.MARKAZ_VALUE


def tfim(n: int) -> Terms:
    """Transverse-field Ising chain, coupling 1, field 0.5."""
    pairs = tuple((1.0, ((q, "Z"), (q + 1, "Z"))) for q in range(n - 1))
    return pairs + tuple((0.5, ((q, "X"),)) for q in range(n))


def real_amplitudes(n: int, rng: random.Random) -> str:
    """Three layers of RY and a CX ladder each, and a last layer of RY."""
    p = Program(n, 0)
    for layer in range(4):
        for q in range(n):
            p.g("ry", q, params=[rng.uniform(-pi, pi)])
        for q in range(n - 1 if layer < 3 else 0):
            p.g("cx", q, q + 1)
    return p.text()


def heisenberg(n: int, steps: int) -> str:
    """Trotter steps (dt = 0.1) of a Heisenberg chain from a Néel state."""
    p = Program(n, 0)
    for q in range(0, n, 2):
        p.g("x", q)
    for _ in range(steps):
        for start in (0, 1):
            for q in range(start, n - 1, 2):
                for gate in ("rxx", "ryy", "rzz"):
                    p.g(gate, q, q + 1, params=[0.2])
    return p.text()


def brickwork(n: int, depth: int, rng: random.Random) -> str:
    """Random one-qubit gates and CX bricks."""
    p = Program(n, 0)
    for layer in range(depth):
        for q in range(n):
            p.u(rng, q)
        for q in range(layer % 2, n - 1, 2):
            p.g("cx", q, q + 1)
    return p.text()


def clifford_t(n: int, rng: random.Random) -> str:
    """Random Clifford circuit between any qubits, eight T gates, the circuit undone."""
    p, undo = Program(n, 0), []
    for _ in range(3 * n):
        undo.append(clifford_gate(p, rng, *rng.sample(range(n), 2)))
    for q in rng.sample(range(n), 8):
        p.g("t", q)
    for steps in reversed(undo):
        for name, qubits in steps:
            p.g(name, *qubits)
    return p.text()


def qaoa(n: int, rng: random.Random) -> tuple[str, list[tuple[int, int]]]:
    """One layer of QAOA on a random 3-regular graph, and the graph."""
    p, edges = Program(n, 0), regular_graph(rng, n, 3)
    for q in range(n):
        p.g("h", q)
    for a, b in edges:
        p.g("rzz", a, b, params=[0.6])
    for q in range(n):
        p.g("rx", q, params=[0.8])
    return p.text(), edges


def tasks(seed: int) -> dict[str, tuple[str, Terms]]:
    """Text and observable of each task."""
    rng = random.Random(seed)
    graph, edges = qaoa(40, rng)
    middle: Terms = ((1.0, ((19, "Z"), (20, "Z"))),)
    near_clifford = clifford_t(40, rng)
    return {
        "TFIM on vqe_real_amp n22": (real_amplitudes(22, rng), tfim(22)),
        "ZZ in the middle of Heisenberg n40 s8": (heisenberg(40, 8), middle),
        "ZZ in brickwork n50 d6": (brickwork(50, 6, rng), ((1.0, ((24, "Z"), (25, "Z"))),)),
        "TFIM on Clifford+8T n40": (near_clifford, tfim(40)),
        "sum Z on QAOA 3-regular n40": (graph, tuple((1.0, ((q, "Z"),)) for q in range(40))),
        "sum ZZ on edges of QAOA 3-regular n40": (
            graph,
            tuple((1.0, ((a, "Z"), (b, "Z"))) for a, b in edges),
        ),
    }


def judge(found: dict[str, Outcome]) -> tuple[float, dict[str, str]]:
    """Median value of the engines that finished, and what is wrong with the others."""
    values = {e: o.summary["value"]["value"] for e, o in found.items() if o.status == "ok"}
    if not values:
        return float("nan"), {e: o.status for e, o in found.items()}
    centre = median(values.values())
    states = {e: o.status for e, o in found.items() if o.status != "ok"}
    for engine, value in values.items():
        if abs(value - centre) > CORRECT * max(1.0, abs(centre)):
            states[engine] = f"wrong: {value:.6g}"
    return centre, states


def lines(name: str, found: dict[str, Outcome]) -> Iterable[tuple[Any, ...]]:
    """Table rows of one task, fastest first, then what failed."""
    value, states = judge(found)
    fine = sorted((o.total, e) for e, o in found.items() if e not in states)
    for seconds, engine in fine:
        note = found[engine].note.get("plan", "")[:70]
        yield name, engine, f"{seconds:.5f}", f"{value:.6g}", note
    for engine, state in states.items():
        yield name, engine, state.partition(":")[0], "", (found[engine].error or state)[:70]


def best_of(pool: Pool, asked: dict[str, Task], repeat: int) -> dict[str, Outcome]:
    """Each engine's quickest run, the engines in turn; none is run again after a failure."""
    found: dict[str, Outcome] = {}
    for _ in range(repeat):
        for engine, task in asked.items():
            before = found.get(engine)
            if before is not None and before.status != "ok":
                continue
            now = pool.run(task)
            if before is None or (now.status == "ok" and now.total < before.total):
                found[engine] = now
    return found


def ratio(found: dict[str, Outcome]) -> float:
    """Markaz over the fastest correct engine; infinite if Markaz did not solve it."""
    _, states = judge(found)
    fine = {e: o.total for e, o in found.items() if e not in states}
    others = [t for e, t in fine.items() if e != PAULI]
    if PAULI not in fine:
        return float("inf")
    return fine[PAULI] / min(others) if others else 0.0


def main() -> None:
    """Measure all and print the ratios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--limit", type=float, default=10.0)
    parser.add_argument("--memory", type=float, default=8.0, help="GiB a run")
    parser.add_argument("--only", help="part of a task's name")
    parser.add_argument("--engines", help="comma-separated names")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--repeat", type=int, default=1, help="runs of which the best counts")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if args.seed is None else args.seed
    engines = args.engines.split(",") if args.engines else registry.valuers()
    memory, pool = int(args.memory * 2**30), Pool()
    ratios: dict[str, float] = {}
    table: list[tuple[Any, ...]] = []
    for name, (text, observable) in tasks(seed).items():
        if args.only and args.only not in name:
            continue
        asked = {e: Task(e, text, 0, 0, 1, args.limit, memory, observable) for e in engines}
        found = best_of(pool, asked, args.repeat)
        table += lines(name, found)
        ratios[name] = ratio(found)
    pool.close()
    print(report.table(("task", "engine", "seconds", "value", "note"), table))
    print(f"\nseed {seed}")
    for name, value in ratios.items():
        print(report.verdict(name, value, TARGET))


if __name__ == "__main__":
    main()
