"""Measurements in the middle, resets and feed-forward on emulated devices.

Samples are compared with chances by Pearson's test; a right sampler fails one in a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from markaz.quantum.compile.compiler import compile
from markaz.quantum.devices.emulator.blocks import course_of
from markaz.quantum.devices.emulator.execute import EmulatedResult, execute, execute_under
from markaz.quantum.devices.emulator.truth import Truth, truth_at
from markaz.quantum.devices.model import load, load_shipped, shipped_text
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.simulate.noisy.run import DENSITY, MPS, TRAJECTORIES
from markaz.quantum.simulate.noisy.script import Script
from tests.emulated import AT, HALF, HOUR, built, layers, pulses, silent, wait
from tests.noisy_programs import fits
from tests.noisy_reference import distribution

INDUS = load_shipped("indus")
SHOTS = 20_000
# A truth in which everything goes wrong often enough to be seen.
WORSE = replace(
    silent(INDUS, t1=8.0, t_phi=9.0, detuning=20.0, rotation=0.05, pulse_error=0.02,
           cz_error=0.04, cz_phase=0.2, zz=60.0, leakage=0.01),
    read1=np.full(20, 0.04), read0=np.full(20, 0.13),
)  # fmt: skip
METHODS = (DENSITY, TRAJECTORIES)


def counted(result: EmulatedResult) -> NDArray[np.int64]:
    """Counts of all outcomes, by their number."""
    counts = np.zeros(1 << result.num_clbits, np.int64)
    for text, number in (result.counts or {}).items():
        counts[int(text, 2)] = number
    return counts


def as_array(chances: dict[tuple[int, ...], float], bits: int) -> NDArray[np.float64]:
    made = np.zeros(1 << bits)
    for row, chance in chances.items():
        made[sum(b << k for k, b in enumerate(row))] += chance
    return made


def ran(truth: Truth, circuit: Circuit, method: str, shots: int = SHOTS) -> EmulatedResult:
    return execute_under(INDUS, truth, circuit, shots=shots, run_seed=3, method=method)


def random_dynamic(seed: int, qubits: tuple[int, ...], clbits: int, operations: int) -> Circuit:
    """Quarter turns, CZ, measurements, resets, and gates that depend on what was read."""
    rng = np.random.default_rng(seed)
    live = [p for p in INDUS.live_couplers if set(p) <= set(qubits)]

    def gates(b: Builder) -> None:
        for q in qubits:
            b.gate([Op.RX, Op.RY][rng.integers(2)], [q], [HALF])
            b.gate(Op.RZ, [q], [float(rng.normal())])
        b.gate(Op.CZ, live[rng.integers(len(live))])

    def fill(b: Builder) -> None:
        for _ in range(operations):
            gates(b)
            kind, q = rng.integers(4), int(rng.choice(qubits))
            if kind == 0:
                b.reset(q)
            else:
                b.measure(q, int(rng.integers(clbits)))
            if kind > 1:
                b.control(Op.IF, ("eq", ("bits", 0, clbits), ("const", int(rng.integers(4)))))
                pulses(b, int(rng.choice(qubits)), HALF)
                b.control(Op.ELSE)
                pulses(b, int(rng.choice(qubits)), -HALF, -HALF)
                b.control(Op.END)
        for bit, q in enumerate(qubits[:clbits]):
            b.measure(q, bit)

    return built(INDUS, clbits, fill)


# -- without noise: every branch worked out gate by gate


def enumerated(circuit: Circuit, qubits: tuple[int, ...]) -> NDArray[np.float64]:
    """Chances of all classical bits, from state vectors and the gates' own matrices."""
    place = {q: k for k, q in enumerate(qubits)}
    found = np.zeros(1 << circuit.num_clbits)
    state = np.zeros((2,) * len(qubits), complex)
    state[(0,) * len(qubits)] = 1.0
    todo = [(0, state, 0)]
    while todo:
        at, state, bits = todo.pop()
        if at == len(circuit):
            found[bits] += float(np.abs(state**2).sum())
            continue
        op = int(circuit.op[at])
        if op == Op.IF:
            _, (_, _, size), (_, wanted) = circuit.exprs[circuit.aux[at]]
            end = at + circuit.op[at:].tolist().index(Op.ELSE)
            todo.append(((at if bits % (1 << size) == wanted else end) + 1, state, bits))
        elif op == Op.ELSE:
            todo.append((at + circuit.op[at:].tolist().index(Op.END) + 1, state, bits))
        elif op == Op.END:
            todo.append((at + 1, state, bits))
        elif op in (Op.MEASURE, Op.RESET):
            axis, bit = place[int(circuit.qubits[at, 0])], int(circuit.aux[at])
            for value in (0, 1):
                half = np.zeros_like(state)
                kept = value if op == Op.MEASURE else 0
                np.moveaxis(half, axis, 0)[kept] = np.moveaxis(state, axis, 0)[value]
                read = bits if op == Op.RESET else bits & ~(1 << bit) | value << bit
                todo.append((at + 1, half, read))
        else:
            todo.append((at + 1, applied(state, circuit, at, place), bits))
    return found


