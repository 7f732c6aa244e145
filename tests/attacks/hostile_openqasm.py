"""Hostile OpenQASM and QCIS programs: (name, bytes, kinds of refusal that are right).

Each asks for far more than it is long, or is no program. ``OPENS`` are the ones of the same
kinds that a reader may well open, as long as it does so in bounded time and memory.
"""

from __future__ import annotations

PARSE = frozenset({"parse"})
SIZE = frozenset({"limit-size"})
PARSE_OR_SIZE = PARSE | SIZE
UNSUPPORTED = frozenset({"unsupported"})
REFUSED = PARSE | SIZE | UNSUPPORTED

Attack = tuple[str, bytes, frozenset[str]]

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def _includes() -> list[Attack]:
    """Files of the server, devices that never end, other directories, other shapes."""
    targets = {
        "passwd": "/etc/passwd",
        "zero": "/dev/zero",
        "stdin": "/dev/stdin",
        "tty": "/dev/tty",
        "proc": "/proc/self/environ",
        "up": "../../../../etc/hostname",
        "upstd": "../stdgates.inc",
        "dotstd": "./stdgates.inc",
        "absstd": "/tmp/stdgates.inc",
        "home": "~/.ssh/id_rsa",
        "url": "http://127.0.0.1/x.inc",
        "file": "file:///etc/passwd",
        "self": "self.qasm",
        "empty": "",
        "newline": "a\nb.inc",
        "null": "stdgates.inc\\0",
        "wild": "*.inc",
        "long": "a" * 100_000,
        "unicode": "stdgateѕ.inc",
    }
    return [
        (f"include-{name}-{version}", f'{header}include "{target}";\n'.encode(), REFUSED)
        for name, target in targets.items()
        for version, header in (("2", "OPENQASM 2.0;\n"), ("3", "OPENQASM 3.0;\n"))
    ]


def _nesting() -> list[Attack]:
    """Recursion in the reader, one level a character or a few."""
    n = 20_000
    blocks = "if (true) { " * 3_000 + "x q;" + " }" * 3_000
    loops = "for int i in [0:1] { " * 3_000 + "x q;" + " }" * 3_000
    whiles = "while (c == 0) { " * 3_000 + "x q;" + " }" * 3_000
    switches = "switch (c) { case 0 { " * 1_000 + "x q;" + " } }" * 1_000
    q = V3 + "qubit q; bit c;\n"
    return [
        ("parens-3", f"{q}rx({'(' * n}1{')' * n}) q;".encode(), SIZE),
        ("parens-2", f"{V2}qreg q[1]; rx({'(' * n}1{')' * n}) q[0];".encode(), SIZE),
        ("parens-open", f"{q}rx({'(' * 200_000}".encode(), PARSE_OR_SIZE),
        ("parens-close", f"{q}rx(1{')' * 200_000} q;".encode(), PARSE_OR_SIZE),
        ("minus-3", f"{q}rx({'-' * n}1) q;".encode(), SIZE),
        ("minus-2", f"{V2}qreg q[1]; rx({'-' * n}1) q[0];".encode(), SIZE),
        ("not", f"{q}if ({'!' * n}c) x q;".encode(), SIZE),
        ("tilde", f"{q}const uint[8] a = {'~' * n}1;".encode(), SIZE),
        ("braces", f"{q}{'{' * n}{'}' * n}".encode(), PARSE_OR_SIZE),
        ("brackets", f"{q}x q{'[' * n}0{']' * n};".encode(), PARSE_OR_SIZE),
        ("power", f"{q}rx({'2**' * n}1) q;".encode(), REFUSED),
        ("calls", f"{q}rx({'sin(' * n}1{')' * n}) q;".encode(), SIZE),
        ("casts", f"{q}const int a = {'int(' * n}1{')' * n};".encode(), SIZE),
        ("ifs", f"{q}{blocks}".encode(), SIZE),
        ("fors", f"{q}{loops}".encode(), SIZE),
        ("whiles", f"{q}{whiles}".encode(), SIZE),
        ("switches", f"{q}{switches}".encode(), SIZE),
        ("else-ifs", (q + "if (c) x q; " + "else if (c) x q; " * 5_000).encode(), SIZE),
        ("modifiers", f"{q}{'inv @ ' * n}x q;".encode(), PARSE_OR_SIZE),
        ("controls", f"{q}{'ctrl @ ' * n}x q;".encode(), REFUSED),
        ("comments", f"{q}{'/* ' * n}".encode(), PARSE_OR_SIZE),
    ]


