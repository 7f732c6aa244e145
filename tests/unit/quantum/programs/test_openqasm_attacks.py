"""Programs that ask for more than they are long: each is refused, or read, quickly."""

from __future__ import annotations

import sys
import time

import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.openqasm import read_openqasm

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BIG = 200_000
SECONDS = 2.0  # of processor time; most take a hundredth


def doubling(levels: int, prefix: str = "") -> str:
    text = "gate g0 a { h a; }\n"
    for i in range(1, levels + 1):
        text += f"gate g{i} a {{ {prefix}g{i - 1} a; {prefix}g{i - 1} a; }}\n"
    return text


def calls(levels: int, body: str) -> str:
    text = f"def f0(qubit a) {{ {body} }}\n"
    for i in range(1, levels):
        text += f"def f{i}(qubit a) {{ f{i - 1}(a); f{i - 1}(a); }}\n"
    return text + f"qubit q; f{levels - 1}(q);"


REFUSED = {
    "brackets": (V2 + "qreg q[1]; rz(" + "(" * BIG, "limit-size"),
    "brackets first": ("(" * BIG, "parse"),
    "index brackets": (V3 + "x q" + "[" * BIG, "parse"),
    "nested indices": (V3 + "x q" + "[q" * BIG, "limit-size"),
    "calls": (V3 + "rz(" + "sin(" * BIG, "limit-size"),
    "minus": (V2 + "qreg q[1]; rz(" + "-" * BIG + "1) q[0];", "limit-size"),
    "not": (V3 + "qubit q; if (" + "!" * BIG + "q) x q;", "limit-size"),
    "braces": (V3 + "{" * BIG, "limit-size"),
    "quotes": (V3 + '"' * BIG, "parse"),
    "one long name": ("a" * BIG, "parse"),
    "one long gate": (V2 + "qreg q[1];" + "a" * BIG + " q[0];", "parse"),
    "open comment": (V2 + "/*" + "*" * BIG, "parse"),
    "stars and slashes": (V2 + "/" + "* /" * BIG, "parse"),
    "long size": (V2 + "qreg q[" + "1" * BIG + "];", "limit-size"),
    "long size 3": (V3 + "qubit[" + "1" * BIG + "] q;", "limit-size"),
    "long angle": (V2 + "qreg q[1]; rz(" + "1" * BIG + ") q[0];", "limit-size"),
    "long bit string": (V3 + 'bit[4] c = "' + "01" * BIG + '";', "limit-size"),
    "qubits": (V2 + "qreg q[1000000000];", "limit-size"),
    "bits": (V3 + "bit[1000000000] c;", "limit-size"),
    "width": (V3 + "int[1000000000] c = 1;", "limit-size"),
    "physical": (V3 + "x $99999999999;", "limit-size"),
    "doubling": (V2 + doubling(30) + "qreg q[1]; g30 q[0];", "limit-size"),
    "doubling high": (V2 + doubling(190) + "qreg q[1]; g190 q[0];", "limit-size"),
    "doubling inverse": (V3 + doubling(14, "inv @ ") + "qubit q; g14 q;", None),
    "deep definitions": (V2 + "".join(
        f"gate g{i} a {{ {f'g{i - 1}' if i else 'h'} a; }}\n" for i in range(300)), "limit-size"),
    "power": (V3 + "qubit q; pow(10000000) @ h q;", "limit-size"),
    "powers": (V3 + "qubit q; " + "pow(10) @ " * 30 + "h q;", "limit-size"),
    "tower": (V3 + "qubit q; pow(2**2**2**30) @ h q;", "limit-size"),
    "tower angle": (V2 + "qreg q[1]; rz(2^2^2^30) q[0];", "limit-size"),
    "tower int": (V3 + "const int a = 9**9**9;", "limit-size"),
    "shift": (V3 + "const int a = 1 << 1000000000;", "limit-size"),
    "shifts": (V3 + "int a = 1; for int i in [0:9] { a = a << 1000; }", "limit-size"),
    "squares": (V3 + "int a = 3; for int i in [0:100000] { a = a * a; }", "limit-size"),
    "controls": (V3 + "qubit q; ctrl(1000000000) @ h q;", "limit-size"),
    "modifiers": (V3 + "qubit q; " + "inv @ " * BIG + "h q;", "limit-size"),
    "loop": (V3 + "qubit q; for int i in [0:1000000000] { h q; }", "limit-size"),
    "loop down": (V3 + "qubit q; for int i in [1000000000:-1:0] { h q; }", "limit-size"),
    "loop empty": (V3 + "for int i in [0:1000000000] { }", "limit-size"),
    "loops": (V3 + "qubit q; " + "for int i in [0:9999] { " * 3 + "h q; " + "}" * 3, "limit-size"),
    "growing loops": (V3 + "qubit q; for int i in [1:9999] { for int j in [0:i * 100000] "
                      "{ h q; } }", "limit-size"),
    "loop of defs": (V3 + "def f(qubit a) { for int i in [0:9999] x a; } qubit q; "
                     "for int i in [0:9999] f(q);", "limit-size"),
    "forever": (V3 + "qubit q; while (true) { h q; }", "limit-size"),
    "count forever": (V3 + "int i = 0; while (i < 1000000000) { i += 1; }", "limit-size"),
    "subroutines": (V3 + calls(40, "h a;"), "limit-size"),
    "empty subroutines": (V3 + calls(40, ""), "limit-size"),
    "self": (V3 + "def f(qubit a) { f(a); } qubit q; f(q);", "unsupported"),
    "ifs": (V3 + "qubit q; bit c; " + "if (c) { " * 3000 + "x q;" + "}" * 3000, "limit-size"),
    "bare ifs": (V3 + "qubit q; bit c; " + "if (c) " * BIG + "x q;", "limit-size"),
    "bare ifs 2": (V2 + "qreg q[1];creg c[1];" + "if(c==1) " * BIG + "x q[0];", "limit-size"),
    "else ifs": (V3 + "qubit q; bit c; " + "if (c) x q; else " * 50_000 + "x q;", "limit-size"),
    "cases": (V3 + "bit[3] c; switch (c) {" + "".join(
        f"case {i} {{ }}" for i in range(20_000)) + "}", "limit-size"),
    "labels": (V3 + "bit[3] c; switch (c) { case " + ",".join(
        map(str, range(20_000))) + " { } }", "limit-size"),
    "conditions": (V3 + "bit c; if (" + "&&".join(["c"] * 20_000) + ") c = 1;", "limit-size"),
    "inputs": (V3 + "qubit q;input float a;rz(" + "+".join(["a"] * 20_000) + ") q;", "limit-size"),
    "input doubling": (V3 + "input float a; qubit q; float b0 = a;" + "".join(
        f"float b{i + 1} = b{i} + b{i};" for i in range(40)) + "rz(b40) q;", "limit-size"),
    "gate input doubling": (V3 + "gate g0(x) a { rz(x) a; }\n" + "".join(
        f"gate g{i}(x) a {{ g{i - 1}(x + x) a; }}\n" for i in range(1, 40))
        + "input float a; qubit q; g39(a) q;", "limit-size"),
    "aliases": (V3 + "qubit[50000] q; qubit[50000] r; let a0 = q ++ r; " + "".join(
        f"let a{i + 1} = a{i}[:-1:];" for i in range(300)), "limit-size"),
    "alias loop": (V3 + "qubit[50000] q; qubit[50000] r; let a = q ++ r; "
                   "for int i in [0:100000] { let b = a[:-1:]; }", "limit-size"),
    "barriers": (V2 + "qreg q[100000];" + "barrier q;" * 200, "limit-size"),
    "broadcast": (V2 + "qreg q[50000];qreg r[50000];" + "cx q,r;" * 250, "limit-size"),
    "include": ('include "/dev/zero";', "unsupported"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_attack_ends_quickly_and_cleanly(name: str) -> None:
    text, kind = REFUSED[name]
    start = time.process_time()
    if kind is None:
        read_openqasm(text)
    else:
        with pytest.raises(ProgramError) as error:
            read_openqasm(text)
        assert error.value.kind == kind
        assert error.value.line is not None
        assert len(error.value.message) < 200
    assert time.process_time() - start < SECONDS * 2  # the machine may be shared


READ = {
    "spaces": (V2 + " " * BIG + "qreg q[1];h q[0];", 1),
    "lines": ("\n" * BIG + V2 + "qreg q[1];h q[0];", 1),
    "comment": ("/*" + "x* /" * BIG + "*/" + V2 + "qreg q[1];h q[0];", 1),
    "comments": (V2 + "// word\n" * 50_000 + "qreg q[1];h q[0];", 1),
    "lines and no header": ("\n" * BIG + "qreg q[1];h q[0];" + "\n" * BIG, 1),
    "a type and spaces": ("qubit" + " " * BIG + "q;" + "\nbit" + " " * BIG + "c;", 0),
    "semicolons": (V2 + ";" * BIG, 0),
    "registers": (V2 + "".join(f"qreg a{i}[1];\n" for i in range(20_000)), 0),
    "definitions": (V2 + "".join(f"gate g{i} a {{ h a; }}\n" for i in range(5_000)), 0),
    "terms": (V3 + "qubit q;rz(" + "*".join(["1.0"] * 20_000) + ") q;", 1),
    "powers": (V3 + "qubit q;rz(" + "**".join(["1"] * 20_000) + ") q;", 1),
    "parameters": (V2 + "gate g(" + ",".join(f"p{i}" for i in range(10_000)) + ") a { h a; }\n"
                   "qreg q[1]; g(" + ",".join(["1"] * 10_000) + ") q[0];", 1),
    "broadcast": (V2 + "qreg q[50000];qreg r[50000];cx q,r;", 50_000),
    "wide slices": (V3 + "qubit[100000] q; let a = q[0:99999]; h a[0:1000:99999];", 100),
    "200 blocks": (V3 + "qubit q; bit c; " + "if (c) { " * 199 + "x q;" + "}" * 199, 399),
    "200 brackets": (V2 + "qreg q[1];rz(" + "(" * 199 + "1" + ")" * 199 + ") q[0];", 1),
    "20 doublings": (V2 + doubling(18) + "qreg q[1]; g18 q[0];", 1 << 18),
    "many controls": (V3 + "qubit[1000] q; ctrl(999) @ h " + ",".join(
        f"q[{i}]" for i in range(1000)) + ";", 3),
    "nested roots": (V3 + "qubit q; " + "pow(0.5) @ " * 150 + "x q;", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_large_but_honest_programs_are_read(name: str) -> None:
    text, operations = READ[name]
    assert len(read_openqasm(text)) == operations


def _seconds_to_read(text: str) -> float:
    start = time.process_time()
    read_openqasm(text)
    return time.process_time() - start


def test_time_grows_with_length_only() -> None:
    def seconds(count: int) -> float:
        text = V2 + "qreg q[4];creg c[4];\n" + "rz(sin((1))) q[0];if(c==1) x q[1];\n" * count
        return min(_seconds_to_read(text) for _ in range(3))  # others slow a moment, not three

    seconds(50)
    assert seconds(4000) < 60 * seconds(200)  # 20 times the length


def test_the_recursion_limit_is_given_back() -> None:
    before = sys.getrecursionlimit()
    read_openqasm(READ["200 blocks"][0])
    with pytest.raises(ProgramError):
        read_openqasm(REFUSED["ifs"][0])
    assert sys.getrecursionlimit() == before
