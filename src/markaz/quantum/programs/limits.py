"""The limits that every program is opened under, in one table.

``docs/reference/limits.md`` is printed from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields


def _limit(default: int, text: str) -> int:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes beyond which a program is refused with kind ``limit-size``."""

    source_bytes: int = _limit(64 << 20, "bytes of program text or QPY")
    nesting: int = _limit(200, "nested brackets, blocks, expressions or gate definitions")
    qubits: int = _limit(100_000, "declared qubits")
    clbits: int = _limit(100_000, "declared classical bits")
    gates: int = _limit(10_000_000, "operations after expansion of gates and loops")
    iterations: int = _limit(10_000_000, "iterations of all loops together")
    definitions: int = _limit(100_000, "gate, subroutine and constant definitions")
    parameters: int = _limit(100_000, "named parameters")

    def table(self) -> list[tuple[str, int, str]]:
        """Rows (name, value, meaning) in order of declaration."""
        return [(f.name, getattr(self, f.name), f.metadata["doc"]) for f in fields(self)]


DEFAULT = Limits()