def _definitions() -> list[Attack]:
    """Definitions that double, call themselves, or are many."""
    doubling2 = V2 + "qreg q[1];\ngate g0 a { x a; }\n"
    doubling2 += "".join(f"gate g{i} a {{ g{i - 1} a; g{i - 1} a; }}\n" for i in range(1, 31))
    doubling3 = doubling2.replace(V2, V3).replace("qreg q[1];", "qubit[1] q;")
    subs = V3 + "qubit q;\ndef f0(qubit a) { x a; }\n"
    subs += "".join(f"def f{i}(qubit a) {{ f{i - 1}(a); f{i - 1}(a); }}\n" for i in range(1, 31))
    chain = "".join(f"gate g{i} a {{ g{i - 1} a; }}\n" for i in range(1, 3_000))
    angles = "gate g0(t) a { rx(t) a; }\n" + "".join(
        f"gate g{i}(t) a {{ g{i - 1}(t+t) a; g{i - 1}(t*t) a; }}\n" for i in range(1, 31)
    )
    many = "".join(f"gate g{i} a {{ }}\n" for i in range(150_000))
    constants = "const uint[64] a0 = 2;\n" + "".join(
        f"const uint[64] a{i} = a{i - 1} * a{i - 1};\n" for i in range(1, 200)
    )
    return [
        ("doubling-2", f"{doubling2}g30 q[0];".encode(), SIZE),
        ("doubling-3", f"{doubling3}g30 q[0];".encode(), SIZE),
        ("doubling-sub", f"{subs}f30(q);".encode(), SIZE),
        ("doubling-angle", f"{V2}qreg q[1];\n{angles}g30(1) q[0];".encode(), REFUSED),
        ("chain", f"{V2}qreg q[1];\ngate g0 a {{ x a; }}\n{chain}g2999 q[0];".encode(), SIZE),
        ("self-gate", f"{V3}qubit q; gate g a {{ g a; }} g q;".encode(), REFUSED),
        ("self-gate-2", f"{V2}qreg q[1]; gate g a {{ g a; }} g q[0];".encode(), REFUSED),
        (
            "mutual",
            f"{V2}qreg q[1]; gate f a {{ g a; }} gate g a {{ f a; }} g q[0];".encode(),
            REFUSED,
        ),
        ("self-def", f"{V3}qubit q; def f(qubit a) {{ f(a); }} f(q);".encode(), REFUSED),
        ("many", f"{V2}qreg q[1];\n{many}".encode(), SIZE),
        ("broadcast", f"{V3}qubit[90000] q; for int i in [0:9999] {{ h q; }}".encode(), SIZE),
        ("power-gate", f"{V3}qubit q; pow(1000000000) @ x q;".encode(), REFUSED | {"opened"}),
        (
            "power-tower",
            f"{V3}qubit q; {'pow(1000) @ ' * 50}sx q;".encode(),
            REFUSED | {"opened"},
        ),
        ("constants", f"{V3}{constants}qubit q; x q;".encode(), REFUSED | {"opened"}),
    ]