def applied(state: NDArray[np.complex128], c: Circuit, at: int, place: dict[int, int]):  # type: ignore[no-untyped-def]
    gate, axes = TABLE[Op(int(c.op[at]))], [place[q] for q in c.operands(at)]
    assert gate.matrix is not None
    matrix = np.array(gate.matrix(*c.params[at][: gate.num_params]), complex)
    if matrix.shape[0] == 2 ** len(axes):
        inner = matrix.reshape((2,) * (2 * len(axes)))
        last = list(range(len(axes), 2 * len(axes)))
        return np.moveaxis(np.tensordot(inner, state, (last, axes)), range(len(axes)), axes)
    raise AssertionError(gate.name)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", METHODS)
def test_without_noise_all_branches_are_met_as_often_as_they_should(seed: int, method: str) -> None:
    qubits = (0, 1, 5)
    circuit = random_dynamic(seed, qubits, 2, 5)
    found = counted(ran(silent(INDUS), circuit, method, 6000))
    assert fits(found, enumerated(circuit, qubits))


# -- with noise: density matrices and Kraus operators


def script(truth: Truth, circuit: Circuit) -> Script:
    return course_of(circuit, INDUS, truth).script


@pytest.mark.parametrize("seed", range(10, 14))
@pytest.mark.parametrize("method", METHODS)
def test_with_noise_samples_fit_the_density_matrix(seed: int, method: str) -> None:
    circuit = random_dynamic(seed, (0, 1, 5), 2, 4)
    chances = distribution(script(WORSE, circuit), np.zeros(3))
    assert fits(counted(ran(WORSE, circuit, method)), as_array(chances, 2))


def test_both_methods_agree_under_slow_noise() -> None:
    truth = truth_at(INDUS, 3, AT + 30 * HOUR, AT)
    circuit = random_dynamic(1, (0, 1), 2, 4)
    chances = counted(ran(truth, circuit, DENSITY, 100_000)) / 100_000
    found = counted(ran(truth, circuit, TRAJECTORIES)) / SHOTS
    # Each differs from the truth by at most five standard deviations.
    assert np.all(np.abs(found - chances) < 5 * np.sqrt(chances / SHOTS + chances / 1e5) + 1e-3)


# -- physics against formulas


def share(truth: Truth, fill: Callable[[Builder], None], outcome: str) -> float:
    result = ran(truth, built(INDUS, len(outcome), fill), DENSITY, 40_000)
    return (result.counts or {}).get(outcome, 0) / 40_000


def close(found: float, expected: float) -> bool:
    """Within five standard deviations: fails once in two million right answers."""
    return abs(found - expected) < 5 * math.sqrt(max(expected * (1 - expected), 1e-4) / 40_000)


def test_qubits_relax_while_another_is_measured() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 0, HALF, HALF)
        b.barrier([0, 1])
        b.measure(1, 1)
        b.barrier([0, 1])
        b.measure(0, 0)

    t = 1.5 + 0.015  # from the middle of the second pulse to the end of the other's reading
    kept = math.exp(-t / 5) * (1 + math.sqrt(math.exp(-0.03 / 5))) / 2
    assert close(share(silent(INDUS, t1=5.0), fill, "01"), kept)


