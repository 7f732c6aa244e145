"""What the composer computes, against the centre's own readers and simulators."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from markaz.interfaces.portal.statics import Statics
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.readers import read
from markaz.quantum.programs.reference import amplitudes, distribution
from tests.portal_tools import Site

CIRCUITS = 500
FIXED = ("id x y z h s sdg t tdg sx sxdg cx cy cz ch cs csdg csx swap ccx ccz cswap").split()
TURNING = ("p rx ry rz cp crx cry crz rxx ryy rzz u cu").split()
WIDTHS = {"swap": 2, "rxx": 2, "ryy": 2, "rzz": 2, "ccx": 3, "ccz": 3, "cswap": 3}
ANGLES = {"u": 3, "cu": 4}
NO_NAME_3 = ("sxdg", "cs", "csdg", "csx", "ccz", "rxx", "ryy", "rzz")


@pytest.fixture(scope="module")
def compute(chromium: Browser, served: tuple[Site, str]) -> Iterator[Callable[..., Any]]:
    """Runs a function of JavaScript with the composer's modules: ``compute(js, argument)``."""
    _, url = served
    page = chromium.new_page()
    page.goto(url + "/composer")
    page.wait_for_selector("#composer[data-ready]")
    at = f"/static/{Statics().version}/composer/"
    names = ("reading", "writing", "simulator", "layout", "edits", "qiskit", "share", "expressions")
    load = "async ([at, names]) => { window.m = Object.assign({}, ...await Promise.all(names.map("
    page.evaluate(load + "(name) => import(`${at}${name}.js`)))); }", [at, list(names)])
    yield page.evaluate
    page.close()


def circuit_of(text: str) -> Circuit:
    return read(text.encode(), "openqasm", DEFAULT)


def gate_line(rng: np.random.Generator, qubits: int, name: str) -> str:
    width = WIDTHS.get(name, 2 if name.startswith("c") else 1)
    wires = [f"q[{q}]" for q in rng.permutation(qubits)[:width]]
    count = ANGLES.get(name, 1) if name in TURNING else 0
    angles = ", ".join(repr(float(x)) for x in rng.uniform(-7, 7, count))
    word = {"u": "U"}.get(name, name)
    modifier = ""
    if width < qubits and rng.random() < 0.25:
        modifier = str(rng.choice(["ctrl @ ", "negctrl @ "]))
        wires.insert(0, next(f"q[{q}]" for q in range(qubits) if f"q[{q}]" not in wires))
    if name in ("cs", "csdg", "csx", "ccz"):
        modifier, word = modifier + f"ctrl({len(name.partition('z')[0]) if name == 'ccz' else 1}) @ ", name.lstrip("c")  # noqa: E501
    return f"{modifier}{word}{f'({angles})' if angles else ''} {', '.join(wires)};"


def random_text(seed: int, *, measured: bool = False) -> str:
    """A random program of everything that the composer shows."""
    rng = np.random.default_rng(seed)
    qubits = int(rng.integers(1, 6))
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', *DEFINITIONS, f"qubit[{qubits}] q;"]
    lines += ["bit[2] a;", "bit[1] b;"] if measured else []
    names = [n for n in FIXED + TURNING if WIDTHS.get(n, 1 + n.startswith("c")) <= qubits]
    for _ in range(int(rng.integers(3, 16))):
        line = gate_line(rng, qubits, str(rng.choice(names)))
        if measured and rng.random() < 0.4:
            bit = str(rng.choice(["a[0]", "a[1]", "b[0]"]))
            wire = f"q[{rng.integers(qubits)}]"
            asked = ["a[0]", "!b[0]", "a == 2", "a != 1", "b[0] == 1"]
            line = str(rng.choice([
                f"{bit} = measure {wire};", f"reset {wire};",
                f"if ({rng.choice(asked)}) {{ {line} x {wire}; }}",
                f"if ({rng.choice(asked)}) {bit} = measure {wire};",
            ]))  # fmt: skip
        lines.append(line)
    if not measured and rng.random() < 0.5:
        lines.append(f"gphase({rng.uniform(-3, 3)!r});")
    return "\n".join(lines)


