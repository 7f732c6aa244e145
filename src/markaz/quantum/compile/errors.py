"""What compiling may refuse."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "too-large": "the circuit needs more connected qubits than the device has",
    "unsupported": "the circuit has something that the device cannot do",
    "not-native": "the circuit was handed in as compiled, and the device cannot run it as it is",
    "option": "an option has no such value",
}


class CompileError(Exception):
    """A circuit cannot be fitted to a device: ``kind`` (see KINDS) and ``message``.

    ``violations`` names every operation that a circuit handed in as compiled must not have.
    """

    def __init__(self, kind: str, message: str, violations: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kind, self.message, self.violations = kind, message, violations
