"""A state of few basis states: a dictionary while it is small, arrays when it is large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.engines.base import EngineRefusal, Pauli
from markaz.quantum.simulate.kernels_lower import FLIP, MIX, PARITY, PHASE
from markaz.quantum.simulate.kernels_sparse import BITS, DONE, NEGLIGIBLE, run_sparse
from markaz.quantum.simulate.micro import Micro

Keys = NDArray[np.int64]
Amplitudes = NDArray[np.complex128]
Dictionary = dict[int, complex]

_WORD = (1 << BITS) - 1
_GATE_STEPS = 5  # cost of an interpreted operation beside that of its states, in states / 2


@dataclass(slots=True)
class SparseState:
    """Nonzero amplitudes by basis state.

    Either ``states`` (bit ``q`` of a key is qubit ``q``) or ``packed``: keys (states,
    words) of BITS qubits a word, and amplitudes (states,). ``limit`` is the largest number
    of states allowed, ``work`` how many more states times operations, ``peak`` the largest
    number of states met so far.
    """

    num_qubits: int
    limit: int
    work: int
    states: Dictionary | None = field(default_factory=lambda: {0: 1 + 0j})
    packed: tuple[Keys, Amplitudes] | None = None
    peak: int = 1

    def __len__(self) -> int:
        return len(self.states) if self.states is not None else len(self.arrays()[1])

    def copy(self) -> SparseState:
        """A copy that can be changed independently; amplitudes are replaced, never changed
        in place, and so can be shared."""
        return SparseState(
            self.num_qubits, self.limit, self.work, self.states, self.packed, self.peak
        )

    def arrays(self) -> tuple[Keys, Amplitudes]:
        """Keys (states, words) and amplitudes (states,), in no particular order."""
        if self.packed is not None:
            return self.packed
        states = self.states or {}
        words = max(1, -(-self.num_qubits // BITS))
        keys = np.empty((len(states), words), np.int64)
        for w in range(words):
            shift = BITS * w
            keys[:, w] = [(k >> shift) & _WORD for k in states]
        return keys, np.array(list(states.values()), np.complex128)

    def sorted_arrays(self) -> tuple[Keys, Amplitudes]:
        """The same by ascending basis state, so that a seed means the same draws however
        the state was computed."""
        keys, amps = self.arrays()
        order = np.lexsort(keys.T)
        return keys[order], amps[order]

    def apply(self, micro: Micro) -> None:
        """Apply micro-operations; raises EngineRefusal where a limit is broken."""
        done = 0
        if self.states is not None:
            done = self._interpret(micro.lists())
        if done < micro.count:
            self._run_compiled(micro.arrays(), done)
        if micro.scalar != 1:
            self._scale(micro.scalar)

    def probability(self, qubit: int) -> float:
        """Probability that ``qubit`` is 1, for a normalised state."""
        if self.states is None:
            keys, amps = self.arrays()
            return float((np.abs(amps[_ones(keys, qubit)]) ** 2).sum())
        mask = 1 << qubit
        return sum(abs(v) ** 2 for k, v in self.states.items() if k & mask)

    def project(self, qubit: int, value: int, probability: float) -> None:
        """Keep the states where ``qubit`` is ``value``, which has ``probability``."""
        if self.states is None:
            keys, amps = self.arrays()
            kept = _ones(keys, qubit) == bool(value)
            self.packed = keys[kept], amps[kept]
        else:
            mask, wanted = 1 << qubit, value << qubit
            self.states = {k: v for k, v in self.states.items() if k & mask == wanted}
        self._scale(complex(probability**-0.5))

    def flip(self, qubit: int) -> None:
        """Apply X to ``qubit``."""
        if self.states is None:
            keys, amps = self.arrays()
            keys = keys.copy()
            keys[:, qubit // BITS] ^= 1 << (qubit % BITS)
            self.packed = keys, amps
        else:
            self.states = {k ^ (1 << qubit): v for k, v in self.states.items()}

    def halves(self, qubit: int) -> tuple[Amplitudes, Amplitudes]:
        """Amplitudes with ``qubit`` 0 and with it 1, each over the same other bits."""
        mask = 1 << qubit
        states = self.dictionary()
        rest = list(dict.fromkeys(k & ~mask for k in states))
        zero = np.array([states.get(k, 0j) for k in rest], np.complex128)
        return zero, np.array([states.get(k | mask, 0j) for k in rest], np.complex128)

    def dictionary(self) -> Dictionary:
        """Amplitudes by basis state."""
        if self.states is not None:
            return self.states
        keys, amps = self.arrays()
        words = keys.T.tolist()
        whole = [sum(w << (BITS * i) for i, w in enumerate(k)) for k in zip(*words, strict=True)]
        return dict(zip(whole, amps.tolist(), strict=True))

    def _scale(self, factor: complex) -> None:
        if self.states is None:
            keys, amps = self.arrays()
            self.packed = keys, amps * factor
        else:
            self.states = {k: v * factor for k, v in self.states.items()}

    def _interpret(self, micro: Micro) -> int:
        """Apply operations until compiled code is worth it; returns how many were."""
        patience = run_sparse.patience()
        for m in range(micro.count):
            states = self.states or {}
            steps = (micro.count - m) * (_GATE_STEPS + len(states) // 2)
            if steps > patience:
                if run_sparse.worth_it(steps):
                    return m
                patience = 4 * steps  # not compiled yet: ask again when there is more to gain
            self.work -= len(states)
            if self.work < 0:
                raise self._refusal(micro.rows[8 * m + 7], "work")
            self.states = step(states, micro, m)
            self.peak = max(self.peak, len(self.states))
            if len(self.states) > self.limit:
                raise self._refusal(micro.rows[8 * m + 7], "states")
        return micro.count

    def _run_compiled(self, micro: Micro, done: int) -> None:
        keys, amps = self.arrays()
        words = keys.shape[1]
        flat, amps, n, peak, self.work, broken = run_sparse.fast(
            keys.reshape(-1).copy(),
            amps.copy(),
            words,
            done,
            micro.count,
            micro.rows,
            micro.coefs,
            micro.controls,
            self.limit,
            self.work,
        )
        self.peak = max(self.peak, peak)
        if broken != DONE:
            raise self._refusal(int(micro.rows[8 * broken + 7]), "states" if n > self.limit else "")
        self.states, self.packed = None, (flat[: n * words].reshape(n, words), amps[:n])

    def _refusal(self, gate: int, what: str) -> EngineRefusal:
        where = f"at gate {gate}" if gate >= 0 else "at the last gates"
        if what == "states":
            return EngineRefusal(f"more than {self.limit} basis states {where}")
        return EngineRefusal(f"more work than allowed for basis states {where}")


def step(states: Dictionary, micro: Micro, m: int) -> Dictionary:
    """Apply micro-operation ``m`` (of lists) to a dictionary of amplitudes."""
    kind, first, cn, a, b, za, zb, _ = micro.rows[8 * m : 8 * m + 8]
    on = 0
    for q in micro.controls[first : first + cn]:
        on |= 1 << q
    if kind == MIX:
        flip = 1 << a | (1 << b if b >= 0 else 0)
        z = (1 << za if za >= 0 else 0) | (1 << zb if zb >= 0 else 0)
        return _mix(states, on, 1 << a, flip, z, micro.coefs[4 * m : 4 * m + 4])
    if kind == FLIP:
        mask = 1 << a
        return {k ^ mask if k & on == on else k: v for k, v in states.items()}
    if kind == PHASE:
        phase = micro.coefs[4 * m]
        return {k: v * phase if k & on == on else v for k, v in states.items()}
    if kind == PARITY:
        phase = micro.coefs[4 * m]
        return {k: v * phase if (k >> a ^ k >> b) & 1 else v for k, v in states.items()}
    both = 1 << a | 1 << b
    return {k ^ both if k & on == on and (k >> a ^ k >> b) & 1 else k: v for k, v in states.items()}


def _mix(
    states: Dictionary, on: int, bit: int, flip: int, z: int, entries: Sequence[complex]
) -> Dictionary:
    c0, c1, c2, c3 = entries
    mixed: Dictionary = {}
    for k, v in states.items():
        if k & on != on:
            mixed[k] = v
            continue
        low = k ^ flip if k & bit else k
        if low != k and low in states:
            continue  # done, or to be done, with its partner
        high = low ^ flip
        x, y = states.get(low, 0j), states.get(high, 0j)
        if (low & z).bit_count() & 1:
            x, y = c0 * x - c1 * y, c3 * y - c2 * x
        else:
            x, y = c0 * x + c1 * y, c2 * x + c3 * y
        if x.real * x.real + x.imag * x.imag > NEGLIGIBLE:
            mixed[low] = x
        if y.real * y.real + y.imag * y.imag > NEGLIGIBLE:
            mixed[high] = y
    return mixed


def bits_of(keys: Keys, qubits: Iterable[int]) -> NDArray[np.uint8]:
    """The bits of packed keys at ``qubits``, shape (states, qubits)."""
    at = np.fromiter(qubits, np.int64)
    return ((keys[:, at // BITS] >> (at % BITS)) & 1).astype(np.uint8)


def _ones(keys: Keys, qubit: int) -> NDArray[np.bool_]:
    ones: NDArray[np.bool_] = (keys[:, qubit // BITS] >> (qubit % BITS)) & 1 == 1
    return ones


def expectation(keys: Keys, amps: Amplitudes, pauli: Pauli) -> float:
    """<psi|P|psi> of a normalised state in packed form."""
    flip = [q for q, letter in pauli.factors if letter in "XY"]
    signs = [q for q, letter in pauli.factors if letter in "YZ"]
    phase = 1j ** sum(letter == "Y" for _, letter in pauli.factors)
    odd = bits_of(keys, signs).sum(axis=1, dtype=np.int64) & 1
    images = keys.copy()
    for q in flip:
        images[:, q // BITS] ^= 1 << (q % BITS)
    partner = find(keys, images)
    values = np.where(partner >= 0, np.conj(amps[partner]), 0) * amps * (1 - 2 * odd)
    return float((phase * values.sum()).real)


def find(keys: Keys, wanted: Keys) -> NDArray[np.int64]:
    """Index in ``keys`` (distinct rows) of each row of ``wanted``, -1 where it is not."""
    together, index = np.unique(np.concatenate((keys, wanted)), axis=0, return_inverse=True)
    position = np.full(len(together), -1, np.int64)
    index = index.reshape(-1)
    position[index[: len(keys)]] = np.arange(len(keys))
    return position[index[len(keys) :]]
