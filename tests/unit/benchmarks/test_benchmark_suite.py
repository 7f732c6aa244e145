"""The circuits of the figures: fresh, disjoint from the fitting set, well formed."""

from __future__ import annotations

import random

import pytest

from benchmarks import fit_set, held_out, qiskit_path, suite
from benchmarks.text import Program, clifford_gate, regular_graph
from markaz.quantum.programs.intake import load

SMALL = [(f, make, sizes[0]) for f, (make, sizes) in held_out.FAMILIES.items()]
SMALL += [(f, make, sizes[0]) for f, (make, sizes) in fit_set.FAMILIES.items()]


def test_fitting_and_held_out_sets_share_no_family() -> None:
    assert held_out.FAMILIES.keys() & fit_set.FAMILIES.keys() == set()


def test_there_are_enough_own_families_of_four_sizes() -> None:
    assert len(held_out.FAMILIES) >= 12
    assert {len(set(sizes)) for _, sizes in held_out.FAMILIES.values()} == {4}


@pytest.mark.parametrize(("family", "make", "size"), SMALL, ids=[s[0] for s in SMALL])
def test_every_generator_writes_a_program_that_is_read(family, make, size) -> None:
    circuit = load(make(size, random.Random(3)))
    assert size - 1 <= circuit.num_qubits <= size
    assert len(circuit.measurements()) == circuit.num_clbits


def test_a_seed_fixes_the_texts_and_another_changes_them() -> None:
    first, again, other = (suite.own(held_out.FAMILIES, s) for s in (1, 1, 2))
    assert first == again
    same = {a.family for a, b in zip(first, other, strict=True) if a.text == b.text}
    assert same <= {"heisenberg"}


def test_fresh_seeds_are_no_fitting_seeds() -> None:
    assert suite.fresh_seed() >= 10_000 > max(i.seed for i in suite.fit_items())


def test_selection_keeps_names_and_size() -> None:
    items = suite.own(held_out.FAMILIES, 1)
    chosen = suite.select(items, "grid,dicke", 3, 5)
    assert len(chosen) == 3
    assert {i.family for i in chosen} <= {"grid", "dicke"}
    assert suite.select(items, "grid,dicke", 3, 5) == chosen


def test_regular_graph_has_the_degree() -> None:
    edges = regular_graph(random.Random(1), 10, 3)
    degrees = [sum(v in e for e in edges) for v in range(10)]
    assert degrees == [3] * 10


def test_clifford_steps_are_undone_by_what_they_return() -> None:
    program, rng = Program(4), random.Random(5)
    undo = [clifford_gate(program, rng, *rng.sample(range(4), 2)) for _ in range(30)]
    for steps in reversed(undo):
        for name, qubits in steps:
            program.g(name, *qubits)
    from markaz.quantum import run

    assert dict(run(program.measure_all(), shots=20, seed=1).counts) == {"0000": 20}


def test_missing_measurements_are_written_out_in_both_versions() -> None:
    two = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg a[1];\nqreg b[2];\nx b[1];\n'
    three = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] a;\nqubit[2] b;\nx b[1];\n'
    for text in (two, three):
        full = qiskit_path.measured(text)
        assert qiskit_path.clbits(full) == 3
        assert [load(full).measurements()] == [[(0, 0), (1, 1), (2, 2)]]
        assert qiskit_path.measured(full) == full
