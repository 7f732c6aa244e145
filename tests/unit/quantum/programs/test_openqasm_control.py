"""Control flow, variables and subroutines: exact outcome distributions."""

from __future__ import annotations

import pytest

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.reference import distribution
from markaz.quantum.programs.validate import validate

V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def read(body: str) -> Circuit:
    circuit = read_openqasm(V3 + body)
    validate(circuit, DEFAULT)
    return circuit


# program -> its outcome (bits of later registers to the left)
CERTAIN = {
    # measurement and registers
    "bit b; qubit q; x q; b = measure q;": "1",
    "qubit[3] q; bit[3] c; x q[0]; x q[2]; c = measure q;": "101",
    "qubit[3] q; bit[3] c; x q[-1]; c[0:1] = measure q[1:2];": "010",
    "qreg q[2]; creg c[2]; x q[1]; measure q -> c;": "10",
    "qubit[4] q; let a = q[0:2:3]; let b = a ++ q[{1}]; x b; bit[4] c = measure q;": "0111",
    "qubit[4] q; let a = q[:-1:]; x a[0]; bit[4] c = measure q;": "1000",
    "qubit[4] q; x q[2:-1:1]; bit[4] c = measure q;": "0110",
    "qubit q; bit c; x q; reset q; c = measure q;": "0",
    "qubit q; bit[3] c; x q; int i = 1; c[i] = measure q; c[i+1] = measure q;": "110",
    "output bit c; qubit q; x q; c = measure q;": "1",
    "bit c; x $1; c = measure $1; measure $0;": "1",
    "qubit q; x q; measure q; bit c = measure q;": "1",
    # conditions
    "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; if (c[0]) x q[1];"
    " c[1] = measure q[1];": "11",
    "qubit[2] q; bit[2] c; c[0] = measure q[0]; if (!c[0]) { x q[1]; } c[1] = measure q[1];": "10",
    "qubit q; bit[2] c; x q; c[0] = measure q; if (c[0] && c == 1) { c[1] = 1; }": "11",
    "qubit[2] q; bit[2] c; x q[0]; c = measure q; if (c == 1) if (c[0]) x q[1]; else x q[0];"
    " c = measure q;": "11",
    'qubit[2] q; bit[2] c; x q[0]; bit[2] s = measure q; if (s == "01") { c = 3; }': "0111",
    "qubit q; bit[3] c; x q; c[1] = measure q; if (c > 1 && c <= 2 && c != 3) c[0] = 1;": "011",
    # arithmetic on bits
    'qubit q; bit[4] c = "0011"; c = c << 1;': "0110",
    'qubit q; bit[4] c = "0011"; c = ~c;': "1100",
    'qubit q; bit[4] c = "0011"; bit[4] d = "0101"; c ^= d;': "01010110",
    'qubit q; bit[4] c = "0110"; bit[2] n = "10"; c = c << n;': "101000",
    'qubit q; bit[4] c = "0110"; uint[32] n; bit m = measure q; n = m; c = c << (n + 40);': "00000",
    "qubit[3] q; bit[3] c; x q[1]; c = measure q; c[{0,2}] = c[{1,1}];": "111",
    "qubit[4] q; bit[4] c; x q[0]; x q[1]; c = measure q; c[:-1:] = c;": "1100",
    "qubit q; bit[2] c; bool b = true; bool d; d = measure q; b = b && !d; c[0] = b;": "01",
    "qubit q; bit[2] c; x q; bit t = measure q; int y = int[8](t) * 3 - 1; c = y;": "110",
    "bit[4] c; uint[4] x = 9; bit b; qubit q; b = measure q; if (!b) x = x + 9; c = x;": "00010",
    "bit[8] c; int[8] x = -3; bit b; qubit q; b = measure q; if (!b) x -= 2; c = x;": "011111011",
    "bit c; int[8] x = -3; bit b; qubit q; b = measure q; if (!b) { x -= 2; } c = x < 0;": "01",
    "qubit q; bit[5] c; uint[5] a = 7; uint[5] b = 3; bit m = measure q;"
    " if (!m) { a = a % b + a / b + (a << 1) + (a >> 1) - 1; } c = a;": "010011",
    "qubit q; bit[4] c; uint[4] a = 2; bit m = measure q; if (!m) { a[0] = 1; } c = a;": "00011",
    # known loops, folded variables
    "qubit q; bit[4] c; int s = 0; for int i in [0:3] { s += i; } c = bit[4](s);": "0110",
    "qubit q; bit[4] c; int s = 0; for int i in [6:-2:1] { s += i; } c = s;": "1100",
    "qubit q; bit[2] c; const int n = 2; for uint i in {0, n} { x q; } c[0] = measure q;": "00",
    "qubit[2] q; bit[2] c; float x = 1.5; for int i in [0:1] { x = x * 2; } rx(x*pi/6) q[0];"
    " c[0] = measure q[0];": "01",
    "qubit q; bit[4] c; int i = 0; while (i < 10) { i += 3; if (i == 9) break; } c = i;": "1001",
    "bit[4] c; int s = 0; for int i in [1:4] { if (i == 2) continue; s += i; } c = s;": "1000",
    "qubit[3] q; bit[3] c; x q[0]; c[0] = measure q[0]; for bit b in c { if (b) x q[1]; }"
    " c[1] = measure q[1];": "011",
    'qubit q; bit[3] c; int s = 0; for bit b in "110" { s = 2 * s + b; } c = s;': "011",
    "qubit q; bit c; for i in [0:2] x q; c = measure q;": "1",
    "box { int k = 2; } qubit q; bit c; box [10ns] { x q; } delay[20ns] q; barrier q; nop q;"
    " c = measure q;": "1",
    "qubit q; bit[2] c; int v = 2; switch (v) { case 1 { } case 2 { x q; } default { } }"
    " c[0] = measure q;": "01",
    # measured loops
    "qubit q; bit c; bit r; int n = 0; x q; r = measure q;"
    " while (r) { x q; r = measure q; n += 1; } c = n == 1;": "01",
    "qubit q; bit[3] c; uint[3] n = 0; while (n < 4) { x q; c[0] = measure q;"
    " n += uint[3](c[0]); } c = n;": "100",
    "qubit[2] q; bit[2] c; bit done = 0; x q[0]; while (!done) { done = measure q[0];"
    " if (done) break; x q[1]; } c = measure q;": "101",
    "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; for int i in [0:5]"
    " { if (c[0]) { x q[1]; break; } x q[1]; } c[1] = measure q[1];": "11",
    "qubit[2] q; bit[2] c; bit k; x q[0]; k = measure q[0]; uint[3] n = 0; for int i in [0:3]"
    " { if (k) { n += 1; continue; } n += 2; } c[0] = n == 4; c[1] = n == 8;": "101",
    "qubit q; bit c; x q; c = measure q; if (c) { end; } c = 0;": "1",
    "qubit q; bit c; c = measure q; if (c) { end; } c = 1;": "1",
    "qubit q; bit c; x q; c = measure q; end; c = 0;": "1",
    # switch on what was measured
    "qubit[2] q; bit[2] c; x q[1]; c = measure q; switch (int[32](c)) { case 0 { x q[0]; }"
    " case 1,2 { x q[0]; x q[1]; } default { } } c = measure q;": "01",
    "qubit[2] q; bit[2] c; x q; c = measure q; switch (c) { case 0 { } case 1, 2 { }"
    " default { x q[0]; } } c = measure q;": "10",
    # subroutines
    "def f(qubit a, int n) -> bit { for int i in [1:n] x a; bit b = measure a; return b; }"
    " qubit q; bit c; c = f(q, 3);": "1",
    "def f(qubit a) -> bit { return measure a; } qubit[2] q; bit c; x q[0];"
    " c = f(q[0]) ^ f(q[1]);": "1",
    "def g(bit[2] v) -> uint[4] { uint[4] r = uint[4](v) + 3; return r; } qubit[2] q; bit[2] c;"
    " bit[4] d; x q; c = measure q; d = g(c);": "011011",
    "def flip(qubit[2] r) { x r[1]; } qubit[4] q; flip(q[2:3]); bit[4] c = measure q;": "1000",
    "def sq(int n) -> int { return n * n; } bit[4] c; qubit q; c = sq(sq(2)) - 1;": "1111",
    "def neg(int[8] n) -> int[8] { return -n; } bit[4] c; qubit q; bit m = measure q; int[8] k = 3;"
    " if (!m) k = 5; c[0] = neg(k) < 0; c[1] = neg(k) == -5;": "00011",
    "const int n = 2; qubit q; def up(qubit a) { for int i in [1:n + 1] x a; }"
    " up(q); bit c = measure q;": "1",
}


