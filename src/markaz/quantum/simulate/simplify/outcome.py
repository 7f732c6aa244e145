"""What simplification leaves, and how outcomes are put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.draws import columns, draw
from markaz.quantum.simulate.simplify.kernel_backward import apply_post

FAIR = 1e-14  # a probability this close to one half is one half but for rounding


@dataclass(frozen=True, slots=True)
class Part:
    """One independent component: ``circuit`` acts on its own qubits 0..k-1, which are the
    wires ``wires[0..k-1]`` of the whole; the outcomes of qubits ``asked`` are needed."""

    circuit: Circuit
    wires: NDArray[np.int32]
    asked: NDArray[np.int32]


def side_by_side(parts: Sequence[Part]) -> Part:
    """Components without pooled gates as one."""
    starts = np.cumsum([0, *(len(p.wires) for p in parts)])[:-1].tolist()
    qubits = [
        np.where(p.circuit.qubits < 0, -1, p.circuit.qubits + s)
        for p, s in zip(parts, starts, strict=True)
    ]
    whole = parts[0].circuit.with_arrays(
        num_qubits=sum(len(p.wires) for p in parts),
        op=np.concatenate([p.circuit.op for p in parts]),
        qubits=np.concatenate(qubits),
        params=np.concatenate([p.circuit.params for p in parts]),
        aux=np.concatenate([p.circuit.aux for p in parts]),
    )
    wires = np.concatenate([p.wires for p in parts])
    return Part(
        whole, wires, np.concatenate([p.asked + s for p, s in zip(parts, starts, strict=True)])
    )


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
    is classical bit ``output_bits[i]``.
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

    @property
    def steps(self) -> tuple[str, ...]:
        """What simplification achieved, for people."""
        left = sum(len(p.wires) for p in self.parts)
        moved, by_hand = len(self.logic.op), len(self.single_wires)
        rows = (
            (self.gates_after < self.gates_before)
            and f"{_counted(self.gates_before, 'gate')} became {self.gates_after}",
            moved and f"{_counted(moved, 'classical gate')} moved behind the measurement",
            by_hand and f"{_counted(by_hand, 'qubit')} sampled by hand",
            len(self.parts) > 1 and f"{len(self.parts)} independent parts",
            0 < left < self.num_wires and f"{left} of {self.num_wires} qubits left to simulate",
        )
        return tuple(row for row in rows if row)

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
        singles = toss(self.single_probabilities, shots, rng)
        return self._put_together(samples, singles, shots, num_clbits)

    def assemble_one(self, sample: NDArray[np.uint8], num_clbits: int) -> NDArray[np.uint8]:
        """As ``assemble``, where there is one part and nothing beside it."""
        nothing = np.zeros((0, len(sample)), np.uint8)
        return self._put_together([sample], nothing, len(sample), num_clbits)

    def assemble_few(
        self, shots: int, num_clbits: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Outcomes of all classical bits that occur in ``shots`` shots, shape (num_clbits,
        outcomes), and how often each does; where there are no parts and few ``singles``."""
        wires = len(self.single_wires)
        states, weights = draw(joint(self.single_probabilities), shots, rng)
        singles = columns(states, range(wires)).T
        return self._put_together([], singles, len(states), num_clbits), weights

    def _put_together(
        self,
        samples: list[NDArray[np.uint8]],
        singles: NDArray[np.uint8],
        shots: int,
        num_clbits: int,
    ) -> NDArray[np.uint8]:
        bits = np.zeros((self.num_wires, shots), np.uint8)
        for part, rows in zip(self.parts, samples, strict=True):
            bits[part.wires[part.asked]] = rows.T
        if len(self.single_wires):
            bits[self.single_wires] = singles
        return self.outcomes(bits, num_clbits)

    def outcomes(self, bits: NDArray[np.uint8], num_clbits: int) -> NDArray[np.uint8]:
        """Outcomes of all classical bits (num_clbits, shots) from what was drawn for the
        wires, ``bits`` (wires, shots), which is overwritten."""
        if len(self.logic.op):
            self.logic.apply(bits)
        out = np.zeros((num_clbits, bits.shape[1]), np.uint8)
        out[self.output_bits] = bits[self.output_wires]
        return out


def joint(ones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (2**len(ones),) of independent bits that are 1 with ``ones``; bit ``j``
    of the index is the ``j``-th."""
    found = np.ones(1)
    for one in ones.tolist():
        found = np.concatenate([found * (1 - one), found * one])
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def toss(
    probabilities: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Independent bits that are 1 with given probabilities, shape (len(probabilities), shots)."""
    count = len(probabilities)
    fair = np.abs(probabilities - 0.5) <= FAIR
    drawn = np.frombuffer(rng.bytes((count * shots + 7) // 8), np.uint8)
    bits = np.unpackbits(drawn, count=count * shots).reshape(count, shots)
    if not fair.all():
        others = np.flatnonzero(~fair)
        bits[others] = rng.random((len(others), shots)) < probabilities[others, None]
    return bits
