"""A batch gives what every point gives alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from markaz.quantum.programs import reference
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.parameters import bind
from markaz.quantum.simulate import sweep, sweep_prism
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.engines.panta_engine import PantaStatevector
from tests.absent import library

library("prism_q")
library("panta_sim")

PRISM, PANTA = "prism:statevector", "panta:statevector"
# Gates that panta lacks.
NOT_PANTA = {op for op in TABLE if int(op) not in PantaStatevector.ops}

NAN = math.nan
MATRICES = {
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0, -1.0]),
}
EVERY_PAULI = [
    *(Pauli(((q, letter),)) for q in range(4) for letter in "XYZ"),
    Pauli(((0, "X"), (2, "Y"), (3, "Z"))),
    Pauli(()),
]


def symbolic(builder: Builder, *entries: tuple[int, int, str, float]) -> Circuit:
    """The circuit whose parameter ``slot`` of operation ``i`` is ``factor * name``."""
    exprs = tuple((i, s, ("mul", ("const", f), ("param", n))) for i, s, n, f in entries)
    names = tuple(dict.fromkeys(n for _, _, n, _ in entries))
    return replace(builder.build(), symbolic=exprs, parameters=names)


def expectation(circuit: Circuit, pauli: Pauli) -> float:
    state = reference.amplitudes(circuit)
    letters = dict(pauli.factors)
    matrix = np.eye(1)
    for q in range(circuit.num_qubits):
        matrix = np.kron(MATRICES[letters[q]] if q in letters else np.eye(2), matrix)
    return float((state.conj() @ matrix @ state).real)


def scrambled(qubits: int = 4) -> Builder:
    rng = np.random.default_rng(3)
    builder = Builder()
    builder.qreg("q", qubits)
    for q in range(qubits):
        builder.gate(Op.U, [q], rng.uniform(-3, 3, 3))
    for q in range(qubits - 1):
        builder.gate(Op.CX, [q, q + 1])
    return builder


def check(circuit: Circuit, without: tuple[str, ...] = ()) -> None:
    """Each engine that takes the circuit, ``without`` those that must not, against exact
    amplitudes."""
    engines = [key for key in sweep.ENGINES if sweep.prepare(circuit, key) is not None]
    assert engines == [key for key in sweep.ENGINES if key not in without]
    for key in engines:
        check_engine(circuit, key)


def check_engine(circuit: Circuit, key: str) -> None:
    prepared = sweep.prepare(circuit, key)
    assert prepared is not None
    assert prepared.engine == key
    names = circuit.parameters
    values = np.random.default_rng(4).uniform(-3, 3, (3, len(names)))
    angles = sweep.angles_of(circuit, names, values)
    found = np.concatenate(list(prepared.expectations(angles, EVERY_PAULI)))
    for row, point in zip(found, values, strict=True):
        bound = bind(circuit, dict(zip(names, point.tolist(), strict=True)))
        expected = [expectation(bound, p) for p in EVERY_PAULI]
        assert np.allclose(row, expected, atol=1e-12, rtol=0)
    terms = [(0.5 - k, pauli) for k, pauli in enumerate(EVERY_PAULI)]
    sums = np.concatenate(list(prepared.sums(angles, terms)))
    assert np.allclose(sums[:, 0], found @ [c for c, _ in terms], atol=1e-11, rtol=0)


@pytest.mark.parametrize("op", sorted(sweep_prism._SYMBOLIC), ids=lambda op: op.name)
def test_every_gate_with_symbolic_angles(op: Op) -> None:
    builder = scrambled()
    gate, at = TABLE[op], len(scrambled().ops)
    builder.gate(op, [2, 0][: gate.num_qubits], [NAN] * gate.num_params)
    entries = [(at, s, f"p{s}", 1.5 - s) for s in range(gate.num_params)]
    check(symbolic(builder, *entries), (PANTA,) if op in NOT_PANTA else ())


def test_some_angles_may_be_numbers_and_share_a_parameter() -> None:
    builder = scrambled()
    at = len(builder.ops)
    builder.gate(Op.CU, [1, 3], [0.3, NAN, 0.7, NAN])
    builder.gate(Op.RX, [0], [NAN])
    check(symbolic(builder, (at, 1, "a", 1.0), (at, 3, "a", -2.0), (at + 1, 0, "a", 1.0)))


FIXED = [op for op, gate in TABLE.items() if gate.num_qubits]


@pytest.mark.parametrize("op", FIXED, ids=lambda op: op.name)
def test_every_gate_with_fixed_angles(op: Op) -> None:
    builder = scrambled()
    gate = TABLE[op]
    builder.gate(op, [3, 1, 0][: gate.num_qubits], [0.4, 0.9, -1.3, 0.2][: gate.num_params])
    builder.gate(Op.RY, [1], [NAN])
    circuit = symbolic(builder, (len(builder.ops) - 1, 0, "t", 1.0))
    check(circuit, (PANTA,) if op in NOT_PANTA else ())


@pytest.mark.parametrize("controls", [0, 1, 3])
def test_gates_with_any_number_of_controls(controls: int) -> None:
    builder = scrambled()
    builder.gate(Op.MCX, [3, 1, 0, 2][3 - controls :])
    builder.gate(Op.MCP, [0, 2, 1, 3][3 - controls :], [0.7])
    builder.gate(Op.RY, [1], [NAN])
    circuit = symbolic(builder, (len(builder.ops) - 1, 0, "t", 1.0))
    check(circuit, () if controls else (PANTA,))


def ladder(qubits: int) -> Circuit:
    builder = Builder()
    builder.qreg("q", qubits)
    for q in range(qubits):
        builder.gate(Op.RY, [q], [NAN])
    for q in range(0, qubits - 1, 2):
        builder.gate(Op.CX, [q, q + 1])
    return symbolic(builder, *((q, 0, f"t{q}", 1.0) for q in range(qubits)))


def test_light_cone_keeps_what_matters() -> None:
    circuit = ladder(6)
    cone, numbers = sweep.light_cone(circuit, [3, 4])
    assert numbers.tolist() == [-1, -1, 0, 1, 2, 3]
    assert cone.num_qubits == 4
    assert [(i, e) for i, _, e in cone.symbolic] == [
        (k, ("mul", ("const", 1.0), ("param", f"t{k + 2}"))) for k in range(4)
    ]
    assert len(cone) == 6


def test_light_cone_of_an_untouched_qubit_is_that_qubit() -> None:
    builder = Builder()
    builder.qreg("q", 3)
    builder.gate(Op.H, [0])
    cone, numbers = sweep.light_cone(builder.build(), [2])
    assert (cone.num_qubits, len(cone), numbers.tolist()) == (1, 0, [-1, -1, 0])


def test_parameters_outside_the_light_cone_may_take_any_value() -> None:
    cone, _ = sweep.light_cone(ladder(4), [0])
    names = [f"t{q}" for q in range(4)]
    kept = replace(cone, parameters=("t0", "t1"))
    values = np.arange(8.0).reshape(2, 4)
    assert sweep.angles_of(kept, names, values).tolist() == [[0, 1], [4, 5]]


def test_samples_follow_the_probabilities() -> None:
    circuit = ladder(3)
    prepared = sweep.prepare(circuit)
    assert prepared is not None
    values = np.array([[0.0, 0.0, math.pi], [math.pi, 0.0, 0.0], [1.0, 2.0, 0.5]])
    angles = sweep.angles_of(circuit, circuit.parameters, values)
    shots = 20_000
    first, second, third = prepared.samples(angles, shots, np.random.default_rng(1))
    assert set(first.tolist()) == {0b100}
    assert set(second.tolist()) == {0b011}
    bound = bind(circuit, dict(zip(circuit.parameters, values[2].tolist(), strict=True)))
    expected = np.abs(reference.amplitudes(bound)) ** 2
    found = np.bincount(third, minlength=8) / shots
    # Six standard deviations of the worst bin: false alarm below 1e-8.
    assert np.max(np.abs(found - expected)) < 6 * 0.5 / math.sqrt(shots)


def test_chunks_are_bounded_and_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = ladder(3)
    prepared = sweep.prepare(circuit, PRISM)
    assert prepared is not None
    angles = np.random.default_rng(2).uniform(-1, 1, (7, 3))
    whole = np.concatenate(list(prepared.expectations(angles, EVERY_PAULI[:6])))
    monkeypatch.setattr(sweep, "CHUNK_GATES", 3 * 8 * len(circuit))
    chunks = list(prepared.expectations(angles, EVERY_PAULI[:6]))
    assert [len(c) for c in chunks] == [3, 3, 1]
    assert np.array_equal(np.concatenate(chunks), whole)


def test_what_is_not_suited_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sweep.prepare(ladder(sweep.MAX_QUBITS + 1)) is None
    builder = scrambled()
    assert sweep.prepare(builder.build()) is None  # nothing to sweep
    builder = Builder()
    builder.qreg("q", 2)
    builder.gate(Op.MCP, [0, 1], [NAN])
    assert sweep.prepare(symbolic(builder, (0, 0, "t", 1.0)), PRISM) is None
    builder = Builder()
    builder.qreg("q", 1)
    builder.gate(Op.RX, [0], [NAN])
    builder.reset(0)
    assert sweep.prepare(symbolic(builder, (0, 0, "t", 1.0))) is None
    monkeypatch.setattr(sweep, "find_spec", lambda _: None)
    assert sweep.prepare(ladder(2)) is None


def test_a_generic_circuit_is_bound_and_has_no_special_angle() -> None:
    bound = sweep.generic(ladder(4))
    assert bound.symbolic == ()
    angles = bound.params[:4, 0]
    assert len(set(angles.tolist())) == 4
    assert np.all((angles > 0.1) & (angles < math.pi / 2 - 0.1))


def test_predictions_grow_with_the_circuit() -> None:
    assert 0 < sweep.predicted_seconds(ladder(10)) < sweep.predicted_seconds(ladder(20))
    assert sweep.predicted_seconds(ladder(10)) < sweep.predicted_seconds(ladder(10), 100)


def test_gates_in_a_row_are_multiplied_whatever_their_angles() -> None:
    rng = np.random.default_rng(8)
    special = [0.0, math.pi, -math.pi, math.pi / 2, 2 * math.pi]
    builder = scrambled()
    entries = []
    for op in (Op.RX, Op.H, Op.RZ, Op.T, Op.P, Op.RY, Op.SX, Op.RZ):
        for q in range(4):
            entries += [(len(builder.ops), 0, f"t{len(entries)}", 1.0)] * TABLE[op].num_params
            builder.gate(op, [q], [NAN] * TABLE[op].num_params)
    circuit = symbolic(builder, *entries)
    prepared = sweep.prepare(circuit, PANTA)
    other = sweep.prepare(circuit, PRISM)
    assert prepared is not None and other is not None
    for values in (rng.uniform(-3, 3, (4, len(entries))), rng.choice(special, (40, len(entries)))):
        angles = sweep.angles_of(circuit, circuit.parameters, values)
        found = np.concatenate(list(prepared.expectations(angles, EVERY_PAULI)))
        expected = np.concatenate(list(other.expectations(angles, EVERY_PAULI)))
        assert np.abs(found - expected).max() < 1e-12


def test_both_engines_draw_the_same_samples() -> None:
    circuit = ladder(4)
    angles = np.random.default_rng(2).uniform(-1, 1, (3, 4))
    found = []
    for key in (PRISM, PANTA):
        prepared = sweep.prepare(circuit, key)
        assert prepared is not None
        found.append(list(prepared.samples(angles, 50, np.random.default_rng(1))))
    assert np.array_equal(found[0], found[1])


def test_a_large_sweep_goes_on_with_the_quicker_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = ladder(3)
    angles = np.random.default_rng(2).uniform(-1, 1, (100, 3))
    for slow in (PRISM, PANTA):
        prepared = sweep.prepare(circuit)
        assert prepared is not None
        now = [0.0]
        for clock in ("perf_counter", "process_time", "thread_time"):
            monkeypatch.setattr(sweep.time, clock, lambda now=now: now[0])
        batches = tuple(Slowed(b, now, 1.0 + (b.key == slow)) for b in prepared.batches)
        timed = sweep.Sweep(circuit, batches)
        values = np.concatenate(list(timed.expectations(angles, EVERY_PAULI[:6])))
        assert timed.engine == ({PRISM, PANTA} - {slow}).pop()
        assert {b.key: b.points for b in batches} == {slow: 2, timed.engine: 98}
        plain = sweep.Sweep(circuit, prepared.batches, timed=False)
        expected = np.concatenate(list(plain.expectations(angles, EVERY_PAULI[:6])))
        assert np.abs(values - expected).max() < 1e-12
        assert plain.engine == prepared.batches[0].key


@pytest.mark.parametrize(
    ("wall", "here", "total", "threads", "spent"),
    [
        (5.0, 1.0, 1.0, 2, 1.0),  # one thread on a busy machine
        (5.0, 1.0, 5.0, 2, 3.0),  # four seconds shared by two threads
        (2.5, 1.0, 5.0, 2, 2.5),
        (5.0, 0.0, 8.0, 4, 2.0),
    ],
)
def test_the_pace_is_that_of_a_machine_with_nothing_else_to_do(
    wall: float,
    here: float,
    total: float,
    threads: int,
    spent: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for clock, now in (("perf_counter", wall), ("thread_time", here), ("process_time", total)):
        monkeypatch.setattr(sweep.time, clock, lambda now=now: 7.0 + now)
    assert sweep._spent((7.0, 7.0, 7.0), threads) == spent


def test_points_run_side_by_side_and_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = ladder(4)
    angles = np.random.default_rng(2).uniform(-1, 1, (7, 4))
    terms = [(0.5 - k, pauli) for k, pauli in enumerate(EVERY_PAULI)]
    found = []
    dealt: list[list[int]] = []
    together = sweep_prism._side_by_side

    def noted(calls, pieces, asked, threads):  # type: ignore[no-untyped-def]
        dealt.append([threads, *map(len, pieces)])
        return together(calls, pieces, asked, threads)

    monkeypatch.setattr(sweep_prism, "_side_by_side", noted)
    for threads in (1, 3):
        prepared = sweep.prepare(circuit, PRISM, threads=threads)
        assert prepared is not None
        batch = prepared.batches[0]
        few = batch.sums(angles[:1], terms)
        monkeypatch.setattr(sweep_prism, "DEALT_FROM", 0)
        values = batch.expectations(angles, EVERY_PAULI), batch.sums(angles, terms)
        found.append([few, *values, np.array(list(batch.probabilities(angles)))])
    assert dealt == [[1, 2, 2, 2]] * 3  # and the seventh on its own
    for one, three in zip(*found, strict=True):
        assert one.shape == three.shape
        assert np.abs(one - three).max() < 1e-13


def test_states_side_by_side_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for states, sides in ((5, 5), (2, 2), (0.5, 1)):
        monkeypatch.setattr(sweep_prism, "STATES_BYTES", int(states * 16 * 8))
        prepared = sweep.prepare(ladder(3), PRISM, threads=5)
        assert prepared is not None
        assert len(prepared.batches[0].prepared) == sides


def test_chunks_have_as_many_points_for_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = ladder(3)
    angles = np.zeros((20, 3))
    monkeypatch.setattr(sweep, "CHUNK_GATES", 7 * 8 * len(circuit))
    for threads, first in ((1, 7), (2, 6), (3, 6), (7, 7), (8, 7)):
        prepared = sweep.prepare(circuit, PRISM, threads=threads)
        assert prepared is not None
        assert len(next(prepared._chunks(angles))) == first


class Slowed:
    """A batch on a clock of its own; counts its points."""

    def __init__(self, batch: sweep.Batch, now: list[float], seconds: float) -> None:
        self.batch, self.now, self.seconds, self.points = batch, now, seconds, 0
        self.key = batch.key

    def expectations(self, angles: np.ndarray, paulis: list[Pauli]) -> np.ndarray:
        self.now[0] += self.seconds * len(angles)
        self.points += len(angles)
        return self.batch.expectations(angles, paulis)
