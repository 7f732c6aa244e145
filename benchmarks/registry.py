"""The engines that the figures compare, by name."""

from __future__ import annotations

from functools import cache

from benchmarks.engines_direct import Adapter, Ddsim, Panta, Prism, Qevedo, QevedoMps
from benchmarks.engines_markaz import Markaz
from benchmarks.engines_qiskit import (
    Aer,
    AerMps,
    AerStabilizer,
    AerStatevector,
    Qsim,
    Qulacs,
    Stim,
)
from benchmarks.engines_value import VALUES

MARKAZ = "markaz"
MARKAZ_VALUE = "markaz_value"


@cache
def adapters() -> tuple[Adapter, ...]:
    """All adapters, not loaded."""
    return (
        Stim(),
        Aer(),
        AerStatevector(),
        AerMps(),
        AerStabilizer(),
        Ddsim(),
        Qsim(),
        Qulacs(),
        Prism(),
        Qevedo(),
        QevedoMps(),
        Panta(),
        Markaz(),
        *VALUES,
    )


def oracle() -> list[str]:
    """Names of the engines that make up the virtual best."""
    return [a.name for a in adapters() if a.kind == "counts" and a.name != MARKAZ]


def valuers() -> list[str]:
    """Names of what computes expectation values, Markaz included."""
    return [a.name for a in adapters() if a.kind == "value"]


def library_of(engine: str) -> str:
    """Library of an engine by name; KeyError names an unknown one."""
    return {a.name: a.library for a in adapters()}[engine]
