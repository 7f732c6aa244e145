"""What is wrong with a device file or a calibration sheet, and where it stands."""

from __future__ import annotations


class DescriptionError(ValueError):
    """A device file or sheet that does not say what it must.

    Attributes: ``what`` (a file's name, or "sheet"), ``field`` (dotted, with indices),
    ``line`` (1-based, None where the text is not known) and ``message``.
    """

    def __init__(self, what: str, field: str, line: int | None, message: str) -> None:
        self.what, self.field, self.line, self.message = what, field, line, message
        super().__init__(str(self))

    def __str__(self) -> str:
        where = self.what if self.line is None else f"{self.what}, line {self.line}"
        return (
            f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"
        )

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None, str]]:
        return DescriptionError, (self.what, self.field, self.line, self.message)
