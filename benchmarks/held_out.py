"""Generator families that the figures are taken on; the cost model never sees them."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import acos, pi, sqrt

from benchmarks.text import Program, clifford_gate, regular_graph

Generator = Callable[[int, random.Random], str]


def brickwork(n: int, rng: random.Random) -> str:
    """Random one-qubit gates and CZ bricks on a line; shallower where wider."""
    p = Program(n)
    for layer in range(max(4, 160 // n)):
        for q in range(n):
            p.u(rng, q)
        for q in range(layer % 2, n - 1, 2):
            p.g("cz", q, q + 1)
    return p.measure_all()


def grid(n: int, rng: random.Random) -> str:
    """Random circuit on a square lattice with the four coupler patterns."""
    width = max(2, round(sqrt(n)))
    p = Program(n)
    pairs = [(q, q + 1) for q in range(n - 1) if (q + 1) % width]
    down = [(q, q + width) for q in range(n - width)]
    groups = [pairs[::2], down[::2], pairs[1::2], down[1::2]]
    for layer in range(8 if n < 30 else 4):
        for q in range(n):
            p.g(rng.choice(("sx", "t", "h")), q)
        for a, b in groups[layer % 4]:
            p.g("cz", a, b)
    return p.measure_all()


def clifford(n: int, rng: random.Random) -> str:
    """Random Clifford steps between any qubits."""
    p = Program(n)
    for _ in range(4 * n):
        clifford_gate(p, rng, *rng.sample(range(n), 2))
    return p.measure_all()


def clifford_t(n: int, rng: random.Random) -> str:
    """Random Clifford circuit with eight T gates spread over it."""
    p = Program(n)
    steps = 3 * n
    at = set(rng.sample(range(steps), 8))
    for i in range(steps):
        clifford_gate(p, rng, *rng.sample(range(n), 2))
        if i in at:
            p.g("t", rng.randrange(n))
    return p.measure_all()


def heisenberg(n: int, rng: random.Random) -> str:
    """Four Trotter steps of a Heisenberg chain with a random field."""
    p = Program(n)
    for q in range(0, n, 2):
        p.g("x", q)
    field = [rng.uniform(-1, 1) for _ in range(n)]
    for _ in range(4):
        for start in (0, 1):
            for q in range(start, n - 1, 2):
                for gate in ("rxx", "ryy", "rzz"):
                    p.g(gate, q, q + 1, params=[0.2])
        for q in range(n):
            p.g("rz", q, params=[0.2 * field[q]])
    return p.measure_all()


def qaoa_regular(n: int, rng: random.Random) -> str:
    """One layer of QAOA for MaxCut on a random 3-regular graph."""
    p = Program(n)
    for q in range(n):
        p.g("h", q)
    gamma, beta = rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.6)
    for a, b in regular_graph(rng, n, 3):
        p.g("rzz", a, b, params=[gamma])
    for q in range(n):
        p.g("rx", q, params=[2 * beta])
    return p.measure_all()


def reversible(n: int, rng: random.Random) -> str:
    """Toffoli network on a few superposed inputs."""
    p = Program(n)
    for q in rng.sample(range(n), min(6, n // 2)):
        p.g("h", q)
    for _ in range(12 * n):
        gate = rng.choice(("ccx", "cx", "x", "ccx", "cswap"))
        p.g(gate, *rng.sample(range(n), {"x": 1, "cx": 2}.get(gate, 3)))
    return p.measure_all()


def blocks(n: int, rng: random.Random) -> str:
    """Independent dense blocks of up to eight qubits, their qubits interleaved."""
    p = Program(n)
    count = max(2, n // 8)
    for b in range(count):
        mine = list(range(b, n, count))
        for _ in range(5 * len(mine)):
            a, c = rng.sample(mine, 2)
            p.u(rng, a).u(rng, c).g("cx", a, c)
    return p.measure_all()


def idle(n: int, rng: random.Random) -> str:
    """A dense core; the other qubits only get one-qubit gates or nothing."""
    p = Program(n)
    core = rng.sample(range(n), min(12, max(3, n // 2)))
    for q in range(n):
        if rng.random() < 0.6:
            p.u(rng, q)
    for _ in range(6 * len(core)):
        a, c = rng.sample(core, 2)
        p.u(rng, a).g("cz", a, c)
    return p.measure_all()


def lightcone(n: int, rng: random.Random) -> str:
    """Shallow random circuit on a ring of which four qubits are measured."""
    p = Program(n, 4)
    for _ in range(3):
        for q in range(n):
            p.u(rng, q)
        for start in (0, 1):
            for q in range(start, n, 2):
                p.g("cx", q, (q + 1) % n)
    for bit, q in enumerate(rng.sample(range(n), 4)):
        p.measure(q, bit)
    return p.text()


def hidden_shift(n: int, rng: random.Random) -> str:
    """Hidden shift of a bent function with one CCZ-free half and random couplings."""
    n -= n % 2
    p = Program(n)
    shift = [rng.random() < 0.5 for _ in range(n)]
    half = n // 2
    extra = [(a, b) for a in range(half) for b in range(a) if rng.random() < 2 / half]

    def shifted() -> None:
        for q in range(n):
            if shift[q]:
                p.g("x", q)

    def oracle(offset: int) -> None:
        for q in range(half):
            p.g("cz", q, q + half)
        for a, b in extra:
            p.g("cz", a + offset, b + offset)

    def hadamards() -> None:
        for q in range(n):
            p.g("h", q)

    hadamards()
    shifted()
    oracle(0)
    shifted()
    hadamards()
    oracle(half)
    hadamards()
    return p.measure_all()


def dicke(n: int, rng: random.Random) -> str:
    """W-like state with random weights, its qubits in a random order."""
    p = Program(n)
    order = rng.sample(range(n), n)
    p.g("x", order[0])
    for k in range(n - 1):
        theta = 2 * acos(sqrt(rng.uniform(0.5, 1.5) / (n - k + 0.5)))
        p.g("cry", order[k], order[k + 1], params=[theta])
        p.g("cx", order[k + 1], order[k])
    return p.measure_all()


def qram(n: int, rng: random.Random) -> str:
    """Bucket-brigade-like routing of a superposed address into a tree of buckets."""
    depth = max(1, (n.bit_length() - 2))
    buckets = n - depth - 1
    p = Program(n)
    for a in range(depth):
        p.g("h", a)
    p.g("x", depth)
    for a in range(depth):
        for b in range(1 << a):
            new = b + (1 << a)
            if new < buckets:
                p.g("cswap", a, depth + b, depth + new)
    for b in range(buckets):
        if rng.random() < 0.5:
            p.g("cx", depth + b, n - 1)
    return p.measure_all()


def weak_chain(n: int, rng: random.Random) -> str:
    """Deep circuit on a line whose couplings hardly entangle."""
    p = Program(n)
    for _ in range(40):
        for q in range(n):
            p.g("ry", q, params=[rng.uniform(-0.1, 0.1)])
        for q in range(n - 1):
            p.g("crz", q, q + 1, params=[rng.uniform(-0.2, 0.2)])
    return p.measure_all()


def phase_permutation(n: int, rng: random.Random) -> str:
    """Superposition, then only permutations and phases, then a few Hadamards."""
    p = Program(n)
    for q in range(n):
        p.g("h", q)
    for _ in range(4 * n):
        a, b, c = rng.sample(range(n), 3)
        kind = rng.randrange(4)
        if kind == 0:
            p.g("cp", a, b, params=[rng.uniform(-pi, pi)])
        elif kind == 1:
            p.g("ccx", a, b, c)
        else:
            p.g(("cx", "swap")[kind - 2], a, b)
    for q in rng.sample(range(n), 4):
        p.g("h", q)
    return p.measure_all()


def mirror(n: int, rng: random.Random) -> str:
    """A random circuit, one rotation, and the inverse of the circuit."""
    p = Program(n)
    undo: list[tuple[str, tuple[int, ...], list[float]]] = []
    for layer in range(6):
        for q in range(n):
            t = rng.uniform(-pi, pi)
            p.g("ry", q, params=[t])
            undo.append(("ry", (q,), [-t]))
        for q in range(layer % 2, n - 1, 2):
            p.g("cx", q, q + 1)
            undo.append(("cx", (q, q + 1), []))
    p.g("rx", n // 2, params=[0.7])
    for name, qubits, params in reversed(undo):
        p.g(name, *qubits, params=params)
    return p.measure_all()


def syndrome(n: int, rng: random.Random) -> str:
    """Three rounds of repetition-code syndromes with ancilla resets."""
    n -= 1 - n % 2
    data, rounds = (n + 1) // 2, 3
    p = Program(n, rounds * (n - data) + data)
    p.g("ry", 0, params=[rng.uniform(0.3, 2.8)])
    for q in range(1, data):
        p.g("cx", 0, q)
    for r in range(rounds):
        p.g("x", rng.randrange(data))
        for a in range(n - data):
            p.g("cx", a, data + a).g("cx", a + 1, data + a)
            p.measure(data + a, r * (n - data) + a).reset(data + a)
    for q in range(data):
        p.measure(q, rounds * (n - data) + q)
    return p.text()


FAMILIES: dict[str, tuple[Generator, tuple[int, ...]]] = {
    "brickwork": (brickwork, (8, 16, 24, 50)),
    "grid": (grid, (9, 16, 25, 36)),
    "clifford": (clifford, (10, 30, 60, 200)),
    "clifford_t": (clifford_t, (12, 20, 40, 60)),
    "heisenberg": (heisenberg, (10, 20, 26, 60)),
    "qaoa_regular": (qaoa_regular, (10, 16, 22, 40)),
    "reversible": (reversible, (10, 20, 40, 80)),
    "blocks": (blocks, (12, 24, 40, 64)),
    "idle": (idle, (8, 20, 32, 60)),
    "lightcone": (lightcone, (12, 24, 40, 80)),
    "hidden_shift": (hidden_shift, (8, 20, 40, 100)),
    "dicke": (dicke, (8, 20, 27, 60)),
    "qram": (qram, (10, 20, 38, 72)),
    "weak_chain": (weak_chain, (8, 18, 26, 50)),
    "phase_permutation": (phase_permutation, (8, 14, 20, 24)),
    "mirror": (mirror, (8, 16, 24, 40)),
    "syndrome": (syndrome, (5, 13, 25, 51)),
}