def test_measured_qubit_keeps_what_was_found_and_not_what_was_read() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 0, HALF, HALF)
        b.measure(0, 0)
        b.measure(0, 1)

    truth = silent(INDUS, read1=0.02, read0=0.2)
    assert close(share(truth, fill, "00"), 0.2 * 0.2)
    assert close(share(truth, fill, "11"), 0.8 * 0.8)


def test_reset_fails_as_often_as_it_reads_wrongly() -> None:
    def fill(excited: bool) -> Callable[[Builder], None]:
        def inner(b: Builder) -> None:
            pulses(b, 0, *[HALF, HALF] * excited)
            b.reset(0)
            pulses(b, 0, HALF, HALF)  # what is 1 now was 0 behind the reset
            b.measure(0, 0)

        return inner

    truth = silent(INDUS, read1=0.05, read0=0.15)
    for excited, wrong in ((True, 0.15), (False, 0.05)):
        ones = (1 - wrong) * 0.85 + wrong * 0.05
        assert close(share(truth, fill(excited), "1"), ones)


def test_decision_takes_time_and_depends_on_the_reading() -> None:
    def fill(b: Builder) -> None:
        pulses(b, 1, HALF, HALF)
        pulses(b, 0, HALF, HALF)
        b.barrier([0, 1])
        b.measure(0, 0)
        b.control(Op.IF, ("bits", 0, 1))
        wait(b, 1, 2.0)
        b.control(Op.END)
        b.measure(1, 1)

    truth = replace(silent(INDUS, t1=6.0), read0=np.where(np.arange(20) == 0, 0.3, 0.0))
    result = ran(truth, built(INDUS, 2, fill), DENSITY, 40_000)
    counts = result.counts or {}
    by_read = {r: counts.get("1" + r, 0) / (counts.get("0" + r, 0) + counts.get("1" + r, 0))
               for r in "01"}  # fmt: skip
    begin = (1 + math.sqrt(math.exp(-0.03 / 6))) / 2
    for read, time in (("0", 1.5 + 0.5 + 0.015), ("1", 1.5 + 0.5 + 2.0 + 0.015)):
        assert abs(by_read[read] - begin * math.exp(-time / 6)) < 0.02
    assert result.duration_ns == 60 + 1500 + 500 + 2000 + 1500


# -- programs as users write them


TELEPORTED = """OPENQASM 3.0; include "stdgates.inc";
qubit[3] q; bit[2] m; bit out;
ry(1.1) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0];
m[0] = measure q[0]; m[1] = measure q[1];
if (m[1]) { x q[2]; }
if (m[0]) { z q[2]; }
ry(-1.1) q[2];
out = measure q[2];
"""
REPEATED = """OPENQASM 3.0; include "stdgates.inc";
qubit[2] q; bit c; bit[2] o; int[8] n = 0;
h q[0]; c = measure q[0];
while (c) { h q[0]; c = measure q[0]; n = n + 1; }
x q[0]; reset q[1]; cx q[0], q[1];
o = measure q;
"""


@pytest.mark.parametrize("name", ["indus", "karakoram", "hunza"])
@pytest.mark.parametrize(("text", "right"), [(TELEPORTED, "0"), (REPEATED, "11")])
def test_programs_with_feed_forward_are_compiled_and_run(name: str, text: str, right: str) -> None:
    model = load_shipped(name)
    made = compile(read_openqasm(text), model)
    result = execute(model, 1, AT, AT, made.circuit, shots=1000, run_seed=1)
    assert result.plan.engine == DENSITY
    assert "measurements in the middle" in result.plan.why
    assert result.accuracy == f"{DENSITY}: exact distribution of the model"
    counts = result.counts or {}
    good = sum(n for text, n in counts.items() if text.startswith(right))
    assert 750 < good < 1000  # noisy, and right as a rule


