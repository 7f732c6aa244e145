"""In a child of one tenant: run jobs, one after another, by their kind.

The circuit comes checked, and is checked again (``wire.decode``): a stranger's text is never
read here. Limits: address space and processor time by the kernel, wall time by the
supervisor, which kills.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from markaz.centre.workers import frames
from markaz.quantum import api
from markaz.quantum.operate import measuring, opening, single
from markaz.quantum.operate.station import Station
from markaz.quantum.points import Options
from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.runtime import KINDS as CLIENT_KINDS
from markaz.quantum.runtime import bundle as bundles
from markaz.quantum.runtime import encoding, front
from markaz.quantum.simulate.result import Result

REQUEST_BYTES: Final = 1 << 30
RESULT_BYTES: Final = 256 << 20
SLACK_BYTES: Final = 512 << 20  # address space is not memory: arenas, stacks, libraries
THREADS: Final = 1
_MESSAGE: Final = 2000

Work = Callable[[bytes, Mapping[str, Any]], bytes]


def _run(data: bytes, request: Mapping[str, Any]) -> bytes:
    """Counts or expectation values, as ``markaz run`` gives them."""
    circuit = _circuit(data, request)
    asked = request["options"]
    if (station := _station(request)) is not None:
        return _plain(single.run(station, circuit, asked))
    result = api.run(
        circuit,
        shots=asked["shots"],
        seed=asked.get("seed"),
        engine=asked.get("engine", "auto"),
        time_limit=request["seconds"],
        memory_limit=request["memory"],
        observables=asked.get("observables"),
        parameters=asked.get("parameters") or None,
        memory=bool(asked.get("memory")),
        threads=THREADS,
        min_fidelity=asked.get("min_fidelity", 1.0),
    )
    # With parameters bound it is another program than the one that was handed in.
    known = request["program_hash"] if result.circuit is circuit else None
    return _plain(document(result, known))


def _plain(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def document(result: Result, program_hash: str | None = None) -> dict[str, Any]:
    """The result as it is stored: the keys of ``markaz run --json``, and the registers."""
    return {**result.to_json(program_hash), "registers": [list(r) for r in result.registers]}


def _client(data: bytes, request: Mapping[str, Any]) -> bytes:
    """A job of the runtime client: how it was run in one line of JSON, then what the client
    is to get, to the byte."""
    try:
        bundle = bundles.decode(data)
    except wire.WireError as error:
        raise ProgramError("parse", f"the stored bundle is not one: {error}") from error
    _check_hash(bundles.bundle_hash(bundle), request)
    asked = request["options"]
    if bundle.kind != request["kind"] or bundle.shots != asked["shots"]:
        raise ProgramError("parse", "the stored bundle asks for something else than was paid for")
    options = Options(
        time_limit=request["seconds"], memory_limit=request["memory"], threads=THREADS
    )
    answer = front.run(bundle, options, asked.get("seed"), _station(request), _clock(request))
    return b"\n".join((encoding.line(answer.document), answer.payload))


def _clock(request: Mapping[str, Any]) -> Callable[[], float]:
    """Seconds since 1970 by the clock that counts where the job was handed out."""
    return lambda: request["clock"] / 1e6 + time.monotonic()


def _calibration(data: bytes, request: Mapping[str, Any]) -> bytes:
    """One part of a calibration, or of a look at a device between jobs."""
    asked = _measurement(data, request)
    return _plain(measuring.calibrate(_present(request), asked["part"], asked["seed"]))


def _benchmark(data: bytes, request: Mapping[str, Any]) -> bytes:
    """One criterion of a contract."""
    asked = _measurement(data, request)
    return _plain(measuring.judge(_present(request), asked["criterion"], asked["seed"]))


def _measurement(data: bytes, request: Mapping[str, Any]) -> dict[str, Any]:
    """What to measure; the centre's own words, in the place of a circuit."""
    _check_hash(measuring.hash_of(data), request)
    found: dict[str, Any] = json.loads(data)
    return found


def _station(request: Mapping[str, Any], *, passing: bool = False) -> Station | None:
    """The device that the job is for; None: a simulator. ``driver``: an agent's hardware."""
    if (driver := request.get("driver")) is not None:
        return opening.around(driver, request["station"])
    about = request.get("about")
    if not about:
        return None
    return opening.station(
        about, request["station"], seconds=request["seconds"], memory=request["memory"],
        threads=THREADS, passing=passing,
    )  # fmt: skip


def _present(request: Mapping[str, Any]) -> Station:
    found = _station(request, passing=True)
    if found is None:
        raise ProgramError("unsupported", "a simulator is neither calibrated nor accepted")
    return found


# job kind -> what runs it
KINDS: Final[dict[str, Work]] = {
    "run": _run,
    **dict.fromkeys(CLIENT_KINDS, _client),
    **dict.fromkeys(("calibration", "monitoring"), _calibration),
    "benchmark": _benchmark,
}

_WARM: Final = (
    b'OPENQASM 2.0;include "qelib1.inc";qreg q[2];creg c[2];h q[0];cx q[0],q[1];measure q->c;',
    b'OPENQASM 2.0;include "qelib1.inc";qreg q[3];creg c[3];h q;rx(0.3) q[1];cu1(0.2) q[0],q[1];'
    b"ccx q[0],q[1],q[2];rx(0.4) q;measure q->c;",
)


