"""The density matrix against Aer's, and against formulas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import amplitude_damping_error, depolarizing_error, pauli_error

from markaz.quantum.simulate.noisy.detunings import class_count, offsets, shares
from markaz.quantum.simulate.noisy.exact import distribution
from markaz.quantum.simulate.noisy.program import NoisyProgram
from tests.noisy_programs import random_program


def aer_circuit(p: NoisyProgram) -> QuantumCircuit:
    circuit = QuantumCircuit(p.num_qubits)
    for s in range(p.num_steps):
        for q in range(p.num_qubits):
            circuit.rz(p.z[s, q], q)
        for k in np.flatnonzero(p.pair_step == s):
            circuit.rzz(p.pair_angle[k], *p.pairs[k].tolist())
        for q in range(p.num_qubits):
            circuit.append(amplitude_damping_error(p.decay[s, q]).to_instruction(), [q])
            chances = [("Z", p.dephase[s, q]), ("I", 1 - p.dephase[s, q])]
            circuit.append(pauli_error(chances).to_instruction(), [q])
        for k in np.flatnonzero(p.error_step == s):
            channel = depolarizing_error(p.error[k] * 16 / 15, 2)
            circuit.append(channel.to_instruction(), p.error_pairs[k].tolist())
        for q in range(p.num_qubits):
            if p.has_turn[s, q]:
                circuit.r(p.turn[s, q], p.axis[s, q], q)
                circuit.append(depolarizing_error(p.flip[s, q] * 4 / 3, 1).to_instruction(), [q])
    circuit.save_density_matrix()
    return circuit


def aer_distribution(p: NoisyProgram) -> NDArray[np.float64]:
    result = AerSimulator(method="density_matrix").run(aer_circuit(p)).result()
    diagonal = np.asarray(result.data()["density_matrix"]).diagonal().real
    chances = np.zeros(1 << len(p.measured))
    for x, chance in enumerate(diagonal):
        bits = [(x >> q) & 1 for q in p.measured]
        for y in range(len(chances)):
            read = [(y >> j) & 1 for j in range(len(bits))]
            chances[y] += chance * math.prod(
                (a if r else 1 - a) if not b else (c if not r else 1 - c)
                for b, r, a, c in zip(bits, read, p.read1, p.read0, strict=True)
            )
    return chances


@pytest.mark.parametrize(("n", "steps"), [(1, 3), (2, 4), (3, 5), (4, 6)])
def test_distribution_is_aers(n: int, steps: int) -> None:
    program = random_program(n, steps, seed=n)
    ours = distribution(program, np.zeros((1, n)))[0]
    np.testing.assert_allclose(ours, aer_distribution(program), atol=1e-12)


def test_slow_noise_turns_about_z() -> None:
    program = random_program(2, 4, seed=7, slow=0.5)
    shifts = np.array([[0.3, -0.2], [0.0, 0.0]])
    both = distribution(program, shifts)
    shifted = replace(program, z=program.z + shifts[0] * program.wait)
    np.testing.assert_allclose(both[0], distribution(shifted, np.zeros((1, 2)))[0], atol=1e-14)
    np.testing.assert_allclose(both[1], distribution(program, np.zeros((1, 2)))[0], atol=1e-14)


def test_offsets_have_the_right_spread() -> None:
    program = random_program(3, 3, seed=1, slow=0.25)
    drawn = offsets(program, np.random.default_rng(1))
    assert drawn.shape == (class_count(program), 3) == (128, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=0), 0.25, rtol=0.03)
    # One of each slice for every qubit, in different orders.
    ranks = drawn.argsort(axis=0)
    assert (np.sort(drawn, axis=0)[1:] > np.sort(drawn, axis=0)[:-1]).all()
    assert (ranks[:, 0] != ranks[:, 1]).any()


@pytest.mark.parametrize("time", [0.5, 1.0, 2.0])
def test_averages_over_the_classes_are_those_of_a_gaussian(time: float) -> None:
    exact = math.exp(-(time**2) / 2)
    small = random_program(2, 3, seed=1, slow=1.0)
    one_run = np.cos(offsets(small, np.random.default_rng(1)) * time).mean(axis=0)
    np.testing.assert_allclose(one_run, exact, atol=0.02)
    large = random_program(14, 3, seed=1, slow=1.0)
    assert class_count(large) == 8
    rng = np.random.default_rng(2)
    runs = np.array([np.cos(offsets(large, rng) * time).mean(axis=0) for _ in range(300)])
    # 4200 averages of 8 offsets: no bias, and less scatter than eight independent ones.
    spread = runs.std()
    assert abs(runs.mean() - exact) < 5 * spread / math.sqrt(runs.size)
    assert spread < 0.6 * math.sqrt((0.5 + 0.5 * exact**4 - exact**2) / 8)


def test_shots_are_dealt_evenly() -> None:
    assert (shares(10, 4), shares(2, 4)) == ([3, 3, 2, 2], [1, 1, 0, 0])


def test_without_slow_noise_there_is_one_class() -> None:
    assert class_count(random_program(3, 3, seed=1)) == 1
