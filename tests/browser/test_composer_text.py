"""The composer reads and writes programs as the centre's own reader and Qiskit do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.reference import amplitudes, distribution
from tests.composer_tools import HEAD, circuit_of, computing, random_text
from tests.portal_tools import Site


@pytest.fixture(scope="module")
def compute(chromium: Browser, served: tuple[Site, str]) -> Iterator[Callable[..., Any]]:
    with computing(chromium, served[1]) as run:
        yield run


ROUND: str = """(texts) => texts.map((text) => {
  const { circuit, problem } = m.read(text);
  if (problem) return problem;
  const written = m.write(circuit);
  const again = m.read(written).circuit;
  return [written, m.write(again)];
})"""
PROGRAMS = {
    "registers": HEAD + "qubit a; qubit[2] b; bit c; bit[3] d; h a; cx a, b; d[2] = measure b[1];",
    "whole registers": HEAD + "qubit[3] q; bit[3] c; h q; c = measure q;",
    "declared and measured": HEAD + "qubit[2] q; x q[0]; bit[2] c = measure q;",
    "a measurement without a bit": HEAD + "qubit[2] q; h q[0]; measure q[0];",
    "barriers": HEAD + "qubit[3] q; qubit r; barrier; barrier q; barrier q[2], r; barrier q[1];",
    "negative index": HEAD + "qubit[3] q; x q[-1];",
    "blocks": HEAD + "qubit[2] q; bit[2] c; c = measure q;"
    "if (c == 1) { x q[0]; h q[1]; } if (c == 1) z q[0]; if (!c[1]) { reset q; }",
    "truth": HEAD + "qubit q; bit c; c = measure q; if (c == true) x q; if (c != 0) x q;",
    "controls": HEAD + "qubit[5] q; ctrl(2) @ negctrl @ ry(pi/7) q[0], q[1], q[2], q[3];"
    "negctrl @ ctrl @ x q[4], q[0], q[1]; ctrl @ cx q[0], q[1], q[2]; "
    "ctrl @ cu(1,2,3,4) q[0], q[1], q[2]; ctrl @ swap q[2], q[0], q[1];"
    "ctrl @ U(1, 2, 3) q[0], q[1]; ctrl(4) @ x q[0], q[1], q[2], q[3], q[4];",
    "expressions": HEAD + "qubit q; rx(-pi/2 + 2*(1.5e-3 - .5)**2) q; rz(1/2*pi) q; p(sin(pi/3)) q;"
    "ry(arccos(0.5) - sqrt(2)) q; rx(7 % 4) q; ry(-2**2) q; rz(π/τ) q; p(1_000.5) q; rx(0x1F) q;",
    "phases": HEAD + "gphase(pi/4); qubit q; gphase(-0.25); h q;",
    "older": 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3]; creg c[3];\nu3(1,2,3) q[0];'
    "u2(pi/2,ln(2)) q[1]; u1(1/2*pi) q[2]; cu1(2^2/3) q[0],q[1]; cu3(1,2,3) q[1],q[2];"
    "CX q[0],q[1]; rzz(0.5) q[0],q[1]; sxdg q[0]; barrier q; measure q -> c;"
    "if(c==5) x q[0]; reset q[1];",
    "no version": 'include "qelib1.inc";\nqreg q[1]; rx(1/2) q[0];',
    "exported": HEAD + "gate rzz(p0) _gate_q_0, _gate_q_1 {\n  cx _gate_q_0, _gate_q_1;\n"
    "  rz(p0) _gate_q_1;\n  cx _gate_q_0, _gate_q_1;\n}\nqubit[2] q; rzz(1) q[0], q[1];",
    "c3x": HEAD + "qubit[5] q; c3x q[0],q[1],q[2],q[3]; c4x q[4],q[1],q[2],q[3],q[0];"
    "u3(1,2,3) q[0];",
}  # fmt: skip


def check_round(texts: list[str], found: list[Any]) -> None:
    for text, got in zip(texts, found, strict=True):
        assert isinstance(got, list), (text, got)
        written, again = got
        assert written == again
        assert program_hash(circuit_of(written)) == program_hash(circuit_of(text)), (text, written)


def test_text_to_circuit_to_text_is_the_same_program(compute: Callable[..., Any]) -> None:
    texts = list(PROGRAMS.values())
    check_round(texts, compute(ROUND, texts))


def test_random_programs_are_the_same_after_a_round(compute: Callable[..., Any]) -> None:
    texts = [random_text(seed, measured=bool(seed % 2)) for seed in range(1000, 1200)]
    check_round(texts, compute(ROUND, texts))


def test_comments_stay_where_they_stand(compute: Callable[..., Any]) -> None:
    text = (
        "// A pair\nOPENQASM 3.0;\n" + 'include "stdgates.inc";\n' + "qubit[2] q; // both\n"
        "bit[2] c;\n// turn\nh q[0]; // now\ncx q[0], q[1];\n// read\nc = measure q; // all\n"
        "// end\n"
    )
    assert compute(ROUND, [text]) == [[text, text]]


@pytest.mark.parametrize(
    ("text", "kind", "key", "line", "column"),
    [
        ("", "error", "no-qubits", 1, 1),
        ("qubit q;\nh q[1];", "error", "index", 2, 5),
        ("qubit q;\n  foo q;", "error", "no-gate", 2, 3),
        ("qubit q; h r;", "error", "no-qubit", 1, 12),
        ("qubit[2] q; cx q[0], q[0];", "error", "twice", 1, 16),
        ("qubit q; rx q;", "error", "params", 1, 13),
        ("qubit[2] q; cx q[0];", "error", "operands", 1, 13),
        ("qubit q; h q", "error", "ended", 1, 13),
        ("qubit q; h q h", "error", "expected", 1, 14),
        ("qubit q; rx(1/0) q;", "error", "value", 1, 13),
        ("qubit q; rx(log(-1)) q;", "error", "value", 1, 13),
        ("OPENQASM 4.0;", "error", "version", 1, 10),
        ("qubit q; qubit q;", "error", "taken", 1, 16),
        ("qubit q; ö; é", "error", "no-gate", 1, 10),
        ('qubit q;\n"', "error", "character", 2, 1),
        ("qubit[0] q;", "error", "size", 1, 7),
        ("qubit[2] q; qubit[3] r; cx q, r;", "error", "lengths", 1, 31),
        ("qubit q; rx(" + "(" * 99 + "1", "error", "deep", 1, 74),
        ("qubit q;\nfor int i in [0:3] { h q; }", "unshown", "word", 2, 1),
        ("input float[64] a; qubit q;", "unshown", "word", 1, 1),
        ("qubit q; rx(a) q;", "unshown", "name", 1, 13),
        ("gate g a { h a; } qubit q; g q;", "unshown", "word", 1, 1),
        ("gate rzz(t) a, b { x a; } qubit q;", "unshown", "word", 1, 1),
        ("qubit q; pow(2) @ x q;", "unshown", "word", 1, 10),
        ("h $0;", "unshown", "word", 1, 3),
        ("qubit q; bit c; if (c) { h q; } else { x q; }", "unshown", "word", 1, 33),
        ("qubit q; bit[2] c; if (c) x q;", "unshown", "word", 1, 25),
        ("qubit q; bit c; if (c) { c = measure q; x q; }", "unshown", "word", 1, 17),
        ("qubit[33] q;", "unshown", "wide", 1, 11),
        ('include "own.inc"; qubit q;', "unshown", "word", 1, 9),
        ("qubit q; bit c; c = 1;", "unshown", "word", 1, 17),
        ("qubit[3] q; h q[0:1];", "unshown", "word", 1, 18),
        ("qubit q; delay[10ns] q;", "unshown", "word", 1, 10),
    ],
)
def test_what_cannot_be_shown_says_why_and_where(
    compute: Callable[..., Any], text: str, kind: str, key: str, line: int, column: int
) -> None:
    found = compute("(text) => m.read(text).problem", text)
    assert (found["kind"], found["key"], found["line"], found["column"]) == (
        kind, key, line, column,
    )  # fmt: skip


def test_a_long_program_is_left_as_text(compute: Callable[..., Any]) -> None:
    found = compute("(text) => m.read(text).problem.key", "qubit q;" + "h q;" * 1001)
    assert found == "long"


def test_the_qiskit_code_builds_the_same_circuit(compute: Callable[..., Any]) -> None:
    from markaz.quantum.programs.qiskit_bridge import from_qiskit

    # Qiskit measures into a bit always.
    texts = [text for name, text in PROGRAMS.items() if name != "a measurement without a bit"]
    texts += [random_text(seed, measured=bool(seed % 2)) for seed in range(30)]
    codes = compute("(texts) => texts.map((text) => m.qiskit(m.read(text).circuit))", texts)
    for text, code in zip(texts, codes, strict=True):
        names: dict[str, Any] = {}
        exec(compile(code, "circuit.py", "exec"), names)
        built, wanted = from_qiskit(names["circuit"]), circuit_of(text)
        assert np.allclose(*(_weights(one) for one in (built, wanted)), atol=1e-9), (text, code)


def _weights(circuit: Circuit) -> list[float]:
    """Probabilities of all values of the classical bits; amplitudes where there are none."""
    if not circuit.num_clbits:
        return [*amplitudes(circuit).real, *amplitudes(circuit).imag]
    found = distribution(circuit)
    keys = (format(k, f"0{circuit.num_clbits}b") for k in range(1 << circuit.num_clbits))
    return [found.get(key, 0.0) for key in keys]
