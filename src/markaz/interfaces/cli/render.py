"""What ``markaz run`` and ``markaz explain`` print for people: at most 80 columns.

Colour only on a terminal without ``NO_COLOR``; plain ASCII where the output's encoding
has no block characters.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

if TYPE_CHECKING:
    from markaz.quantum.simulate.result import Candidate, Plan, Result

N = TypeVar("N", int, float)

TOP: Final = 16
COLUMNS: Final = 80
LEAST_COLUMNS: Final = 60
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_SGR: Final = {"bold": "1", "dim": "2", "bar": "36", "warn": "1;33", "bad": "31"}
_UNITS: Final = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (1e-6, "µs", 1e6))


@dataclass(frozen=True, slots=True)
class Style:
    """How to print: ``width`` in columns, whether colours and Unicode may be used."""

    width: int = COLUMNS
    colour: bool = False
    unicode: bool = True

    @staticmethod
    def of(stream: TextIO) -> Style:
        """The style that ``stream`` and the environment allow."""
        terminal = stream.isatty()
        columns = shutil.get_terminal_size((COLUMNS, 24)).columns if terminal else COLUMNS
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return Style(
            max(LEAST_COLUMNS, min(columns, COLUMNS)), terminal and not plain, _blocks(stream)
        )

    def paint(self, text: str, name: str) -> str:
        """``text`` in one of the named styles, unchanged without colour."""
        return f"\x1b[{_SGR[name]}m{text}\x1b[0m" if self.colour and text else text


def _blocks(stream: TextIO) -> bool:
    try:
        (_EIGHTHS + "µ≤×±…").encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def seconds(value: float, style: Style) -> str:
    """A duration with three significant digits and a unit."""
    for least, unit, scale in _UNITS:
        if value >= least or unit == "µs":
            digits = f"{value * scale:.3g}" if value * scale < 1000 else f"{value * scale:.0f}"
            return f"{digits} {unit if style.unicode else unit.replace('µ', 'u')}"
    raise AssertionError("unreachable")


def size(value: float) -> str:
    """An amount of memory in binary units."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} PiB"


