"""Sweep of a 20-qubit, 10-layer ansatz: Markaz' EstimatorV2 against each engine's own batch.

    python -m benchmarks.sweep [--points 1000] [--threads 1,2] [--engines …] [--repeat 3]

Each engine runs in a process of its own; importing is not timed, building the circuit is.
Target: at most 1.2 times the best engine's own batch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.engines_value import labels
from benchmarks.expectations import tfim
from benchmarks.forks import THREADS

TARGET = 1.2
AGREE = 1e-5
CLOCKS = ("seconds", "processor")
Floats = NDArray[np.float64]


def bindings(points: int, qubits: int, layers: int) -> Floats:
    """Angles, shape (points, 2 * qubits * (layers + 1))."""
    rng = np.random.default_rng(20)
    return rng.uniform(-np.pi, np.pi, (points, 2 * qubits * (layers + 1)))


def ansatz(circuit: Any, angles: Any, qubits: int, layers: int, cx: str = "cx") -> None:
    """Layers of RY and RZ on every qubit and a CX chain between them, by method calls."""
    at = iter(angles)
    for layer in range(layers + 1):
        for q in range(qubits):
            circuit.ry(next(at), q)
        for q in range(qubits):
            circuit.rz(next(at), q)
        for q in range(qubits - 1 if layer < layers else 0):
            getattr(circuit, cx)(q, q + 1)


def _qiskit(values: Floats, qubits: int, layers: int) -> tuple[Any, Any]:
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(qubits)
    ansatz(circuit, ParameterVector("t", values.shape[1]), qubits, layers)
    return circuit, SparsePauliOp.from_list(labels(tfim(qubits), qubits))


def markaz(values: Floats, qubits: int, layers: int, threads: int) -> Floats:
    """Markaz' EstimatorV2 on one pub."""
    from markaz.quantum.primitives import EstimatorV2, Options

    circuit, observable = _qiskit(values, qubits, layers)
    estimator = EstimatorV2(options=Options(threads=threads))
    return np.asarray(estimator.run([(circuit, observable, values)]).result()[0].data.evs)


def aer(values: Floats, qubits: int, layers: int, threads: int) -> Floats:
    """Aer's EstimatorV2 on one pub."""
    from qiskit_aer.primitives import EstimatorV2

    circuit, observable = _qiskit(values, qubits, layers)
    backend = {"method": "statevector", "max_parallel_threads": threads}
    estimator = EstimatorV2(options={"backend_options": backend, "default_precision": 0.0})
    return np.asarray(estimator.run([(circuit, observable, values)]).result()[0].data.evs)


def prism(values: Floats, qubits: int, layers: int, threads: int) -> Floats:
    """prism-q's prepared circuit, all bindings in one call."""
    import prism_q

    class Slots:
        def __init__(self) -> None:
            self.made = prism_q.CircuitBuilder(qubits)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.made, name)

        def ry(self, slot: int, qubit: int) -> None:
            self.made = self.made.ry(0.1, qubit).param(slot)

        def rz(self, slot: int, qubit: int) -> None:
            self.made = self.made.rz(0.1, qubit).param(slot)

    slots = Slots()
    ansatz(slots, range(values.shape[1]), qubits, layers)
    made = slots.made
    prepared = prism_q.PreparedCircuit(made.build(), made.parameters())
    terms = [(c, list(f)) for c, f in tfim(qubits)]
    return np.array([e.mean for e in prepared.observable_expectation_many(values, terms)])


def panta(values: Floats, qubits: int, layers: int, threads: int) -> Floats:
    """panta's batch, in lots that fit into memory."""
    import panta_sim

    template = panta_sim.QuantumCircuit(qubits)
    names = [panta_sim.Parameter(f"t{i}") for i in range(values.shape[1])]
    ansatz(template, names, qubits, layers)
    terms, found = labels(tfim(qubits), qubits), []
    for start in range(0, len(values), 16):
        lot = [
            template.assign_parameters(dict(zip(names, v.tolist(), strict=True)))
            for v in values[start : start + 16]
        ]
        found += [r.expectation(terms) for r in panta_sim.run_batch(lot, shots=0)]
    return np.array(found)


