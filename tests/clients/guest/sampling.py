"""Samplers: what comes back for circuits whose outcomes are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import bell, counts, device, fitted, micros, sampler
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Parameter

WIDE = "1011001110001111" * 5  # 80 bits: more than one machine word


def bell_counts(kind: str, shots: int, seed: int | None = None) -> dict[str, Any]:
    """Counts of a Bell pair, and the job's own words about it."""
    job = sampler(kind, seed).run([bell()], shots=shots)
    (pub,) = job.result()
    return {"counts": pub.data.meas.get_counts(), "id": job.job_id(), "status": job.status()}


def registers(kind: str) -> list[dict[str, dict[str, int]]]:
    """Two circuits with several registers, all outcomes certain."""
    qubits = QuantumRegister(3, "q")
    two, one, unused = ClassicalRegister(2, "two"), ClassicalRegister(1, "one"), "never"
    first = QuantumCircuit(qubits, two, one)
    first.x([1, 2])
    first.measure([0, 1], two)
    first.measure(2, one)
    second = QuantumCircuit(qubits, two, ClassicalRegister(2, unused))
    second.x(0)
    second.measure([1, 0], two)
    return [counts(pub) for pub in sampler(kind).run([first, second], shots=10).result()]


def wide(kind: str) -> dict[str, Any]:
    """A register wider than a machine word with a pattern in it."""
    circuit = QuantumCircuit(len(WIDE))
    for qubit, bit in enumerate(reversed(WIDE)):
        if bit == "1":
            circuit.x(qubit)
    circuit.measure_all()
    bits = sampler(kind).run([circuit], shots=3).result()[0].data.meas
    return {"strings": bits.get_bitstrings(), "bits": bits.num_bits, "expected": WIDE}


def dynamic(kind: str, shots: int) -> dict[str, Any]:
    """Feed-forward, a loop, a switch and a reset, each with a certain consequence."""
    qubits = QuantumRegister(3, "q")
    coin, copy, rest = (ClassicalRegister(1, name) for name in ("coin", "copy", "rest"))
    circuit = QuantumCircuit(qubits, coin, copy, rest)
    circuit.h(0)
    circuit.measure(0, coin)
    with circuit.if_test((coin, 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.x(2)
    circuit.measure(1, copy)
    circuit.reset(0)
    with circuit.switch(coin) as case:
        with case(0):
            circuit.x(2)
        with case(1):
            circuit.id(2)
    circuit.measure(2, rest)
    with circuit.for_loop(range(3)):
        circuit.x(1)
    with circuit.while_loop((copy, 1)):
        circuit.measure(1, copy)
        circuit.reset(1)
    data = sampler(kind).run([circuit], shots=shots).result()[0].data
    return {name: bits.get_bitstrings() for name, bits in data.items()}


def rotations(kind: str, shots: int, seed: int | None = None) -> dict[str, Any]:
    """RX(a) on one qubit and RX(b) on another for a grid of values in one pub."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.rx(b, 0)
    circuit.rx(a, 1)
    circuit.measure_all()
    values = np.stack(np.meshgrid([0.0, 0.7, np.pi], [0.3, 1.1], indexing="ij"), axis=-1)
    bits = sampler(kind, seed).run([(circuit, values)], shots=shots).result()[0].data.meas
    ones = [
        [[bits.get_int_counts((i, j)).get(k, 0) for k in range(4)] for j in range(2)]
        for i in range(3)
    ]
    return {"shape": bits.shape, "shots": bits.num_shots, "counts": ones, "values": values}


def shots_of() -> list[int]:
    """A pub's own shots go before those of the run, those before the option's."""
    by_option = sampler(default_shots=11)
    circuit = bell()
    first = by_option.run([circuit, (circuit, None, 13)]).result()
    second = by_option.run([circuit, (circuit, None, 13)], shots=12).result()
    usual = sampler().run([circuit]).result()
    return [pub.data.meas.num_shots for result in (first, second, usual) for pub in result]


def twice(seed: int) -> list[list[str]]:
    """The outcomes of two runs with one seed."""
    runs = [sampler("server", seed).run([bell()], shots=40).result()[0] for _ in range(2)]
    return [run.data.meas.get_bitstrings() for run in runs]


def twirled(shots: int) -> dict[str, int]:
    """A Bell pair with gates and measurements twirled by the client."""
    made = sampler("client")
    made.options.twirling.enable_gates = True
    made.options.twirling.enable_measure = True
    made.options.twirling.num_randomizations = 8
    found: dict[str, int] = made.run([bell()], shots=shots).result()[0].data.meas.get_counts()
    return found


def timing(kind: str) -> dict[str, Any]:
    """When the outcomes of two pubs were gained, the second a sweep of two by three points."""
    angle = Parameter("angle")
    sweep = QuantumCircuit(1)
    sweep.rx(angle, 0)
    sweep.measure_all()
    values = np.linspace(0, 1, 6).reshape(2, 3, 1)
    job = sampler(kind).run([bell(), (sweep, values)], shots=40)
    metadata = job.result().metadata
    if kind == "client":
        spans = metadata["executor"].chunk_timing
        parts = [[[part.idx_item, part.size] for part in span.parts] for span in spans]
    else:
        spans = metadata["execution"]["execution_spans"]
        parts = [[[pub, int(span.mask(pub).sum())] for pub in span.pub_idxs] for span in spans]
    times = [[micros(span.start), micros(span.stop)] for span in spans]
    return {"id": job.job_id(), "times": times, "parts": parts}


def against_noise(name: str, shots: int) -> list[dict[str, Any]]:
    """A Bell pair on a noisy device, plain, twirled and decoupled, and what was done."""
    circuit = fitted(bell(), name)
    found = []
    for gates, flips, echoes in ((False, False, False), (True, True, False), (False, False, True)):
        made = sampler(mode=device(name))
        made.options.twirling.enable_gates = gates
        made.options.twirling.enable_measure = flips
        made.options.dynamical_decoupling.enable = echoes
        result = made.run([circuit], shots=shots).result()
        said = result[0].metadata.get("mitigation", [{}])[0]
        found.append({"counts": result[0].data.meas.get_counts(), "said": said})
    return found


def refused() -> None:
    """A gate that nobody knows."""
    circuit = QuantumCircuit(2)
    circuit.append(Gate("mystery", 2, []), [0, 1])
    circuit.measure_all()
    sampler().run([circuit], shots=10).result()
