"""Lists of gates taken in columns mean the same as statement by statement."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.openqasm.fastpath import FastPath

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
DEFINED = (
    "gate pair(t) a,b { rz(t) a; cx a,b; u2(t,-t) b; }\n"
    "gate ryy(p) a,b { sxdg a; sxdg b; cx a,b; rz(p) b; cx a,b; sx a; sx b; }\n"
    "gate nothing a { }\n"
)
SHAPES = (
    ("h", 0, 1),
    ("u2", 2, 1),
    ("u3", 3, 1),
    ("cu3", 3, 2),
    ("cu", 4, 2),
    ("cx", 0, 2),
    ("rzz", 1, 2),
    ("ccx", 0, 3),
    ("mcx", 0, 4),
    ("c3sqrtx", 0, 4),
    ("u0", 1, 1),
    ("pair", 1, 2),
    ("ryy", 1, 2),
    ("nothing", 0, 1),
    ("reset", 0, 1),
)


def listing(rng: random.Random, count: int) -> list[str]:
    lines = []
    for _ in range(count):
        name, params, qubits = rng.choice(SHAPES)
        angles = [
            rng.choice(("pi/2", "-pi/4", "0.25", "3*pi/8", f"{rng.uniform(-3, 3)}", "sin(pi/5)"))
            for _ in range(params)
        ]
        operands = ",".join(f"q[{i}]" for i in rng.sample(range(5), qubits))
        lines.append(f"{name}{f'({chr(44).join(angles)})' if params else ''} {operands};")
        if rng.random() < 0.1:
            lines.append(rng.choice(("barrier q[1],q[0];", "barrier q;", "measure q[1] -> c[2];")))
    return lines


def assert_equal(a: Circuit, b: Circuit) -> None:
    for name in ("op", "qubits", "params", "aux", "pool"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert (a.exprs, a.symbolic, a.qregs, a.cregs) == (b.exprs, b.symbolic, b.qregs, b.cregs)


def slow(text: str, monkeypatch: pytest.MonkeyPatch) -> Circuit:
    with monkeypatch.context() as patch:
        patch.setattr(FastPath, "take", lambda self, start: start)
        return read_openqasm(text)


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_give_the_same_circuit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = listing(random.Random(seed), 400)
    text = V2 + DEFINED + "qreg q[5];\ncreg c[3];\n" + "\n".join(lines)
    assert_equal(read_openqasm(text), slow(text, monkeypatch))


def test_both_ways_agree_on_version_3(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "OPENQASM 3.0;\ninput float a;\nconst float k = 0.5; int m = 1;\nqubit[4] q;\nbit[4] c;\n"
        "let r = q[1:3];\nrz(a) q[0];\nrz(k*2) r[0];\nrz(1/2) q[0];\nrz(m) q[1];\n"
        "u2(a/2, 1) r[2];\nm = 2;\nrz(m) q[1];\nc[0] = measure q[0];\nc[1] = measure r[0];\n"
        "cx q[0], r[1];\nu2(0, -a) q[3];\n"
    )
    circuit = read_openqasm(text)
    assert_equal(circuit, slow(text, monkeypatch))
    assert circuit.params[2:4, 0].tolist() == [0.0, 1.0]
    assert [s[:2] for s in circuit.symbolic] == [(0, 0), (4, 1), (9, 2)]


def test_a_gate_defined_between_lists_is_noticed() -> None:
    text = V2 + "qreg q[1];\nh q[0];\nh q[0];\ngate h a { x a; }\nh q[0];\n"
    assert read_openqasm(text).op.tolist() == [Op.H, Op.H, Op.X]


def test_exact_limit_is_reached_within_a_list() -> None:
    text = V2 + "qreg q[1];\n" + "h q[0];\n" * 1000
    assert len(read_openqasm(text, Limits(gates=1000))) == 1000


def test_what_a_call_expands_to_counts_towards_the_limit() -> None:
    text = V2 + "gate three a { h a; x a; h a; }\nqreg q[1];\nthree q[0];\n" + "h q[0];\n" * 9
    assert len(read_openqasm(text, Limits(gates=12))) == 12
    for most, line in ((2, 5), (3, 6), (5, 8), (11, 14)):
        with pytest.raises(ProgramError, match=f"more than {most} operations") as refused:
            read_openqasm(text, Limits(gates=most))
        assert refused.value.line == line


def test_calls_between_definitions_take_linear_time() -> None:
    lines = (f"gate g{i} a {{ x a; }} g{i} q[0];\n" for i in range(6000))
    started = time.process_time()
    assert len(read_openqasm(V2 + "qreg q[1];\n" + "".join(lines))) == 6000
    assert time.process_time() - started < 5.0  # the square of it would take a minute


def test_windows_of_text_cut_no_statement() -> None:
    count = 30_000
    circuit = read_openqasm(V2 + "qreg q[2];\n" + "rz(0.125)   q[0] ;\ncx q[1],q[0];\n" * count)
    assert len(circuit) == 2 * count
    assert set(circuit.op[::2].tolist()) == {int(Op.RZ)}
    assert set(circuit.op[1::2].tolist()) == {int(Op.CX)}


def test_a_statement_longer_than_the_window_is_read() -> None:
    operands = ",".join(f"q[{i}]" for i in range(60_000))
    text = V2 + f"qreg q[60000];\nh q[0];\nmcx {operands};\nbarrier {operands};\nh q[1];"
    circuit = read_openqasm(text)
    assert circuit.op.tolist() == [Op.H, Op.MCX, Op.BARRIER, Op.H]
    assert circuit.qubits[1, 1] == 60_000


def test_import_needs_no_engine_and_no_toolkit() -> None:
    code = (
        "import sys, markaz.quantum.programs.openqasm as m\n"
        "m.read_openqasm('OPENQASM 3.0; qubit q; inv @ s q; if (measure q) x q;')\n"
        "bad = {'qiskit', 'numba', 'antlr4', 'openqasm3', 'sympy', 'scipy'} & set(sys.modules)\n"
        "print(sorted(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
