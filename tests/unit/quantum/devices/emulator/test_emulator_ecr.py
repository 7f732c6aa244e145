"""Devices whose native gate is the echoed cross-resonance gate."""

from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum import api
from markaz.quantum.compile.compiler import compile
from markaz.quantum.devices.emulator.execute import execute, execute_under
from markaz.quantum.devices.model import load, shipped_text
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.sampled import sampling
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.simulate.noisy.run import DENSITY, MPS, TRAJECTORIES, TWIRLED
from tests.emulated import AT, built, silent

HUNZA = load(shipped_text("hunza").replace("\ncz = 68.0\n", "\necr = 68.0\n"))
GHZ = """OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c;
h q[0]; cx q[0], q[1]; cx q[1], q[2]; c = measure q;"""
TANGLED = """OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c;
h q[0]; ry(0.7) q[1]; cx q[0], q[1]; rz(0.4) q[1]; h q[1]; cx q[2], q[1]; rx(1.1) q[2];
cx q[1], q[0]; h q[2]; cx q[0], q[2]; c = measure q;"""


def test_ecr_is_what_its_matrix_says() -> None:
    """Between turns that show every phase, against the ideal simulation of the program."""
    right = api.run(TANGLED, shots=100_000, seed=1).counts or {}
    circuit = compile(read_openqasm(TANGLED), HUNZA).circuit
    for method in (DENSITY, TRAJECTORIES, MPS):
        shots = 2000 if method == MPS else 20_000
        found = execute_under(
            HUNZA, silent(HUNZA), circuit, shots=shots, run_seed=2, method=method
        ).counts or {}  # fmt: skip
        for key in right.keys() | found.keys():
            expected = right.get(key, 0) / 100_000
            # Five standard deviations of both together: one in two million fails by chance.
            spread = 5 * np.sqrt(max(expected, 1e-3) * (1 / shots + 1 / 100_000))
            assert abs(found.get(key, 0) / shots - expected) < spread


@pytest.mark.parametrize("method", ["auto", TWIRLED])
def test_programs_run_noisily(method: str) -> None:
    made = compile(read_openqasm(GHZ), HUNZA)
    assert made.gates["ecr"] == 2
    counts = execute(
        HUNZA, 1, AT, AT, made.circuit, shots=1000, run_seed=1, method=method
    ).counts or {}  # fmt: skip
    assert 800 < counts.get("000", 0) + counts.get("111", 0) < 1000


def test_errors_of_ecr() -> None:
    first, second = HUNZA.live_couplers[0]

    def fill(b):  # type: ignore[no-untyped-def]
        for _ in range(10):
            b.gate(Op.ECR, (first, second))  # ECR is its own inverse
        b.measure(first, 0)
        b.measure(second, 1)

    truth = silent(HUNZA, cz_error=0.02)
    found = execute_under(HUNZA, truth, built(HUNZA, 2, fill), shots=40_000, run_seed=1)
    kept = (1 - 16 / 15 * 0.02) ** 10
    share = (found.counts or {}).get("00", 0) / 40_000
    assert abs(share - kept - (1 - kept) / 4) < 5 * np.sqrt(0.25 / 40_000)


def test_twirled_copies_mean_the_same() -> None:
    circuit = compile(read_openqasm(GHZ), HUNZA).circuit
    sampled = sampling(Mitigation(twirl_gates=True, copies=12), circuit, 240, HUNZA, None, 3)
    for copy in sampled.copies:
        found = execute_under(HUNZA, silent(HUNZA), copy.circuit, shots=20, run_seed=1).counts
        assert set(found or {}) <= {"000", "111"}
