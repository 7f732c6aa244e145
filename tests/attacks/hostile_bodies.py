"""Hostile bodies for the runtime client's programs: (name, kind of program, JSON).

Bombs, forged sizes, values that name classes, circuits inside circuits, texts inside pubs:
each must be refused, in words, quickly, and without harm to whoever comes next.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from tests.attacks import hostile_openqasm, hostile_qpy
from tests.runtime_tools import array, body, circuit, golden, npy, program, squeezed, tensor, typed

Attack = tuple[str, str, bytes]
MIB = 1 << 20
GOOD_QPY = hostile_qpy.good()
GOOD = circuit(GOOD_QPY)
TEXT = "OPENQASM 3.0; qubit[2] q; bit[2] c; U(1,0,0) q[0]; c = measure q;"


@cache
def bomb(start: bytes = b"", size: int = 160 * MIB) -> str:
    """``start`` and ``size`` zero bytes behind zlib and base64."""
    stream = zlib.compressobj(1)
    zeros = bytes(MIB)
    parts = [stream.compress(start), *(stream.compress(zeros) for _ in range(size // MIB))]
    return base64.b64encode(b"".join(parts) + stream.flush()).decode()


def _header(shape: str, dtype: str = "<f8", order: str = "False", tail: str = "") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}{tail}"
    raw = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw


def _arrays() -> Iterator[tuple[str, Any]]:
    """Values of parameters."""
    one = struct.pack("<d", 0.5)
    yield "bomb", typed("ndarray", bomb())
    yield "npy-bomb", typed("ndarray", bomb(_header("(67108864,)"), 60 * MIB))
    yield "header-long", typed("ndarray", squeezed(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + one))
    yield "header-short", typed("ndarray", squeezed(b"\x93NUMPY\x01\x00\xff"))
    yield "version-9", typed("ndarray", squeezed(b"\x93NUMPY\x09\x00" + _header("(1,)")[8:] + one))
    yield "pickle", typed("ndarray", squeezed(pickle.dumps(np.zeros(3))))
    yield "object", typed("ndarray", squeezed(_header("(1,)", "|O") + pickle.dumps([print])))
    yield "shape-1e12", typed("ndarray", squeezed(_header("(1000000, 1000000)") + one))
    yield "shape-zero", typed("ndarray", squeezed(_header("(4000000000, 0)")))
    yield "shape-points", typed("ndarray", squeezed(_header("(5000000, 0)")))
    yield "shape-negative", typed("ndarray", squeezed(_header("(-1,)") + one))
    yield "shape-product", typed("ndarray", squeezed(_header("(4294967296, 4294967296)")))
    yield (
        "shape-code",
        typed("ndarray", squeezed(_header("(1,)", tail="or __import__('os').system('x')"))),
    )
    yield "shape-digits", typed("ndarray", squeezed(_header(f"({'9' * 5000},)") + one))
    yield "shape-nested", typed("ndarray", squeezed(_header("(" * 400 + "1" + ")" * 400) + one))
    yield "shape-many", typed("ndarray", squeezed(_header(f"({'1,' * 60})") + one))
    yield "dtype-list", typed("ndarray", squeezed(_header("(1,)", "', [('a','<f8')], '") + one))
    yield "dtype-void", typed("ndarray", squeezed(_header("(1,)", "|V1000000000") + one))
    yield "dtype-text", typed("ndarray", squeezed(_header("(1,)", "<U250000000") + one))
    yield "dtype-complex", array(np.zeros(1, complex))
    yield "nan", array([np.nan])
    yield "infinite", array([np.inf])
    yield "cut", typed("ndarray", squeezed(npy(np.zeros(9)))[:40])
    yield "cut-inside", typed("ndarray", squeezed(npy(np.zeros(9))[:-1]))
    yield "more", typed("ndarray", squeezed(npy(np.zeros(0)) + bytes(9)))
    yield "npz", typed("ndarray", squeezed(_npz()))
    yield (
        "twice",
        typed("ndarray", base64.b64encode(zlib.compress(zlib.compress(npy([1.0])))).decode()),
    )
    yield "base64", typed("ndarray", "=" * 1000)
    yield "unicode", typed("ndarray", "ＡＢＣＤ" * 100)
    yield "list", typed("ndarray", [1, 2, 3])
    yield "extrapolator", typed("ndarray", "linear")
    yield "names", typed("BindingsArray", {"shape": [], "data": {}})
    yield "depth", json.loads("[" * 300 + "]" * 300)
    yield "ragged", [[0.0] * 5, [0.0] * 4]
    yield "mixed", [0.1, "0.2", None]
    yield "huge", [1e308 * 10, 10**300]


def _npz() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.npy", _header("(16777216,)") + bytes(16 * MIB))
    return file.getvalue()


def _class(module: str, name: str, **arguments: Any) -> dict[str, Any]:
    return typed("settings", arguments) | {"__module__": module, "__class__": name}


# What the client's decoder would make an object of, wherever it stands.
TYPED: dict[str, Any] = {
    "settings": _class("os", "system", command="touch /tmp/markaz-was-here"),
    "settings-class": _class("subprocess", "Popen", args=["touch", "/tmp/markaz-was-here"]),
    "json": _class("qiskit.circuit.library", "QuantumVolume", num_qubits=3000)
    | {"__type__": "_json"},
    "to-json": typed("to_json", "{}"),
    "instruction": typed("Instruction", squeezed(GOOD_QPY)),
    "parameter": typed("Parameter", base64.b64encode(b"\0\x04" + bytes(16) + b"name").decode()),
    "spmatrix": typed("spmatrix", base64.b64encode(_npz()).decode()),
    "noise-model": typed("NoiseModel", {"errors": [{"type": "qerror"}] * 9}),
    "result": typed("Result", {"backend_name": "x"}),
    "primitive-result": typed("PrimitiveResult", {"pub_results": [], "metadata": {}}),
    "lindblad": typed("PauliLindbladMap", {"num_qubits": 10**9, "paulis": []}),
    "set": typed("set", [1]),
    "datetime": typed("datetime", "9" * 9999),
    "unknown": typed("Exploit", 1),
    "no-value": {"__type__": "QuantumCircuit"},
    "type-list": {"__type__": ["QuantumCircuit"], "__value__": "x"},
    "type-null": {"__type__": None, "__value__": None},
}


def _values_and_types() -> Iterator[Attack]:
    for name, value in _arrays():
        yield f"values-{name}", "sampler", body([GOOD, value, 10])
    for name, value in TYPED.items():
        yield f"circuit-{name}", "sampler", body([value])
        yield f"values-{name}", "estimator", body([GOOD, "Z", value])
    for name in ("settings", "json", "spmatrix", "noise-model"):
        yield f"pub-{name}", "sampler", body(TYPED[name])
        yield f"shots-{name}", "sampler", body([GOOD, None, TYPED[name]])
        yield f"observable-{name}", "estimator", body([GOOD, TYPED[name]])
        yield f"coefficient-{name}", "estimator", body([GOOD, {"Z": TYPED[name]}])
        yield f"precision-{name}", "estimator", body([GOOD, "Z", None, TYPED[name]])
        yield f"options-{name}", "estimator", body([GOOD, "Z"], options=TYPED[name])
        yield f"option-{name}", "sampler", body([GOOD], options={"default_shots": TYPED[name]})
        noise = {"simulator": {"noise_model": TYPED[name]}}
        yield f"noise-{name}", "sampler", body([GOOD], options=noise)


def _whole() -> Iterator[Attack]:
    """The JSON itself."""
    yield "empty", "sampler", b" "
    yield "null", "sampler", b"null"
    yield "text", "sampler", b'"pubs"'
    yield "number", "estimator", b"1e99999"
    yield "brackets", "sampler", b"[" * 500_000
    yield "braces", "sampler", b'{"a":' * 200_000
    yield "pubs-brackets", "sampler", b'{"pubs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "objects", "sampler", b'{"pubs":[' + b"{}," * 600_000 + b"{}]}"
    yield "commas", "sampler", b'{"pubs":[' + b"0," * 4_100_000 + b"0]}"
    yield "strings", "sampler", b'{"pubs":[' + b'"",' * 1_000_000 + b'""]}'
    yield "keys", "sampler", json.dumps({f"k{i}": i for i in range(100_000)}).encode()
    yield (
        "collisions",
        "sampler",
        json.dumps({"pubs": {str(i * (2**61 - 1)): 0 for i in range(9999)}}).encode(),
    )
    yield "digits", "sampler", b'{"pubs":' + b"9" * 1_000_000 + b"}"
    yield "exponent", "sampler", b'{"pubs":[["x",null,1e999999999]]}'
    yield "nan", "estimator", body([GOOD, {"Z": float("nan")}])
    yield "infinity", "estimator", body([GOOD, {"Z": float("inf")}])
    yield "utf-16", "sampler", json.dumps({"pubs": []}).encode("utf-16")
    yield "utf-32", "sampler", json.dumps({"pubs": []}).encode("utf-32")
    yield "surrogate", "sampler", b'{"pubs":[["\\ud800;"]]}'
    yield "overlong", "sampler", b'{"pubs":[["\xc0\xaf"]]}'
    yield "escapes", "sampler", b'{"pubs":[["' + b"\\u0041" * 300_000 + b'"]]}'
    yield "twice", "sampler", b'{"pubs":[["OPENQASM 3.0;"]],"pubs":[[5]]}'
    yield "trailing", "sampler", body([TEXT]) + b"{}"
    yield "pickle", "sampler", pickle.dumps({"pubs": []})
    yield "gzip", "sampler", zlib.compress(body([TEXT]))
    yield "pubs-many", "sampler", body(*[[TEXT]] * 10_001)
    yield "version", "sampler", body([TEXT], version=10**30)
    yield "version-type", "sampler", json.dumps({"pubs": [[TEXT]], "version": [2]}).encode()


def _amounts() -> Iterator[Attack]:
    """What would take long or give much."""
    wide = "OPENQASM 3.0; qubit[90000] q; bit[90000] c; c = measure q;"
    yield "shots-1e9", "sampler", body([TEXT, None, 10**9])
    yield "shots-1e30", "sampler", body([TEXT, None, 10**30])
    yield "shots-wide", "sampler", body([wide, None, 100_000])
    yield "shots-sum", "sampler", body(*[[TEXT, None, 10_000_000]] * 20)
    yield "shots-default", "sampler", body([TEXT], options={"default_shots": 10**12})
    points = typed("ndarray", squeezed(_header("(4000000, 0)")))
    yield "points-sum", "sampler", body([TEXT, points, 1], [TEXT, points, 1])
    yield "points-shots", "sampler", body([TEXT, points, 10_000_000])
    column = [[{"ZZ": 1}]] * 3000
    yield (
        "product",
        "estimator",
        body([TEXT, column, typed("ndarray", squeezed(_header("(3000, 0)")))]),
    )
    rows = typed("ndarray", squeezed(_header("(1, 99999999, 0)")))
    yield "product-wide", "estimator", body([TEXT, column, rows])
    yield "projectors", "estimator", body(["OPENQASM 3.0; qubit[60] q;", "0" * 60])
    yield "projectors-20", "estimator", body(["OPENQASM 3.0; qubit[20] q;", "r" * 20])
    many = ["0" * 10] * 300
    yield "projectors-many", "estimator", body(["OPENQASM 3.0; qubit[10] q;", many])
    yield (
        "letters",
        "estimator",
        body(["OPENQASM 3.0; qubit[5000] q;", [{"X" * 5000: i} for i in range(900)]]),
    )
    yield "observables", "estimator", body([TEXT, ["ZZ"] * 200_001])
    yield "observables-depth", "estimator", body([TEXT, json.loads("[" * 200 + '"ZZ"' + "]" * 200)])
    yield "label-long", "estimator", body([TEXT, "Z" * 5_000_000])
    yield "label-empty", "estimator", body([TEXT, ""])
    yield "label-control", "estimator", body([TEXT, "Z\x1b"])
    yield "precision-0", "estimator", body([TEXT, "ZZ", None, -0.1])
    yield "precision-tiny", "estimator", body([TEXT, "ZZ", None, "1e-300"])
    yield "option-long", "sampler", body([TEXT], options={"x" * 1_000_000: 1})
    yield "option-control", "sampler", body([TEXT], options={"\x1b[2J\x07": 1})


def _circuits() -> Iterator[Attack]:
    """QPY that the format's own attacks do not have: what is around it."""
    yield "qpy-bomb", "sampler", body([typed("QuantumCircuit", bomb())])
    tails = [bomb(GOOD_QPY + bytes(k), 40 * MIB) for k in range(2)]
    yield "qpy-tail-bombs", "sampler", body(*[[typed("QuantumCircuit", t)] for t in tails])
    yield (
        "qpy-plain",
        "sampler",
        body([typed("QuantumCircuit", base64.b64encode(GOOD_QPY).decode())]),
    )
    yield "qpy-twice", "sampler", body([typed("QuantumCircuit", squeezed(zlib.compress(GOOD_QPY)))])
    yield "qpy-list", "sampler", body([typed("QuantumCircuit", [squeezed(GOOD_QPY)])])
    yield "qpy-nested", "sampler", body([typed("QuantumCircuit", GOOD)])
    text = squeezed(GOOD_QPY)
    for cut in (1, 20, len(text) // 2, len(text) - 4):
        yield f"qpy-cut-{cut}", "sampler", body([typed("QuantumCircuit", text[:cut])])
    volume = hostile_qpy.file(
        [hostile_qpy.instruction("QuantumVolume", [hostile_qpy.integer(3000)])]
    )
    yield "QuantumVolume-3000", "sampler", body([circuit(volume)])
    yield "QuantumVolume-later", "estimator", body(*[[GOOD, "Z"]] * 50, [circuit(volume), "Z"])
    large = hostile_qpy.file(
        [hostile_qpy.instruction("QuantumCircuit", [hostile_qpy.integer(3 * 10**7)])]
    )
    yield "QuantumCircuit-3e7", "sampler", body([circuit(large)])
    qft = hostile_qpy.file([hostile_qpy.instruction("QFT", [hostile_qpy.integer(3000)])])
    yield "QFT-3000", "sampler", body([circuit(qft)])


def _executor() -> Iterator[Attack]:
    item = {"item_type": "circuit", "circuit_arguments": tensor(np.zeros(0)), "shape": []}

    def one(**change: Any) -> bytes:
        return program([{**item, **change}], GOOD_QPY)

    for name in ("v0.1", "v0.2", "v3.0", "2.0", "", "v2.0\n"):
        data = json.loads(one())
        yield (
            f"schema-{name.strip() or 'empty'}-{len(name)}",
            "executor",
            json.dumps({**data, "schema_version": name}).encode(),
        )
    yield "circuits-bomb", "executor", one().replace(squeezed(GOOD_QPY).encode(), bomb().encode())
    yield "circuits-two", "executor", program([item, item], GOOD_QPY)
    yield (
        "circuits-count",
        "executor",
        program([item] * 3, hostile_qpy.header(programs=3) + GOOD_QPY[26:]),
    )
    volume = hostile_qpy.file(
        [hostile_qpy.instruction("QuantumVolume", [hostile_qpy.integer(3000)])]
    )
    yield "circuits-QuantumVolume", "executor", program([item], volume)
    yield (
        "circuits-texts",
        "executor",
        program([item], GOOD_QPY, circuits={"data": ['include "/etc/passwd";']}),
    )
    yield "items-many", "executor", program([item] * 10_001, GOOD_QPY)
    yield (
        "tensor-bomb",
        "executor",
        one(circuit_arguments={"data": bomb(), "shape": [1 << 26], "dtype": "f64"}),
    )
    yield (
        "tensor-shape",
        "executor",
        one(circuit_arguments={"data": "", "shape": [1 << 40, 1 << 40], "dtype": "f64"}),
    )
    yield (
        "tensor-bool",
        "executor",
        one(circuit_arguments={"data": squeezed(b""), "shape": [10**10, 0], "dtype": "bool"}),
    )
    yield "tensor-typed", "executor", one(circuit_arguments=TYPED["settings"])
    yield "shape-1e12", "executor", one(shape=[10**6, 10**6])
    yield "shape-text", "executor", one(shape=["1"])
    yield "shots", "executor", program([item], GOOD_QPY, shots=10**15)
    deep: Any = 0
    for _ in range(300):
        deep = {"a": deep}
    yield "echo-deep", "executor", program([item], GOOD_QPY, passthrough_data=deep)
    yield "role-long", "executor", program([item], GOOD_QPY, semantic_role="x" * 10**6)
    yield from _samplexes()


def _samplexes() -> Iterator[Attack]:
    """A samplex holds JSON in text, and in that a QPY file and tables."""

    def changed(**attrs: Any) -> bytes:
        data = json.loads(golden("executor_twirled", "0_51"))
        found = data["quantum_program"]["items"][0]["samplex"]
        document = json.loads(found["samplex_json"])
        document |= attrs.pop("whole", {})
        document["attrs"] |= attrs
        found["samplex_json"] = json.dumps(document)
        return json.dumps(data).encode()

    def table(qpy: bytes) -> str:
        return json.dumps({"qpy": "15", "circuit_base64": base64.b64encode(qpy).decode()})

    volume = hostile_qpy.file(
        [hostile_qpy.instruction("QuantumVolume", [hostile_qpy.integer(3000)])]
    )
    garbled = bytearray(
        hostile_qpy.file([hostile_qpy.instruction("rz", [hostile_qpy.number(0.1)])])
    )
    garbled[60:64] = b"\xff" * 4
    yield "samplex-QuantumVolume", "executor", changed(param_table=table(volume))
    yield "samplex-garbled", "executor", changed(param_table=table(bytes(garbled)))
    yield (
        "samplex-old",
        "executor",
        changed(param_table=table(hostile_qpy.file().replace(b"\x11", b"\x0a", 1))),
    )
    yield "samplex-braces", "executor", changed(param_table='{"a":' * 50_000)
    yield "samplex-no-table", "executor", changed(param_table="{}")
    sizes = {"data": "", "shape": [1 << 30, 1 << 30], "dtype": "c128"}
    yield (
        "samplex-table",
        "executor",
        changed(lookup_tables=json.dumps({"N13:cx": json.dumps(sizes)})),
    )
    yield "samplex-tables", "executor", changed(lookup_tables="[" * 99_999)
    specs = json.dumps([{"type_id": "X", "name": "a" * 99}])
    yield "samplex-specs", "executor", changed(input_specification=specs)
    yield "samplex-outputs", "executor", changed(output_specification=specs)
    yield "samplex-passthrough", "executor", changed(passthrough_params="[[99999999],[0]]")
    yield "samplex-passthrough-text", "executor", changed(passthrough_params="[" * 9_999)
    yield "samplex-nodes", "executor", changed(whole={"nodes": [{"id": 4 * 10**9, "data": {}}]})
    yield "samplex-nodes-many", "executor", changed(whole={"nodes": [0] * 200_001})
    yield (
        "samplex-links",
        "executor",
        changed(whole={"links": [{"source": 0, "target": 10**18, "id": 0, "data": None}]}),
    )
    yield "samplex-version", "executor", changed(ssv="99")
    yield "samplex-version-digits", "executor", changed(ssv="9" * 9_999)
    node = {"id": 0, "data": {"node_type": "N9", "num_randomizations": "9" * 18}}
    yield "samplex-node", "executor", changed(whole={"nodes": [node], "links": []})


def bodies() -> list[Attack]:
    """All attacks on what is around circuits."""
    parts = (_whole(), _values_and_types(), _amounts(), _circuits(), _executor())
    return [attack for part in parts for attack in part]


def texts() -> list[tuple[str, str, bytes, frozenset[str]]]:
    """The attacks on OpenQASM, each as a circuit in a pub."""
    found = []
    for name, data, kinds in hostile_openqasm.openqasm():
        try:
            pub = [data.decode()]
        except UnicodeDecodeError:
            continue
        found.append((f"text-{name}", "sampler", body(pub), kinds))
    return found


def files() -> list[tuple[str, str, bytes, frozenset[str]]]:
    """The attacks on QPY, each as a circuit in a pub."""
    return [
        (f"file-{name}", "estimator", body([circuit(data), "Z"]), kinds)
        for name, data, kinds in hostile_qpy.qpy()
    ]
