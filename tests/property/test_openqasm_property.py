"""Properties of the OpenQASM reader on random programs and random damage."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from qiskit import qasm2, qasm3
from qiskit.quantum_info import Operator

from markaz.quantum.programs.errors import KINDS, ProgramError
from markaz.quantum.programs.limits import Limits
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.reference import unitary
from markaz.quantum.programs.transform import remove_measurements
from markaz.quantum.programs.validate import validate
from tests.absent import library

SMALL = Limits(gates=20_000, iterations=20_000, qubits=1000, clbits=1000)
GATES = {
    **dict.fromkeys(("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "id"), (0, 1)),
    **dict.fromkeys(("rx", "ry", "rz", "p", "u1"), (1, 1)),
    **{"u2": (2, 1), "u3": (3, 1), "cu": (4, 2), "ccx": (0, 3), "cswap": (0, 3)},
    **dict.fromkeys(("cx", "cy", "cz", "ch", "swap"), (0, 2)),
    **dict.fromkeys(("cp", "crx", "cry", "crz"), (1, 2)),
}
BLANKS = st.sampled_from([" ", "\n", "\r\n", "\t", " // why\n", "/* ; */"])


@st.composite
def angle(draw: Any, names: tuple[str, ...] = ()) -> str:
    """An expression that both languages, and Python, read alike."""
    leaf = st.one_of(
        st.sampled_from(["pi", "0.5", "1e-2", "3.25", *names]),
        st.floats(-9, 9, allow_nan=False).map(lambda x: repr(abs(x))),
    )
    tree = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({' '.join(t)})"),
            inner.map(lambda t: f"-{t}" if not t.startswith("-") else t),
            inner.map(lambda t: f"{t}/4"),
        ),
        max_leaves=4,
    )
    text: str = draw(tree)
    return text


@st.composite
def gate_call(
    draw: Any, qubits: list[str], names: tuple[str, ...] = (), more: dict[str, Any] | None = None
) -> str:
    gates = {**GATES, **(more or {})}
    fitting = sorted(g for g, (_, n) in gates.items() if n <= len(qubits))
    name = draw(st.sampled_from(fitting))
    params, count = gates[name]
    on = draw(st.permutations(qubits))[:count]
    angles = [draw(angle(names)) for _ in range(params)]
    return f"{name}{f'({chr(44).join(angles)})' if angles else ''} {', '.join(on)};"


@st.composite
def program(draw: Any, version: int) -> str:
    body = draw(st.lists(gate_call(["a", "b"], ("v", "w")), min_size=1, max_size=4))
    nested = draw(st.lists(gate_call(["b", "a", "c"], ("v",), {"one": (2, 2)}), max_size=4))
    qubits = [f"q[{i}]" for i in range(3)]
    more = {"one": (2, 2), "two": (1, 3)}
    lines = draw(st.lists(gate_call(qubits, (), more), min_size=1, max_size=8))
    header = ("OPENQASM 2.0;", 'include "qelib1.inc";', "qreg q[3];")
    if version == 3:
        header = ("OPENQASM 3.0;", 'include "stdgates.inc";', "qubit[3] q;")
    definitions = [
        f"gate one(v,w) a,b {{ {' '.join(body)} }}",
        f"gate two(v) a,b,c {{ {' '.join(nested)} }}",
    ]
    return "\n".join([header[0], header[1], *definitions, header[2], *lines])


@given(program(2))
def test_version_2_agrees_with_qiskit(text: str) -> None:
    known = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    expected = Operator(qasm2.loads(text, custom_instructions=known)).data
    np.testing.assert_allclose(unitary(read_openqasm(text)), expected, atol=1e-8)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(program(3), st.lists(st.sampled_from(["inv @", "ctrl @", "negctrl @"]), max_size=2))
def test_version_3_agrees_with_qiskit(text: str, modifiers: list[str]) -> None:
    controls = sum("ctrl" in m for m in modifiers)
    operands = ", ".join(f"q[{i}]" for i in range(controls + 1))
    text += f"\n{' '.join(modifiers)} sx {operands};"
    found = unitary(read_openqasm(text))
    try:
        expected = Operator(qasm3.loads(text)).data
    except qasm3.QASM3ImporterError:  # products of parameters are beyond that reader
        reject()
    np.testing.assert_allclose(found, expected, atol=1e-8)


@given(angle())
def test_angles_are_what_python_computes(text: str) -> None:
    circuit = read_openqasm(f"OPENQASM 2.0;qreg q[1];\nrz({text}) q[0];")
    assert circuit.params[0, 0] == eval(text, {"pi": math.pi})


@given(program(2), st.data())
def test_formatting_does_not_matter(text: str, data: st.DataObject) -> None:
    blank = data.draw(BLANKS)
    words = re.findall(r'"[^"]*"|[\w.]+|[^\w\s]', text)
    spaced = re.sub(r"(\d)e" + re.escape(blank) + "-", r"\1e-", blank.join(words))
    if re.search(r"\de\s|\d\s*e-", spaced):  # an exponent was torn apart
        spaced = text
    assert_equal(read_openqasm(spaced), read_openqasm(text))


def assert_equal(a: Any, b: Any) -> None:
    for name in ("op", "qubits", "params", "aux", "pool"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


SEEDS = (
    'OPENQASM 2.0;include "qelib1.inc";gate g(a,b) x,y{u3(a,b/2,-pi)x;cx x,y;barrier x;}'
    "qreg q[3];creg c[3];h q;g(0.5,1)q[0],q[1];if(c==3)x q[2];measure q->c;reset q[0];",
    'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[3] q; bit[3] c; '
    "def f(qubit r, int n) -> bit { for int i in [0:n] { rx(i*a) r; } return measure r; } "
    "let s = q[0:1] ++ q[{2}]; inv @ ctrl @ rz(a/2) s[0], q[1]; c[0] = f(q[2], 2); uint[4] k = 3; "
    "while (c[0]) { k += 1; c[0] = measure q[0]; if (k > 5) break; } "
    'switch (k) { case 1, 2 { x q[0]; } default { c = "011"; } } if (c == 1 || !c[1]) end;',
)
WORDS = [
    *sorted({w for s in SEEDS for w in re.findall(r"\w+|[^\w\s]", s)}),
    *("1e999", "99999999999", "**", "<<", "0x", "$1", "ctrl(2) @", "pow(0.5) @", "/*", "//"),
    *("\x00", "π", "é", "\ufeff", "measure", "const", "gate", "-1", "0", "[::]", "{}", "()"),
]


@given(st.sampled_from(SEEDS), st.data())
def test_damage_is_refused_cleanly_or_read(seed: str, data: st.DataObject) -> None:
    parts = re.findall(r"\w+|[^\w\s]|\s+", seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(parts) - 1))
        word = data.draw(st.sampled_from([*WORDS, ""]))
        parts[at : at + data.draw(st.integers(0, 1))] = [word]
    check(" ".join(parts) if data.draw(st.booleans()) else "".join(parts))


@given(st.text(max_size=60))
def test_any_text_is_refused_cleanly_or_read(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_words_are_refused_cleanly_or_read(words: list[str]) -> None:
    check('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; ' + " ".join(words))


def check(text: str) -> None:
    """The reader answers with a valid circuit or a ProgramError that names a place."""
    try:
        circuit = read_openqasm(text, SMALL)
    except ProgramError as error:
        assert error.kind in KINDS
        assert error.line is not None
        assert 1 <= error.line <= text.count("\n") + 1
        return
    validate(circuit, SMALL)


@pytest.mark.nightly  # needs the bench requirements
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["qft", "grover", "qaoa", "vqe_real_amp", "wstate", "qpeexact"])
def test_published_benchmarks_agree_with_their_source(family: str) -> None:
    bench = library("mqt.bench")
    source = bench.get_benchmark(family, bench.BenchmarkLevel.ALG, circuit_size=4)
    gates = Operator(source.remove_final_measurements(inplace=False)).data
    largest = np.unravel_index(np.argmax(np.abs(gates)), gates.shape)
    for text in (qasm2.dumps(source), qasm3.dumps(source)):
        circuit = read_openqasm(text)
        assert len(circuit.measurements()) == source.count_ops().get("measure", 0)
        found = unitary(remove_measurements(circuit))
        # a text keeps no global phase of definitions
        np.testing.assert_allclose(found * gates[largest] / found[largest], gates, atol=1e-7)
