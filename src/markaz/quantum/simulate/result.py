"""Plans and results, as Python objects and as the contracted JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.program_hash import program_hash

INTEGER_BITS = 52  # outcomes up to this width are compared as numbers


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that was considered for one part: its predicted cost, or why not.

    ``certain``: the prediction holds whatever the state looks like; ``bounded``: at least
    the run cannot take very much longer than predicted. ``steps``: those of a short try
    that is worth making first (0: none), of an engine that limits itself.
    """

    engine: str
    predicted_seconds: float
    predicted_bytes: int
    refused: str | None = None
    certain: bool = True
    bounded: bool = True
    steps: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values; unknown costs are None."""
        known = self.refused is None
        return {
            "engine": self.engine,
            "predicted_seconds": round(self.predicted_seconds, 6) if known else None,
            "predicted_bytes": self.predicted_bytes if known else None,
            "refused": self.refused,
        }


@dataclass(slots=True)
class PartPlan:
    """One independent component: its size, its candidates best first, and after the run
    the engine that did it."""

    qubits: int
    gates: int
    facts: dict[str, Any]
    candidates: list[Candidate]
    engine: str = ""
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "qubits": self.qubits,
            "gates": self.gates,
            "engine": self.engine,
            "seed": self.seed,
            "facts": self.facts,
        }


@dataclass(slots=True)
class Plan:
    """How a circuit is (or was) run.

    ``engine`` names the engine of the costliest part, or ``markaz:direct`` when nothing
    was left to simulate. ``predicted_seconds`` and ``predicted_bytes`` are sums and maxima
    over the parts.
    """

    engine: str
    why: str
    predicted_seconds: float
    predicted_bytes: int
    simplifications: list[str] = field(default_factory=list)
    parts: list[PartPlan] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates of the largest part."""
        if not self.parts:
            return []
        return max(self.parts, key=lambda p: (p.qubits, p.gates)).candidates

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the largest part."""
        if not self.parts:
            return {}
        return max(self.parts, key=lambda p: (p.qubits, p.gates)).facts

    def to_json(self) -> dict[str, Any]:
        """The contracted keys, and the parts that a replay needs."""
        return {
            "engine": self.engine,
            "why": self.why,
            "predicted_seconds": round(self.predicted_seconds, 6),
            "predicted_bytes": self.predicted_bytes,
            "simplifications": self.simplifications,
            "parts": [p.to_json() for p in self.parts],
            "attempts": self.attempts,
        }


@dataclass(slots=True)
class Result:
    """What a run gives.

    ``counts``: bit strings over all visible classical bits, highest index left, without
    spaces; ``memory``: the same strings shot by shot, when asked for; ``values`` and
    ``standard_errors`` (0.0: exact) for observables; ``probabilities``: of the same bit
    strings, those that can occur; ``statevector``: complex amplitudes (2**num_qubits,),
    qubit 0 the least significant bit of the index. ``fidelity`` is a lower bound on the
    fidelity of the state that was sampled (1.0: exact). ``seconds`` has parse, plan, run
    and total. ``circuit`` is the program as it was read, parameters bound.
    """

    shots: int
    seed: int
    num_qubits: int
    num_clbits: int
    registers: tuple[tuple[str, int], ...]
    measured: str
    plan: Plan
    seconds: dict[str, float]
    circuit: Circuit
    counts: dict[str, int] | None = None
    memory: list[str] | None = None
    values: list[float] | None = None
    standard_errors: list[float] | None = None
    probabilities: dict[str, float] | None = None
    statevector: NDArray[np.complex128] | None = None
    fidelity: float = 1.0
    engines: dict[str, str] = field(default_factory=dict)

    @property
    def program_hash(self) -> str:
        """Semantic hash of the program, see ``programs.program_hash``."""
        return program_hash(self.circuit)

    def to_json(self, program_hash: str | None = None) -> dict[str, Any]:
        """The contracted keys of a run that succeeded (``file`` is the caller's).

        ``program_hash``: of ``circuit``, where it is known already.
        """
        document: dict[str, Any] = {
            "ok": True,
            "shots": self.shots,
            "seed": self.seed,
            "qubits": self.num_qubits,
            "clbits": self.num_clbits,
            "measured": self.measured,
            "plan": self.plan.to_json(),
            "seconds": {k: round(v, 6) for k, v in self.seconds.items()},
            "fidelity": self.fidelity,
            "engines": self.engines,
            "program_hash": program_hash or self.program_hash,
            "error": None,
        }
        document |= self._numbers()
        if self.memory is not None:
            document["memory"] = self.memory
        return document

    def _numbers(self) -> dict[str, Any]:
        if self.values is not None:
            return {"values": self.values, "standard_errors": self.standard_errors}
        if self.probabilities is not None:
            return {"probabilities": self.probabilities}
        if self.statevector is not None:
            return {"statevector": np.stack(_parts(self.statevector), 1).tolist()}
        return {"counts": self.counts}


def _parts(state: NDArray[np.complex128]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Real and imaginary parts; 0.0 has no sign."""
    return state.real + 0.0, state.imag + 0.0


@overload
def tally(bits: NDArray[np.uint8], weights: NDArray[np.int64] | None = None) -> dict[str, int]: ...
@overload
def tally(bits: NDArray[np.uint8], weights: NDArray[np.float64]) -> dict[str, float]: ...
def tally(bits: NDArray[np.uint8], weights: NDArray[Any] | None = None) -> dict[str, Any]:
    """Counts of outcomes ``bits`` (classical bits, rows); keys have the highest bit left.

    A row is one shot, or ``weights`` (rows,) of them, whole or not.
    """
    width, rows = bits.shape
    if width == 0 or rows == 0:
        total = rows if weights is None else weights.sum().item()
        return {"": total} if total else {}
    words = _words(bits)
    if weights is None and len(words) == 1:
        values = np.sort(words[0])
        starts = _starts(values)
        found = values[starts].astype(np.int64)
        shown = ((found >> np.arange(width)[:, None]) & 1).astype(np.uint8)
        return dict(zip(strings(shown), np.diff(starts, append=rows).tolist(), strict=True))
    order = _order(words)
    starts = _starts(*(word[order] for word in words))
    if weights is None:
        counts = np.diff(starts, append=rows)
    else:
        counts = np.add.reduceat(weights[order], starts)
    return dict(zip(strings(bits[:, order[starts]]), counts.tolist(), strict=True))


def _starts(first: NDArray[Any], *others: NDArray[Any]) -> NDArray[np.int64]:
    """Where runs of columns that are equal in all rows begin."""
    new = np.empty(len(first), np.bool_)
    new[0], new[1:] = True, first[1:] != first[:-1]
    for row in others:
        new[1:] |= row[1:] != row[:-1]
    return new.nonzero()[0]


def _words(bits: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Every column as numbers of INTEGER_BITS bits, the highest first."""
    if len(bits) <= INTEGER_BITS:
        return [_weighed(bits)]
    starts = range(0, len(bits), INTEGER_BITS)
    return [_weighed(bits[s : s + INTEGER_BITS]) for s in reversed(starts)]


def _weighed(bits: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.ldexp(1.0, np.arange(len(bits))) @ bits)


def _order(words: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Places of the columns in ascending order."""
    order = words[0].argsort(kind="stable")
    if len(words) > 1 and len(_starts(words[0][order])) < len(order):
        order = np.asarray(np.lexsort(words[::-1]), np.int64)
    return order


def strings(bits: NDArray[np.uint8]) -> list[str]:
    """Bit strings, one for each column of ``bits`` (classical bits, shots)."""
    if len(bits) == 0:
        return [""] * bits.shape[1]
    codes = bits[::-1].T.astype(np.uint32, order="C")
    codes += 48
    text: list[str] = codes.view(f"U{len(bits)}").ravel().tolist()
    return text
