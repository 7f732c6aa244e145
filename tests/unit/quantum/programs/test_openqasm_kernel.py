"""The compiled reader's text, run interpreted, reads what the parser reads."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.limits import DEFAULT, Limits
from markaz.quantum.programs.openqasm import compiled, read_openqasm, whole
from markaz.quantum.programs.openqasm.compiled import Reader
from markaz.quantum.programs.openqasm.kernel_reader import read
from markaz.quantum.programs.openqasm.kernel_tokens import NO, divided, enter, number
from markaz.quantum.programs.openqasm.kernelpath import KernelPath

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
REGISTERS_2 = "qreg q[5];\nqreg other[2];\ncreg c[3];\ncreg a_register_of_bits[2];\n"
REGISTERS_3 = "qubit[5] q;\nqubit[2] other;\nqubit one;\nbit[3] c;\nbit flag;\n"


@pytest.fixture
def kernel() -> Iterator[None]:
    before = compiled.reader()
    compiled.use(Reader(read, enter))
    yield
    compiled.use(before)


def outcome(text: str, limits: Limits = DEFAULT) -> tuple[object, ...]:
    """All of a circuit, to the bit, or all of an error."""
    try:
        c = read_openqasm(text, limits)
    except ProgramError as error:
        return error.kind, str(error), error.line
    arrays = (c.op, c.qubits, c.params, c.aux, c.pool)
    rest = (c.exprs, c.symbolic, c.qregs, c.cregs, c.parameters, c.global_phase)
    return (c.num_qubits, c.num_clbits, *(a.tobytes() for a in arrays), *rest)


def by_both(text: str, limits: Limits = DEFAULT) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """With the compiled reader, beside the parser or, where that will do, alone; and
    without it."""
    compiled.use(None)
    expected = outcome(text, limits)
    compiled.use(Reader(read, enter))
    with no_short_way():
        beside = outcome(text, limits)
    assert beside == expected
    return outcome(text, limits), expected


@contextmanager
def no_short_way() -> Iterator[None]:
    """The parser is set up for every program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "read_whole", lambda *_: None)
        yield


def taken(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Circuit, list[str]]:
    """The circuit, and what the kernel left to others: the statements that it stopped at."""
    left: list[str] = []
    take = KernelPath.take

    def watched(self: KernelPath, start: int) -> int:
        end = take(self, start)
        if end < len(text):
            left.append(text[end:].partition("\n")[0])
        return end

    with monkeypatch.context() as patch, no_short_way():
        patch.setattr(KernelPath, "take", watched)
        return read_openqasm(text), left


PLAIN = (
    V2
    + REGISTERS_2
    + "h q[0];cx q[0] , q[4];\n// é\nU(0.25,-pi/2,3*pi/8)q[1];/* ; */u2(1,2) q[2];",
    V2
    + REGISTERS_2
    + "h q; cx q[0],other; cx other,q[3]; cu3(1,2,3) q[0],q[1]; ccx q[0],q[1],q[2];",
    V2 + REGISTERS_2 + "mcx q[0],q[1]; mcp(0.5) q[2],q[1],q[0]; mcphase(1) q[0],q[1];",
    V2
    + REGISTERS_2
    + "c3sqrtx q[3],q[1],q[2],q[0]; r(0.25,0.5) q[0]; u0(3) q[1]; rc3x q[0],q[1],q[2],q[3];",
    V2 + REGISTERS_2 + "measure q[1]->c[2]; c[0] = measure q[2]; reset q; reset q[3];"
    "measure other -> a_register_of_bits;",
    V2
    + REGISTERS_2
    + "barrier q[1],q[0]; barrier other,q[1],other[0]; barrier; barrier q[2],q[2];",
    V2
    + REGISTERS_2
    + "if(c==5) h q; if(c[1]) x q[0]; if (a_register_of_bits != 2) { barrier q; t q[1]; }",
    V3
    + REGISTERS_3
    + "if (c[0]) { if (!flag) { x one; } else { h one; cx q[0],one; } } else { y q; }",
    V3
    + REGISTERS_3
    + "if ((c[0] ^ c[1] ^ flag) == true) { c = measure q[0:2]; } if ((c[0] & c[2])) x one;",
    V3
    + REGISTERS_3
    + "flag = measure one; c[1] = measure q[3]; if (c == 0) { flag = measure q[0]; };;",
    V2 + "qreg q[5];\ngate both(t) a,b { rz(t) a; cx a,b; u2(0.5,t) b; ecr b,a; }\n"
    "gate twice(s) x,y { both(s) y,x; both(0.25) x,y; }\ntwice(pi/4) q[3],q[1]; both(1) q[0],q[1];",
    V2 + "gate none a { }\ngate h a { x a; }\nqreg q[5];\nnone q[1]; h q[2];",
)


@pytest.mark.parametrize("text", PLAIN)
def test_it_reads_what_the_parser_reads(text: str, kernel: None) -> None:
    found, expected = by_both(text)
    assert found == expected


