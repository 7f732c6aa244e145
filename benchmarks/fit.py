"""Fit the cost model: run every engine on the ``fit`` circuits, fit seconds per step.

    python -m benchmarks.fit --measure     runs what is missing and appends it to the rows
    python -m benchmarks.fit               fits the rows and prints the table
    python -m benchmarks.fit --write       writes cost_table.toml, too

The steps of a run are ``cost_model.terms`` of the simplified component, computed anew from
its facts, so what is fitted is what the planner will ask for. No figure is taken on these
circuits (see ``suite``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import oracle, report
from benchmarks.fit_measure import rows as measured_rows
from benchmarks.fit_measure import steps

ROWS = Path(__file__).parent / ".results" / "fit.jsonl"
TABLE = Path("src/markaz/quantum/simulate/cost_table.toml")
HEAD = """\
# Seconds per step of each engine (terms: see cost_model.py), seconds to import its library,
# and the factor that 9 in 10 fitted runs stayed within. Written by `python -m benchmarks.fit`.
"""
LOAD_REPEATS = 3
CALL_SHARE = 0.5  # of the fastest run seen
SMALLEST = 1e-14  # seconds a step; stands for zero inside the logarithm

Floats = NDArray[np.float64]


def _matrix(rows: list[dict[str, Any]]) -> tuple[list[str], Floats, Floats, NDArray[np.bool_]]:
    """Names of terms, their amounts (rows, terms), seconds, and which rows overran."""
    names = list(rows[0]["terms"])
    amounts = np.array([[r["terms"][n] for n in names] for r in rows], float)
    seconds = np.array([r["seconds"] for r in rows])
    return names, amounts, seconds, np.array([r["status"] == "timeout" for r in rows])


def _start(amounts: Floats, seconds: Floats) -> Floats:
    """Non-negative least squares of relative errors: near enough for the robust fit."""
    from scipy.optimize import nnls

    scaled = amounts / seconds[:, None]
    size = np.maximum(np.abs(scaled).max(axis=0), 1e-300)
    found, _ = nnls(scaled / size, np.ones(len(seconds)))
    return np.asarray(np.maximum(found / size, SMALLEST), float)


def solve(amounts: Floats, seconds: Floats, overran: NDArray[np.bool_]) -> Floats:
    """Seconds per step, all >= 0, such that logarithms of predictions fit robustly.

    Amounts are upper bounds of the work, so single runs may be far faster than predicted:
    the loss grows linearly there. A run that overran only pulls a prediction below it.
    """
    from scipy.optimize import least_squares

    def residuals(x: Floats) -> Floats:
        gap = np.log(amounts @ np.exp(x)) - np.log(seconds)
        return np.where(overran, np.minimum(gap, 0.0), gap)

    start = np.log(_start(amounts, seconds))
    low = np.log(SMALLEST) - 20
    fitted = least_squares(residuals, start, bounds=(low, 20.0), loss="soft_l1", f_scale=0.3)
    found = np.exp(fitted.x)
    share = (amounts * found / (amounts @ found)[:, None]).max(axis=0)
    return np.asarray(np.where(share < 0.02, 0.0, found), float)


def spread(predicted: Floats, seconds: Floats) -> float:
    """The factor that nine in ten predictions stay within."""
    return float(np.exp(np.quantile(np.abs(np.log(predicted / seconds)), 0.9)))


def load_seconds(key: str) -> float:
    """Seconds that loading an engine's library adds to a process; median of several."""
    start = "import time; from markaz.quantum.simulate.engines.registry import get; "
    code = f"e = get({key!r}); t = time.perf_counter(); e.load(); print(time.perf_counter() - t)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", start + code], check=True, capture_output=True, text=True
        )
        for _ in range(LOAD_REPEATS)
    ]
    return float(np.median([float(r.stdout) for r in runs]))


def with_terms(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the terms that the cost model has now."""
    from markaz.quantum.simulate.engines.registry import get
    from markaz.quantum.simulate.facts import Facts

    return [
        row | {"terms": steps(get(row["engine"]), Facts(**row["facts"]), row["shots"])}
        for row in rows
    ]


def fit(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One fitted line per engine."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["status"] in ("ok", "timeout") and row["seconds"] > 0:
            groups[row["engine"]].append(row)
    for engine, mine in sorted(groups.items()):
        names, amounts, seconds, overran = _matrix(mine)
        if len(mine) <= len(names) or overran.all():
            continue
        found = solve(amounts, seconds, overran)
        # A call costs something even where another term explained it in these rows.
        least = CALL_SHARE * float(seconds[~overran].min())
        found[names.index("call")] = max(found[names.index("call")], least)
        fine = ~overran
        yield {
            "engine": engine,
            "package": mine[0]["package"],
            "runs": len(mine),
            "timeouts": int(overran.sum()),
            "spread": spread((amounts @ found)[fine], seconds[fine]),
            "seconds": {n: float(c) for n, c in zip(names, found, strict=True) if c > 0},
        }


def as_toml(fitted: list[dict[str, Any]], loads: dict[str, float]) -> str:
    """The shipped table."""
    parts = [HEAD]
    for line in fitted:
        steps = ", ".join(f"{n} = {c:.2e}" for n, c in line["seconds"].items())
        parts.append(
            f'[engines."{line["engine"]}"]\n'
            f"load = {loads[line['engine']]:.3f}\n"
            f"spread = {line['spread']:.1f}\n"
            f"seconds = {{ {steps} }}\n"
        )
    return "\n".join(parts)


def _steps(seconds: dict[str, float]) -> str:
    return " ".join(f"{n}={c:.1e}" for n, c in seconds.items())


def main() -> None:
    """Measure, fit, print, write."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--measure", action="store_true", help="run what is missing first")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE}")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--only", help="comma-separated parts of circuit names")
    parser.add_argument("--engines", help="comma-separated keys; default: all")
    parser.add_argument("--limit", type=float, default=4.0, help="seconds a run")
    parser.add_argument("--memory", type=float, default=6.0, help="GiB a run")
    args = parser.parse_args()
    if args.measure:
        args.rows.parent.mkdir(parents=True, exist_ok=True)
        done = {(r["circuit"], r["part"], r["engine"]) for r in oracle.read(args.rows)}
        with args.rows.open("a") as file:
            for row in measured_rows(args, done):
                file.write(json.dumps(row) + "\n")
                file.flush()
    fitted = list(fit(with_terms(oracle.read(args.rows))))
    lines = [
        (*(f[k] for k in ("engine", "runs", "timeouts", "spread")), _steps(f["seconds"]))
        for f in fitted
    ]
    print(report.table(("engine", "runs", "timeouts", "spread", "seconds per step"), lines))
    if args.write:
        loads = {f["engine"]: load_seconds(f["engine"]) for f in fitted}
        TABLE.write_text(as_toml(fitted, loads))
        print(f"written: {TABLE}")


if __name__ == "__main__":
    main()
