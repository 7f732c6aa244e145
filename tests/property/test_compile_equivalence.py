"""Compiling keeps what a circuit does, whatever the circuit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.compiling import invented_sheet
from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.programs.gates import TABLE, Op
from tests.compile_check import (
    PLAIN,
    measured_all,
    random_circuit,
    runs_on,
    same_distribution,
    same_state,
)

INDUS = load_shipped("indus")
SHEET = invented_sheet(INDUS, 2)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 6),
    st.integers(0, 30),
    st.integers(0, 10**6),
    st.integers(0, 3),
    st.lists(st.sampled_from([op for op in PLAIN if TABLE[op].num_qubits < 3]), min_size=2),
)
def test_states_and_distributions_are_kept(
    qubits: int, gates: int, seed: int, level: int, ops: list[Op]
) -> None:
    circuit = random_circuit(qubits, gates, seed, ops)
    options = CompileOptions(level=level, seed=seed % 7)
    compiled = compile(circuit, INDUS, SHEET, options)
    assert runs_on(compiled, INDUS)
    assert same_state(circuit, compiled) == pytest.approx(1.0, abs=1e-7)
    measured = measured_all(circuit, seed)
    assert same_distribution(measured, compile(measured, INDUS, SHEET, options))
