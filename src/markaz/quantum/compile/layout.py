"""Layout and routing of a static circuit: many cheap trials, the best by expected fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile import kernel_cost, kernel_place, kernel_route
from markaz.quantum.compile.blocks import Blocks
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.fabric import Fabric, cost_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROUNDS = 2  # forward and backward passes that settle a trial's layout
SHARES = (0.5, 1.0, 0.75, 0.25)  # how much of a coupler's length is its error, by trial
SEARCH_STEPS = 6_000  # placements that a search for the best place may try
_EFFORT = {0: 1, 1: 4, 2: 12, 3: 30}  # trials by optimisation level


@dataclass(frozen=True, slots=True)
class Routed:
    """Steps (count, 3) as ``kernel_route.route`` writes them; the places of the virtual
    qubits at the start and at the end; and the expected cost, -log fidelity."""

    steps: Ints
    start: Ints
    end: Ints
    cost: float


@dataclass(frozen=True, eq=False)
class Task:
    """A circuit's blocks on ``qubits`` virtual qubits, to be put on a device.

    ``reads`` and ``pulses`` (qubits,): how often each is measured and pulsed.
    """

    fabric: Fabric
    blocks: Blocks
    qubits: int
    reads: Floats
    pulses: Floats

    @property
    def usable(self) -> Ints:
        """Places that may hold a qubit."""
        return np.flatnonzero(self.fabric.usable).astype(np.int64)

    @cached_property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Offsets and qubits of the blocks, and their native gates."""
        return self.blocks.arrays

    @cached_property
    def links(self) -> tuple[tuple[Ints, Ints, Ints], tuple[Ints, Ints, Ints]]:
        """Dependencies of the blocks, forwards and backwards in time."""
        at, who, _ = self.arrays
        return _links(at, who, self.qubits, 0), _links(at, who, self.qubits, 1)

    @cached_property
    def own_cost(self) -> Floats:
        """Cost (qubits, places) of what happens to a qubit alone; infinite if unusable."""
        f = self.fabric
        table = np.outer(self.reads, f.read_cost)
        table += np.outer(self.pulses, cost_of(f.pulse_error))
        table[:, ~f.usable] = np.inf
        return table


