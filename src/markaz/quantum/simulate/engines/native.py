"""Load a library's compiled module without running its Python package.

Importing qsimcirq costs seconds (it imports cirq) and qiskit_aer or mqt.ddsim two (they
import qiskit), while their compiled modules load in milliseconds and hold all that an
engine needs. A module is registered under its own name, so importing the package
later finds the same one.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def load_extension(name: str) -> ModuleType:
    """The compiled module ``name`` ("package.….module").

    Falls back to an ordinary import where the file is not at its usual place. Raises
    ImportError where that fails too.
    """
    if name in sys.modules:
        return sys.modules[name]
    path = _file_of(name)
    spec = spec_from_file_location(name, path) if path else None
    if spec is None or spec.loader is None:
        return import_module(name)
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _file_of(name: str) -> Path | None:
    top, *rest = name.split(".")
    spec = find_spec(top)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        base = Path(folder).joinpath(*rest)
        for suffix in EXTENSION_SUFFIXES:
            path = base.with_name(base.name + suffix)
            if path.exists():
                return path
    return None
