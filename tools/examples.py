"""Write the example programs that are too long to write by hand.

``python tools/examples.py`` rewrites them; a test compares them with what it would write.
Each builder returns OpenQASM 2 text and needs nothing but the standard library.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

ADDER_BITS = 19
ADDENDS = (314_159, 271_828)
PERIOD_BITS = 3
OFFSET = 5


def program(comment: str, body: Iterator[str]) -> str:
    """A complete program: comment, header, then ``body``."""
    head = "".join(f"// {line}\n" for line in comment.strip().splitlines())
    return f'{head}OPENQASM 2.0;\ninclude "qelib1.inc";\n\n' + "".join(f"{x}\n" for x in body)


def ghz_127() -> str:
    """All of 127 qubits equal: half of the shots 0…0, half 1…1."""

    def body() -> Iterator[str]:
        yield "qreg q[127];\ncreg c[127];\n"
        yield "h q[0];"
        yield from (f"cx q[{i}],q[{i + 1}];" for i in range(126))
        yield "\nmeasure q -> c;"

    return program(
        "GHZ state on 127 qubits: one superposition, copied down a line of CX gates.\n"
        "Expect two outcomes, all zeros and all ones. A vector of its 2^127 amplitudes\n"
        "fits nowhere; seen as a stabilizer state it is a matter of microseconds.",
        body(),
    )


def adder_40() -> str:
    """Ripple-carry addition of two 19-bit numbers (Cuccaro et al., quant-ph/0410184)."""

    def body() -> Iterator[str]:
        n, (left, right) = ADDER_BITS, ADDENDS
        yield "gate majority a,b,c { cx c,b; cx c,a; ccx a,b,c; }"
        yield "gate unmajority a,b,c { ccx a,b,c; cx c,a; cx a,b; }\n"
        yield f"qreg carry[1];\nqreg a[{n}];\nqreg b[{n}];\nqreg top[1];\ncreg sum[{n + 1}];\n"
        yield from (f"x a[{i}];" for i in range(n) if left >> i & 1)
        yield from (f"x b[{i}];" for i in range(n) if right >> i & 1)
        wires = [("carry[0]", "b[0]", "a[0]")]
        wires += [(f"a[{i - 1}]", f"b[{i}]", f"a[{i}]") for i in range(1, n)]
        yield from (f"majority {','.join(w)};" for w in wires)
        yield f"cx a[{n - 1}],top[0];"
        yield from (f"unmajority {','.join(w)};" for w in reversed(wires))
        yield from (f"measure b[{i}] -> sum[{i}];" for i in range(n))
        yield f"measure top[0] -> sum[{n}];"

    total = sum(ADDENDS)
    return program(
        f"Ripple-carry adder on 40 qubits: {ADDENDS[0]} + {ADDENDS[1]} = {total}.\n"
        f"Expect the single outcome {total:020b}.\n"
        "Its input is a basis state, so constant propagation solves it without any engine.",
        body(),
    )


def fourier(qubits: int) -> Iterator[str]:
    """Quantum Fourier transform in the order of ordinary numbers, swaps included."""
    for i in reversed(range(qubits)):
        yield f"h q[{i}];"
        yield from (f"cu1(pi/{2 ** (i - j)}) q[{j}],q[{i}];" for j in reversed(range(i)))
    yield from (f"exchange q[{i}],q[{qubits - 1 - i}];" for i in range(qubits // 2))


def qft_20() -> str:
    """The Fourier transform finds the period 8 of a state on 20 qubits."""

    def body() -> Iterator[str]:
        yield "gate exchange a,b { cx a,b; cx b,a; cx a,b; }\n"
        yield "qreg q[20];\ncreg c[20];\n"
        yield "// all numbers 8 k + 5, equally"
        yield from (f"x q[{i}];" for i in range(PERIOD_BITS) if OFFSET >> i & 1)
        yield from (f"h q[{i}];" for i in range(PERIOD_BITS, 20))
        yield "\n// quantum Fourier transform"
        yield from fourier(20)
        yield "\nmeasure q -> c;"

    return program(
        "Finding a period with the quantum Fourier transform on 20 qubits.\n"
        "The state holds the numbers 5, 13, 21, ... (period 8). After the transform only\n"
        "multiples of 2^20 / 8 remain: expect eight outcomes, equally often.",
        body(),
    )


def ccz(a: str, b: str, c: str) -> Iterator[str]:
    """Doubly controlled Z from seven T gates and CX gates."""
    yield f"cx {b},{c}; tdg {c}; cx {a},{c}; t {c};"
    yield f"cx {b},{c}; tdg {c}; cx {a},{c}; t {b}; t {c};"
    yield f"cx {a},{b}; t {a}; tdg {b}; cx {a},{b};"


def hidden_shift(rng: random.Random) -> tuple[str, Iterator[str]]:
    """Shift (highest qubit on the left) and body of a hidden-shift circuit on 40 qubits.

    f(x, y) = x·y + g(x) is a bent function whose dual is x·y + g(y) (Rötteler, 2010).
    """
    half = 20
    shift = [rng.random() < 0.5 for _ in range(2 * half)]
    triple = rng.sample(range(half), 3)
    pairs = [tuple(rng.sample(range(half), 2)) for _ in range(2 * half)]

    def phase(offset: int) -> Iterator[str]:
        yield from (f"cz q[{i}],q[{i + half}];" for i in range(half))
        yield from (f"cz q[{a + offset}],q[{b + offset}];" for a, b in pairs)
        first, second, third = (f"q[{i + offset}]" for i in triple)
        yield from ccz(first, second, third)

    def body() -> Iterator[str]:
        flips = [f"x q[{i}];" for i, bit in enumerate(shift) if bit]
        yield "qreg q[40];\ncreg c[40];\n\nh q;"
        yield "\n// the function, shifted"
        yield from flips
        yield from phase(0)
        yield from flips
        yield "\nh q;\n\n// its dual"
        yield from phase(half)
        yield "\nh q;\nmeasure q -> c;"

    return "".join(str(int(bit)) for bit in reversed(shift)), body()


def clifford_t_40() -> str:
    """A hidden shift on 40 qubits, found in one evaluation."""
    shift, body = hidden_shift(random.Random(40))
    return program(
        "Hidden shift on 40 qubits: Clifford gates and 14 T gates.\n"
        f"Expect the single outcome {shift}.\n"
        "Too wide for amplitudes and not Clifford; near-Clifford methods take it in their\n"
        "stride, because the cost grows with the T gates only.",
        body,
    )


def ising_trotter_20() -> str:
    """Ten Trotter steps of the transverse-field Ising chain on 20 qubits."""
    step, coupling, field = 0.1, 1.0, 0.9

    def body() -> Iterator[str]:
        yield "qreg q[20];\ncreg c[20];\n"
        yield f"gate zz a,b {{ cx a,b; rz({-2 * coupling * step!r}) b; cx a,b; }}\n"
        for number in range(1, 11):
            yield f"// step {number}"
            for start in (0, 1):
                yield from (f"zz q[{i}],q[{i + 1}];" for i in range(start, 19, 2))
            yield f"rx({-2 * field * step!r}) q;"
        yield "\nmeasure q -> c;"

    return program(
        "Quench of an Ising chain: H = -J sum Z Z - h sum X, J = 1, h = 0.9, 20 spins that\n"
        "all point up, ten Trotter steps of 0.1. Expect mostly zeros with some spins turned,\n"
        "fewer in the middle, where two neighbours hold a spin, than at the ends.",
        body(),
    )


BUILDERS: dict[str, Callable[[], str]] = {
    "ghz_127.qasm": ghz_127,
    "adder_40.qasm": adder_40,
    "qft_20.qasm": qft_20,
    "clifford_t_40.qasm": clifford_t_40,
    "ising_trotter_20.qasm": ising_trotter_20,
}


def main() -> None:
    """Write every generated example."""
    for name, build in BUILDERS.items():
        (EXAMPLES / name).write_text(build())


if __name__ == "__main__":
    main()
