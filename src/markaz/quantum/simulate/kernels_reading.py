"""The program reader's kernel, compiled and handed to it.

``markaz.quantum.programs`` knows nothing of simulation and nothing of Numba: its compiled
reader is written as plain functions, which become kernels here.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from markaz.quantum.programs.openqasm import (
    compiled,
    kernel_arguments,
    kernel_blocks,
    kernel_definitions,
    kernel_formulas,
    kernel_gates,
    kernel_known,
    kernel_layout,
    kernel_reader,
    kernel_statements,
    kernel_tokens,
    read_openqasm,
)
from markaz.quantum.simulate.jit import Kernel

_PROBE = "OPENQASM 3.0;\nqubit[2] q;\nbit[2] c;\nh q[0];\nif (c[0]) { x q[1]; }\n"
# Each module calls functions of those before it.
_MODULES = (
    kernel_tokens,
    kernel_gates,
    kernel_statements,
    kernel_blocks,
    kernel_formulas,
    kernel_arguments,
    kernel_known,
    kernel_definitions,
    kernel_reader,
)


@cache
def kernels() -> tuple[Kernel[..., Any], Kernel[..., Any]]:
    """``kernel_reader.read`` and ``kernel_tokens.enter`` as kernels that call kernels."""
    known: dict[FunctionType, Kernel[..., Any]] = {}
    version = _version()
    for module in _MODULES:
        _add_kernels(module, known, version)
    return known[kernel_reader.read], known[kernel_tokens.enter]  # type: ignore[index]


def _version() -> str:
    """A name for the present text of all modules. Numba's disk cache looks at the module of
    the outermost function only, and would not notice when another one changes."""
    digest = sha256()
    for module in (kernel_layout, *_MODULES):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:12]


def _add_kernels(
    module: ModuleType, known: dict[FunctionType, Kernel[..., Any]], version: str
) -> None:
    """Make kernels of a module's functions, which then see kernels in place of functions."""
    names = dict(vars(module))
    own = {n: f for n, f in names.items() if isinstance(f, FunctionType)}
    for name, function in own.items():
        if function not in known and function.__module__ == module.__name__:
            copy = FunctionType(function.__code__, names, name, function.__defaults__)
            copy.__qualname__ = f"{name}_{version}"
            known[function] = Kernel(copy)
    names.update({n: known[f] for n, f in own.items() if f in known})


def compile_reader() -> None:
    """Compile the reader or load it, and read programs with it from now on."""
    read, enter = kernels()
    compiled.use(compiled.Reader(read.fast, enter.fast))
    read_openqasm(_PROBE)