DEFINITIONS = (
    "gate sxdg a { inv @ sx a; }",
    "gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }",
    "gate ryy(theta) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(theta) b; cx a, b; "
    "rx(-pi/2) a; rx(-pi/2) b; }",
    "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
)
STATES = """(texts) => texts.map((text) => {
  const { circuit, problem } = m.read(text);
  if (problem) return problem;
  const { branches } = m.simulate(circuit.ops, m.qubitCount(circuit), m.bitCount(circuit));
  return [Array.from(branches[0].re), Array.from(branches[0].im), branches.length];
})"""


def test_amplitudes_are_the_centres_on_500_random_circuits(compute: Callable[..., Any]) -> None:
    texts = [random_text(seed) for seed in range(CIRCUITS)]
    found = compute(STATES, texts)
    worst = 0.0
    for text, (re_, im, branches) in zip(texts, found, strict=True):
        wanted = amplitudes(circuit_of(text))
        worst = max(worst, float(np.abs(np.array(re_) + 1j * np.array(im) - wanted).max()))
        assert branches == 1
    assert worst < 1e-12


def test_a_wide_circuit_has_the_centres_amplitudes(compute: Callable[..., Any]) -> None:
    rng = np.random.default_rng(7)
    gates = [gate_line(rng, 12, str(rng.choice(FIXED + TURNING))) for _ in range(60)]
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";', *DEFINITIONS, "qubit[12] q;"]
    text = "\n".join([*head, *gates])
    (re_, im, _), = compute(STATES, [text])  # fmt: skip
    wanted = amplitudes(circuit_of(text))
    assert np.abs(np.array(re_) + 1j * np.array(im) - wanted).max() < 1e-12


def test_measurements_inside_give_the_exact_distribution(compute: Callable[..., Any]) -> None:
    texts = [random_text(seed, measured=True) for seed in range(150)]
    found = compute(
        """(texts) => texts.map((text) => {
          const { circuit, problem } = m.read(text);
          if (problem) return problem;
          const state = m.simulate(circuit.ops, m.qubitCount(circuit), m.bitCount(circuit));
          return [Object.fromEntries(m.outcomes(state)), m.blochVectors(state, 1)[0]];
        })""",
        texts,
    )
    for text, got in zip(texts, found, strict=True):
        assert isinstance(got, list), (text, got)
        wanted = distribution(circuit_of(text))
        for key in wanted.keys() | got[0].keys():
            assert math.isclose(wanted.get(key, 0), got[0].get(key, 0), abs_tol=1e-12), text
        assert math.hypot(*got[1]) < 1 + 1e-12


def test_bloch_vectors_are_those_of_the_reduced_states(compute: Callable[..., Any]) -> None:
    for seed in range(20):
        text = random_text(seed)
        circuit = circuit_of(text)
        found = compute(
            "(text) => { const { circuit } = m.read(text); const n = m.qubitCount(circuit);"
            "return m.blochVectors(m.simulate(circuit.ops, n, 0), n); }",
            text,
        )
        state = amplitudes(circuit)
        for qubit, vector in enumerate(found):
            pairs = state.reshape(-1, 2, 1 << qubit).transpose(1, 0, 2).reshape(2, -1)
            rho = pairs @ pairs.conj().T
            wanted = [2 * rho[1, 0].real, 2 * rho[1, 0].imag, (rho[0, 0] - rho[1, 1]).real]
            assert np.allclose(vector, wanted, atol=1e-12)


