"""Load what runs would otherwise load one by one."""

from __future__ import annotations

import gc
from collections.abc import Collection

import numpy as np

from markaz.quantum.simulate.child import host
from markaz.quantum.simulate.engines.registry import engines
from markaz.quantum.simulate.jit import warm_all
from markaz.quantum.simulate.kernel_facts import bond_profile
from markaz.quantum.simulate.simplify.driver import warm_kernels


def compile_kernels() -> None:
    """Compile every kernel for this machine, or load it where that has been done."""
    warm_all()
    warm_kernels()
    none = np.zeros(1, np.int64)
    bond_profile.fast(none, none, none, 1, np.zeros(2, np.int64))


def warm_up(keys: Collection[str] | None = None, threads: int = 1) -> None:
    """Compile or load kernels, and load the libraries of ``keys`` (default: all) here and in
    the engine child."""
    compile_kernels()
    child = host(threads)
    for key, engine in engines().items():
        if keys is None or key in keys:
            if not engine.child_only:
                engine.load()
            child.preload(key)

    # What has been loaded stays; the collector need not look at it again at each run.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    compile_kernels()
