"""Generator families that the cost model is fitted on; no figure is taken on them."""

from __future__ import annotations

import random
from math import pi

from benchmarks.held_out import Generator
from benchmarks.text import Program, clifford_gate


def any_pairs(n: int, rng: random.Random) -> str:
    """Dense random gates between any two qubits."""
    p = Program(n)
    for _ in range(5 * n):
        a, b = rng.sample(range(n), 2)
        p.u(rng, a).u(rng, b).g("cx", a, b)
    return p.measure_all()


def ladder(n: int, rng: random.Random) -> str:
    """Layers of rotations and one CX ladder each; one to four layers."""
    p = Program(n)
    for _ in range(rng.randint(1, 4)):
        for q in range(n):
            p.g("ry", q, params=[rng.uniform(-pi, pi)])
            p.g("rz", q, params=[rng.uniform(-pi, pi)])
        for q in range(n - 1):
            p.g("cx", q, q + 1)
    return p.measure_all()


def clifford_line(n: int, rng: random.Random) -> str:
    """Clifford steps between neighbours; the depth varies."""
    p = Program(n)
    for layer in range(rng.randint(2, 30)):
        for q in range(layer % 2, n - 1, 2):
            clifford_gate(p, rng, q, q + 1)
    return p.measure_all()


def clifford_rotations(n: int, rng: random.Random) -> str:
    """Clifford steps between neighbours with one to sixteen rotations or T gates."""
    p = Program(n)
    extra = rng.randint(1, 16)
    for i in range(6 * n):
        a = rng.randrange(n - 1)
        clifford_gate(p, rng, a, a + 1)
        if i % max(1, 6 * n // extra) == 0:
            if rng.random() < 0.5:
                p.g("rz", a, params=[rng.uniform(-pi, pi)])
            else:
                p.g("tdg", a)
    return p.measure_all()


def xy_ring(n: int, rng: random.Random) -> str:
    """Trotter steps of an XY ring."""
    p = Program(n)
    p.g("x", n // 2)
    dt = rng.uniform(0.05, 0.4)
    for _ in range(rng.randint(1, 10)):
        for q in range(n):
            p.g("rxx", q, (q + 1) % n, params=[dt]).g("ryy", q, (q + 1) % n, params=[dt])
    return p.measure_all()


def toffoli_cascade(n: int, rng: random.Random) -> str:
    """A V-shaped cascade of Toffoli gates on one to ten superposed inputs."""
    p = Program(n)
    for q in range(min(n - 2, rng.randint(1, 10))):
        p.g("h", q)
    for _ in range(rng.randint(1, 8)):
        for q in range(n - 2):
            p.g("ccx", q, q + 1, q + 2)
        for q in reversed(range(n - 1)):
            p.g("cx", q + 1, q)
    return p.measure_all()


def star(n: int, rng: random.Random) -> str:
    """Rotated star of controlled gates around one centre."""
    p = Program(n)
    p.u(rng, 0)
    for q in range(1, n):
        p.g("cry", 0, q, params=[rng.uniform(-pi, pi)])
    for q in range(n):
        p.u(rng, q)
    return p.measure_all()


def iqp(n: int, rng: random.Random) -> str:
    """Diagonal gates of random density between two layers of Hadamards."""
    p = Program(n)
    density = rng.uniform(0.05, 0.6)
    for q in range(n):
        p.g("h", q)
    for a in range(n):
        p.g("p", a, params=[rng.uniform(-pi, pi)])
        for b in range(a):
            if rng.random() < density:
                p.g("cp", a, b, params=[rng.uniform(-pi, pi)])
    for q in range(n):
        p.g("h", q)
    return p.measure_all()


def phase_cascade(n: int, rng: random.Random) -> str:
    """Approximate Fourier-like cascade on a random product state."""
    p = Program(n)
    reach = rng.randint(2, 8)
    for q in range(n):
        p.g("ry", q, params=[rng.uniform(-pi, pi)])
    for a in range(n):
        p.g("h", a)
        for k in range(1, min(reach, n - a)):
            p.g("cp", a, a + k, params=[pi / 2**k])
    return p.measure_all()


def weak_ansatz(n: int, rng: random.Random) -> str:
    """Many layers with small angles."""
    p = Program(n)
    size = rng.uniform(0.02, 0.6)
    for _ in range(rng.randint(3, 25)):
        for q in range(n):
            p.g("rx", q, params=[rng.uniform(-size, size)])
        for q in range(n - 1):
            p.g("rzz", q, q + 1, params=[rng.uniform(-size, size)])
    return p.measure_all()


def sparse_walk(n: int, rng: random.Random) -> str:
    """A few branching gates among many permutations."""
    p = Program(n)
    for _ in range(rng.randint(2, 12)):
        p.g("ry", rng.randrange(n), params=[rng.uniform(0.3, 2.8)])
        for _ in range(n):
            p.g("ccx", *rng.sample(range(n), 3))
            p.g("cx", *rng.sample(range(n), 2))
    return p.measure_all()


def reuse(n: int, rng: random.Random) -> str:
    """One qubit is measured, reset and used again."""
    p = Program(n, 2 * n - 1)
    for q in range(n):
        p.u(rng, q)
    for q in range(1, n):
        p.g("cx", q, 0).measure(0, q - 1).reset(0)
    for q in range(n):
        p.measure(q, n - 1 + q)
    return p.text()


FAMILIES: dict[str, tuple[Generator, tuple[int, ...]]] = {
    "any_pairs": (any_pairs, (4, 8, 12, 16, 20, 22, 24)),
    "ladder": (ladder, (6, 12, 18, 24, 40, 80)),
    "clifford_line": (clifford_line, (6, 20, 50, 150, 400)),
    "clifford_rotations": (clifford_rotations, (8, 16, 24, 40, 80)),
    "xy_ring": (xy_ring, (6, 12, 18, 24, 36, 64)),
    "toffoli_cascade": (toffoli_cascade, (6, 12, 20, 40, 100)),
    "star": (star, (6, 12, 20, 25, 50)),
    "iqp": (iqp, (6, 10, 14, 18, 22, 25)),
    "phase_cascade": (phase_cascade, (6, 12, 18, 24, 48)),
    "weak_ansatz": (weak_ansatz, (6, 12, 18, 24, 48)),
    "sparse_walk": (sparse_walk, (8, 16, 24, 40, 60)),
    "reuse": (reuse, (4, 8, 14, 24)),
}
