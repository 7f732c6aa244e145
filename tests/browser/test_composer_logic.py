"""What the composer computes, against the centre's own simulators."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from markaz.quantum.programs.reference import amplitudes, distribution
from tests.composer_tools import (
    DEFINITIONS,
    FIXED,
    HEAD,
    TURNING,
    circuit_of,
    computing,
    gate_line,
    random_text,
)
from tests.portal_tools import Site

CIRCUITS = 500


@pytest.fixture(scope="module")
def compute(chromium: Browser, served: tuple[Site, str]) -> Iterator[Callable[..., Any]]:
    with computing(chromium, served[1]) as run:
        yield run


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


def measured_inside(count: int, more: str) -> str:
    """A program of 12 qubits that becomes a mixture of 2**count states."""
    each = (f"h q[{k}]; c[{k}] = measure q[{k}]; h q[{k}];" for k in range(count))
    return f"qubit[12] q; bit[{count}] c;{''.join(each)}{more}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("qubit[13] q;", "too-wide"),
        (measured_inside(9, ""), "too-many"),
        (measured_inside(8, "h q;" * 10), "too-long"),
        (measured_inside(4, ""), ""),
        # Histories that end in the same state are one.
        ("qubit q; bit c;" + "h q; c = measure q;" * 60 + "h q;", ""),
        ("qubit[2] q;" + "h q; reset q;" * 40 + "h q;", ""),
    ],
    ids=("wide", "branches", "long", "few branches", "measured again", "reset again"),
)
def test_what_is_too_much_is_refused(compute: Callable[..., Any], text: str, key: str) -> None:
    found = compute(
        """(text) => { const { circuit } = m.read(text); try {
          m.simulate(circuit.ops, m.qubitCount(circuit), m.bitCount(circuit)); return "";
        } catch (refused) { return refused.key; } }""",
        text,
    )
    assert found == key


def test_a_link_brings_back_what_was_shared(compute: Callable[..., Any]) -> None:
    text = random_text(3) + "\n// کیوبٹ 量子\n"
    both = "async (text) => { const f = await m.fragment(text); return [f, await m.textIn(f)]; }"
    found = compute(both, text)
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
        HEAD + "qubit[3] q; bit[2] c; h q[0]; cx q[0], q[1]; c[0] = measure q[0];"
        "if (c == 1) x q[2];",
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