ROUND: str = """(texts) => texts.map((text) => {
  const { circuit, problem } = m.read(text);
  if (problem) return problem;
  const written = m.write(circuit);
  const again = m.read(written).circuit;
  return [written, m.write(again)];
})"""
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
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
    "negctrl @ ctrl @ x q[4], q[0], q[1]; ctrl @ cx q[0], q[1], q[2]; ctrl @ cu(1,2,3,4) q[0], q[1],"
    " q[2]; ctrl @ swap q[2], q[0], q[1]; ctrl(4) @ x q[0], q[1], q[2], q[3], q[4]; ctrl @ U(1, 2, 3)"
    " q[0], q[1];",
    "expressions": HEAD + "qubit q; rx(-pi/2 + 2*(1.5e-3 - .5)**2) q; rz(1/2*pi) q; p(sin(pi/3)) q;"
    "ry(arccos(0.5) - sqrt(2)) q; rx(7 % 4) q; ry(-2**2) q; rz(π/τ) q; p(1_000.5) q; rx(0x1F) q;",
    "phases": HEAD + "gphase(pi/4); qubit q; gphase(-0.25); h q;",
    "older": 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3]; creg c[3];\nu3(1,2,3) q[0];'
    "u2(pi/2,ln(2)) q[1]; u1(1/2*pi) q[2]; cu1(2^2/3) q[0],q[1]; cu3(1,2,3) q[1],q[2]; CX q[0],q[1];"
    "rzz(0.5) q[0],q[1]; sxdg q[0]; barrier q; measure q -> c; if(c==5) x q[0]; reset q[1];",
    "no version": 'include "qelib1.inc";\nqreg q[1]; rx(1/2) q[0];',
    "exported": HEAD + "gate rzz(p0) _gate_q_0, _gate_q_1 {\n  cx _gate_q_0, _gate_q_1;\n"
    "  rz(p0) _gate_q_1;\n  cx _gate_q_0, _gate_q_1;\n}\nqubit[2] q; rzz(1) q[0], q[1];",
    "c3x": HEAD + "qubit[5] q; c3x q[0],q[1],q[2],q[3]; c4x q[4],q[1],q[2],q[3],q[0]; u3(1,2,3) q[0];",
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
        "bit[2] c;\n// turn\nh q[0]; // now\ncx q[0], q[1];\n// read\nc = measure q; // all\n// end\n"
    )
    assert compute(ROUND, [text]) == [[text, text]]


