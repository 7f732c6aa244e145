"""What mitigation may refuse."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "refused": "the level means nothing for this circuit, or cannot be done on it",
    "option": "an option is unknown, or asks for something that is not done here",
}


class MitigationError(Exception):
    """Mitigation that is not done: ``kind`` (see KINDS), and ``message``, the reason."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def refused(message: str) -> MitigationError:
    """The level is refused, with the reason."""
    return MitigationError("refused", message)
