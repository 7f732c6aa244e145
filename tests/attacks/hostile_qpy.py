"""Hostile QPY files, written byte by byte: (name, bytes, kinds of refusal that are right).

The format is that of ``qiskit.qpy``'s module documentation, version 17.
"""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Sequence

PARSE = frozenset({"parse"})
SIZE = frozenset({"limit-size"})
UNSUPPORTED = frozenset({"unsupported"})
REFUSED = PARSE | SIZE | UNSUPPORTED

Attack = tuple[str, bytes, frozenset[str]]

VERSION = 17


def header(
    version: int = VERSION, programs: int = 1, symbols: bytes = b"p", kind: bytes = b"q"
) -> bytes:
    """The file header, with the table of offsets that versions from 16 have."""
    head = struct.pack("!6s4BQcc", b"QISKIT", version, 2, 3, 0, programs, symbols, kind)
    return head + (struct.pack("!Q", len(head) + 8) if version >= 16 else b"")


def value(kind: bytes, data: bytes) -> bytes:
    """A typed value."""
    return struct.pack("!cQ", kind, len(data)) + data


def integer(number: int) -> bytes:
    """An integer parameter, little-endian as before version 18."""
    return value(b"i", struct.pack("<q", number))


def number(x: float) -> bytes:
    """A real parameter."""
    return value(b"f", struct.pack("<d", x))


def instruction(
    name: str | bytes,
    params: Sequence[bytes] = (),
    qubits: Sequence[int] = (0,),
    extras: int = 0,
    controls: int = 0,
    declared: int | None = None,
    clbits: Sequence[int] = (),
    condition: bytes = b"",
) -> bytes:
    """An instruction; ``declared`` overrides its number of qubits."""
    raw = name.encode() if isinstance(name, str) else name
    count = len(qubits) if declared is None else declared
    sizes = (len(raw), 0, len(params), count, len(clbits), extras, len(condition), 1)
    head = struct.pack("!HHHIIBHqII", *sizes, controls, (1 << min(controls, 31)) - 1)
    bits = b"".join(struct.pack("!cI", b"q", q) for q in qubits)
    bits += b"".join(struct.pack("!cI", b"c", c) for c in clbits)
    return head + raw + condition + bits + b"".join(params)


def circuit(
    instructions: Sequence[bytes] = (),
    qubits: int = 1,
    clbits: int = 0,
    custom: Sequence[bytes] = (),
    declared: int | None = None,
    registers: tuple[int, bytes] = (0, b""),
    variables: tuple[int, bytes] = (0, b""),
    metadata: tuple[int, bytes] = (2, b"{}"),
    phase: bytes = struct.pack("!d", 0.0),
    annotations: int = 0,
    calibrations: int = 0,
    layout: bytes = struct.pack("!BiiiIi", 0, -1, -1, -1, 0, 0),
) -> bytes:
    """A circuit; pairs are (declared number or size, bytes)."""
    count = len(instructions) if declared is None else declared
    head = struct.pack(
        "!HcHIIQIQI",
        1,
        b"f",
        len(phase),
        qubits,
        clbits,
        metadata[0],
        registers[0],
        count,
        variables[0],
    )
    body = b"c" + phase + metadata[1] + registers[1] + variables[1]
    body += struct.pack("!I", annotations)
    body += struct.pack("!Q", len(custom)) + b"".join(custom) + b"".join(instructions)
    return head + body + struct.pack("!H", calibrations) + layout


def definition(
    name: str,
    body: bytes,
    base: bytes = b"",
    kind: bytes = b"g",
    controls: int = 0,
    qubits: int = 1,
) -> bytes:
    """A custom gate."""
    raw = name.encode()
    sizes = (len(raw), kind, qubits, 0, bool(body), len(body), controls, 0, len(base))
    return struct.pack("!HcIIBQIIQ", *sizes) + raw + body + base


def file(*args: object, **fields: object) -> bytes:
    """A whole file of one circuit."""
    return header() + circuit(*args, **fields)  # type: ignore[arg-type]


