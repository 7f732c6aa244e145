"""Versions of what computed a result."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from markaz import __version__

DISTRIBUTIONS = {
    "stim": "stim",
    "prism": "prism-q",
    "qevedo": "qevedo-simulator",
    "panta": "panta-sim",
    "aer": "qiskit-aer",
    "ddsim": "mqt-ddsim",
    "qsim": "qsimcirq",
}


@cache
def version_of(library: str) -> str:
    """Installed version of an engine's library; Markaz's own for its own engines."""
    if library == "markaz":
        return __version__
    try:
        return version(DISTRIBUTIONS.get(library, library))
    except PackageNotFoundError:
        return "unknown"


def versions(keys: Iterable[str]) -> dict[str, str]:
    """Versions by library of the engines ``keys`` (``library:method``), and Markaz's."""
    libraries = {"markaz", *(key.partition(":")[0] for key in keys)}
    return {library: version_of(library) for library in sorted(libraries)}
