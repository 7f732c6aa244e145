"""A small writer of OpenQASM 2 text, so that generators depend on no toolkit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import pi


class Program:
    """OpenQASM 2 program under construction; method ``g`` appends any gate by name."""

    def __init__(self, qubits: int, clbits: int | None = None) -> None:
        self.qubits = qubits
        self.clbits = qubits if clbits is None else clbits
        self.lines: list[str] = []

    def g(self, name: str, *qubits: int, params: Sequence[float] = ()) -> Program:
        """Append gate ``name`` on ``qubits``; ``params`` in radians."""
        angles = f"({','.join(repr(float(p)) for p in params)})" if params else ""
        self.lines.append(f"{name}{angles} {','.join(f'q[{q}]' for q in qubits)};")
        return self

    def u(self, rng: random.Random, qubit: int) -> Program:
        """Append a random one-qubit gate."""
        angles = [rng.uniform(0, pi), rng.uniform(-pi, pi), rng.uniform(-pi, pi)]
        return self.g("u3", qubit, params=angles)

    def measure(self, qubit: int, clbit: int) -> Program:
        """Append one measurement."""
        self.lines.append(f"measure q[{qubit}] -> c[{clbit}];")
        return self

    def reset(self, qubit: int) -> Program:
        """Append a reset."""
        self.lines.append(f"reset q[{qubit}];")
        return self

    def measure_all(self) -> str:
        """Measure qubit ``i`` into bit ``i`` and return the text."""
        for q in range(min(self.qubits, self.clbits)):
            self.measure(q, q)
        return self.text()

    def text(self) -> str:
        """The whole program."""
        head = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{self.qubits}];"]
        return "\n".join([*head, f"creg c[{self.clbits}];", *self.lines, ""])


def clifford_gate(program: Program, rng: random.Random, a: int, b: int) -> None:
    """Append a random Clifford step on two qubits."""
    for q in (a, b):
        program.g(rng.choice(("h", "s", "sdg", "x", "sx", "id")), q)
    program.g(rng.choice(("cx", "cz", "swap", "cx")), a, b)


def regular_graph(rng: random.Random, n: int, degree: int) -> list[tuple[int, int]]:
    """Edges of a random graph in which every node has ``degree`` neighbours."""
    while True:
        stubs = [v for v in range(n) for _ in range(degree)]
        rng.shuffle(stubs)
        edges = {tuple(sorted(stubs[i : i + 2])) for i in range(0, len(stubs), 2)}
        if len(edges) == n * degree // 2 and all(a != b for a, b in edges):
            return sorted((a, b) for a, b in edges)