def best_layout(task: Task, level: int, seed: int) -> Routed:
    """The best of an embedding without swaps and several routed trials.

    Deterministic for a seed. CompileError where the device has too few connected qubits.
    """
    exact = embed(task)
    if exact is not None:
        return exact
    parts = task.fabric.parts
    if not parts or len(parts[0]) < task.qubits:
        largest = len(parts[0]) if parts else 0
        raise CompileError(
            "too-large",
            f"the circuit uses {task.qubits} connected qubits; the largest connected part of "
            f"the device has {largest}",
        )
    generator = np.random.default_rng(seed)
    count = _EFFORT[level] + (min(12, 1200 // (len(task.blocks.who) + 1)) if level > 1 else 0)
    trials = [_trial(task, k, parts[0], generator) for k in range(count)]
    best = min(trials, key=lambda t: t.cost)
    return relocate(task, best)


def embed(task: Task) -> Routed | None:
    """The cheapest layout that needs no swap, None where none was found."""
    weights = _interactions(task.blocks)
    if not _may_fit(weights, task):
        return None
    place = np.full(task.qubits, -1, np.int64)
    cost = _search(task, weights, task.own_cost, np.inf, place)
    if not np.isfinite(cost):
        return None
    steps = np.full((len(task.blocks.who), 3), -1, np.int64)
    steps[:, 0] = np.arange(len(steps))
    return Routed(steps, place, place.copy(), cost)


def _interactions(blocks: Blocks) -> dict[tuple[int, int], float]:
    """Native two-qubit gates on each pair of virtual qubits."""
    weights: dict[tuple[int, int], float] = {}
    for who, need in zip(blocks.who, blocks.need, strict=True):
        if need:
            pair = (min(who), max(who))
            weights[pair] = weights.get(pair, 0.0) + need
    return weights


def _may_fit(weights: dict[tuple[int, int], float], task: Task) -> bool:
    """Whether sizes and degrees leave an embedding possible."""
    wanted = np.bincount([q for pair in weights for q in pair], minlength=task.qubits)
    has = np.diff(task.fabric.neighbours[0])[task.fabric.usable]
    if task.qubits > len(has):
        return False
    return bool(np.all(np.sort(has)[::-1][: task.qubits] >= np.sort(wanted)[::-1]))


def _search(
    task: Task, weights: dict[tuple[int, int], float], own: Floats, bound: float, place: Ints
) -> float:
    """Branch and bound over places of the nodes of ``weights``; writes ``place``."""
    nodes = len(own)
    both = sorted([(a, b, w) for (a, b), w in weights.items()] + _turned(weights))
    at = np.searchsorted([a for a, _, _ in both], np.arange(nodes + 1)).astype(np.int64)
    to = np.array([b for _, b, _ in both], np.int64)
    weight = np.array([w for _, _, w in both], np.float64)
    near_at, near = task.fabric.neighbours
    search = kernel_place.place_nodes.fast
    cost = task.fabric.pair_cost
    return float(search(at, to, weight, own, near_at, near, cost, SEARCH_STEPS, bound, place))


def _turned(weights: dict[tuple[int, int], float]) -> list[tuple[int, int, float]]:
    return [(b, a, w) for (a, b), w in weights.items()]


def _trial(task: Task, k: int, part: Ints, generator: np.random.Generator) -> Routed:
    """One routed circuit from a random layout, settled by passes there and back."""
    fabric = task.fabric
    at, who, need = task.arrays
    forward, backward = task.links
    distance, price = fabric.lengths(SHARES[k % len(SHARES)])
    near_at, near = fabric.neighbours
    place, holds = _random_layout(task, part, generator)
    steps = np.empty((_most_steps(at, fabric.n), 3), np.int64)
    start = np.empty(task.qubits, np.int64)
    count = kernel_route.settle.fast(
        at, who, need, *forward, *backward, near_at, near, fabric.hops, distance, price, place,
        holds, ROUNDS, generator, start, steps,
    )  # fmt: skip
    end = place.copy()
    if count < 0:
        return Routed(steps[:0], start, end, np.inf)
    cost = _cost(task, steps[:count], end)[0]
    own = task.own_cost[np.arange(task.qubits), end].sum()
    return Routed(steps[:count].copy(), start, end, cost + float(own))


def _links(at: Ints, who: Ints, qubits: int, backward: int) -> tuple[Ints, Ints, Ints]:
    waits, first = np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
    edges = np.zeros(len(who), np.int64)
    link = kernel_route.link_blocks.fast
    link(at, who, qubits, backward, waits, first, edges)
    return waits, first, edges


def _most_steps(at: Ints, places: int) -> int:
    """Enough for any routing that the kernel can produce, short of a pathology."""
    return int(len(at) * (2 * places + 8) + 64)


def _random_layout(task: Task, part: Ints, generator: np.random.Generator) -> tuple[Ints, Ints]:
    """Virtual qubits in random order on a good region around a random place."""
    fabric = task.fabric
    region = np.empty(task.qubits, np.int64)
    grow = kernel_place.grow_region.fast
    near_at, near = fabric.neighbours
    start = int(part[generator.integers(len(part))])
    grow(start, task.qubits, near_at, near, fabric.pair_cost, fabric.read_cost, region)
    place = generator.permutation(region)
    holds = np.full(fabric.n, -1, np.int64)
    holds[place] = np.arange(task.qubits)
    return place, holds


def _cost(task: Task, steps: Ints, end: Ints) -> tuple[float, Floats]:
    """Cost of two-qubit gates and idle times, and the native gates of each pair of places.

    The steps are taken backwards from the layout ``end``, because a device runs everything
    as late as possible.
    """
    f = task.fabric
    at, who, need = task.arrays
    holds = np.full(f.n, -1, np.int64)
    holds[end] = np.arange(task.qubits)
    uses = np.zeros((f.n, f.n))
    back = np.ascontiguousarray(steps[::-1])
    cost = kernel_cost.steps_cost.fast(
        back, len(back), at, who, need, end.copy(), holds, f.pair_cost, f.pair_time,
        f.mean_pulse_ns, f.idle_rate, uses,
    )  # fmt: skip
    return float(cost), uses


def relocate(task: Task, routed: Routed) -> Routed:
    """The routed circuit where it errs least on the device, couplers to couplers."""
    steps = routed.steps
    _, uses = _cost(task, steps, routed.end)
    used = np.flatnonzero(uses.any(axis=0) | uses.any(axis=1) | _among(routed, task.fabric.n))
    number = np.full(task.fabric.n, -1, np.int64)
    number[used] = np.arange(len(used))
    rows, columns = np.nonzero(uses)
    weights = {
        (int(number[p]), int(number[q])): float(uses[p, q])
        for p, q in zip(rows.tolist(), columns.tolist(), strict=True)
    }
    own = np.zeros((len(used), task.fabric.n))
    own[:, ~task.fabric.usable] = np.inf
    own[number[routed.end]] = task.own_cost
    moved = np.full(len(used), -1, np.int64)
    cost = _search(task, weights, own, routed.cost - 1e-12, moved)
    if not np.isfinite(cost):
        return routed
    table = np.full(task.fabric.n + 1, -1, np.int64)
    table[used] = moved
    steps = steps.copy()
    steps[:, 1:] = table[steps[:, 1:]]
    return Routed(steps, table[routed.start], table[routed.end], cost)


def _among(routed: Routed, places: int) -> NDArray[np.bool_]:
    """Places that hold a qubit at the start or at the end, or are swapped."""
    mask = np.zeros(places, np.bool_)
    mask[routed.start] = mask[routed.end] = True
    swaps = routed.steps[routed.steps[:, 0] < 0]
    mask[swaps[:, 1:].ravel()] = True
    return mask
