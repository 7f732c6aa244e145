"""Routing, placement and schedule against brute force on small devices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.compiling import invented_sheet
from markaz.quantum.compile.blocks import collect
from markaz.quantum.compile.compiler import compile
from markaz.quantum.compile.fabric import Fabric, fabric_of
from markaz.quantum.compile.layout import Task, best_layout, embed
from markaz.quantum.compile.schedule import layers, log_fidelity, operation_lengths, schedule
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import NANOSECONDS, Op
from markaz.quantum.programs.intake import load


def line(n: int, seed: int = 1, extra: tuple[tuple[int, int], ...] = ()) -> Fabric:
    """A chain of ``n`` places with further couplers."""
    g = np.random.default_rng(seed)
    pairs = np.array([(i, i + 1) for i in range(n - 1)] + list(extra))
    m = len(pairs)
    return Fabric(
        n, pairs, g.uniform(0.002, 0.03, m), np.full(m, 40.0), g.uniform(1e-4, 1e-3, n),
        np.full(n, 30.0), g.uniform(0.01, 0.05, n), np.full(n, 1000.0), np.full(n, 5e4),
        np.full(n, 3e4), np.ones(n, np.bool_),
    )  # fmt: skip


def task_of(fabric: Fabric, pairs: list[tuple[int, int]], qubits: int) -> Task:
    blocks = collect([("cx", p) for p in pairs], qubits)
    return Task(fabric, blocks, qubits, np.ones(qubits), np.ones(qubits))


def brute(task: Task, pairs: list[tuple[int, int]]) -> float:
    """Least cost of all placements without swaps."""
    found = np.inf
    for places in itertools.permutations(range(task.fabric.n), task.qubits):
        cost = sum(float(task.fabric.pair_cost[places[a], places[b]]) for a, b in pairs)
        cost += sum(float(task.own_cost[q, p]) for q, p in enumerate(places))
        found = min(found, cost)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_best_placement_is_found(seed: int) -> None:
    fabric = line(6, seed, ((0, 3), (2, 5)))
    pairs = [(0, 1), (1, 2), (0, 1), (2, 3)]
    task = task_of(fabric, pairs, 4)
    found = embed(task)
    assert found is not None
    assert found.cost == pytest.approx(brute(task, pairs))


def test_no_placement_where_the_circuit_has_a_ring_and_the_device_has_none() -> None:
    task = task_of(line(6), [(0, 1), (1, 2), (0, 2)], 3)
    assert embed(task) is None
    assert np.isfinite(best_layout(task, 2, 0).cost)


@pytest.mark.parametrize("seed", range(5))
def test_routing_carries_out_every_block_once_in_order_on_couplers(seed: int) -> None:
    g = np.random.default_rng(seed)
    fabric = fabric_of(load_shipped("indus"), invented_sheet(load_shipped("indus"), seed))
    pairs = [tuple(g.permutation(12)[:2].tolist()) for _ in range(60)]
    task = task_of(fabric, pairs, 12)
    routed = best_layout(task, 2, seed)
    place = routed.start.tolist()
    done: list[int] = []
    for block, p, q in routed.steps.tolist():
        if block < 0:
            assert np.isfinite(fabric.pair_cost[p, q])
            place = [q if x == p else p if x == q else x for x in place]
            continue
        a, b = task.blocks.who[block]
        assert np.isfinite(fabric.pair_cost[place[a], place[b]])
        done.append(block)
    assert place == routed.end.tolist()
    assert sorted(done) == list(range(len(task.blocks.who)))
    for q in range(12):
        own = [b for b in done if q in task.blocks.who[b]]
        assert own == sorted(own)


def test_blocks_join_runs_on_one_pair_and_keep_the_order() -> None:
    operations = [("h", (0,)), ("cx", (0, 1)), ("rz", (1,)), ("cz", (1, 0)), ("cx", (1, 2)),
                  ("barrier", (0, 1, 2)), ("cp", (0, 1)), ("x", (0,)),
                  ("measure", (2,))]  # fmt: skip
    blocks = collect(operations, 3)
    assert blocks.who == [(0, 1), (1, 2), (0, 1, 2), (0, 1)]
    assert blocks.need == [2, 1, 0, 2]
    assert blocks.members == [[0, 1, 2, 3], [4], [5], [6]]
    assert blocks.tail == [7, 8]


def test_the_schedule_is_as_late_as_possible() -> None:
    fabric = line(3)
    builder = Builder()
    builder.qreg("q", 3)
    builder.creg("c", 3)
    builder.gate(Op.SX, [0])  # waits for nobody: right before its measurement
    builder.gate(Op.SX, [1])
    builder.gate(Op.CZ, [1, 2])
    builder.gate(Op.RZ, [1], [0.5])
    builder.gate(Op.SX, [1])
    builder.gate(Op.SX, [1])
    builder.gate(Op.CZ, [1, 2])
    for q in range(3):
        builder.measure(q, q)
    circuit = builder.build()
    plan = schedule(circuit, fabric)
    assert plan.start.tolist() == [140, 0, 30, 70, 70, 100, 130, 170, 170, 170]
    assert plan.total == 1170
    assert plan.idle.tolist() == [0, 0, 60]  # qubit 2 between its two gates
    assert layers(circuit, pairs_only=False) == 6
    assert layers(circuit, pairs_only=True) == 2
    t = 60
    gates = 4 * [fabric.pulse_error[1]]
    gates[0] = fabric.pulse_error[0]
    errors = [*gates, *([fabric.pair_error[1]] * 2), *fabric.read_error]
    wanted = float(np.log1p(-np.array(errors)).sum())
    wanted += np.log(0.5 + np.exp(-t / 3e4) / 3 + np.exp(-t / 5e4) / 6)
    assert log_fidelity(circuit, fabric) == pytest.approx(wanted)


def test_a_wait_lasts_as_long_as_it_says() -> None:
    builder = Builder()
    builder.qreg("q", 1)
    builder.gate(Op.ID, [0])
    builder.delay(0, 123.5, NANOSECONDS)
    circuit = builder.build()
    assert operation_lengths(circuit, line(2)).tolist() == [30.0, 123.5]
    assert schedule(circuit, line(2)).total == 153.5


def test_clock_steps_become_nanoseconds() -> None:
    circuit = load(b"OPENQASM 3.0; qubit[1] q; bit c; delay[60dt] q[0]; c = measure q[0];")
    made = compile(circuit, load_shipped("indus")).circuit
    waits = made.params[made.op == Op.DELAY, :2].tolist()
    assert waits == [[30.0, NANOSECONDS]]


def test_a_dash_counts_as_worse_than_the_worst() -> None:
    model = load_shipped("indus")
    sheet = invented_sheet(model, 1)
    rows = tuple(r for r in sheet.rows if r.target != model.live_couplers[4])
    known = max(r.value for r in rows if r.quantity == "gate_error:cz")
    fabric = fabric_of(model, type(sheet)(sheet.device, sheet.measured_at, rows))
    assert fabric.pair_error[4] == pytest.approx(3 * known)
    assert fabric_of(model, None).pair_error.tolist() == [0.008] * len(model.live_couplers)
