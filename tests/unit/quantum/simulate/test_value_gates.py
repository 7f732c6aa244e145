"""Expectation values of programs with mid-circuit results: averages over all histories."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum import run
from markaz.quantum.observables import PauliSum
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import distribution
from markaz.quantum.simulate.pipeline import DEFERRED
from markaz.quantum.simulate.value_gates import seen_by_values, without_final

QUBITS = 3
GATES = (Op.H, Op.T, Op.SX, Op.CX, Op.CZ, Op.SWAP, Op.CCX)
LABELS = ("XII", "IYI", "IIZ", "XXI", "ZZI", "YIX", "XYZ", "ZXZ")


def add_gate(b: Builder, rng: np.random.Generator) -> None:
    op = GATES[rng.integers(len(GATES))]
    size = {Op.CX: 2, Op.CZ: 2, Op.SWAP: 2, Op.CCX: 3}.get(op, 1)
    b.gate(op, rng.permutation(QUBITS)[:size].tolist())


def program(seed: int, label: str = "") -> Circuit:
    """Random gates, measurements, resets and conditions; then, if a string is given, it is
    measured into register ``m``."""
    rng = np.random.default_rng(seed)
    b = Builder()
    b.qreg("q", QUBITS)
    b.creg("c", 2)
    for _ in range(9):
        kind = int(rng.choice(4, p=[0.5, 0.2, 0.1, 0.2]))
        if kind == 1:
            b.measure(int(rng.integers(QUBITS)), int(rng.integers(2)))
        elif kind == 2:
            b.reset(int(rng.integers(QUBITS)))
        elif kind == 3:
            b.control(Op.IF, ("eq", ("bits", 0, 2), ("const", int(rng.integers(4)))))
            b.gate((Op.X, Op.H, Op.S)[rng.integers(3)], [int(rng.integers(QUBITS))])
            b.control(Op.ELSE)
            b.gate(Op.RY, [int(rng.integers(QUBITS))], [0.7])
            b.control(Op.END)
        else:
            add_gate(b, rng)
    b.gate(Op.RX, [0], [0.3])  # so that no measurement is the last operation of all qubits
    b.gate(Op.CX, [0, 1])
    b.gate(Op.CX, [1, 2])
    if label:
        register = b.creg("m", QUBITS)
        for q, letter in enumerate(reversed(label)):
            if letter in "XY":
                b.gate(Op.SDG if letter == "Y" else Op.ID, [q])
                b.gate(Op.H, [q])
            if letter != "I":
                b.measure(q, register.offset + q)
    return b.build()


def averaged(seed: int, label: str) -> float:
    """By following every history."""
    found = distribution(program(seed, label))
    return sum(p * (-1) ** key[:QUBITS].count("1") for key, p in found.items())


@pytest.mark.parametrize("seed", range(24))
def test_values_are_averages_over_all_histories(seed: int) -> None:
    found = run(program(seed), observables=LABELS)

    assert found.values == pytest.approx([averaged(seed, x) for x in LABELS], abs=1e-9)
    assert found.standard_errors == [0.0] * len(LABELS)


def teleported(theta: float, *, measured: bool = False) -> Circuit:
    b = Builder()
    b.qreg("q", 3)
    b.creg("c", 2)
    b.gate(Op.RY, [0], [theta])
    b.gate(Op.H, [1])
    b.gate(Op.CX, [1, 2])
    b.gate(Op.CX, [0, 1])
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.measure(1, 1)
    for bit, op in ((1, Op.X), (0, Op.Z)):
        b.control(Op.IF, ("bits", bit, 1))
        b.gate(op, [2])
        b.control(Op.END)
    if measured:
        out = b.creg("out", 1)
        b.measure(2, out.offset)
    return b.build()


@pytest.mark.parametrize("measured", [False, True])
def test_a_teleported_state_has_its_values(measured: bool) -> None:
    found = run(teleported(0.8, measured=measured), observables=["Z2", "X2", "Y2", "X0", "Z0"])

    assert found.values == pytest.approx([np.cos(0.8), np.sin(0.8), 0, 0, 0], abs=1e-12)
    assert found.plan.simplifications[0] == DEFERRED


def test_only_measurements_that_nothing_follows_are_final() -> None:
    b = Builder()
    b.qreg("q", 3)
    b.creg("c", 3)
    b.measure(0, 0)  # its qubit is used again
    b.measure(1, 1)  # its bit is read
    b.gate(Op.H, [0])
    b.control(Op.IF, ("bits", 1, 1))
    b.measure(2, 2)  # in a block
    b.control(Op.END)
    b.measure(0, 0)
    b.measure(2, 1)

    left = without_final(b.build())

    where = np.flatnonzero(left.op == Op.MEASURE)
    assert [(int(left.qubits[i, 0]), int(left.aux[i])) for i in where] == [(0, 0), (1, 1), (2, 2)]


def test_a_measured_qubit_has_lost_its_coherence() -> None:
    b = Builder()
    b.qreg("q", 2)
    b.creg("c", 1)
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.control(Op.IF, ("bits", 0, 1))
    b.gate(Op.X, [1])
    b.control(Op.END)

    found = run(b.build(), observables=["XX", "ZZ", "IX", "XI"])

    assert found.values == pytest.approx([0, 1, 0, 0], abs=1e-12)


def test_a_loop_on_results_is_refused_in_words() -> None:
    b = Builder()
    b.qreg("q", 1)
    b.creg("c", 1)
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.control(Op.WHILE, ("bits", 0, 1))
    b.gate(Op.H, [0])
    b.measure(0, 0)
    b.control(Op.END)

    with pytest.raises(ProgramError, match="steer loops") as caught:
        run(b.build(), observables=["Z"])
    assert caught.value.kind == "unsupported"


def test_a_program_without_results_keeps_its_qubits() -> None:
    b = Builder()
    b.qreg("q", 3)
    b.creg("c", 1)
    b.gate(Op.H, [0])
    b.measure(0, 0)

    seen = seen_by_values(b.build())

    string = PauliSum.of("XYZ").paulis[0]
    assert (seen.wires, seen.circuit.op.tolist()) == (None, [int(Op.H)])
    assert seen.moved(string) is string
