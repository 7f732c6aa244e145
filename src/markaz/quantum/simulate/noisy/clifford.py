"""Noisy runs of Clifford circuits by stabilisers: any number of qubits, twirled noise.

Every error is replaced by the Pauli channel with the same diagonal in the Pauli basis:
coherent errors by their twirl, relaxation by its twirl, slow noise by its mean. What is lost
is coherence between errors, and that relaxation leads to 0 and not to 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.noisy.program import NoisyProgram

Floats = NDArray[np.float64]
_TOLERANCE = 1e-6  # rad; angles come out of sums
_TURNS = {1: "SQRT_X", 2: "X", 3: "SQRT_X_DAG"}
_PHASES = {1: "S", 2: "Z", 3: "S_DAG"}
_PAIRS = {1: "SQRT_ZZ", 3: "SQRT_ZZ_DAG"}


def is_clifford(program: NoisyProgram) -> bool:
    """Whether all angles that were meant are multiples of a quarter turn."""
    angles = (_frames(program), program.ideal_turn, program.ideal_angle)
    return all(bool(np.all(np.abs(_remainder(a)) < _TOLERANCE)) for a in angles)


def sample(program: NoisyProgram, shots: int, seed: int) -> NDArray[np.uint8]:
    """Outcomes of all qubits before readout errors, shape (shots, qubits)."""
    # Stim takes long to import, and is needed for such programs only.
    import stim

    text = "\n".join(_lines(program))
    return np.asarray(stim.Circuit(text).compile_sampler(seed=seed).sample(shots), np.uint8)


def _remainder(angle: Floats) -> Floats:
    quarter = math.pi / 2
    return np.asarray(angle - quarter * np.round(angle / quarter))


def _frames(program: NoisyProgram) -> Floats:
    """Turns about z between turns that are all about x."""
    frames = program.ideal_z - program.axis
    frames[1:] += program.axis[:-1]
    return frames


def _lines(program: NoisyProgram) -> list[str]:
    frames, lines = _frames(program), []
    for step in range(program.num_steps):
        lines += _gates(_PHASES, frames[step], range(program.num_qubits))
        lines += _pair_lines(program, step)
        lines += _relaxations(program, step)
        for k in np.flatnonzero(program.error_step == step).tolist():
            a, b = program.error_pairs[k].tolist()
            lines.append(f"DEPOLARIZE2({float(program.error[k])!r}) {a} {b}")
        lines += _gates(_TURNS, program.ideal_turn[step], range(program.num_qubits))
        lines += _channel("X_ERROR", _twirl(program.turn[step] - program.ideal_turn[step]))
        lines += _channel("DEPOLARIZE1", program.flip[step])
    return [*lines, "M " + " ".join(map(str, range(program.num_qubits)))]


def _quarters(angle: float) -> int:
    return round(angle / (math.pi / 2)) % 4


def _gates(names: dict[int, str], angles: Any, targets: Any) -> list[str]:
    """One gate a target, by the number of quarter turns."""
    found = zip(targets, np.asarray(angles).tolist(), strict=True)
    return [f"{names[_quarters(a)]} {t}" for t, a in found if _quarters(a)]


def _pair_lines(program: NoisyProgram, step: int) -> list[str]:
    lines = []
    for k in np.flatnonzero(program.pair_step == step).tolist():
        a, b = program.pairs[k].tolist()
        quarters = _quarters(float(program.ideal_angle[k]))
        if quarters == 2:
            lines.append(f"Z {a} {b}")
        elif quarters:
            lines.append(f"{_PAIRS[quarters]} {a} {b}")
        extra = float(_twirl(program.pair_angle[k] - program.ideal_angle[k]))
        if extra > 0:
            lines.append(f"E({extra!r}) Z{a} Z{b}")
    return lines


def _twirl(angle: Any) -> Any:
    """Probability of the Pauli in the twirl of a rotation about it."""
    return np.sin(np.asarray(angle) / 2) ** 2


def _relaxations(program: NoisyProgram, step: int) -> list[str]:
    """Errors about z, slow noise, relaxation and dephasing of each qubit."""
    gamma = program.decay[step]
    error = program.z[step] - program.ideal_z[step]
    blurred = np.exp(-((program.slow * program.wait[step]) ** 2) / 2)
    contrast = np.sqrt(1 - gamma) * (1 - 2 * program.dephase[step]) * np.cos(error) * blurred
    flips = gamma / 4
    phases = np.clip((1 - gamma / 2 - contrast) / 2, 0.0, 1.0)
    return [
        f"PAULI_CHANNEL_1({x!r},{x!r},{z!r}) {q}"
        for q, (x, z) in enumerate(zip(flips.tolist(), phases.tolist(), strict=True))
        if x > 0 or z > 0
    ]


def _channel(name: str, chances: Any) -> list[str]:
    pairs = enumerate(np.asarray(chances).tolist())
    return [f"{name}({p!r}) {q}" for q, p in pairs if p > 0]
