"""The circuits of the figures, as OpenQASM text made fresh.

``held_out`` is what the figures are taken on: all MQT Bench families and the generators of
``benchmarks.held_out`` with a seed drawn anew for each run. ``fit`` is what the cost model
is fitted on: the generators of ``benchmarks.fit_set`` only. The two share no family.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import fit_set, held_out
from benchmarks.deadline import deadline

CACHE = Path(__file__).parent / ".cache"
TARGETS = (5, 12, 20, 40)  # sizes tried first for every MQT Bench family
FILLERS = (8, 16, 28, 34, 52, 68)  # where a family has no circuit near a target
WINDOW = 8
GENERATION_SECONDS = 20
FORMAT = 1  # raised whenever the way of making a text changes


@dataclass(frozen=True, slots=True)
class Item:
    """One circuit: ``text`` is OpenQASM 2, or 3 where version 2 cannot say it."""

    name: str
    family: str
    source: str
    qubits: int
    seed: int
    text: str


def own(families: dict[str, Any], seed: int) -> list[Item]:
    """Circuits of the repository's generators; a family's text depends on ``seed`` only."""
    items = []
    for family, (make, sizes) in families.items():
        for n in sizes:
            rng = random.Random(f"{family}/{n}/{seed}")
            items.append(Item(f"own_{family}_{n}", family, "own", n, seed, make(n, rng)))
    return items


def export(circuit: Any) -> str:
    """OpenQASM 2 of a Qiskit circuit; 3 if it is dynamic; unrolled if nothing else works."""
    from qiskit import qasm2, qasm3, transpile

    attempts: tuple[Callable[[], str], ...] = (
        lambda: qasm2.dumps(circuit),
        lambda: qasm3.dumps(circuit),
        lambda: qasm2.dumps(transpile(circuit, basis_gates=["u3", "cx"], optimization_level=0)),
    )
    for attempt in attempts:
        try:
            return attempt()
        except Exception as error:
            last = error
    raise last


def _mqt_near(family: str, target: int) -> tuple[int, str] | None:
    """The circuit of ``family`` whose size is nearest to ``target``."""
    from mqt.bench import BenchmarkLevel, get_benchmark

    sizes = [target] + [target + d for k in range(1, WINDOW + 1) for d in (k, -k)]
    for n in (s for s in sizes if s > 1):
        try:
            with deadline(GENERATION_SECONDS):
                circuit = get_benchmark(family, BenchmarkLevel.INDEP, n, opt_level=1)
                return n, export(circuit)
        except TimeoutError:
            return None
        except Exception:  # noqa: S112 - the family has no circuit of this size
            continue
    return None


def _mqt_family(family: str) -> list[dict[str, Any]]:
    found: dict[int, str] = {}
    for target in (*TARGETS, *FILLERS):
        near = _mqt_near(family, target) if len(found) < len(TARGETS) else None
        if near is not None:
            found.setdefault(*near)
    return [
        asdict(Item(f"mqt_{family}_{n}", family, "mqt", n, 0, text))
        for n, text in sorted(found.items())
    ]


def _mqt_cached(family: str, key: str) -> list[Item]:
    path = CACHE / f"mqt-{key}" / f"{family}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_mqt_family(family)))
        part.rename(path)
    return [Item(**row) for row in json.loads(path.read_text())]


def mqt() -> list[Item]:
    """All MQT Bench families, four sizes each; texts are cached by generator version."""
    from mqt.bench.benchmarks import get_available_benchmark_names

    versions = f"{version('mqt-bench')}/{version('qiskit')}/{TARGETS}/{FILLERS}/{FORMAT}"
    key = hashlib.sha256(versions.encode()).hexdigest()[:12]
    return [i for f in get_available_benchmark_names() for i in _mqt_cached(f, key)]


def held_out_set(seed: int) -> list[Item]:
    """What the figures are taken on."""
    return [*mqt(), *own(held_out.FAMILIES, seed)]


def fit_items(seeds: Iterable[int] = (1, 2, 3)) -> list[Item]:
    """What the cost model is fitted on; disjoint from ``held_out_set`` in families."""
    return [i for s in seeds for i in own(fit_set.FAMILIES, s)]


def fresh_seed() -> int:
    """A seed that no earlier run has used; runs print and record it."""
    return random.SystemRandom().randrange(10_000, 2**31)


def select(items: list[Item], only: str | None, sample: int | None, seed: int) -> list[Item]:
    """Items whose name contains one of the comma-separated parts of ``only``, at most
    ``sample`` of them, in a random but fixed order (so that a stopped run is no biased one)."""
    if only:
        items = [i for i in items if any(part in i.name for part in only.split(","))]
    items = random.Random(seed).sample(items, len(items))
    return items[:sample] if sample else items


def main() -> None:
    """Print name, source, size and length of every text."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--list", action="store_true", help="list the held-out circuits")
    parser.add_argument("--fit", action="store_true", help="list the fitting circuits instead")
    parser.add_argument("--show", metavar="NAME", help="print one circuit's text")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    items = fit_items() if args.fit else held_out_set(args.seed)
    if args.show:
        print(next(i.text for i in items if i.name == args.show))
        return
    for item in items:
        print(f"{item.name:36} {item.source:4} {item.qubits:5} qubits {len(item.text):9} bytes")
    print(f"{len(items)} circuits, {len({i.family for i in items})} families")


if __name__ == "__main__":
    main()
