"""All compiled kernels at once: for ``make setup`` and for processes that stay."""

from __future__ import annotations

import numpy as np

from markaz.quantum.simulate.jit import warm_all
from markaz.quantum.simulate.kernel_facts import bond_profile
from markaz.quantum.simulate.simplify.driver import warm_kernels


def compile_kernels() -> None:
    """Compile every kernel for this machine, or load it where that has been done."""
    warm_all()
    warm_kernels()
    none = np.zeros(1, np.int64)
    bond_profile.fast(none, none, none, 1, np.zeros(2, np.int64))


if __name__ == "__main__":
    compile_kernels()