def plural(count: int, noun: str) -> str:
    """``1 qubit``, ``2 qubits``, ``1,000 qubits``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def result(file: str, found: Result, gates: int, observables: Sequence[str], style: Style) -> str:
    """The whole report of one file with ``gates`` gates, without a final newline."""
    counted = (plural(found.num_qubits, "qubit"), plural(found.num_clbits, "bit"))
    facts = "  " + ", ".join([*counted, plural(gates, "gate")])
    lines = [_title(file, style), facts, *plan_lines(found.plan, style)]
    if found.measured == "implicit" and found.values is None and found.statevector is None:
        lines.append("  " + style.paint("measured: implicit (all qubits, into meas)", "warn"))
    if found.fidelity < 1:
        text = f"APPROXIMATE: the fidelity is at least {found.fidelity:.6g}, not 1"
        lines.append("  " + style.paint(text, "warn"))
    if found.values is not None:
        lines += value_lines(observables, found.values, found.standard_errors, style)
    elif found.counts is not None:
        lines += histogram(found.counts, found.registers, style)
    else:
        lines += _exact_lines(found, style)
    return "\n".join([*lines, *_timings(found, style)])


def _exact_lines(found: Result, style: Style) -> list[str]:
    from markaz.interfaces.cli import render_exact  # noqa: PLC0415 - few runs ask for it

    if found.probabilities is not None:
        return render_exact.probability_lines(found.probabilities, found.registers, style)
    assert found.statevector is not None
    return render_exact.state_lines(found.statevector, style)


def _title(file: str, style: Style) -> str:
    return style.paint("standard input" if file == "-" else file, "bold")


def plan_lines(plan: Plan, style: Style) -> list[str]:
    """The plan in one sentence, wrapped."""
    cost = f"predicted {seconds(plan.predicted_seconds, style)}, {size(plan.predicted_bytes)}"
    text = f"{plan.why.strip().rstrip('.')} ({cost})"
    if plan.engine not in plan.why:
        text = f"{plan.engine}: {text}"
    if plan.simplifications:
        text += f"; simplified: {', '.join(plan.simplifications)}"
    return wrap(f"{text}.", style.width, first="  plan: ", rest="        ")


def wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    """Words of ``text`` in lines of at most ``width`` columns, long words cut."""
    import textwrap  # noqa: PLC0415 - not needed with --json

    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest)


def histogram(
    counts: Mapping[str, int], registers: Sequence[tuple[str, int]], style: Style
) -> list[str]:
    """Bars of the most frequent outcomes; the rest are summed up as "others"."""
    shots = sum(counts.values())
    if not shots:
        return ["  no outcomes"]
    rows = [(spaced(bits, registers), n) for bits, n in top(counts, TOP)]
    rest, left = len(counts) - len(rows), shots - sum(n for _, n in rows)
    others = f"{rest:,} others"
    numbers = max(len(f"{n:,}") for n in [left, *(n for _, n in rows)])
    # Beside label and number a line holds 14 columns of share and blanks, and its bar.
    label_room = max(8, style.width - numbers - 34)
    labels = [shorten(bits, label_room, style) for bits, _ in rows]
    width = max([len(x) for x in labels] + [len(others)] * bool(rest))
    bars = style.width - width - numbers - 14
    peak = rows[0][1] if rest else max(n for _, n in rows)
    lines = []
    for label, (_, n) in zip(labels, rows, strict=True):
        drawn = style.paint(bar(n / peak, bars, style), "bar")
        lines.append(f"  {label:>{width}} {n:>{numbers},}  {100 * n / shots:5.1f} %  {drawn}")
    if rest:
        share = f"{100 * left / shots:5.1f} %"
        lines.append(style.paint(f"  {others:>{width}} {left:>{numbers},}  {share}", "dim"))
    if any(len(bits) > label_room for bits, _ in rows):
        lines.append(style.paint("  bit strings are shortened; --json has them whole", "dim"))
    return [line.rstrip() for line in lines]


def top(counts: Mapping[str, N], most: int) -> list[tuple[str, N]]:
    """All outcomes in order of their bits, or the ``most`` frequent by count."""
    if len(counts) <= most:
        return sorted(counts.items())
    import heapq  # noqa: PLC0415 - only for wide results

    return heapq.nsmallest(most, counts.items(), key=lambda item: (-item[1], item[0]))


def spaced(bits: str, registers: Sequence[tuple[str, int]]) -> str:
    """``bits`` with a space between registers, the last register on the left."""
    if len(registers) < 2:
        return bits
    parts, end = [], len(bits)
    for _, width in registers:
        parts.append(bits[end - width : end])
        end -= width
    return " ".join(reversed(parts))


def shorten(text: str, most: int, style: Style) -> str:
    """``text`` with its middle left out where it is longer than ``most``."""
    if len(text) <= most:
        return text
    gap = "…" if style.unicode else "..."
    left = (most - len(gap) + 1) // 2
    return text[:left] + gap + text[len(text) - (most - len(gap) - left) :]


def bar(share: float, width: int, style: Style) -> str:
    """A bar of ``share`` (0 to 1) of ``width`` columns; a share above 0 is visible."""
    if not style.unicode:
        return "#" * max(round(share * width), share > 0)
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def value_lines(
    names: Sequence[str],
    values: Sequence[float],
    errors: Sequence[float] | None,
    style: Style,
) -> list[str]:
    """One line an observable: its text, its value and its standard error."""
    room = max(12, style.width - 42)
    labels = [shorten(name, room, style) for name in names]
    width = max(len(x) for x in labels)
    sign = "±" if style.unicode else "+/-"
    lines = []
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        spread = f" {sign} {errors[i]:.2g}" if errors is not None and errors[i] else "  (exact)"
        lines.append(f"  {label:<{width}}  {value:+.10f}{spread}")
    return lines


def _timings(found: Result, style: Style) -> list[str]:
    times = ", ".join(f"{name} {seconds(t, style)}" for name, t in found.seconds.items())
    shots = "" if found.counts is None else f"{plural(found.shots, 'shot')}, "
    lines = wrap(f"{shots}seed {found.seed}; {times}", style.width, "  ", "  ")
    return [style.paint(line, "dim") for line in lines]


def explanation(file: str, plan: Plan, style: Style) -> str:
    """The report of ``markaz explain``: facts, plan, every engine considered."""
    lines = [_title(file, style), *_facts(plan.facts, style), *plan_lines(plan, style)]
    rows = [_candidate(c, style) for c in plan.candidates]
    if rows:
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines.append("  engines considered:")
    for row, candidate in zip(rows, plan.candidates, strict=True):
        mark = "*" if candidate.engine == plan.engine else " "
        head = f"  {mark} {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}"
        lines += wrap(row[3] or "-", style.width, head + "  ", " " * (len(head) + 2))
    return "\n".join(line.rstrip(" -") if line.endswith("  -") else line for line in lines)


def _facts(facts: Mapping[str, Any], style: Style) -> list[str]:
    if not facts:
        return []
    text = ", ".join(f"{k.replace('_', ' ')} {_number(v)}" for k, v in facts.items())
    return wrap(text, style.width, "  ", "  ")


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _candidate(candidate: Candidate, style: Style) -> tuple[str, str, str, str]:
    if candidate.refused is not None:
        return candidate.engine, "", "", f"refused: {candidate.refused}"
    time = seconds(candidate.predicted_seconds, style)
    return candidate.engine, time, size(candidate.predicted_bytes), ""
