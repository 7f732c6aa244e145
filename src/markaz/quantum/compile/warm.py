"""Compile the compiler's kernels and load its libraries, for processes that stay."""

from __future__ import annotations

import numpy as np

from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op


def warm_up(model: DeviceModel | None = None) -> None:
    """Compile a small circuit that needs swaps, for ``model`` or the first shipped device."""
    builder = Builder()
    size = 5
    builder.qreg("q", size)
    builder.creg("c", size)
    for a, b in np.argwhere(np.triu(np.ones((size, size)), 1)).tolist():
        builder.gate(Op.CP, [a, b], [0.3])
    for q in range(size):
        builder.measure(q, q)
    compile(builder.build(), model or load_shipped("indus"), None, CompileOptions(level=2))
