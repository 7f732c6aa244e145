"""What a sampling engine returns, before it is put into classical registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORD: Final = 8  # bytes


@dataclass(frozen=True, slots=True)
class Samples:
    """Outcomes of the asked qubits.

    ``bits`` uint8 (rows, qubits), column ``j`` is the ``j``-th asked qubit. Without
    ``weights`` each row is one shot, in random order; with ``weights`` int64 (rows,) a row
    stands for that many shots. ``fidelity`` is a lower bound on the fidelity of the state
    that was sampled (1.0: exact up to floating point).
    """

    bits: NDArray[np.uint8]
    weights: NDArray[np.int64] | None = None
    fidelity: float = 1.0

    @property
    def shots(self) -> int:
        """Number of shots that the rows stand for."""
        return len(self.bits) if self.weights is None else int(self.weights.sum())

    def expanded(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """One row a shot, in random order; shape (shots, qubits)."""
        if self.weights is None:
            return self.bits
        order = rng.permutation(np.repeat(np.arange(len(self.bits)), self.weights))
        return np.asarray(self.bits[order])

    def in_order(self) -> Samples:
        """The same rows, sorted; for libraries whose order differs between processes."""
        packed = np.packbits(self.bits, axis=1)
        if packed.shape[1] <= _WORD:
            wide = np.zeros((len(packed), _WORD), np.uint8)
            wide[:, : packed.shape[1]] = packed
            order = wide.view(">u8").ravel().argsort(kind="stable")
        else:
            order = packed.view(f"V{packed.shape[1]}").ravel().argsort(kind="stable")
        weights = None if self.weights is None else self.weights[order]
        return Samples(self.bits[order], weights, self.fidelity)

    @staticmethod
    def from_integers(
        values: NDArray[np.int64] | NDArray[np.uint64],
        width: int,
        weights: NDArray[np.int64] | None = None,
        fidelity: float = 1.0,
    ) -> Samples:
        """From basis-state numbers (bit ``j`` of a value is column ``j``), width <= 63."""
        shifts = np.arange(width, dtype=np.int64)
        bits = ((values.astype(np.int64)[:, None] >> shifts) & 1).astype(np.uint8)
        return Samples(bits, weights, fidelity)

    @staticmethod
    def from_strings(counts: dict[str, int], fidelity: float = 1.0) -> Samples:
        """From counts whose keys have the highest qubit on the left."""
        width = len(next(iter(counts), ""))
        text = "".join(counts).encode("ascii")
        rows = np.frombuffer(text, np.uint8).reshape(len(counts), width)
        weights = np.fromiter(counts.values(), np.int64, len(counts))
        return Samples((rows[:, ::-1] - 48).astype(np.uint8), weights, fidelity)