def syndrome(rounds: int) -> Circuit:
    """A repetition code of three qubits: two ancillas, measured and reset every round."""

    def fill(b: Builder) -> None:
        for r in range(rounds):
            for k, (left, ancilla, right) in enumerate(((0, 1, 2), (2, 7, 6))):
                b.gate(Op.RY, [ancilla], [HALF])
                b.gate(Op.CZ, [left, ancilla])
                b.gate(Op.CZ, [ancilla, right])
                b.gate(Op.RY, [ancilla], [-HALF])
                b.measure(ancilla, 2 * r + k)
                b.reset(ancilla)
        for k, q in enumerate((0, 2, 6)):
            b.measure(q, 2 * rounds + k)

    return built(INDUS, 2 * rounds + 3, fill)


def test_rounds_of_error_correction_are_one_chain_of_places() -> None:
    circuit = syndrome(3)
    quiet = ran(silent(INDUS), circuit, "auto", 200)
    assert quiet.counts == {"0" * 9: 200}
    noisy = execute(INDUS, 1, AT, AT, circuit, shots=500, run_seed=1, method=TRAJECTORIES)
    assert 200 < (noisy.counts or {}).get("0" * 9, 0) < 500


# -- the same bits again, and refusals


def test_dynamic_run_is_replayed_bit_for_bit_by_any_number_of_threads() -> None:
    circuit = random_dynamic(2, (0, 1, 5, 6, 2, 7), 3, 3)
    runs = [
        execute(INDUS, 9, AT, AT, circuit, shots=200, run_seed=4, memory=True, threads=t)
        for t in (1, 3)
    ]
    assert runs[0].plan.engine == TRAJECTORIES
    assert runs[0].memory == runs[1].memory


def refused(circuit: Circuit, model=INDUS, **options: object) -> ProgramError:  # type: ignore[no-untyped-def]
    with pytest.raises(ProgramError) as caught:
        execute(model, 1, AT, AT, circuit, shots=10, run_seed=1, **options)
    return caught.value


@pytest.mark.parametrize(
    ("left", "message"),
    [
        ("", "indus has no resets within a circuit"),
        ('"reset"', "indus measures at the end of a circuit only"),
        ('"reset", "mid-circuit-measurement"',
         "indus has no operations that depend on measured bits"),
        ('"reset", "mid-circuit-measurement", "feed-forward"', "indus has no loops"),
    ],
)  # fmt: skip
def test_what_the_device_file_does_not_name_is_refused(left: str, message: str) -> None:
    text = shipped_text("indus")
    line = next(row for row in text.splitlines() if row.startswith("features"))
    model = load(text.replace(line, f"features = [{left}]"))

    def fill(b: Builder) -> None:
        b.reset(0)
        b.measure(0, 0)
        b.control(Op.WHILE, ("bits", 0, 1))
        b.control(Op.END)
        b.measure(0, 0)

    error = refused(built(INDUS, 1, fill), model)
    assert (error.kind, error.message) == ("unsupported", message)


def test_circuits_that_no_method_can_branch_are_refused() -> None:
    big = layers(load_shipped("karakoram"), list(range(30)), 1, 1)
    again = Builder()
    again.qreg("q", 66)
    again.creg("c", 30)
    circuit = big.with_arrays(
        op=np.tile(big.op, 2), qubits=np.tile(big.qubits, (2, 1)),
        params=np.tile(big.params, (2, 1)), aux=np.tile(big.aux, 2),
    )  # fmt: skip
    error = refused(circuit, load_shipped("karakoram"))
    assert error.kind == "unsupported"
    assert "30 qubits with measurements in the middle" in error.message
    assert refused(random_dynamic(1, (0, 1), 2, 1), method=MPS).kind == "engine"
    assert refused(random_dynamic(1, (0, 1), 2, 1), time_limit=0.0).kind == "limit-time"


def test_loops_that_never_end_are_refused() -> None:
    def fill(b: Builder) -> None:
        b.measure(0, 0)
        b.control(Op.WHILE, ("eq", ("bits", 0, 1), ("const", 0)))
        b.control(Op.END)
        b.measure(0, 0)

    error = refused(built(INDUS, 1, fill))
    assert (error.kind, "decisions on one way" in error.message) == ("limit-size", True)
