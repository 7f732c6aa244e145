"""Kernels of ``facts.py``."""

from __future__ import annotations

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_gates import Ints


@lazy_jit
def bond_profile(low: Ints, high: Ints, rank: Ints, n: int, bond: Ints) -> tuple[int, float]:
    """Upper bounds for a matrix product state run over gates in order.

    ``bond[k]`` (log2) of the cut before qubit ``k`` grows by the rank of each gate across
    it and is capped by the qubits on its shorter side. Returns the highest bond and the
    sum of 8**bond over the cuts that each gate touches.
    """
    highest = 0
    total = 0.0
    for i in range(len(low)):
        for k in range(low[i] + 1, high[i] + 1):
            cap = min(k, n - k)
            value = min(bond[k] + rank[i], cap)
            bond[k] = value
            highest = max(highest, value)
            total += 8.0 ** min(value, 40)
    return (highest, total)