def _sizes() -> list[Attack]:
    """Huge registers, loops, numbers."""
    q = V3 + "qubit q; bit c;\n"
    digits = "9" * 100_000
    return [
        ("qubits-1e9", f"{V3}qubit[1000000000] q;".encode(), SIZE),
        ("qubits-1e7", f"{V3}qubit[10000000] q;".encode(), SIZE),
        ("qreg-1e9", f"{V2}qreg q[1000000000];".encode(), SIZE),
        ("bits-1e9", f"{V3}qubit q; bit[1000000000] c;".encode(), SIZE),
        ("creg-1e9", f"{V2}qreg q[1]; creg c[1000000000];".encode(), SIZE),
        ("qubits-1e300", f"{V3}qubit[1{'0' * 300}] q;".encode(), REFUSED),
        ("qubits-digits", f"{V3}qubit[{digits}] q;".encode(), REFUSED),
        ("qubits-negative", f"{V3}qubit[-5] q;".encode(), REFUSED),
        ("qubits-power", f"{V3}qubit[2**40] q;".encode(), REFUSED),
        ("qubits-many", (V2 + "".join(f"qreg q{i}[99];" for i in range(2_000))).encode(), SIZE),
        ("uint-1e9", f"{V3}qubit q; uint[1000000000] a = 1;".encode(), REFUSED),
        ("array", f"{V3}qubit q; array[int[32], 100000, 100000] a;".encode(), REFUSED),
        ("for-1e9", f"{q}for int i in [0:1000000000] {{ x q; }}".encode(), SIZE),
        ("for-empty", f"{q}for int i in [0:1000000000] {{ }}".encode(), REFUSED),
        ("for-1e30", f"{q}for int i in [0:1{'0' * 30}] {{ x q; }}".encode(), REFUSED),
        ("for-step", f"{q}for int i in [0:0:5] {{ x q; }}".encode(), REFUSED),
        (
            "for-product",
            f"{q}for int i in [0:9999] {{ for int j in [0:9999] {{ x q; }} }}".encode(),
            SIZE,
        ),
        ("while-true", f"{q}while (true) {{ x q; }}".encode(), REFUSED | {"opened"}),
        ("while-var", f"{q}int i = 0; while (i >= 0) {{ i += 1; }}".encode(), REFUSED),
        ("int-digits", f"{q}rx({digits}) q;".encode(), REFUSED),
        ("exponent", f"{q}rx(1e999999999) q;".encode(), REFUSED),
        ("tower", f"{q}const int a = 9**9**9**9; x q;".encode(), REFUSED),
        ("shift", f"{q}const int a = 1 << 1000000000000; x q;".encode(), REFUSED),
        ("shift-angle", f"{q}rx(1 << 100000000) q;".encode(), REFUSED | {"opened"}),
        ("divide", f"{q}rx(1/0) q;".encode(), REFUSED),
        ("modulo", f"{q}rx(1%0) q;".encode(), REFUSED),
        ("infinite", f"{q}rx(1e308*10) q;".encode(), REFUSED),
        ("nan", f"{q}rx(1e308*10-1e308*10) q;".encode(), REFUSED),
        ("sqrt", f"{q}rx(sqrt(-1)) q;".encode(), REFUSED),
        ("log", f"{V2}qreg q[1]; rx(ln(0)) q[0];".encode(), REFUSED),
        ("slice", f"{V3}qubit[5] q; x q[0:1000000000];".encode(), REFUSED),
        ("index", f"{V3}qubit[5] q; x q[99999999999999999999];".encode(), REFUSED),
        (
            "concat",
            (
                V3
                + "qubit[100] q; let a0 = q[0:50];"
                + "".join(f"let a{i} = a{i - 1} ++ a{i - 1};" for i in range(1, 40))
            ).encode(),
            REFUSED,
        ),
        ("barriers", f"{V3}qubit[90000] q; for int i in [0:99999] {{ barrier q; }}".encode(), SIZE),
    ]


