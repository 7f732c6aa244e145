"""Errors of measurements: measured qubit by qubit, and divided out.

Each qubit has its own confusion matrix, found by preparing all 0 and all 1 in the same batch;
that measurements influence each other is not corrected. Expectation values multiply by the
inverse qubit by qubit; counts are corrected within the outcomes that were seen (P. Nation,
H. Kang, N. Sundaresan, J. Gambetta, PRX Quantum 2, 040326 (2021)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.mitigate.errors import refused
from markaz.quantum.mitigate.observe import measured, outcomes
from markaz.quantum.mitigate.weave import Loom
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

Floats = NDArray[np.float64]

MOST_OUTCOMES = 2000  # different outcomes whose counts can be corrected
LEAST_CONTRAST = 0.1  # 1 - P(1|0) - P(0|1) below which a qubit's outcomes say too little


@dataclass(frozen=True, slots=True)
class Confusion:
    """``up``: P(reads 1, prepared 0), ``down``: P(reads 0, prepared 1), by physical qubit in
    the order of ``qubits``; ``shots`` of each preparation."""

    qubits: tuple[int, ...]
    up: Floats
    down: Floats
    shots: int

    def of(self, qubits: Sequence[int]) -> tuple[Floats, Floats]:
        """(up, down) of some qubits."""
        place = {q: k for k, q in enumerate(self.qubits)}
        rows = [place[q] for q in qubits]
        return self.up[rows], self.down[rows]

    @property
    def condition(self) -> float:
        """Product of the qubits' condition numbers: the most that errors can grow."""
        contrast = 1 - self.up - self.down
        return float(np.prod((1 + np.abs(self.up - self.down)) / contrast))


def calibration_circuits(like: Circuit, qubits: Sequence[int], fabric: Fabric) -> list[Circuit]:
    """Two circuits: all of ``qubits`` prepared in 0 and in 1, then measured."""
    empty = like.with_arrays(
        op=like.op[:0], qubits=like.qubits[:0], params=like.params[:0], aux=like.aux[:0],
        pool=like.pool[:0], exprs=(), symbolic=(), parameters=(), global_phase=0.0,
    )  # fmt: skip
    loom = Loom(like.num_qubits, 1, fabric)
    for q in qubits:
        if fabric.flips:
            loom.write(Op.X, (q,))
        else:
            loom.pulse(q)
            loom.pulse(q)
    return [measured(empty, qubits), measured(loom.finish(empty)[0], qubits)]


def confusion(qubits: Sequence[int], counts: Sequence[Mapping[str, int]]) -> Confusion:
    """From the counts of the two calibration circuits.

    Each probability is (errors + 1/2) / (shots + 1), so that none is exactly 0. Refused
    where a qubit's outcomes hardly depend on its state.
    """
    found = []
    shots = 0
    for prepared in (0, 1):
        bits, number = outcomes(dict(counts[prepared]), range(len(qubits)))
        shots = int(number.sum())
        wrong = ((bits != prepared) * number[:, None]).sum(axis=0)
        found.append((wrong + 0.5) / (shots + 1))
    up, down = found
    weak = np.flatnonzero(1 - up - down < LEAST_CONTRAST)
    if len(weak):
        raise refused(
            f"what qubit {qubits[int(weak[0])]} reads hardly depends on its state "
            f"(it errs on {up[weak[0]]:.0%} and {down[weak[0]]:.0%}): there is nothing to divide by"
        )
    return Confusion(tuple(qubits), up, down, shots)


def factors(found: Confusion | None, qubits: Sequence[int]) -> Floats:
    """Value (qubits, 2) that each outcome of a qubit adds to an estimate of Z; 1 and -1
    without correction."""
    plain = np.tile([1.0, -1.0], (len(qubits), 1))
    if found is None:
        return plain
    up, down = found.of(qubits)
    contrast = 1 - up - down
    return np.stack([1 + (up - down), -1 + (up - down)], axis=1) / contrast[:, None]


def term_values(
    bits: NDArray[np.uint8], qubits: Sequence[int], term: Sequence[int], table: Floats
) -> Floats:
    """For each outcome (rows of ``bits``) what it adds to the estimate of Z on ``term``."""
    place = {q: k for k, q in enumerate(qubits)}
    value = np.ones(len(bits))
    for q in term:
        value *= table[place[q], bits[:, place[q]]]
    return value


@dataclass(frozen=True, slots=True)
class Quasi:
    """Corrected frequencies of outcomes, which may be negative and add up to 1; ``nearest``
    are the probabilities closest to them; ``standard_errors`` of the first."""

    values: dict[str, float]
    nearest: dict[str, float]
    standard_errors: dict[str, float]


def quasi(
    counts: Mapping[str, int], bits: Sequence[int], found: Confusion, qubits: Sequence[int]
) -> Quasi:
    """Counts corrected within the outcomes seen; ``bits[k]`` holds what ``qubits[k]`` read."""
    if len(counts) > MOST_OUTCOMES:
        raise refused(
            f"{len(counts)} different outcomes; more than {MOST_OUTCOMES} cannot be corrected"
        )
    seen, number = outcomes(dict(counts), bits)
    shots = number.sum()
    matrix = _restricted(seen.astype(np.float64), *found.of(qubits))
    inverse = np.linalg.inv(matrix / matrix.sum(axis=0))
    share = number / shots
    values = inverse @ share
    variance = ((inverse**2) @ share - values**2) / shots
    keys = list(counts)
    return Quasi(
        dict(zip(keys, values.tolist(), strict=True)),
        dict(zip(keys, nearest_probabilities(values).tolist(), strict=True)),
        dict(zip(keys, np.sqrt(np.maximum(variance, 0)).tolist(), strict=True)),
    )


def _restricted(seen: Floats, up: Floats, down: Floats) -> Floats:
    """P(reads row | was column) among the outcomes seen."""
    zero = 1 - seen
    log = (zero * np.log(1 - up)) @ zero.T + (seen * np.log(up)) @ zero.T
    log += (zero * np.log(down)) @ seen.T + (seen * np.log(1 - down)) @ seen.T
    result: Floats = np.exp(log)
    return result


def nearest_probabilities(values: Floats) -> Floats:
    """The probabilities closest to ``values`` in the sum of squares (J. Smolin, J. Gambetta,
    G. Smith, Phys. Rev. Lett. 108, 070502 (2012))."""
    falling = np.sort(values)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    kept = int(np.flatnonzero(falling > excess)[-1])
    result: Floats = np.maximum(values - excess[kept], 0.0)
    return result