@pytest.mark.parametrize(("body", "outcome"), CERTAIN.items())
def test_programs_with_one_outcome(body: str, outcome: str) -> None:
    found = distribution(read(body))
    assert {bits: pytest.approx(p) for bits, p in found.items()} == {outcome: 1.0}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("qubit q; bit c; h q; c = measure q; while (c != 0) { x q; c = measure q; }", {"0": 1}),
        (
            "qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0]; if (c[0] == 1) { x q[1]; }"
            " else { id q[1]; } c[1] = measure q[1];",
            {"00": 0.5, "11": 0.5},
        ),
        (
            "gate bell a, b { h a; cx a, b; } qubit[2] q; bell q[0], q[1]; bit[2] c = measure q;",
            {"00": 0.5, "11": 0.5},
        ),
        (
            "qubit[2] q; bit[2] c; h q; c = measure q; uint[2] n = c; switch (n + 1)"
            " { case 1 { x q[0]; } case 2 { x q[1]; } default { reset q; } } c = measure q;",
            {"00": 0.5, "01": 0.25, "11": 0.25},
        ),
        (
            "qubit q; bit[2] c; for int i in [0:1] { h q; c[i] = measure q; if (c[i]) break; }",
            {"00": 0.25, "10": 0.25, "01": 0.5},
        ),
        (
            "def toss(qubit a) -> bit { reset a; h a; return measure a; }"
            " qubit q; bit[2] c; c[0] = toss(q); c[1] = toss(q);",
            {"00": 0.25, "01": 0.25, "10": 0.25, "11": 0.25},
        ),
    ],
)
def test_programs_with_several_outcomes(body: str, expected: dict[str, float]) -> None:
    found = distribution(read(body))
    assert {bits: pytest.approx(p) for bits, p in found.items()} == expected