def test_it_takes_all_of_the_ordinary_forms(kernel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (*PLAIN[:3], *PLAIN[4:8], *PLAIN[10:]):
        left = [s for s in taken(text, monkeypatch)[1] if not s.startswith(("q", "bit"))]
        assert left == [], text


@pytest.mark.parametrize(
    "line",
    (
        *("h q[5];", "cx q[0],q[0];", "cx q,other;", "h c[0];", "h q[0]", "nosuch q[0];"),
        *("rz() q[0];", "rz(1,2) q[0];", "rz(pi/0) q[0];", "rz(1e400) q[0];", "rz(1e308*10) q[0];"),
        *(
            "rz(nan) q[0];",
            "h q[-1];",
            "h q[99999999999];",
            "h q[0] q[1];",
            "/* open",
            "h \x01q[0];",
        ),
        *("measure q -> c;", "measure c[0] -> c[0];", "if (c[9]) x q[0];", "if (q[0]) x q[0];"),
        *(
            "if (c) { x q[0];",
            "} x q[0];",
            "if (c) gate g a { }",
            "gate g a,a { }",
            "gate g a { h b; }",
        ),
        *(
            "gate g a { cx a,a; }",
            "gate g a { nosuch a; }",
            "gate g a { g a; }",
            "gate g a { rz a; }",
        ),
        *(
            "gate g a { } gate g a { }",
            "barrier c;",
            "reset c[0];",
            "h q[0];; x;",
            "c[0] = measure q;",
        ),
    ),
)
@pytest.mark.parametrize("head", (V2 + REGISTERS_2, V3 + REGISTERS_3))
def test_mistakes_are_reported_as_ever(head: str, line: str, kernel: None) -> None:
    found, expected = by_both(f"{head}h q[0];\n\n  x q[1]; {line}\nh q[2];\n")
    assert found == expected


@pytest.mark.parametrize("head", (V2 + REGISTERS_2, V3 + REGISTERS_3))
def test_numbers_and_expressions_mean_the_same(head: str, kernel: None) -> None:
    texts = (
        *("1", "-1", "+1", "0", "-0", "-0.0", ".5", "5.", "1e5", "1E-3", "12345678901234567890"),
        *("0.12345678901234567", "2.9452431127404313", "6.123233995736766e-17", "1e22", "1e23"),
        *(
            "pi",
            "-pi",
            "- pi",
            "2*pi",
            "pi*2",
            "-3*pi/4",
            "pi/3*2",
            "0.25*pi/7",
            "pi+1",
            "pi/2-0.5",
        ),
        *(
            "1/2",
            "3/2*pi",
            "2*3",
            "1-1",
            "1+2*pi",
            "sin(pi/5)",
            "(pi)",
            "-(pi/2)",
            "2**0.5",
            "0*pi",
        ),
        *("-0*pi", "pi*0", "-pi*0", "1e-400", "4.9e-324", "9007199254740993", "pi/1e-320"),
    )
    for text in texts:
        found, expected = by_both(f"{head}rz({text}) q[0]; u3({text},1,{text}) q[1];")
        assert found == expected, text


def test_decimals_are_rounded_correctly() -> None:
    rng = random.Random(5)
    texts = [repr(rng.uniform(-8, 8)).lstrip("-") for _ in range(200)]
    texts += [f"{rng.randrange(10**18)}e-{rng.randrange(45)}" for _ in range(200)]
    texts += [f"{rng.randrange(1 << 53, 1 << 54) | 1}e-{k}" for k in range(4)]
    read_ones = 0
    for text in texts:
        end, value, _ = number(np.frombuffer(text.encode() + b";\0", np.uint8), 0)
        if end != NO:
            assert (end, value) == (len(text), float(text))
            read_ones += 1
    assert read_ones > 390  # the parser sees to those that are too close to call


def test_a_tie_between_two_floats_is_left_alone() -> None:
    assert math.isnan(divided(10 * (2**53 + 1), 1))
    assert divided(10 * (2**53 + 1) + 1, 1) == 2.0**53 + 2


@pytest.mark.parametrize("name", ("ryy", "iswap", "ecr", "dcx", "rzx", "csx", "ccz", "mcx"))
def test_usual_definitions_are_the_tables_gates(name: str, kernel: None) -> None:
    from markaz.quantum.programs.openqasm.stdgates import WELL_KNOWN

    for (known, body), (op, _) in WELL_KNOWN.items():
        if known != name:
            continue
        qubits = 1 + max(int(d) for d in body.replace("b", " b").split("b")[1:] for d in d[:1])
        names = [f"b{i}" for i in range(qubits)]
        params, call = ("(a0)", "(0.5)") if "a0" in body else ("", "")
        wires = ",".join(f"q[{i}]" for i in range(qubits))
        text = f"{V2}gate {name}{params} {','.join(names)} {{ {body} }}\nqreg q[5];\n"
        text += f"{name}{call} {wires};\n"
        found, expected = by_both(text)
        assert found == expected
        assert read_openqasm(text).op.tolist() == [op]
        spaced = text.replace("(pi/", "(pi /").replace("cx b0,b1", "cnot b0,b1")
        found, expected = by_both(spaced)
        assert found == expected


def test_a_definition_named_twice_or_late_is_noticed(kernel: None) -> None:
    for text in (
        "qreg q[2]; h q[0]; gate h a { x a; } h q[0]; gate h a { y a; }",
        "gate f a { h a; } qreg q[2]; f q[0]; gate f a { x a; }",
        "opaque f a; gate f a { h a; } qreg q[1]; f q[0];",
        "gate f a { h a; /* note */ } gate g a { f a; barrier a; } gate z a { g a; }"
        "qreg q[1]; z q[0];",
        "gate f(t) a { rz(-t/2) a; rz((t+pi)*2) a; } qreg q[1];"
        "f(0.5) q[0]; f(0) q[0]; f(-0.25) q[0];",
    ):
        found, expected = by_both(V2 + text)
        assert found == expected, text


def test_a_body_that_reads_a_variable_stays_with_the_parser(kernel: None) -> None:
    text = (
        V3 + "qubit q; int m = 1; input float v;\ngate f(t) a { rz(t*m) a; }\n"
        "gate g a { rx(v) a; }\nf(1) q; m = 2; f(2) q; g q; f(1) q;\n"
    )
    found, expected = by_both(text)
    assert found == expected


@pytest.mark.parametrize("most", range(1, 12))
def test_limits_end_at_the_same_statement(most: int, kernel: None) -> None:
    text = (
        V2 + "gate three a,b { h a; cx a,b; h b; }\nqreg q[4];\ncreg c[4];\nh q[0];\n"
        "three q[0],q[1];\nif (c[0]) {\n x q[1];\n }\nh q;\nmeasure q -> c;\nbarrier q;\n"
    )
    found, expected = by_both(text, Limits(gates=most))
    assert found == expected
    assert expected[0] == "limit-size"


def test_other_limits_hold(kernel: None) -> None:
    deep = V3 + "bit c; qubit q;\n" + "if (c) { " * 30 + "x q;" + " }" * 30
    many = V2 + "".join(f"gate g{i} a {{ x a; }}\n" for i in range(6)) + "qreg q[1]; g5 q[0];"
    wide = V2 + "".join(f"qreg a_long_name_{i}[2];\n" for i in range(80)) + "h a_long_name_79;"
    for text, limits in (
        (deep, Limits(nesting=29)),
        (deep, Limits(nesting=30)),
        (many, Limits(definitions=5)),
        (many, Limits(definitions=6)),
        (wide, Limits(qubits=160)),
        (wide, Limits(qubits=159)),
    ):
        found, expected = by_both(text, limits)
        assert found == expected


def test_more_statements_than_one_go_takes(kernel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("markaz.quantum.programs.openqasm.kernel_ground._ROWS", 16)
    text = V3 + "qubit[3] q; bit[3] c;\n" + "h q;\nif (c[1]) { cx q[0],q[1]; }\nbarrier q;\n" * 40
    found, expected = by_both(text)
    assert found == expected


def test_a_lists_phase_counts_outside_of_branches(kernel: None) -> None:
    text = (
        V3
        + "gate ecr a,b { s a; sx b; cx a,b; x a; }\ngate e a,b { ecr a,b; }\nqubit[2] q; bit c;\n"
        "ecr q[0],q[1]; if (c) { ecr q[0],q[1]; } e q[1],q[0];\n"
    )
    found, expected = by_both(text)
    assert found == expected
    assert read_openqasm(text).global_phase == pytest.approx(math.pi / 2)


def test_equal_conditions_are_one_object(kernel: None) -> None:
    c = read_openqasm(V3 + REGISTERS_3 + "if (c[1]) { x one; }\n" * 2)
    assert c.exprs == (("bits", 1, 1), ("bits", 1, 1))
    assert c.exprs[0] is c.exprs[1]
    assert c.aux[c.op == Op.IF].tolist() == [0, 1]


def test_work_that_leads_to_nothing_counts_the_same(
    kernel: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markaz.quantum.programs.openqasm.rows.FREE_WORK", 2000)
    monkeypatch.setattr("markaz.quantum.programs.openqasm.kernel_ground.FREE_WORK", 2000)
    wrappers = "".join(f"gate g{i + 1} a {{ g{i} a; }}\n" for i in range(40))
    uses = "".join(f"gate h{i} a {{ g40 a; }}\nh{i} q[0];\n" for i in range(40))
    text = f"{V2}gate g0 a {{ x a; }}\n{wrappers}qreg q[180];\n"
    bits = "creg c[2];\n" + "if (c[0] == 1) { x q[0]; }\n" * 5
    for more in (uses, bits + uses, "barrier q;\n" * 9 + uses, "barrier q[0],q;\n" * 600):
        found, expected = by_both(text + more)
        assert found == expected
        assert "takes too long to expand" in str(expected[1])


def test_nothing_is_compiled_unless_someone_says_so(kernel: None) -> None:
    compiled.use(None)
    assert compiled.reader() is None
    assert len(read_openqasm(V2 + "qreg q[1]; h q[0];")) == 1
