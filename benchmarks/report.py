"""From rows of runs to the figures of the time comparison."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from benchmarks import agree
from benchmarks.registry import MARKAZ

FLOOR = 1e-3  # seconds; below this a platform does not care
AER = "aer_auto"
FAILURES = ("timeout", "memory", "refused", "crash", "wrong", "truncated")
TARGETS = {"virtual best": 1.0, "best single": 0.25, "aer_auto": 0.03}

Row = dict[str, Any]


@dataclass(slots=True)
class Circuit:
    """Runs of one circuit: ``solved`` has seconds by engine, ``lost`` why the others failed."""

    name: str
    family: str
    source: str
    qubits: int
    limit: float
    solved: dict[str, float]
    lost: dict[str, str]
    rows: dict[str, Row]
    judged: bool

    def seconds(self, engine: str) -> float:
        """Seconds with floor; unsolved counts as the limit."""
        return max(FLOOR, self.solved.get(engine, self.limit))

    def best(self, engines: Iterable[str]) -> tuple[str, float]:
        """The fastest of ``engines`` that solved it; ("", limit) if none did."""
        times = [(self.solved[e], e) for e in engines if e in self.solved]
        seconds, engine = min(times, default=(self.limit, ""))
        return engine, max(FLOOR, seconds)


def geomean(values: Sequence[float]) -> float:
    """Geometric mean of positive values; NaN of none."""
    return exp(sum(map(log, values)) / len(values)) if values else float("nan")


def _status(row: Row, wrong: set[str], keep_truncated: bool) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    if row["engine"] in wrong:
        return "wrong"
    if row["note"].get("truncated") and not keep_truncated:
        return "truncated"
    return "ok"


def _circuit(rows: dict[str, Row], keep_truncated: bool) -> Circuit:
    found = {e: r["summary"] for e, r in rows.items() if r["status"] == "ok"}
    wrong, judged = agree.wrong(found)
    states = {e: _status(r, wrong, keep_truncated) for e, r in rows.items()}
    first = next(iter(rows.values()))
    return Circuit(
        first["circuit"],
        first["family"],
        first["source"],
        first["qubits"],
        first["limit"],
        {e: rows[e]["total"] for e, s in states.items() if s == "ok"},
        {e: s for e, s in states.items() if s != "ok"},
        rows,
        judged,
    )


def circuits(rows: Iterable[Row], keep_truncated: bool = False) -> list[Circuit]:
    """Rows grouped by circuit and judged; the last row of an engine counts.

    ``keep_truncated``: whether a run that reports to have dropped over 1 % of the state is
    taken as solved.
    """
    groups: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        groups[row["circuit"]][row["engine"]] = row
    return [_circuit(group, keep_truncated) for group in groups.values()]


def engines_of(found: list[Circuit]) -> list[str]:
    """Oracle engines that occur."""
    names = {e for c in found for e in c.rows}
    return sorted(names - {MARKAZ})


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Plain text with aligned columns; the first column is flush left."""
    cells = [list(head), *[[_cell(x) for x in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        left = row[0].ljust(widths[0])
        lines.append(
            "  ".join([left, *(x.rjust(w) for x, w in zip(row[1:], widths[1:], strict=True))])
        )
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def engine_table(found: list[Circuit]) -> str:
    """Solved, wrong, truncated, wins and means of every engine."""
    oracle = engines_of(found)
    wins = Counter(c.best(oracle)[0] for c in found)
    rows: list[tuple[Any, ...]] = []
    for e in [*oracle, *([MARKAZ] if any(MARKAZ in c.rows for c in found) else [])]:
        states = Counter(c.lost.get(e) for c in found)
        times = [c.seconds(e) for c in found]
        alone = geomean(times) / geomean([c.best(x for x in oracle if x != e)[1] for c in found])
        solved = sum(e in c.solved for c in found)
        failed = [states[s] for s in FAILURES]
        rows.append((e, solved, *failed, wins[e], geomean(times), alone))
    rows.sort(key=lambda r: float(r[-2]))
    head = ("engine", "solved", *FAILURES, "wins", "mean_s", "/others")
    return table(head, rows)


def family_table(found: list[Circuit]) -> str:
    """Virtual best and, if it has run, Markaz by family."""
    oracle, mine = engines_of(found), any(MARKAZ in c.rows for c in found)
    groups: dict[str, list[Circuit]] = defaultdict(list)
    for c in found:
        groups[f"{c.source} {c.family}"].append(c)
    rows = []
    for family, members in groups.items():
        best = geomean([c.best(oracle)[1] for c in members])
        markaz = geomean([c.seconds(MARKAZ) for c in members]) if mine else best
        winners = Counter(c.best(oracle)[0] or "none" for c in members)
        text = " ".join(f"{e}:{n}" for e, n in winners.most_common())
        rows.append((family, len(members), best, markaz, markaz / best, text))
    rows.sort(key=lambda r: (-float(r[4]), -float(r[2])))
    head = ("family", "n", "vb_s", "markaz_s", "ratio", "winners")
    if not mine:
        return table(head[:3] + head[5:], [r[:3] + r[5:] for r in rows])
    return table(head, rows)


def worst(found: list[Circuit], count: int = 15) -> str:
    """Circuits on which Markaz loses most, and what it did there."""
    oracle = engines_of(found)

    def ratio(c: Circuit) -> float:
        return c.seconds(MARKAZ) / c.best(oracle)[1]

    rows = []
    for c in sorted(found, key=ratio, reverse=True)[:count]:
        engine, seconds = c.best(oracle)
        row = c.rows[MARKAZ]
        said = row["note"].get("plan", "") or row["error"] or row["status"]
        state = c.lost.get(MARKAZ, "ok")
        rows.append((c.name, c.seconds(MARKAZ), state, seconds, engine, ratio(c), said[:110]))
    return table(("circuit", "markaz_s", "state", "vb_s", "vb", "ratio", "plan"), rows)


def verdict(name: str, value: float, target: float) -> str:
    """One line of a figure against its target."""
    mark = "reached" if value <= target else "MISSED"
    return f"{name:42} {value:8.3f}   target <= {target:<6g} {mark}"


def figures(found: list[Circuit]) -> str:
    """The lines that the documentation quotes, over circuits that some engine solves."""
    oracle = engines_of(found)
    scored = [c for c in found if any(e in c.solved for e in oracle)]
    missed = [c.name for c in scored if MARKAZ not in c.solved]
    extra = [c.name for c in found if c not in scored and MARKAZ in c.solved]
    mine = geomean([c.seconds(MARKAZ) for c in scored])
    single = min(oracle, key=lambda e: geomean([c.seconds(e) for c in scored]))
    means = {
        "virtual best": geomean([c.best(oracle)[1] for c in scored]),
        "best single": geomean([c.seconds(single) for c in scored]),
        "aer_auto": geomean([c.seconds(AER) for c in scored]),
    }
    lines = [
        f"circuits {len(found)}, solved by some engine {len(scored)}, "
        f"by Markaz alone {len(extra)}, checked against others {sum(c.judged for c in scored)}",
        f"coverage {len(scored) - len(missed)} of {len(scored)}"
        + (f"   MISSED: {', '.join(missed)}" if missed else "   reached"),
        f"geometric mean: Markaz {mine:.5f} s, "
        + ", ".join(f"{k} {v:.5f} s" for k, v in means.items()),
    ]
    for key, mean in means.items():
        name = f"Markaz / {key}" + (f" ({single})" if key == "best single" else "")
        lines.append(verdict(name, mine / mean, TARGETS[key]))
    return "\n".join(lines)


def oracle_only(found: list[Circuit]) -> str:
    """What is known before Markaz has run: the engines and the families."""
    return "\n\n".join((engine_table(found), family_table(found)))


def full(rows: list[Row]) -> str:
    """The whole report of a run."""
    found = circuits(rows)
    both = [c for c in found if MARKAZ in c.rows]
    if not both:
        return oracle_only(found)
    lenient = figures([c for c in circuits(rows, keep_truncated=True) if MARKAZ in c.rows])
    parts = [engine_table(both), family_table(both), worst(both), figures(both)]
    parts.append("If runs that say they truncated the state counted as solved:\n" + lenient)
    return "\n\n".join(parts)