def test_what_is_known_needs_no_control_flow() -> None:
    circuit = read(
        "qubit[3] q; int k = 0; for int i in [0:2] { if (i % 2 == 0) { h q[i]; k += i; } }"
        " while (k < 4) { k += 1; x q[0]; } switch (k) { case 4 { z q[0]; } default { } }"
    )
    assert circuit.op.tolist() == [Op.H, Op.H, Op.X, Op.X, Op.Z]
    assert circuit.num_clbits == 0


def test_variables_take_bits_only_once_measurements_decide() -> None:
    circuit = read("qubit q; bit b; uint[3] n = 5; n = 6; b = measure q; if (b) n = n - 1;")
    assert [(r.name, r.size, r.hidden) for r in circuit.cregs] == [
        ("b", 1, False),
        ("n", 3, True),
    ]
    assert circuit.op.tolist() == [Op.MEASURE, Op.ASSIGN, Op.IF, Op.ASSIGN, Op.END]
    assert circuit.exprs[0] == ("const", 6)
    assert circuit.visible_clbits == 1


def test_unrolled_rounds_share_their_bits() -> None:
    circuit = read("qubit q; for int i in [0:9] { bit b = measure q; if (b) x q; }")
    assert circuit.num_clbits == 1


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("break;", "parse", "outside a loop"),
        ("return;", "parse", "outside a subroutine"),
        ("if (q) x q;", "parse", "condition"),
        ("for int i in [0:c] x q;", "unsupported", "constant"),
        ("for int i in [0:0:3] x q;", "parse", "step of zero"),
        ("for int i in 3 x q;", "unsupported", "range or set"),
        ("while (measure q) x q;", "unsupported", "measures"),
        ("rz(c) q;", "unsupported", "depend on a measurement"),
        ("qubit[2] r; x r[c];", "unsupported", "index"),
        ("float f = 1; if (c) f = 2;", "unsupported", "float"),
        ("const int k = c;", "parse", "depends on a measurement"),
        ("const int k = 1; k = 2;", "parse", "cannot be changed"),
        ("int k; k += 1;", "parse", "no value yet"),
        ("switch (c) { case c { } }", "parse", "case"),
        ("def f(qubit a) { f(a); } f(q);", "unsupported", "calls itself"),
        (
            "def f(qubit a) -> bit { if (c) { return 1; } return 0; } c = f(q);",
            "unsupported",
            "return",
        ),
        ("def f(qubit a) { } f(q, q);", "parse", "takes 1 arguments"),
        ("def f(qubit[2] a) { } f(q);", "parse", "takes 2 qubits"),
        ("def f(qubit a) -> bit { } c = f(q);", "parse", "returned nothing"),
        ("nosuch(q);", "parse", "not a subroutine"),
        ("extern f(int) -> int;", "unsupported", "extern"),
        ("defcal x q { }", "unsupported", "defcal"),
        ("cal { }", "unsupported", "OpenPulse"),
        ("array[int, 3] a;", "unsupported", "arrays"),
        ("input int k;", "unsupported", "float and angle"),
        ("{ qubit r; }", "parse", "globally"),
        ("if (c) { gate g a { } }", "parse", "globally"),
        ("x[100ns] q;", "parse", "expected '='"),
        ("while (true) { x q; }", "limit-size", "never ends"),
        ("int k = 0; while (k < 1) { k -= 0; }", "limit-size", "too long|never"),
        ("for int i in [1:100000000] x q;", "limit-size", "loops run"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(body: str, kind: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message) as error:
        read("qubit q; bit c;\n" + body)
    assert (error.value.kind, error.value.line) == (kind, 4)
