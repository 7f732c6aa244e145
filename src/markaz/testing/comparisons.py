"""Results of engines against exact amplitudes.

Distributions are compared by the L1 distance between frequencies and exact
probabilities, with the threshold of Weissman et al. (Inequalities for the L1 deviation of
the empirical distribution, HP Labs 2003): a right engine fails any one comparison with
probability at most 1e-10. A whole check makes fewer than 1,000 of them, so that it raises
a false alarm with probability below 1e-7, and ten engines together below 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op, matrix
from markaz.quantum.programs.reference import amplitudes, apply
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Pauli
from markaz.quantum.simulate.samples import Samples

FALSE_ALARM = 1e-10  # of one comparison of distributions
SHOTS = 4096
TOLERANCE = 1e-9  # of amplitudes and expectation values
NEGLIGIBLE = 1e-12  # outcomes less likely than this must not occur; float32 leaves ~1e-14


class Broken(Exception):
    """A clause does not hold; the text says what was seen."""


def compare(engine: Engine, circuit: Circuit, seed: int, threads: int = 1) -> None:
    """Everything the engine offers for a circuit against exact amplitudes.

    Raises Broken, or EngineRefusal where the engine refuses all it declares.
    """
    exact = amplitudes(circuit)
    tried = [_compare_samples(engine, circuit, exact, seed, threads)]
    tried.append(_compare_values(engine, circuit, exact, threads))
    tried.append(_compare_state(engine, circuit, exact, threads))
    refusals = [t for t in tried if isinstance(t, EngineRefusal)]
    if refusals and None not in tried:
        raise refusals[0]


Tried = EngineRefusal | bool | None  # refused, not offered (False), or right


def _compare_samples(
    engine: Engine, circuit: Circuit, exact: NDArray[np.complex128], seed: int, threads: int
) -> Tried:
    order = np.random.default_rng(seed).permutation(circuit.num_qubits).tolist()
    asked = order[: max(1, circuit.num_qubits - 1)]
    try:
        samples = engine.sample(circuit, asked, SHOTS, seed + 1, threads)
    except EngineRefusal as refusal:
        return refusal
    compare_distribution(samples, marginal(np.abs(exact) ** 2, asked))
    return None


def _compare_values(
    engine: Engine, circuit: Circuit, exact: NDArray[np.complex128], threads: int
) -> Tried:
    if not engine.can_expect:
        return False
    paulis = _paulis(circuit.num_qubits)
    try:
        result = engine.expectations(circuit, paulis, threads)
    except EngineRefusal as refusal:
        return refusal
    right = np.array([expectation(exact, p) for p in paulis])
    worst = float(np.max(np.abs(result.values - right)))
    if not worst <= TOLERANCE + result.bound:
        raise Broken(f"expectation values off by {worst:.3g}, bound {result.bound:.3g}")
    if engine.exact and result.bound > TOLERANCE:
        raise Broken(f"declared exact, but its bound is {result.bound:.3g}")
    return None


def _compare_state(
    engine: Engine, circuit: Circuit, exact: NDArray[np.complex128], threads: int
) -> Tried:
    if not engine.can_state:
        return False
    try:
        state = engine.statevector(circuit, threads)
    except EngineRefusal as refusal:
        return refusal
    if state.shape != exact.shape or state.dtype != np.complex128:
        raise Broken(f"amplitudes of shape {state.shape} and type {state.dtype}")
    worst = float(np.max(np.abs(state - exact)))
    if not worst <= TOLERANCE:
        phase = float(np.max(np.abs(np.abs(state) - np.abs(exact)))) <= TOLERANCE
        raise Broken(f"amplitudes off by {worst:.3g}" + (" (phases only)" if phase else ""))
    return None


def compare_distribution(samples: Samples, exact: NDArray[np.float64]) -> None:
    """Samples against probabilities (2**columns,), column 0 the least significant bit.

    Raises Broken for an outcome of no probability or an L1 distance that a right engine
    exceeds with probability at most FALSE_ALARM.
    """
    width = exact.size.bit_length() - 1
    if samples.bits.shape[1:] != (width,) or samples.bits.dtype != np.uint8:
        raise Broken(f"bits of shape {samples.bits.shape} and type {samples.bits.dtype}")
    numbers = samples.bits.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))
    counts = np.bincount(numbers, samples.weights, exact.size)
    if np.any(counts[exact < NEGLIGIBLE]):
        outcome = int(np.flatnonzero((exact < NEGLIGIBLE) & (counts > 0))[0])
        raise Broken(f"outcome {outcome:0{width}b} occurred, its probability is 0")
    distance = float(np.abs(counts / counts.sum() - exact).sum())
    outcomes = int(np.count_nonzero(exact >= NEGLIGIBLE))
    limit = math.sqrt(2 * (outcomes * math.log(2) - math.log(FALSE_ALARM)) / counts.sum())
    limit += 2.0 * math.sqrt(max(0.0, 1.0 - samples.fidelity))
    if distance > limit:
        raise Broken(f"distribution off by {distance:.3g} in L1, allowed {limit:.3g}")


def marginal(probabilities: NDArray[np.float64], qubits: Sequence[int]) -> NDArray[np.float64]:
    """Distribution (2**len(qubits),) of some qubits, the first least significant."""
    numbers = np.arange(probabilities.size)
    index = sum(((numbers >> q) & 1) << j for j, q in enumerate(qubits))
    return np.bincount(index, probabilities, 1 << len(qubits)).astype(np.float64)


def expectation(state: NDArray[np.complex128], pauli: Pauli) -> float:
    """Expectation value of a Pauli string in a state of amplitudes (2**n,)."""
    image = state[:, None]
    for qubit, letter in pauli.factors:
        image = apply(image, np.array(matrix(Op[letter]), complex), [qubit])
    return float(np.vdot(state, image[:, 0]).real)


def _paulis(n: int) -> list[Pauli]:
    """The identity, single letters on every qubit, and strings over all qubits."""
    singles = [Pauli(((q, letter),)) for q in range(n) for letter in "XYZ"]
    strings = [
        Pauli(tuple((q, "XYZ"[(q * step + shift) % 3]) for q in reversed(range(n))))
        for step, shift in ((0, 2), (1, 0), (2, 1))
    ]
    return [Pauli(()), *singles, *strings]
