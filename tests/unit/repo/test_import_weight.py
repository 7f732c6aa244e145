"""Importing Markaz loads no engine and nothing else that is slow to load."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    "cirq", "matplotlib", "mqt", "numba", "panta", "prism_q", "qevedo", "qiskit", "qiskit_aer",
    "qsimcirq", "qulacs", "scipy", "stim",
]  # fmt: skip

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import markaz.quantum, markaz.interfaces
imported = 0
for floor in (markaz.quantum, markaz.interfaces):
    for module in pkgutil.walk_packages(floor.__path__, floor.__name__ + "."):
        if not module.name.rpartition(".")[2].startswith(("qiskit_", "primitives")):
            importlib.import_module(module.name)
            imported += 1
print(json.dumps([imported, sorted(m for m in sys.modules if "." not in m)]))
"""


def loaded(code: str) -> list[object]:
    """What ``code`` prints as JSON, run in a fresh interpreter."""
    command = [sys.executable, "-c", code]
    return list(json.loads(subprocess.check_output(command, text=True)))


def test_importing_every_module_loads_nothing_heavy() -> None:
    # Left out: the bridge to Qiskit's objects, for users who have such an object in hand.
    imported, modules = loaded(IMPORT_ALL)
    assert isinstance(imported, int)
    assert imported > 20
    assert isinstance(modules, list)
    assert sorted(set(modules) & set(HEAVY)) == []


def test_importing_markaz_loads_only_itself() -> None:
    code = "import json, sys, markaz; print(json.dumps(sorted(sys.modules)))"
    names = {str(name) for name in loaded(code)}
    assert {n for n in names if n.startswith(("markaz", "numpy", "click"))} == {"markaz"}
