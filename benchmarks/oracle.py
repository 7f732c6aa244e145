"""Each oracle engine alone on the unsimplified circuits; one JSON line a run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import qiskit_path, registry
from benchmarks.forks import Outcome, Pool, Task
from benchmarks.suite import Item, fresh_seed, held_out_set, select

MEMORY = 11 << 30


def task(item: Item, engine: str, limit: float, memory: int, seed: int = 1) -> Task:
    """One engine on one circuit. The engines get the measurements that the program leaves
    out; Markaz has to find out itself."""
    full = qiskit_path.measured(item.text)
    text = item.text if engine == registry.MARKAZ else full
    return Task(engine, text, qiskit_path.clbits(full), 1024, seed, limit, memory)


def row(item: Item, engine: str, outcome: Outcome, limit: float) -> dict[str, Any]:
    """What is kept of one run."""
    about: dict[str, Any] = {"circuit": item.name, "family": item.family, "source": item.source}
    about |= {"qubits": item.qubits, "suite_seed": item.seed, "engine": engine, "limit": limit}
    return about | asdict(outcome) | {"total": outcome.total}


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; a half-written last line is dropped."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def run(
    items: list[Item], engines: list[str], limit: float, memory: int, core: int | None
) -> Iterator[dict[str, Any]]:
    """Rows of all engines on one circuit after the other (interleaved in time)."""
    pool = Pool(core)
    try:
        for item in items:
            for engine in engines:
                outcome = pool.run(task(item, engine, limit, memory))
                yield row(item, engine, outcome, limit)
    finally:
        pool.close()


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Options that all figure commands share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", help="comma-separated parts of circuit names")
    parser.add_argument("--sample", type=int, help="at most this many circuits")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds per circuit")
    parser.add_argument("--memory", type=float, default=11.0, help="GiB of address space a run")
    parser.add_argument("--engines", help="comma-separated names")
    parser.add_argument("--seed", type=int, help="of the generators; default: a new one")
    parser.add_argument("--out", type=Path, help="JSONL file; finished circuits are skipped")
    return parser


def main() -> None:
    """Run the oracle and print one line a run."""
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after this time")
    args = parser.parse_args()
    seed = args.seed or fresh_seed()
    engines = args.engines.split(",") if args.engines else registry.oracle()
    out = args.out or Path("benchmarks/.results/oracle.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    done = {r["circuit"] for r in read(out)}
    items = [i for i in select(held_out_set(seed), args.only, args.sample, 0) if i.name not in done]
    end = time.monotonic() + 60 * args.minutes
    with out.open("a") as file:
        for r in run(items, engines, args.limit, int(args.memory * 2**30), None):
            file.write(json.dumps(r) + "\n")
            file.flush()
            text = f"{r['total']:.4f} s" if r["status"] == "ok" else r["status"]
            print(f"{r['circuit']:36} {r['engine']:12} {text:10} {r['error'][:80]}", flush=True)
            if time.monotonic() > end and r["engine"] == engines[-1]:
                break
    print(f"seed {seed}", file=sys.stderr)


if __name__ == "__main__":
    main()
