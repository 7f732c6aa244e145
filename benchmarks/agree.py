"""Do two engines' samples agree? A fast wrong answer counts as unsolved."""

from __future__ import annotations

from statistics import median

import numpy as np

# Every compared number is a mean of at least 1024 bits in {0, 1}; Hoeffding bounds its
# distance from the truth: P(> 0.12) <= 2 exp(-2 * 1024 * 0.12**2) = 3e-13. With 3e6 numbers
# in a full run, a correct engine is called wrong with probability below 1e-6 a run.
BOUND = 0.12
FREQUENT = 0.05

Summary = dict[str, dict[str, float]]


def summary(counts: dict[str, int]) -> Summary:
    """Single-bit marginals, parities of neighbouring bits, and frequent outcomes."""
    total = sum(counts.values())
    rows = np.frombuffer("".join(counts).encode("ascii"), np.uint8) - np.uint8(48)
    bits = rows.reshape(len(counts), -1)[:, ::-1]
    weights = np.fromiter(counts.values(), float) / total
    ones = weights @ bits
    parities = weights @ (bits[:, 1:] ^ bits[:, :-1])
    often = {k: n / total for k, n in counts.items() if n > FREQUENT * total / 2}
    return {
        "bit": {str(i): round(float(x), 4) for i, x in enumerate(ones)},
        "parity": {str(i): round(float(x), 4) for i, x in enumerate(parities)},
        "outcome": {k: round(v, 4) for k, v in often.items()},
    }


def distance(a: Summary, b: Summary) -> float:
    """Largest difference of any compared number; 1.0 for different widths."""
    if len(a["bit"]) != len(b["bit"]):
        return 1.0
    gaps = [abs(x - b[kind][key]) for kind in ("bit", "parity") for key, x in a[kind].items()]
    keys = a["outcome"].keys() | b["outcome"].keys()
    gaps += [abs(a["outcome"].get(k, 0.0) - b["outcome"].get(k, 0.0)) for k in keys]
    return max(gaps, default=0.0)


def middle(summaries: list[Summary]) -> Summary:
    """Component-wise median of summaries of the same width."""
    outcomes = set().union(*(s["outcome"] for s in summaries))
    return {
        "bit": {k: median(s["bit"][k] for s in summaries) for k in summaries[0]["bit"]},
        "parity": {k: median(s["parity"][k] for s in summaries) for k in summaries[0]["parity"]},
        "outcome": {k: median(s["outcome"].get(k, 0.0) for s in summaries) for k in outcomes},
    }


def wrong(found: dict[str, Summary]) -> tuple[set[str], bool]:
    """Engines that disagree with the median of all, and whether there was a judgement.

    With fewer than three engines there is no median to trust: two that disagree are both
    left standing and the second value is False.
    """
    widths = [len(s["bit"]) for s in found.values()]
    if len(found) < 3:
        pair = list(found.values())
        return set(), len(pair) == 2 and distance(*pair) <= BOUND
    common = max(set(widths), key=widths.count)
    reference = middle([s for s in found.values() if len(s["bit"]) == common])
    return {name for name, s in found.items() if distance(s, reference) > BOUND}, True