def good() -> bytes:
    """A file that is as it should be."""
    return file([instruction("HGate"), instruction("RXGate", [number(0.5)])])


def _headers() -> list[Attack]:
    body = circuit([instruction("XGate")])
    return [
        ("magic", b"QISKIX" + good()[6:], PARSE | UNSUPPORTED),
        *((f"cut-{n}", good()[:n], PARSE) for n in (6, 7, 12, 18, 25, 30, 60, 90, len(good()) - 1)),
        *((f"version-{v}", header(v) + body, UNSUPPORTED) for v in (0, 1, 5, 12, 19, 255)),
        *((f"programs-{n}", header(programs=n) + body, REFUSED) for n in (0, 2, 1 << 63)),
        ("two", header(programs=2) + body + body, UNSUPPORTED),
        ("schedule", header(kind=b"s") + body, UNSUPPORTED),
        ("kind", header(kind=b"\xff") + body, UNSUPPORTED),
        ("symbols", header(symbols=b"z") + body, PARSE),
        ("offset", header()[:-8] + struct.pack("!Q", 1 << 62) + body, PARSE),
        ("offset-0", header()[:-8] + bytes(8) + body, PARSE),
        ("gzip", gzip.compress(good(), mtime=0), PARSE),
        ("zlib", zlib.compress(good()), PARSE),
        ("bomb", zlib.compress(bytes(20_000_000)), PARSE),
        ("pickle", b"QISKIT" + b"\x80\x04cos\nsystem\n(S'true'\ntR.", REFUSED),
    ]


def _names() -> list[Attack]:
    """Classes and anything else that the reader would find in Qiskit and call."""
    calls = {
        "QuantumVolume": integer(3_000),
        "QuantumCircuit": integer(30_000_000),
        "QFT": integer(3_000),
        "GroverOperator": integer(10),
        "RealAmplitudes": integer(5_000),
        "EfficientSU2": integer(5_000),
        "TwoLocal": integer(5_000),
        "NLocal": integer(5_000),
        "IQP": integer(5_000),
        "Permutation": integer(1_000_000),
        "PhaseEstimation": integer(24),
        "ZZFeatureMap": integer(5_000),
        "HiddenLinearFunction": integer(1),
        "Diagonal": integer(1),
        "QuantumRegister": integer(1_000_000_000),
        "ClassicalRegister": integer(1_000_000_000),
        "ParameterVector": value(b"s", b"v"),
        "Parameter": value(b"s", b"v"),
        "PhaseOracleGate": value(b"s", b"a&b" * 1_000),
        "BitFlipOracleGate": value(b"s", b"a&b" * 1_000),
        "quantum_volume": integer(3_000),
        "random_iqp": integer(10_000),
        "get_standard_gate_name_mapping": integer(1),
        "standard_gates": integer(1),
        "__builtins__": integer(1),
        "__class__": integer(1),
        "library.XGate": integer(1),
        "os.system": value(b"s", b"true"),
        "": integer(1),
        "XGate\0": integer(1),
        "xgate": integer(1),
        "X" * 60_000: integer(1),
    }
    named = [
        (f"name-{name[:20]}", file([instruction(name, [given])]), UNSUPPORTED)
        for name, given in calls.items()
    ]
    inner = definition("g_0", circuit([instruction("QuantumVolume", [integer(3_000)])]))
    body = value(b"q", circuit([instruction("QFT", [integer(3_000)])]))
    based = definition("g_0", circuit(), instruction("QuantumVolume", [integer(3_000)], ()))
    return [
        *named,
        ("name-in-definition", file([instruction("g_0")], custom=[inner]), UNSUPPORTED),
        ("name-in-base", file([instruction("g_0")], custom=[based]), UNSUPPORTED),
        ("name-in-block", file([instruction("IfElseOp", [body], (0,), 1)]), UNSUPPORTED),
        ("name-bytes", file([instruction(b"X\xff\xfe")]), PARSE),
    ]


