"""A small writer of OpenQASM 2 text, so that generators depend on no toolkit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import pi

# Not in qelib1.inc, so files that use it define it (as Qiskit's exporter does).
DEFINITIONS = {
    "ryy": "gate ryy(a) p,q { rx(pi/2) p; rx(pi/2) q; cx p,q; rz(a) q; cx p,q; "
    "rx(-pi/2) p; rx(-pi/2) q; }",
    "rxx": "gate rxx(a) p,q { h p; h q; cx p,q; rz(a) q; cx p,q; h p; h q; }",
    "rzz": "gate rzz(a) p,q { cx p,q; rz(a) q; cx p,q; }",
}


class Program:
    """OpenQASM 2 program under construction; method ``g`` appends any gate by name."""

    def __init__(self, qubits: int, clbits: int | None = None) -> None:
        self.qubits = qubits
        self.clbits = qubits if clbits is None else clbits
        self.lines: list[str] = []
        self.used: set[str] = set()

    def g(self, name: str, *qubits: int, params: Sequence[float] = ()) -> Program:
        """Append gate ``name`` on ``qubits``; ``params`` in radians."""
        angles = f"({','.join(repr(float(p)) for p in params)})" if params else ""
        self.used.add(name)
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
        head = ["OPENQASM 2.0;", 'include "qelib1.inc";']
        head += [DEFINITIONS[name] for name in sorted(DEFINITIONS.keys() & self.used)]
        head.append(f"qreg q[{self.qubits}];")
        if self.clbits:
            head.append(f"creg c[{self.clbits}];")
        return "\n".join([*head, *self.lines, ""])


Step = tuple[str, tuple[int, ...]]
INVERSE = {"s": "sdg", "sdg": "s", "sx": "sxdg"}


def clifford_gate(program: Program, rng: random.Random, a: int, b: int) -> list[Step]:
    """Append a random Clifford step on two qubits; returns what undoes it, in order."""
    steps: list[Step] = [
        (rng.choice(("h", "s", "sdg", "x", "sx", "id")), (a,)),
        (rng.choice(("h", "s", "sdg", "x", "sx", "id")), (b,)),
        (rng.choice(("cx", "cz", "swap", "cx")), (a, b)),
    ]
    for name, qubits in steps:
        program.g(name, *qubits)
    return [(INVERSE.get(name, name), qubits) for name, qubits in reversed(steps)]


def regular_graph(rng: random.Random, n: int, degree: int) -> list[tuple[int, int]]:
    """Edges of a random graph in which every node has ``degree`` neighbours."""
    while True:
        stubs = [v for v in range(n) for _ in range(degree)]
        rng.shuffle(stubs)
        edges = {tuple(sorted(stubs[i : i + 2])) for i in range(0, len(stubs), 2)}
        if len(edges) == n * degree // 2 and all(a != b for a, b in edges):
            return sorted((a, b) for a, b in edges)
