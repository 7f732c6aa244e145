"""What a user may ask of the compiler, and the key of what it made."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from markaz.quantum.compile.errors import CompileError
from markaz.quantum.simulate.versions import version_of

LEVELS = (0, 1, 2, 3)
VERSION = "markaz compile 1"  # changes whenever the same input may compile differently


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """``level``: how hard to try (0 to 3, those of Qiskit); ``seed``: 0 to 2^32 - 1;
    ``compiled``: the circuit is in native gates on physical qubits already and must be left
    as it is. Raises CompileError ``option`` for other values."""

    level: int = 2
    seed: int = 0
    compiled: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.level, bool) or self.level not in LEVELS:
            raise CompileError("option", f"level must be one of {LEVELS}, not {self.level!r}")
        whole = isinstance(self.seed, int) and not isinstance(self.seed, bool)
        if not whole or not 0 <= self.seed < 1 << 32:
            raise CompileError("option", f"seed must be from 0 to 2^32 - 1, not {self.seed!r}")
        if not isinstance(self.compiled, bool):
            raise CompileError("option", f"compiled must be true or false, not {self.compiled!r}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def versions() -> dict[str, str]:
    """Versions of what decides how a circuit is compiled."""
    return {"compile": VERSION, "markaz": version_of("markaz"), "qiskit": version_of("qiskit")}


def key(program_hash: str, device: str, sheet_id: str | None, options: CompileOptions) -> str:
    """``sha256:`` and 64 hexadecimal digits over all that a compiled circuit depends on.

    ``device`` is the name and version of its model.
    """
    shown = sorted(options.to_json().items()), sorted(versions().items())
    text = repr((program_hash, device, sheet_id, shown))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
