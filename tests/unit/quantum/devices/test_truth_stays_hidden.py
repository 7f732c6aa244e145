"""What calibrates, compiles, mitigates or judges a device sees counts and sheets only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from markaz import quantum

ROOT = Path(quantum.__file__).parent
BLIND = ("accept", "calibrate", "compile", "mitigate")
FILES = [p for name in BLIND for p in sorted((ROOT / name).rglob("*.py"))]


def forbidden(source: str) -> list[str]:
    """Imports of the emulator or the noisy engines, and readings of a file's hidden table."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            modules = [a.name for a in node.names]
        else:
            modules = []
        found += [m for m in modules if "devices.emulator" in m or "simulate.noisy" in m]
        if isinstance(node, ast.Attribute) and node.attr == "emulator":
            found.append(".emulator")
        if isinstance(node, ast.Constant) and node.value == "emulator":
            found.append("'emulator'")
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 5


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_reads_the_hidden_truth(path: Path) -> None:
    assert forbidden(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from markaz.quantum.devices.emulator.truth import truth_at",
        "from markaz.quantum.devices import emulator",
        "import markaz.quantum.simulate.noisy.run",
        "model.emulator['t1_us']",
        "getattr(model, 'emulator')",
    ],
)
def test_every_way_is_seen(source: str) -> None:
    assert len(forbidden(source)) == 1