def _texts() -> list[Attack]:
    """Bytes that are no text, text that is not what it looks like."""
    q = (V3 + "qubit q;\n").encode()
    return [
        ("null", q + b"x q\0;", PARSE),
        ("nulls", b"\0" * 100_000, PARSE),
        ("latin-1", q + b"// caf\xe9\nx q;", PARSE),
        ("overlong", q + b"x \xc0\xaf;", PARSE),
        ("surrogate", q + b"x \xed\xa0\x80;", PARSE),
        ("utf-16", (V3 + "qubit q;").encode("utf-16"), PARSE),
        ("utf-32", (V3 + "qubit q;").encode("utf-32"), PARSE),
        ("random", bytes(range(256)) * 100, PARSE),
        ("elf", b"\x7fELF\x02\x01\x01" + bytes(1000), PARSE),
        ("zip", b"PK\x03\x04" + b"\x14\x00" * 500, PARSE),
        ("bidi", q + "x q; // \u202e;q z\n\u202ex q;".encode(), REFUSED),
        ("confusable", q + "x q; х q;".encode(), REFUSED),  # the second x is Cyrillic
        ("zero-width", q + "x\u200b q;".encode(), REFUSED),
        ("long-name", q + b"gate " + b"a" * 1_000_000 + b" b { }\nx q;", REFUSED | {"opened"}),
        ("long-unknown", q + b"a" * 1_000_000 + b" q;", REFUSED),
        ("comment-open", q + b"/*" + b" " * 5_000_000, PARSE_OR_SIZE),
        ("comment", q + b"/*" + b"*" * 5_000_000 + b"*/ x q;", REFUSED | {"opened"}),
        ("comment-lines", q + b"//\n" * 1_000_000 + b"y;", REFUSED),
        ("string-open", q + b'include "' + b"a" * 1_000_000, REFUSED),
        ("semicolons", q + b";" * 1_000_000 + b"y;", REFUSED),
        ("blank", b" \n\t" * 1_000_000 + b"x", REFUSED),
        ("header-only", b"OPENQASM", REFUSED),
        ("header-huge", b"OPENQASM " + b"9" * 100_000 + b";", REFUSED),
        ("header-many", b"OPENQASM 3.0;" * 10_000, REFUSED | {"opened"}),
        ("error-huge", q + b"@" * 1_000_000, REFUSED | {"opened"}),
        ("pragma", q + b"#pragma " + b"a" * 1_000_000 + b"\ny;", REFUSED),
        ("defcal", q + b"defcal x q {" + b"{" * 10_000, REFUSED),
        ("python", b"__import__('os').system('touch /tmp/markaz-was-here')", REFUSED),
        ("angle-code", q + b"rx(__import__('os').system('true')) q;", REFUSED),
        ("format", q + b"rx({0.__class__}) q;", REFUSED),
    ]


def _qcis() -> list[Attack]:
    """The same for QCIS."""
    return [
        ("qcis-qubit", b"H Q1000000000\nM Q1000000000\n", SIZE),
        ("qcis-digits", b"H Q" + b"9" * 100_000 + b"\n", REFUSED),
        ("qcis-negative", b"H Q-1\n", REFUSED),
        ("qcis-nan", b"RX Q0 nan\n", REFUSED),
        ("qcis-inf", b"RX Q0 1e999\n", REFUSED),
        ("qcis-float", b"RX Q0 " + b"1" * 100_000 + b"x\n", REFUSED),
        ("qcis-operands", b"B " + b"Q0 " * 500_000 + b"\nQQ\n", REFUSED),
        ("qcis-line", b"H" * 5_000_000, REFUSED),
        ("qcis-unknown", b"EXEC Q0\n", REFUSED),
        ("qcis-twice", b"CZ Q0 Q0\n", REFUSED),
        ("qcis-null", b"H Q0\n\0\n", PARSE),
        ("qcis-code", b"RX Q0 __import__('os')\n", REFUSED),
        ("qcis-pi", b"RX Q0 " + b"-" * 100_000 + b"pi\n", REFUSED),
    ]


def openqasm() -> list[Attack]:
    """Every hostile OpenQASM program."""
    return [*_includes(), *_nesting(), *_definitions(), *_sizes(), *_texts()]


def qcis() -> list[Attack]:
    """Every hostile QCIS program."""
    return _qcis()
