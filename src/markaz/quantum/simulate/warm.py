"""Load what runs would otherwise load one by one."""

from __future__ import annotations

import gc
from collections.abc import Collection

from markaz.quantum.simulate.child import host
from markaz.quantum.simulate.engines.registry import engines
from markaz.quantum.simulate.kernels import compile_kernels


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
