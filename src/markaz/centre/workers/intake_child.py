"""In a confined child of one tenant: open programs, check what was asked, predict the cost.

Requests and answers are ``frames``. For each program there are two answers: the circuit as
soon as it is read, then the prediction, so that a circuit which is hard to plan is known all
the same when planning is cut off.
"""

from __future__ import annotations

import math
import os
from typing import Any, Final

import numpy as np

from markaz.centre.workers import frames
from markaz.centre.workers.options import MAX_MEMORY_BYTES
from markaz.quantum import api
from markaz.quantum.observables import ObservableError, PauliSum
from markaz.quantum.programs import readers, sandbox, wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE
from markaz.quantum.programs.intake import HEAD_BYTES, detect, load
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.sandbox import Confinement
from markaz.quantum.runtime import KINDS, front
from markaz.quantum.runtime import bundle as bundles
from markaz.quantum.runtime.body import BodyError
from markaz.quantum.runtime.bundle import Bundle
from markaz.quantum.runtime.examples import examples
from markaz.quantum.simulate.engines.registry import engines

LIFE_SECONDS: Final = 600  # of processor time, of all its programs
REQUEST_BYTES: Final = 256 << 20
EXIT_MEMORY: Final = 71
OUT_BYTES: Final = 32 << 10  # of answers that wait for others
SOON: Final = 200  # operations up to which a circuit is planned before it is sent
_MESSAGE: Final = 500

_PROGRAMS: Final[tuple[tuple[bytes, dict[str, Any]], ...]] = (
    (b'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];creg c[2];h q[0];cx q[0],q[1];measure q->c;',
     {}),
    (b"OPENQASM 3.0;\nbit c;qubit[2] q;U(0.1,0,0) q[0];c=measure q[0];if(c){U(1,0,0) q[1];}", {}),
    (b'OPENQASM 3.0;include "stdgates.inc";input float a;qubit[3] q;rx(a) q[0];ccx q[0],q[1],q[2];',
     {"parameters": {"a": 0.5}, "observables": ["ZZI + 0.5*XXI", "Z0 Z2"]}),
    (b"H Q0\nCZ Q0 Q1\nM Q0\n", {}),
)  # fmt: skip


class Refused(Exception):
    """What was asked does not fit the circuit; ``field`` says which part of it."""

    def __init__(self, field: str, error: ProgramError | ObservableError) -> None:
        super().__init__(str(error))
        self.field = field


def prepare() -> None:
    """Import readers, compile kernels, and go every way once: a confined child opens no file."""
    from markaz.quantum.simulate.kernels import compile_kernels  # noqa: PLC0415 - loads numba

    for fmt in readers.FORMATS:
        readers.prepare(fmt)
    front.prepare()
    compile_kernels()
    for _ in range(2):
        _go_every_way()


def _go_every_way() -> None:
    for data, options in _PROGRAMS:
        request = {"format": None, "options": {"shots": 10, **options}, "memory": 1 << 30}
        header, circuit = opened(request, data)
        assert circuit is not None, header
        frames.pack(header, wire.encode(circuit))
        planned(request, circuit)
    for kind, body in examples():
        asked = {"format": kind, "options": {"max_shots": 10_000}, "memory": 1 << 30}
        header, bundle = opened_bundle(asked, body)
        assert bundle is not None, header
        frames.pack(header, bundles.encode(bundle))
        front.predicted(bundle, 1 << 30)


def serve(fd: int, parent: int, spec: dict[str, Any]) -> None:
    """Confine this process, then answer until the other end closes."""
    _go_every_way()  # touch the pages that every program needs, before one waits for them
    sandbox.confine(Confinement(spec["memory"], LIFE_SECONDS), fd, parent)
    try:
        _serve(frames.Incoming(sandbox.RESULT_FD, REQUEST_BYTES))
    except EOFError:
        return
    except MemoryError:  # too little is left to say so in words
        os._exit(EXIT_MEMORY)


def _serve(incoming: frames.Incoming) -> None:
    """Answer requests; answers to requests that came together leave together."""
    out: list[bytes] = []
    while True:
        if (frame := incoming.take()) is None or sum(map(len, out)) > OUT_BYTES:
            _flush(out)
            frame = frame or incoming.next()
        answer(out, *frame)


def _flush(out: list[bytes]) -> None:
    frames.write(sandbox.RESULT_FD, b"".join(out))
    out.clear()


def answer(out: list[bytes], request: dict[str, Any], data: bytes) -> None:
    """Both answers to one request; the first leaves before a large circuit is planned."""
    if request["format"] in KINDS:
        _answer_bundle(out, request, data)
        return
    header, circuit = opened(request, data)
    if circuit is None:
        out.append(frames.pack(header))
        return
    try:
        out.append(frames.pack(header, wire.encode(circuit)))
    except wire.WireError as error:
        out.append(frames.pack({"error": reported(error)}))
        return
    if len(circuit.op) > SOON:
        _flush(out)
    out.append(frames.pack(planned(request, circuit)))