@pytest.mark.parametrize(
    ("text", "kind", "key", "line", "column"),
    [
        ("", "error", "no-qubits", 1, 1), ("qubit q;\nh q[1];", "error", "index", 2, 5),
        ("qubit q;\n  foo q;", "error", "no-gate", 2, 3), ("qubit q; h r;", "error", "no-qubit", 1, 12),
        ("qubit[2] q; cx q[0], q[0];", "error", "twice", 1, 16),
        ("qubit q; rx q;", "error", "params", 1, 13), ("qubit[2] q; cx q[0];", "error", "operands", 1, 13),
        ("qubit q; h q", "error", "ended", 1, 13), ("qubit q; h q h", "error", "expected", 1, 14),
        ("qubit q; rx(1/0) q;", "error", "value", 1, 13), ("qubit q; rx(log(-1)) q;", "error", "value", 1, 13),
        ("OPENQASM 4.0;", "error", "version", 1, 10), ("qubit q; qubit q;", "error", "taken", 1, 16),
        ("qubit q; ö; é", "error", "no-gate", 1, 10), ("qubit q;\n\"", "error", "character", 2, 1),
        ("qubit[0] q;", "error", "size", 1, 7), ("qubit[2] q; qubit[3] r; cx q, r;", "error", "lengths", 1, 31),
        ("qubit q; rx(" + "(" * 99 + "1", "error", "deep", 1, 74),
        ("qubit q;\nfor int i in [0:3] { h q; }", "unshown", "word", 2, 1),
        ("input float[64] a; qubit q;", "unshown", "word", 1, 1), ("qubit q; rx(a) q;", "unshown", "name", 1, 13),
        ("gate g a { h a; } qubit q; g q;", "unshown", "word", 1, 1),
        ("gate rzz(t) a, b { x a; } qubit q;", "unshown", "word", 1, 1),
        ("qubit q; pow(2) @ x q;", "unshown", "word", 1, 10), ("h $0;", "unshown", "word", 1, 3),
        ("qubit q; bit c; if (c) { h q; } else { x q; }", "unshown", "word", 1, 33),
        ("qubit q; bit[2] c; if (c) x q;", "unshown", "word", 1, 25),
        ("qubit q; bit c; if (c) { c = measure q; x q; }", "unshown", "word", 1, 17),
        ("qubit[33] q;", "unshown", "wide", 1, 11), ('include "own.inc"; qubit q;', "unshown", "word", 1, 9),
        ("qubit q; bit c; c = 1;", "unshown", "word", 1, 17), ("qubit[3] q; h q[0:1];", "unshown", "word", 1, 18),
        ("qubit q; delay[10ns] q;", "unshown", "word", 1, 10),
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("text", "key"),
    [("qubit[13] q;", "too-wide"), ("qubit q; bit c;" + "h q; c = measure q;" * 30, ""),
     ("qubit[12] q; bit[9] c;" + "".join(f"h q[{k}]; c[{k}] = measure q[{k}]; h q[{k}];"
                                         for k in range(9)), "too-many"),
     ("qubit[12] q; bit[8] c;" + "".join(f"h q[{k}]; c[{k}] = measure q[{k}]; x q[{k}];"
                                         for k in range(8)) + "h q;" * 10, "too-long")],
    ids=("wide", "many measurements", "branches", "long"),
)  # fmt: skip
def test_what_is_too_much_is_refused(compute: Callable[..., Any], text: str, key: str) -> None:
    found = compute(
        """(text) => { const { circuit } = m.read(text); try {
          m.simulate(circuit.ops, m.qubitCount(circuit), m.bitCount(circuit)); return "";
        } catch (refused) { return refused.key; } }""",
        text,
    )
    assert found == (key or "too-many")


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


def test_a_link_brings_back_what_was_shared(compute: Callable[..., Any]) -> None:
    text = random_text(3) + "\n// کیوبٹ 量子\n"
    found = compute("async (text) => { const f = await m.fragment(text); return [f, await m.textIn(f)]; }", text)  # fmt: skip
    assert found[1] == text
    assert re.fullmatch(r"#c=[\w-]+", found[0])
    rng = np.random.default_rng(1)
    noise = bytes(rng.integers(33, 126, 20_000, dtype=np.uint8)).decode()
    assert compute("(text) => m.fragment(text)", noise) is None


@pytest.mark.parametrize("hash_", ["", "#c=", "#c=!!", "#c=AAAA", "#x=abc", "#c=" + "A" * 9000])
def test_a_broken_link_brings_nothing(compute: Callable[..., Any], hash_: str) -> None:
    assert compute("(hash) => m.textIn(hash)", hash_) in (None, "")


def test_a_link_that_unfolds_without_end_is_dropped(compute: Callable[..., Any]) -> None:
    found = compute(
        """async () => { const packed = new Response(new Blob([" ".repeat(4e6)]).stream()
          .pipeThrough(new CompressionStream("deflate-raw")));
          const bytes = new Uint8Array(await packed.arrayBuffer());
          const text = btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
          const hash = "#c=" + text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
          return [hash.length, await m.textIn(hash)]; }"""
    )
    assert found[0] < 8192
    assert found[1] is None


def test_edits_keep_the_program_that_they_do_not_touch(compute: Callable[..., Any]) -> None:
    found = compute(
        """(text) => { const { circuit } = m.read(text); const [first] = circuit.ops;
        const edits = { grown: m.resize(circuit, "c", 0, 3), fewer: m.resize(circuit, "q", 0, 1),
          bits: m.resize(circuit, "c", 0, 1), placed: m.place(circuit, "cx", 1, 9),
          inserted: m.place(circuit, "x", 0, 0), moved: m.move(circuit, first, 0, 1, 0),
          later: m.shift(circuit, first, 1), rewired: m.rewire(circuit, circuit.ops[1], 0, 2),
          controlled: m.addControl(circuit, first), all: m.measureAll(circuit) };
        return Object.fromEntries(Object.entries(edits).map(([name, one]) =>
          [name, m.write(one.circuit).split("\\n").slice(2, -1)])); }""",
        HEAD + "qubit[3] q; bit[2] c; h q[0]; cx q[0], q[1]; c[0] = measure q[0]; if (c == 1) x q[2];",
    )  # fmt: skip
    regs, h, cx, read_, asked = (
        ["qubit[3] q;", "bit[2] c;"], "h q[0];", "cx q[0], q[1];", "c[0] = measure q[0];",
        ["if (c == 1) {", "  x q[2];", "}"],
    )  # fmt: skip
    assert json.loads(json.dumps(found)) == {
        "grown": ["qubit[3] q;", "bit[3] c;", h, cx, read_, *asked],
        "fewer": ["qubit[1] q;", "bit[2] c;", h, read_],
        "bits": ["qubit[3] q;", "bit[1] c;", h, cx, read_],
        "placed": [*regs, h, cx, read_, *asked, "cx q[1], q[2];"],
        "inserted": [*regs, "x q[0];", h, cx, read_, *asked],
        "moved": [*regs, "h q[1];", cx, read_, *asked],
        "later": [*regs, cx, h, read_, *asked],
        "rewired": [*regs, h, "cx q[2], q[1];", read_, *asked],
        "controlled": [*regs, "ch q[1], q[0];", cx, read_, *asked],
        "all": ["qubit[3] q;", "bit[3] c;", h, cx, read_, *asked, "c = measure q;"],
    }  # fmt: skip
