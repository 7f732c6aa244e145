"""Which engines there are here. Nothing is imported but the small adapter modules."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib import import_module

from markaz.quantum.simulate.engines.base import Engine

# Module (beside this one) and class of every engine, in the order of ``engines()``.
CLASSES = (
    ("dense", "DenseEngine"),
    ("sparse", "SparseEngine"),
    ("branch", "BranchEngine"),
    ("pauli", "PauliEngine"),
    ("stim_engine", "StimStabilizer"),
    ("prism_engine", "PrismAuto"),
    ("prism_engine", "PrismStatevector"),
    ("prism_engine", "PrismSparse"),
    ("prism_engine", "PrismMps"),
    ("prism_engine", "PrismStabilizerRank"),
    ("prism_engine", "PrismPauli"),
    ("qevedo_engine", "QevedoStatevector"),
    ("qevedo_engine", "QevedoMps"),
    ("qevedo_engine", "QevedoNearClifford"),
    ("panta_engine", "PantaStatevector"),
    ("panta_engine", "PantaMps"),
    ("panta_engine", "PantaSparse"),
    ("aer_engine", "AerStatevector"),
    ("aer_engine", "AerMps"),
    ("aer_engine", "AerStabilizer"),
    ("ddsim_engine", "DdsimDecisionDiagram"),
    ("qsim_engine", "QsimStatevector"),
)


def engines(without: Collection[str] = ()) -> dict[str, Engine]:
    """Every engine whose library is installed, by key; ``without`` names libraries (the
    part of a key before the colon) to leave out. ValueError for an unknown one."""
    if not without:
        return dict(_installed())
    known = {key.partition(":")[0] for key in _classes()}
    unknown = sorted(set(without) - known)
    if unknown:
        raise ValueError(f"no library {unknown[0]!r}; there are {', '.join(sorted(known))}")
    found = _installed()
    return {k: e for k, e in found.items() if k.partition(":")[0] not in without}


def get(key: str) -> Engine:
    """The engine of that key. KeyError with the known keys where there is none,
    ImportError where its library is not installed."""
    if key not in _classes():
        raise KeyError(f"no engine {key!r}; there are {', '.join(_classes())}")
    engine = _classes()[key]
    if not engine.available():
        raise ImportError(f"{key} needs the Python package {engine.package}")
    return engine()


@lru_cache(maxsize=1)
def _installed() -> dict[str, Engine]:
    """One instance of each engine (they are stateless) whose library is here."""
    return {key: engine() for key, engine in _classes().items() if engine.available()}


@lru_cache(maxsize=1)
def _classes() -> dict[str, type[Engine]]:
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Engine]] = {}
    for module, name in CLASSES:
        engine: type[Engine] = getattr(import_module(f"{package}.{module}"), name)
        found[engine.key] = engine
    return found
