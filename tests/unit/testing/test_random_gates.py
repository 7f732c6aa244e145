from __future__ import annotations

import numpy as np

from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.program_hash import program_hash
from markaz.testing.random_gates import random_gates


def test_all_gates_turn_up_and_seeds_replay():
    circuit = random_gates(np.random.default_rng(1), 3, 1000)
    assert set(circuit.op.tolist()) == {int(op) for op in TABLE}
    again = random_gates(np.random.default_rng(1), 3, 1000)
    assert program_hash(again) == program_hash(circuit)


def test_only_gates_that_fit():
    circuit = random_gates(np.random.default_rng(1), 1, 200)
    sizes = {len(circuit.operands(i)) for i in range(200)}
    assert sizes == {1}


def test_chosen_gates():
    circuit = random_gates(np.random.default_rng(1), 2, 50, {Op.H, Op.CX})
    assert set(circuit.op.tolist()) == {Op.H, Op.CX}