def _answer_bundle(out: list[bytes], request: dict[str, Any], data: bytes) -> None:
    """Likewise for a body of the runtime client."""
    header, bundle = opened_bundle(request, data)
    try:
        body = b"" if bundle is None else bundles.encode(bundle)
    except wire.WireError as error:
        header, bundle, body = {"error": reported(error)}, None, b""
    out.append(frames.pack(header, body))
    if bundle is None:
        return
    _flush(out)
    try:
        plan = front.predicted(bundle, request["memory"])
    except MemoryError:
        raise
    except BaseException as error:
        plan = {"error": reported(error)}
    out.append(frames.pack(_plain(plan)))


def opened_bundle(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Bundle | None]:
    """What is known of a body of the runtime client, and its bundle; or its error, and None."""
    try:
        readers.enter_child("qpy")
        options = request["options"]
        seed, most = options.get("seed"), options["max_shots"]
        kind = options.get("device_kind") or "simulator"
        bundle = front.opened(request["format"], data, seed=seed, max_shots=most, device_kind=kind)
        hashed = bundles.bundle_hash(bundle)
    except MemoryError:
        raise
    except BaseException as error:
        return {"error": reported(error)}, None
    circuits = [p.circuit for p in bundle.programs]
    return {
        "program_hash": hashed,
        "qubits": max(c.num_qubits for c in circuits),
        "clbits": max(c.visible_clbits for c in circuits),
        "shots": bundle.shots,
        "facts": front.described(bundle),
    }, bundle


def opened(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Circuit | None]:
    """What is known of a program, and its circuit; or the error that it has, and None."""
    try:
        fmt = request["format"] or detect("", data[:HEAD_BYTES])
        readers.enter_child(fmt)
        circuit = load(data, fmt=fmt)
        check(circuit, request["options"])
        return described(circuit, fmt), circuit
    except MemoryError:
        raise
    except BaseException as error:
        return {"error": reported(error)}, None


def check(circuit: Circuit, options: dict[str, Any]) -> None:
    """Raise Refused if the options do not fit the circuit."""
    engine = options.get("engine", "auto")
    if engine != "auto" and engine not in {n for k in engines() for n in (k, k.partition(":")[0])}:
        raise Refused("options/engine", ProgramError("engine", f"there is no engine {engine!r}"))
    try:
        bind(circuit, options.get("parameters") or {})
    except ProgramError as error:
        raise Refused("options/parameters", error) from None
    for i, text in enumerate(options.get("observables") or ()):
        try:
            PauliSum.of(text).check_width(circuit.num_qubits)
        except ObservableError as error:
            raise Refused(f"options/observables/{i}", error) from None
    if options.get("memory") and options["shots"] * circuit.visible_clbits > MAX_MEMORY_BYTES:
        text = f"{options['shots']} shots of {circuit.visible_clbits} bits are too many"
        raise Refused("options/memory", ProgramError("limit-size", text))


def described(circuit: Circuit, fmt: str) -> dict[str, Any]:
    """Plain facts of a circuit."""
    gates = circuit.op <= LAST_GATE
    return {
        "program_hash": program_hash(circuit),
        "qubits": circuit.num_qubits,
        "clbits": circuit.visible_clbits,
        "facts": {
            "format": fmt,
            "gates": int(np.count_nonzero(gates)),
            "dynamic": bool(circuit.is_dynamic),
            "measured": circuit.measured,
            "parameters": list(circuit.parameters[:100]),
        },
    }


def planned(request: dict[str, Any], circuit: Circuit) -> dict[str, Any]:
    """The prediction for a circuit: seconds, bytes, engine and why; nulls if there is none."""
    options = request["options"]
    try:
        plan = api.explain(
            circuit,
            shots=options["shots"],
            engine=options.get("engine", "auto"),
            memory_limit=options.get("memory_limit") or request["memory"],
            observables=options.get("observables"),
            parameters=options.get("parameters") or None,
        )
    except MemoryError:
        raise
    except BaseException as error:
        return {"error": reported(error)}
    found = {"seconds": plan.predicted_seconds, "bytes": plan.predicted_bytes}
    return _plain({**found, "engine": plan.engine, "why": plan.why})


def _plain(plan: dict[str, Any]) -> dict[str, Any]:
    """A prediction as JSON can hold it; an error as it is."""
    if "error" in plan:
        return plan
    seconds = plan["seconds"] if math.isfinite(plan["seconds"]) else None
    size = min(int(plan["bytes"]), 1 << 62)
    return {**plan, "seconds": seconds, "bytes": size, "why": plan["why"][:_MESSAGE]}


def reported(error: BaseException) -> dict[str, Any]:
    """An error as plain values."""
    if isinstance(error, Refused):
        return {"field": error.field, "message": str(error)[:_MESSAGE]}
    if isinstance(error, BodyError):
        return {"kind": error.kind, "message": error.message[:_MESSAGE], "place": error.place}
    if isinstance(error, ProgramError):
        place = {"line": error.line, "column": error.column}
        return {"kind": error.kind, "message": error.message[:_MESSAGE], **place}
    if isinstance(error, RecursionError):
        return {"kind": "limit-size", "message": "the program is nested too deeply"}
    if isinstance(error, wire.WireError):
        text = f"the circuit is too large or too deep: {error}"
        return {"kind": "limit-size", "message": text[:_MESSAGE]}
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return {"kind": "parse", "message": f"the reader failed on this program ({text})"[:_MESSAGE]}
