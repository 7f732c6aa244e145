"""Observables of a body: nested lists of ``{"XZ": 0.5, …}``, or of labels."""

from __future__ import annotations

from typing import Any, Final

from markaz.quantum.observables import PauliSum
from markaz.quantum.runtime.body import MAX_DIMENSIONS, parse, too_large, typed

MAX_OBSERVABLES: Final = 200_000
MAX_TERMS: Final = 1 << 18
MAX_EXPANDED: Final = 1 << 16  # terms that projectors expand to
MAX_LETTERS: Final = 1_000_000  # X, Y and Z in all terms, projectors expanded


class Observables:
    """Reads arrays of observables, and counts what all together expand to."""

    def __init__(self) -> None:
        self._sums = self._terms = self._expanded = self._letters = 0

    def read(self, value: Any, qubits: int) -> tuple[tuple[PauliSum, ...], tuple[int, ...]]:
        """The observables of an array, and its shape; all as wide as ``qubits``.

        Raises ProgramError and ObservableError.
        """
        if isinstance(value, dict) and "__type__" in value:
            value = typed(value, "ObservablesArray")
        flat, shape = _flattened(value)
        self._sums += len(flat)
        if self._sums > MAX_OBSERVABLES:
            too_large(f"more than {MAX_OBSERVABLES} observables in one job")
        every = [self._labels(one, qubits) for one in flat]  # counted before one is expanded
        sums = [PauliSum.of({k: _coefficient(c) for k, c in one.items()}) for one in every]
        return tuple(sums), shape

    def _labels(self, value: Any, qubits: int) -> dict[str, Any]:
        labels = {value: 1.0} if isinstance(value, str) else value
        if not isinstance(labels, dict):
            parse("an observable is an object of Pauli labels and coefficients, or one label")
        for label in labels:
            if len(label) != qubits:
                parse(f"label {label[:40]!r} has {len(label)} letters for {qubits} qubits")
            self._count(label)
        if self._terms > MAX_TERMS or self._expanded > MAX_EXPANDED:
            too_large(
                f"observables of more than {MAX_TERMS} terms, or {MAX_EXPANDED} "
                "that projectors expand to"
            )
        if self._letters > MAX_LETTERS:
            too_large(f"observables of more than {MAX_LETTERS} letters, projectors expanded")
        return labels

    def _count(self, label: str) -> None:
        fixed = sum(map(label.count, "XYZ"))
        projectors = len(label) - fixed - label.count("I")
        terms = 1 << min(projectors, 60)
        self._terms += 1
        self._expanded += terms if projectors else 0
        self._letters += terms * (2 * fixed + projectors) // 2


def _flattened(value: Any) -> tuple[list[Any], tuple[int, ...]]:
    flat, shape = [value], list[int]()
    while flat and isinstance(flat[0], list):
        size = len(flat[0])
        shape.append(size)
        if not all(isinstance(row, list) and len(row) == size for row in flat):
            parse("the rows of an array of observables differ in length")
        if len(shape) > MAX_DIMENSIONS:
            too_large(f"observables of more than {MAX_DIMENSIONS} dimensions")
        flat = [one for row in flat for one in row]
    return flat, tuple(shape)


def _coefficient(value: Any) -> complex:
    if isinstance(value, dict):
        parts = typed(value, "complex")
        if not isinstance(parts, list) or len(parts) != 2:
            parse("a complex number is [real part, imaginary part]")
    else:
        parts = [value, 0.0]
    if not all(type(x) in (int, float) and abs(x) < 1e300 for x in parts):
        parse("a coefficient is a finite number")
    return complex(*parts)
