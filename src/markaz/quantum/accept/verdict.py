"""From what was measured to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from markaz.quantum.accept.contract import Criterion
from markaz.quantum.devices.sheet import Sheet

INTERVAL: Final = 1.96  # standard errors on either side: 95 %
PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its standard error; None where it could not be measured."""

    value: float | None
    error: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a criterion: ``low`` to ``high`` is the 95 % interval."""

    words: str
    unit: str
    bound: float
    at_least: bool
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    note: str

    def document(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def decide(criterion: Criterion, found: Measured) -> Verdict:
    """Pass or fail where the whole interval lies on one side of the bound, else undecided;
    what was not measured fails."""
    c = criterion
    if found.value is None:
        note = found.note or "not measured"
        return Verdict(c.words, c.unit, c.bound, c.at_least, None, None, None, FAIL, note)
    low, high = (found.value + s * INTERVAL * found.error for s in (-1, 1))
    good = low >= c.bound if c.at_least else high <= c.bound
    bad = high < c.bound if c.at_least else low > c.bound
    verdict = PASS if good else FAIL if bad else UNDECIDED
    return Verdict(
        c.words, c.unit, c.bound, c.at_least, found.value, low, high, verdict, found.note
    )


def overall(verdicts: Sequence[Verdict]) -> str:
    """Of the whole contract: fail if anything fails, pass if all pass."""
    kinds = {v.verdict for v in verdicts}
    if FAIL in kinds:
        return FAIL
    return PASS if kinds == {PASS} else UNDECIDED


def from_sheet(criterion: Criterion, sheet: Sheet) -> Measured:
    """A statistic of a quantity over all its rows; the error by the rows' own errors.

    The error of a median is that of its middle rows, pi/2 in variance above a mean's.
    """
    rows = [r for r in sheet.rows if r.quantity == criterion.measure]
    known = [r for r in rows if r.value is not None]
    missing = len(rows) - len(known)
    note = f"{missing} of {len(rows)} were not measured" if missing else ""
    if not known or (missing and criterion.statistic in ("minimum", "maximum")):
        return Measured(None, note=note or "not on the sheet")
    values = np.array([float(r.value or 0.0) for r in known])
    errors = np.array([float(r.uncertainty or 0.0) for r in known])
    value, error = _statistic(criterion.statistic, values, errors)
    return Measured(value, error, note)


def _statistic(name: str, values: Any, errors: Any) -> tuple[float, float]:
    mean_error = math.sqrt(float((errors**2).sum())) / len(values)
    if name == "mean":
        return float(values.mean()), mean_error
    if name == "median":
        return float(np.median(values)), mean_error * math.sqrt(math.pi / 2)
    k = int(values.argmin() if name == "minimum" else values.argmax())
    return float(values[k]), float(errors[k])