def qulacs(values: Floats, qubits: int, layers: int, threads: int) -> Floats:
    """Qulacs, one parametric circuit whose angles are set anew for each point."""
    import qulacs as lib

    class Parametric:
        def __init__(self) -> None:
            self.made = lib.ParametricQuantumCircuit(qubits)

        def ry(self, _: int, qubit: int) -> None:
            self.made.add_parametric_RY_gate(qubit, 0.0)

        def rz(self, _: int, qubit: int) -> None:
            self.made.add_parametric_RZ_gate(qubit, 0.0)

        def cx(self, control: int, target: int) -> None:
            self.made.add_CNOT_gate(control, target)

    parametric = Parametric()
    ansatz(parametric, range(values.shape[1]), qubits, layers)
    operator, state = lib.Observable(qubits), lib.QuantumState(qubits)
    for coefficient, factors in tfim(qubits):
        operator.add_operator(coefficient, " ".join(f"{p} {q}" for q, p in factors))
    found = []
    for point in values:
        for i, angle in enumerate(point):
            parametric.made.set_parameter(i, -angle)  # Qulacs turns the other way
        state.set_zero_state()
        parametric.made.update_quantum_state(state)
        found.append(operator.get_expectation_value(state).real)
    return np.array(found)


ENGINES: dict[str, Callable[[Floats, int, int, int], Floats]] = {
    "prism": prism,
    "panta": panta,
    "qulacs": qulacs,
    "aer": aer,
    "markaz": markaz,
}


def work(name: str, points: int, qubits: int, layers: int, threads: int) -> None:
    """In the engine's own process: a small run first, then the timed one; prints JSON."""
    engine = ENGINES[name]
    engine(bindings(2, 4, 2), 4, 2, threads)
    values = bindings(points, qubits, layers)
    start, busy = time.perf_counter(), time.process_time()
    found = engine(values, qubits, layers, threads)
    seconds, processor = time.perf_counter() - start, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "processor": processor, "values": found.tolist()}))


def measure(
    name: str, args: argparse.Namespace, threads: int, module: str = "benchmarks.sweep"
) -> dict[str, Any]:
    """Seconds and values of one engine, or its error; ``module`` is run as the engine's process."""
    sizes = [str(x) for x in (args.points, args.qubits, args.layers, threads)]
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    command = [sys.executable, "-m", module, "--work", name, *sizes]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["died"])[-1]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def best_of(args: argparse.Namespace, threads: int) -> dict[str, dict[str, Any]]:
    """Each engine's least seconds and processor time, the engines in turn."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(args.repeat):
        for name in args.engines.split(","):
            before, now = found.get(name, {}), measure(name, args, threads)
            least = {c: min(now[c], before[c]) for c in CLOCKS if c in now and c in before}
            found[name] = now | least
    return found


def table(found: dict[str, dict[str, Any]], points: int) -> tuple[str, float]:
    """The lines of one thread count, and Markaz over the best other engine."""
    fine = {n: r for n, r in found.items() if "seconds" in r}
    centre = np.median([r["values"] for r in fine.values()], axis=0)
    rows, right = [], {}
    for name, result in found.items():
        if name not in fine:
            rows.append((name, "failed", "", "", result["error"][:90]))
            continue
        error = float(np.abs(np.array(result["values"]) - centre).max())
        state = "ok" if error < AGREE else f"wrong by {error:.1e}"
        if state == "ok":
            right[name] = result
        each = [1e3 * result[clock] / points for clock in CLOCKS]
        rows.append((name, result["seconds"], *each, state))
    columns = ("engine", "seconds", "ms a point", "of processors", "state")
    return report.table(columns, rows), share(right, "seconds")


def share(found: dict[str, dict[str, Any]], clock: str) -> float:
    """Markaz over the best other engine; infinite where there is nothing to compare."""
    others = [r[clock] for n, r in found.items() if n != "markaz" and clock in r]
    mine = found.get("markaz", {}).get(clock)
    return mine / min(others) if mine is not None and others else float("inf")


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--threads", default=f"1,{os.cpu_count()}", help="comma-separated")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the best counts")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work[0], *map(int, args.work[1:]))
        return
    for threads in map(int, args.threads.split(",")):
        found = best_of(args, threads)
        text, ratio = table(found, args.points)
        print(f"{args.points} points, {threads} threads\n{text}")
        print(report.verdict(f"Markaz / best batch, {threads} threads", ratio, TARGET))
        busy = share(found, "processor")
        print(report.verdict("the same in processor time", busy, TARGET) + "\n")


if __name__ == "__main__":
    main()
