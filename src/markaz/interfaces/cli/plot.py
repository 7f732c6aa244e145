"""``--plot FILE.png|svg``: a bar chart of counts or expectation values."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from markaz.interfaces.cli.render import Style, shorten, spaced, top

if TYPE_CHECKING:
    from markaz.quantum.simulate.result import Result

SUFFIXES: Final = (".png", ".svg")
MOST: Final = 32
# Blue and orange of Okabe and Ito's palette: told apart by the colour-blind; the hatching
# of the second keeps them apart in black-and-white print.
BLUE, ORANGE = "#0072B2", "#E69F00"


def check(path: str) -> None:
    """Refuse, as bad usage, a file name or an installation that cannot be plotted with."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--plot {path}: the name must end in .png or .svg")
    if find_spec("matplotlib") is None:
        raise click.UsageError("--plot needs matplotlib: pip install 'markaz[plot]'")


def save(path: str, file: str, found: Result, observables: Sequence[str]) -> None:
    """Draw the result of ``file`` into ``path``; OSError where it cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if found.values is not None:
        _values(axes, found, observables)
    else:
        _counts(axes, found)
    axes.set_title(_title(file, found))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    # Without a date and with a fixed salt the same result gives the same file.
    metadata = {"Date": None} if path.lower().endswith(".svg") else {"Software": "Markaz"}
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "markaz", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=150, metadata=metadata)


def _title(file: str, found: Result) -> str:
    name = "standard input" if file == "-" else Path(file).name
    what = f"{name}: {found.plan.engine}"
    if found.values is None:
        what += f", {found.shots:,} shots"
    return what if found.fidelity >= 1 else f"{what}, APPROXIMATE (fidelity ≥ {found.fidelity:.4g})"


def _counts(axes: Any, found: Result) -> None:
    counts = found.counts or {}
    shots = sum(counts.values()) or 1
    rows = top(counts, MOST)
    labels = [shorten(spaced(bits, found.registers), 24, Style()) for bits, _ in rows]
    places = list(range(len(rows)))
    axes.bar(places, [n / shots for _, n in rows], color=BLUE, edgecolor="black", linewidth=0.5)
    rest = shots - sum(n for _, n in rows)
    if len(counts) > len(rows):
        labels.append(f"{len(counts) - len(rows):,} others")
        places.append(len(rows))
        axes.bar([len(rows)], [rest / shots], color=ORANGE, edgecolor="black", hatch="//")
    axes.set_xticks(places, labels, rotation=60 if len("".join(labels)) > 60 else 0)
    axes.set_xlabel("outcome (highest bit on the left)")
    axes.set_ylabel("share of shots")


def _values(axes: Any, found: Result, observables: Sequence[str]) -> None:
    values = list(found.values or [])
    places = list(range(len(values)))
    errors = found.standard_errors
    axes.bar(places, values, color=BLUE, edgecolor="black", linewidth=0.5)
    if errors is not None and any(errors):
        axes.errorbar(places, values, yerr=errors, fmt="none", color="black", capsize=4)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(places, [shorten(name, 32, Style()) for name in observables])
    axes.set_xlabel("observable")
    axes.set_ylabel("expectation value")