def _sizes() -> list[Attack]:
    """Numbers that promise what the file does not hold."""
    big = 4_000_000_000
    register = struct.pack("!cBIHB", b"q", 1, big, 1, 1) + b"q"
    vector = struct.pack("!HQ16sQ", 1, 1 << 60, bytes(16), 0) + b"v"
    variable = struct.pack("!16scHc", bytes(16), b"L", 1, b"u") + struct.pack("!I", big) + b"v"
    npy = b"\x93NUMPY\x01\x00"
    shape = b"{'descr': '<c16', 'fortran_order': False, 'shape': (100000, 100000), }"
    array = npy + struct.pack("<H", len(shape)) + shape + bytes(64)
    return [
        ("qubits-1e8", file(qubits=100_000_000), SIZE),
        ("qubits-4e9", file(qubits=big), SIZE),
        ("clbits-4e9", file(clbits=big), SIZE),
        ("register", file(registers=(1, register)), REFUSED),
        ("registers", file(registers=(big, b"")), REFUSED),
        ("variables", file(variables=(big, b"")), REFUSED),
        ("variable", file(variables=(1, variable)), REFUSED),
        ("metadata", file(metadata=(1 << 62, b"")), PARSE),
        ("metadata-deep", file(metadata=(2_000_000, b"[" * 2_000_000)), REFUSED),
        ("phase", file(phase=b"\xff" * 8), REFUSED),
        ("instructions", file(declared=1 << 60), SIZE),
        ("instructions-9e6", file(declared=9_000_000), PARSE),
        ("operands", file([instruction("XGate", declared=2_000_000_000)]), REFUSED),
        ("operands-9e4", file([instruction("XGate", declared=90_000)]), PARSE),
        ("qubit", file([instruction("XGate", qubits=(big,))]), PARSE),
        ("twice", file([instruction("CXGate", qubits=(0, 0))], 1), PARSE),
        ("too-few", file([instruction("CXGate")]), PARSE),
        ("no-angle", file([instruction("RXGate")]), REFUSED),
        ("controls", file([instruction("MCXGate", (), (0,), 0, 2_000_000_000)]), REFUSED),
        ("multiplier", file([instruction("MultiplierGate", [integer(10**9)])]), SIZE),
        ("adder", file([instruction("ModularAdderGate", [integer(10**6)])]), SIZE),
        ("weighted", file([instruction("WeightedSumGate", [integer(10**9)])]), SIZE),
        ("initialize", file([instruction("Initialize", [integer(1 << 60)])]), REFUSED),
        (
            "initialize-nan",
            file([instruction("Initialize", [number(float("nan"))])]),
            REFUSED | {"opened"},  # Qiskit takes it for the state 0
        ),
        ("permutation", file([instruction("PermutationGate", [value(b"n", array)])]), REFUSED),
        ("unitary", file([instruction("UnitaryGate", [value(b"n", array)])]), PARSE),
        (
            "npy-pickle",
            file([instruction("UnitaryGate", [value(b"n", npy + b"\x02\x00{}")])]),
            PARSE,
        ),
        ("vector", file([instruction("RXGate", [value(b"v", vector)])]), REFUSED),
        ("tuple", file([instruction("XGate", [value(b"t", struct.pack("!Q", 1 << 60))])]), REFUSED),
        ("value", file([instruction("RXGate", [struct.pack("!cQ", b"f", 1 << 60)])]), PARSE),
        ("infinite", file([instruction("RXGate", [number(float("inf"))])]), PARSE),
        ("nan", file([instruction("RXGate", [number(float("nan"))])]), PARSE),
        ("text", file([instruction("RXGate", [value(b"s", b"1")])]), REFUSED),
        ("annotations", file(annotations=big), UNSUPPORTED),
        ("calibrations", file(calibrations=60_000), UNSUPPORTED),
        ("layout", file(layout=struct.pack("!BiiiIi", 1, 1 << 30, 0, 0, big, 0)), REFUSED),
        ("garbled", good()[:44] + b"\xff\xff\xff\xff" + good()[48:], REFUSED),
    ]


