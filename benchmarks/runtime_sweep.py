"""Sweep of a 20-qubit, 10-layer ansatz at the server, as the runtime client's estimator program,
against each engine's own batch in its own process.

    python -m benchmarks.runtime_sweep [--points 1000] [--qubits 20] [--layers 10] [--repeat 1]

At the server: from the body's bytes to the result's text, that is opening it in the guarded
child, planning, running as a worker's child does, and encoding. Engines and the worker's
child have one thread each. Also printed: what a Bell sampler job costs beside an ordinary run,
and how long 100,000 outcomes of 30 bits take to encode. Processor time tells more than the clock
where other programs are busy.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import statistics
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import report, sweep
from benchmarks.engines_value import labels
from benchmarks.expectations import tfim

TARGET = 1.2
THIS = "benchmarks.runtime_sweep"
BELL = b'OPENQASM 2.0;include "qelib1.inc";qreg q[2];creg c[2];h q[0];cx q[0],q[1];measure q->c;'


def _array(values: Any) -> dict[str, str]:
    file = io.BytesIO()
    np.save(file, values)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return {"__type__": "ndarray", "__value__": text}


def _circuit(circuit: Any) -> dict[str, str]:
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file, version=17)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    return {"__type__": "QuantumCircuit", "__value__": text}


def _body(*pubs: list[Any]) -> bytes:
    return json.dumps({"pubs": pubs, "options": {}, "version": 2}).encode()


def sweep_body(values: sweep.Floats, qubits: int, layers: int) -> bytes:
    """The body that the client sends: one pub, exact values."""
    circuit, _ = sweep._qiskit(values, qubits, layers)
    observable = dict(labels(tfim(qubits), qubits))
    return _body([_circuit(circuit), observable, _array(values), 0.0])


def answered(intake: Any, kind: str | None, body: bytes, **options: Any) -> bytes:
    """What the server stores as the result of a body or program."""
    from markaz.centre.workers import run_child

    opened = intake.open("ada", body, kind, options)
    asked = run_child.request(opened.kind, opened.options, opened.program_hash, 3600.0, 4 << 30)
    return run_child.KINDS[opened.kind](opened.circuit, asked)


def evs(result: bytes) -> list[float]:
    """The values in a result, as the client decodes them."""
    document = json.loads(result.partition(b"\n")[2])
    (pub,) = document["__value__"]["pub_results"]
    text = pub["__value__"]["data"]["__value__"]["fields"]["evs"]["__value__"]
    found = np.load(io.BytesIO(zlib.decompress(base64.b64decode(text))), allow_pickle=False)
    return list(found.ravel().tolist())


def work(points: int, qubits: int, layers: int) -> None:
    """In a process as a worker's child is: a small sweep first, then the timed one."""
    from markaz.centre.settings import Settings
    from markaz.centre.workers import run_child
    from markaz.centre.workers.intake import Intake

    run_child.prepare()
    intake = Intake(Settings({"workers": 1}))
    intake.wait_ready()
    answered(intake, "estimator", sweep_body(sweep.bindings(2, 4, 2), 4, 2))
    body = sweep_body(sweep.bindings(points, qubits, layers), qubits, layers)
    start, busy = time.perf_counter(), time.process_time()
    result = answered(intake, "estimator", body)
    times = {"seconds": time.perf_counter() - start, "processor": time.process_time() - busy}
    intake.close()
    plans = json.loads(result.partition(b"\n")[0])["plans"]
    print(json.dumps({**times, "values": evs(result), "engine": plans[0]}))


def overheads() -> str:
    """Lines for small and for wide results."""
    from qiskit import QuantumCircuit

    from markaz.centre.settings import Settings
    from markaz.centre.workers import run_child
    from markaz.centre.workers.intake import Intake

    run_child.prepare()
    intake = Intake(Settings({"workers": 1}))
    intake.wait_ready()
    bell, wide = QuantumCircuit(2), QuantumCircuit(30)
    bell.h(0)
    bell.cx(0, 1)
    wide.h(range(30))
    for circuit in (bell, wide):
        circuit.measure_all()
    small, large = _body([_circuit(bell), None, 4096]), _body([_circuit(wide), None, 100_000])
    rows = [
        ("Bell, run", 1e3 * _median(lambda: answered(intake, None, BELL, shots=4096))),
        ("Bell, sampler", 1e3 * _median(lambda: answered(intake, "sampler", small))),
        ("30 bits, 100,000 shots", 1e3 * _median(lambda: answered(intake, "sampler", large), 5)),
    ]
    intake.close()
    return report.table(("opened and run", "ms"), rows)


def _median(act: Callable[[], object], times: int = 25) -> float:
    def once() -> float:
        start = time.perf_counter()
        act()
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(times))


def main() -> None:
    """Measure and print the ratio."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the best counts")
    parser.add_argument("--engines", default="prism,panta")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(*map(int, args.work[1:4]))
        return
    found: dict[str, dict[str, Any]] = {}
    for _ in range(args.repeat):
        for name in [*args.engines.split(","), "markaz"]:
            module = THIS if name == "markaz" else "benchmarks.sweep"
            one = sweep.measure(name, args, 1, module)
            best = found.get(name, {}).get("seconds", float("inf"))
            if one.get("seconds", float("inf")) <= best:
                found[name] = one
    text, ratio = sweep.table(found, args.points)
    print(f"{args.points} points of {args.qubits} qubits, one thread\n{text}")
    print(f"at the server by {found['markaz'].get('engine')}")
    print(report.verdict("at the server / best engine alone", ratio, TARGET))
    busy = {name: one["processor"] for name, one in found.items() if "processor" in one}
    share = busy.pop("markaz") / min(busy.values())
    print(report.verdict("the same in processor time", share, TARGET) + "\n")
    print(overheads())


if __name__ == "__main__":
    main()
