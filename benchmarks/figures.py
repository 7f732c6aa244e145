"""The time figures: all engines and Markaz in the same run, from the same text.

    python -m benchmarks.figures [--quick] [--only PATTERN] [--sample N] [--limit 10]

Two circuits run at once, each pinned to one core and one thread; on each circuit the engines
take turns in random order. Every run is a row of a JSONL file; a stopped run goes on where it
was if the same ``--out`` and ``--seed`` are given.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from benchmarks import oracle, registry, report
from benchmarks.forks import Pool
from benchmarks.suite import Item, fresh_seed, held_out_set, select

RESULTS = Path(__file__).parent / ".results"
QUICK = {"sample": 48, "limit": 4.0}

Write = Callable[[dict[str, Any]], None]


def _worker(
    core: int, todo: SimpleQueue[Item], engines: list[str], args: Any, write: Write
) -> None:
    pool = Pool(core)
    memory = int(args.memory * 2**30)
    try:
        while True:
            item = todo.get_nowait()
            order = random.Random(item.name).sample(engines, len(engines))
            for engine in order:
                outcome = pool.run(oracle.task(item, engine, args.limit, memory))
                write(oracle.row(item, engine, outcome, args.limit))
    except Empty:
        return
    finally:
        pool.close()


def measure(items: list[Item], engines: list[str], args: Any, out: Path) -> None:
    """Run everything that ``out`` does not have yet and append it there."""
    done = {(r["circuit"], r["engine"]) for r in oracle.read(out)}
    todo: SimpleQueue[Item] = SimpleQueue()
    left = [i for i in items if any((i.name, e) not in done for e in engines)]
    for item in left:
        todo.put(item)
    lock, start, count = threading.Lock(), time.monotonic(), [0]
    with out.open("a") as file:

        def write(row: dict[str, Any]) -> None:
            with lock:
                file.write(json.dumps(row) + "\n")
                file.flush()
                count[0] += 1
                if count[0] % len(engines) == 0:
                    spent = time.monotonic() - start
                    finished = count[0] // len(engines)
                    print(f"{finished}/{len(left)} circuits, {spent:.0f} s", flush=True)

        cores = sorted(os.sched_getaffinity(0))[: args.jobs]
        threads = [
            threading.Thread(target=_worker, args=(core, todo, engines, args, write))
            for core in cores
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main() -> None:
    """Measure (or read) and print the figures."""
    parser = oracle.arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK}")
    parser.add_argument("--jobs", type=int, default=2, help="circuits at once, one core each")
    parser.add_argument("--report", type=Path, help="only print the report of this JSONL file")
    args = parser.parse_args()
    if args.report:
        print(report.full(oracle.read(args.report)))
        return
    if args.quick:
        args.sample, args.limit = args.sample or QUICK["sample"], QUICK["limit"]
    seed = args.seed or fresh_seed()
    engines = args.engines.split(",") if args.engines else [*registry.oracle(), registry.MARKAZ]
    out = args.out or RESULTS / f"figures-{seed}-{args.limit:g}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    items = select(held_out_set(seed), args.only, args.sample, seed)
    print(f"seed {seed}, {len(items)} circuits, {len(engines)} engines, rows in {out}", flush=True)
    measure(items, engines, args, out)
    wanted = {i.name for i in items}
    print(report.full([r for r in oracle.read(out) if r["circuit"] in wanted]))


if __name__ == "__main__":
    main()