def _nested(levels: int, kind: str) -> bytes:
    body = circuit([instruction("XGate")])
    for i in range(levels):
        if kind == "definition":
            body = circuit([instruction(f"g_{i}")], custom=[definition(f"g_{i}", body)])
        elif kind == "box":
            parts = [value(b"q", body), value(b"z", b""), value(b"s", b"dt")]
            body = circuit([instruction("BoxOp", parts)])
        else:
            loop = value(b"r", struct.pack("!qqq", 0, 1, 1))
            body = circuit([instruction("ForLoopOp", [loop, value(b"z", b""), value(b"q", body)])])
    return header() + body


def _for(start: int, stop: int, step: int) -> bytes:
    loop = value(b"r", struct.pack("!qqq", start, stop, step))
    body = value(b"q", circuit([instruction("XGate")]))
    return file([instruction("ForLoopOp", [loop, value(b"z", b""), body])])


def _doubling(levels: int) -> bytes:
    """Definitions that are stored expanded: the file doubles with every level."""
    body = circuit([instruction("XGate")])
    for i in range(levels):
        names = [f"g{k}_{i}" for k in (0, 1)]
        custom = [definition(name, body) for name in names]
        body = circuit([instruction(name) for name in names], custom=custom)
    return header() + body


def _nesting() -> list[Attack]:
    tuples = b""
    for _ in range(5_000):
        tuples = value(b"t", struct.pack("!Q", 1 if tuples else 0) + tuples)
    own = definition("g_0", circuit(), instruction("g_0", (), ()), b"c", 1)
    ring = [
        definition(f"g_{i}", circuit(), instruction(f"g_{(i + 1) % 3}", (), ()), b"c", 1)
        for i in range(3)
    ]
    chain = [definition("g_0", circuit())] + [
        definition(f"g_{i}", circuit(), instruction(f"g_{i - 1}", (), ()), b"a")
        for i in range(1, 1_000)
    ]
    return [
        ("nested-definition", _nested(500, "definition"), SIZE),
        ("nested-box", _nested(500, "box"), SIZE),
        ("nested-for", _nested(500, "for"), SIZE),
        ("nested-199", _nested(199, "definition"), REFUSED | {"opened"}),
        ("nested-for-190", _nested(190, "for"), REFUSED | {"opened"}),
        ("doubling", _doubling(14), SIZE),
        ("tuples", file([instruction("XGate", [tuples])]), SIZE),
        ("own-base", file([instruction("g_0")], custom=[own]), SIZE),
        ("ring", file([instruction("g_0")], custom=ring), SIZE),
        ("chain", file([instruction("g_999")], custom=chain), SIZE),
        ("for-1e9", _for(0, 10**9, 1), SIZE),
        ("for-1e18", _for(-(10**18), 10**18, 1), REFUSED),
        ("for-step", _for(0, 5, 0), REFUSED),
    ]


def mutations(seeds: Sequence[bytes], count: int) -> list[Attack]:
    """``count`` damaged copies, the same at every call: changed, cut, doubled bytes."""
    rng = random.Random(2026)
    found: list[Attack] = []
    for k in range(count):
        data = bytearray(seeds[k % len(seeds)])
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(18, len(data))
            way = rng.randrange(4)
            if way == 0:
                data[at] = rng.randrange(256)
            elif way == 1:
                data[at : at + 4] = b"\xff" * 4
            elif way == 2:
                del data[at : at + rng.randrange(1, 20)]
            else:
                data[at:at] = data[max(0, at - 30) : at]
        found.append((f"mutation-{k}", bytes(data), REFUSED | {"opened", "limit-memory"}))
    return found


def qpy() -> list[Attack]:
    """Every hostile QPY file that is written by hand."""
    return [*_headers(), *_names(), *_sizes(), *_nesting()]
