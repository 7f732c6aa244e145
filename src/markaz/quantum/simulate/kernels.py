"""All compiled kernels at once: for ``make setup`` and for processes that stay."""

from __future__ import annotations

import numpy as np

from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.defer import warm_kernel
from markaz.quantum.simulate.jit import warm_all
from markaz.quantum.simulate.kernel_facts import OUT, survey_gates
from markaz.quantum.simulate.kernels_reading import compile_reader
from markaz.quantum.simulate.simplify.driver import warm_kernels
from markaz.quantum.simulate.survey import KINDS


def compile_kernels() -> None:
    """Compile every kernel for this machine, or load it where that has been done."""
    warm_all()
    warm_kernels()
    warm_kernel()
    compile_reader()
    cx = np.array([0, 1, -1], np.int32)
    survey_gates.fast(
        np.array([Op.CX], np.uint8),
        *(cx, np.zeros(0, np.int32), 1, 2, KINDS, np.arange(2, dtype=np.int32)),
        *(np.zeros(3, np.int64), np.zeros(OUT, np.int64)),
    )


if __name__ == "__main__":
    compile_kernels()
