"""Where the time of short programs goes: reading with and without the parser set up,
simplification, the whole run. Warm, this process, medians.

python -m benchmarks.short [--times 200] [--seed 777]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks import report
from benchmarks.suite import held_out_set

PROGRAMS = (
    *("mqt_ae_5", "mqt_qnn_12", "mqt_grover_5", "mqt_iqpe_20", "mqt_qft_20", "mqt_qftentangled_12"),
    *("own_clifford_60", "own_blocks_24", "own_syndrome_13"),
)


@contextmanager
def parser_set_up() -> Iterator[None]:
    """As if no program was plain enough for the short way."""
    from markaz.quantum.programs.openqasm import whole

    with patch.object(whole, "read_whole", lambda *_: None):
        yield


def timed(times: int, work: Callable[[], Any]) -> float:
    """Median microseconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return 1e6 * median(found)


def row(name: str, text: str, times: int) -> tuple[object, ...]:
    """One program's line."""
    from markaz.quantum import run
    from markaz.quantum.programs.intake import load
    from markaz.quantum.simulate.settle import settle
    from markaz.quantum.simulate.simplify import simplify

    circuit = settle(load(text))
    with parser_set_up():
        long_way = timed(times, lambda: load(text))
    reading = timed(times, lambda: load(text))
    passes = "-" if circuit.is_dynamic else f"{timed(times, lambda: simplify(circuit)):.0f}"
    whole = timed(times, lambda: run(text, shots=1024, seed=1, threads=1, memory_limit=8 << 30))
    return name, len(circuit), f"{long_way:.0f}", f"{reading:.0f}", passes, f"{whole:.0f}"


def main() -> None:
    """Measure and print."""
    from markaz.quantum import warm

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=777, help="of the programs that are drawn")
    args = parser.parse_args()
    warm()
    texts = {item.name: item.text for item in held_out_set(args.seed) if item.name in PROGRAMS}
    head = ("microseconds", "operations", "parser set up", "read", "simplify", "run")
    rows = [row(name, texts[name], args.times) for name in PROGRAMS]
    print(report.table(head, rows))


if __name__ == "__main__":
    main()