def prepare() -> None:
    """Load kernels and every engine, and go the usual way once; in the zygote."""
    from markaz.quantum.simulate.engines.registry import engines  # noqa: PLC0415 - slow
    from markaz.quantum.simulate.kernels import compile_kernels  # noqa: PLC0415 - loads numba

    compile_kernels()
    opening.prepare()
    for engine in engines().values():
        if not engine.child_only:
            engine.load()
    _go_the_usual_way()


def _go_the_usual_way() -> None:
    for text in _WARM:
        # Only what runs in this process: a thread or an engine child must not outlive a fork.
        result = api.run(text, shots=16, seed=1, engine="markaz", threads=THREADS)
        json.dumps(document(result))
    circuit = load(_WARM[0])
    program = bundles.Program(circuit, (("c", (0, 1)),))
    pub = bundles.Pub(0, np.zeros((1, 0)), (), shots=16)
    bundle = bundles.decode(bundles.encode(bundles.Bundle("sampler", (program,), (pub,), 1)))
    front.run(bundle, Options(engine="markaz", threads=THREADS))


def serve(fd: int, parent: int, spec: dict[str, Any]) -> None:
    """Run what is asked until the other end closes; ``spec["memory"]`` is the most."""
    del parent
    settle(spec)
    _go_the_usual_way()  # touch the pages that every job needs, before one waits for them
    incoming = frames.Incoming(fd, REQUEST_BYTES)
    try:
        while True:
            header, body = answered(*incoming.next())
            frames.write(fd, frames.pack(header, body))
    except EOFError:
        return


def settle(spec: Mapping[str, Any]) -> None:
    """Give up standard files and whatever a child that runs jobs does not need."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(name, (0, 0))
    most = _address_space() + spec["memory"] + SLACK_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def answered(request: dict[str, Any], circuit: bytes) -> tuple[dict[str, Any], bytes]:
    """The outcome of a job: a header with its error or None, and the result document.

    The last ``tail`` bytes of ``circuit`` are the device that it is for (``opening``).
    """
    tail = len(circuit) - request.get("tail", 0)
    request["station"], circuit = circuit[tail:], circuit[:tail]
    try:
        limit(request)
        body = _result(request, circuit)
        if len(body) > RESULT_BYTES:
            size = f"{len(body) >> 20} MiB"
            raise ProgramError("limit-size", f"the result takes {size}, more than may be stored")
        return {"error": None, "peak": _peak()}, body
    except ProgramError as error:
        return {"error": {"kind": error.kind, "message": str(error)[:_MESSAGE]}}, b""
    except MemoryError:
        size = f"{request['memory'] / (1 << 30):.3g} GiB"
        return {
            "error": {"kind": "limit-memory", "message": f"the job needs more than {size}"}
        }, b""
    except BaseException as error:  # a Rust panic is no Exception
        text = f"{type(error).__name__}: {error}"[:_MESSAGE]
        return {"error": {"kind": "internal", "message": text}}, b""


def _result(request: dict[str, Any], data: bytes) -> bytes:
    work = KINDS.get(request["kind"])
    if work is None:
        raise ProgramError("unsupported", f"this worker does not run {request['kind']!r} jobs")
    return work(data, request)


def _circuit(data: bytes, request: Mapping[str, Any]) -> Circuit:
    """The stored circuit, checked."""
    try:
        circuit = wire.decode(data)
    except wire.WireError as error:
        raise ProgramError("parse", f"the stored circuit is not one: {error}") from error
    _check_hash(program_hash(circuit), request)
    return circuit


def _check_hash(found: str, request: Mapping[str, Any]) -> None:
    if found != request["program_hash"]:
        raise ProgramError("parse", "the stored circuit is not the program that was handed in")


def limit(request: dict[str, Any]) -> None:
    """Bound memory and processor time of the next job, from what this process has used."""
    soft = _address_space() + request["memory"] + SLACK_BYTES
    _lower(resource.RLIMIT_AS, soft)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _lower(resource.RLIMIT_CPU, math.ceil(used + THREADS * request["seconds"]) + 2)


def _lower(name: int, value: int) -> None:
    """Set the soft limit; the hard one stays, for the next job may need more."""
    hard = resource.getrlimit(name)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(name, (value, hard))


def _address_space() -> int:
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        return int(os.read(statm, 100).split()[0]) * resource.getpagesize()
    finally:
        os.close(statm)


def _peak() -> int:
    """Bytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def request(
    kind: str,
    options: Mapping[str, Any],
    hashed: str,
    seconds: float,
    memory: int,
    about: Mapping[str, Any] | None = None,
    tail: int = 0,
    clock: int = 0,
) -> dict[str, Any]:
    """The header of a job for a child; ``about`` and ``tail`` as in ``messages.Assign``;
    ``clock``: the time, µs UTC, less this machine's monotonic clock."""
    wanted = options.get("memory_limit")
    return {
        "kind": kind,
        "options": dict(options),
        "program_hash": hashed,
        "about": dict(about or {}),
        "tail": tail,
        "clock": clock,
        "seconds": seconds,
        "memory": memory if wanted is None else min(memory, int(wanted)),
    }
