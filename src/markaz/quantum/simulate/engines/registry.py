"""Temporary."""
from __future__ import annotations
from importlib import import_module
from collections.abc import Collection
from markaz.quantum.simulate.engines.base import Engine

def engines(without: Collection[str] = ()) -> dict[str, Engine]:
    found = {}
    for m, c in (("dense","Dense"),("sparse","Sparse"),("branch","Branch"),("pauli","PauliEngine")):
        try:
            mod = import_module(f"markaz.quantum.simulate.engines.{m}")
        except ImportError:
            continue
        for v in vars(mod).values():
            if isinstance(v, type) and issubclass(v, Engine) and v is not Engine and hasattr(v, "key"):
                found[v.key] = v()
    return {k: e for k, e in found.items() if k.split(":")[0] not in without}

def get(key: str) -> Engine:
    return engines()[key]
