"""What simplification leaves, and how outcomes are put together again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.simplify.kernel_backward import apply_post


@dataclass(frozen=True, slots=True)
class Part:
    """One independent component: ``circuit`` acts on its own qubits 0..k-1, which are the
    wires ``wires[0..k-1]`` of the whole; the outcomes of qubits ``asked`` are needed."""

    circuit: Circuit
    wires: NDArray[np.int32]
    asked: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ClassicalLogic:
    """Reversible logic on outcomes: flat operations as in Circuit, on wires."""

    op: NDArray[np.uint8]
    q: NDArray[np.int32]  # 3 an operation
    pool: NDArray[np.int32]

    def apply(self, bits: NDArray[np.uint8]) -> None:
        """Apply to outcomes ``bits`` (wires, shots) in place."""
        if apply_post.worth_it(len(self.op) * bits.shape[1]):
            self.apply_compiled(bits)
        else:
            self._apply_rows(bits)

    def apply_compiled(self, bits: NDArray[np.uint8]) -> None:
        """As ``apply``, by the compiled kernel."""
        apply_post.fast(self.op, self.q, self.pool, len(self.op), bits, bits.shape[1])

    def _apply_rows(self, bits: NDArray[np.uint8]) -> None:
        for o, (a, b, c) in zip(self.op.tolist(), self.q.reshape(-1, 3).tolist(), strict=True):
            if o == 38:  # cswap
                move = bits[a] & (bits[b] ^ bits[c])
                bits[b] ^= move
                bits[c] ^= move
                continue
            wires = self.pool[a : a + b] if o >= 40 else [w for w in (a, b, c) if w >= 0]
            if len(wires) == 1:
                bits[wires[0]] ^= 1
            else:
                bits[wires[-1]] ^= np.bitwise_and.reduce(bits[wires[:-1]], axis=0)


@dataclass(frozen=True, slots=True)
class Simplified:
    """A circuit after all exact simplifications.

    The outcome of wire ``w`` is drawn from its part, from ``singles`` (wire, probability
    of 1), or is 0; ``logic`` then maps outcomes to outcomes, and wire ``output_wires[i]``
    is classical bit ``output_bits[i]``. ``steps`` says in words what was done.
    """

    num_wires: int
    parts: tuple[Part, ...]
    single_wires: NDArray[np.int32]
    single_probabilities: NDArray[np.float64]
    logic: ClassicalLogic
    output_bits: NDArray[np.int32]
    output_wires: NDArray[np.int32]
    gates_before: int
    gates_after: int
    steps: tuple[str, ...] = field(default=())

    def assemble(
        self,
        samples: list[NDArray[np.uint8]],
        shots: int,
        num_clbits: int,
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """Outcomes of all classical bits, shape (num_clbits, shots).

        ``samples[i]`` (shots, asked qubits) are those of ``parts[i]``, in random order.
        """
        bits = np.zeros((self.num_wires, shots), np.uint8)
        for part, rows in zip(self.parts, samples, strict=True):
            bits[part.wires[part.asked]] = rows.T
        if len(self.single_wires):
            draws = rng.random((len(self.single_wires), shots))
            bits[self.single_wires] = draws < self.single_probabilities[:, None]
        self.logic.apply(bits)
        out = np.zeros((num_clbits, shots), np.uint8)
        out[self.output_bits] = bits[self.output_wires]
        return out
