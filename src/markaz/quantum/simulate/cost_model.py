"""Predicted time and memory of an engine on a component.

For each way of holding a state a formula gives named terms (numbers of elementary steps);
``cost_table.toml``, fitted by ``python -m benchmarks.fit``, gives each engine's seconds per
step. Bounds are upper bounds: an engine may be faster, when a state is simpler than its
circuit shows.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markaz.quantum.simulate.engines.base import Engine, Method
from markaz.quantum.simulate.facts import Facts

AMPLITUDE = 16  # bytes
CERTAIN = frozenset({Method.STATEVECTOR, Method.STABILIZER})  # work known from the circuit
HUGE = 1e30  # steps that nobody waits for; keeps powers finite


def power(exponent: float) -> float:
    """2**exponent, capped."""
    return min(2.0**exponent, HUGE) if exponent < 100 else HUGE


def in_words(count: float) -> str:
    """A number of bytes in words."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} ZiB"


def terms(facts: Facts, method: Method, shots: int) -> dict[str, float]:
    """Named numbers of steps for one run; ``shots`` 0 for expectation values.

    ``call`` is 1; ``gates`` the gates fed to the library; ``work`` the method's own work:
    gates times amplitudes, gates times tableau columns, the summed cubes of bond
    dimensions, gates times basis states; ``singles`` and ``pairs`` are one-qubit gates and
    others times amplitudes, where all are held; ``draw`` the work of drawing shots.
    """
    n, gates = facts.qubits, facts.gates
    work, draw = _WORK[method](facts, shots)
    size = power(n) if method in (Method.STATEVECTOR, Method.AUTOMATIC) else 0.0
    return {
        "call": 1.0,
        "gates": float(gates),
        "work": min(work, HUGE),
        "singles": min((gates - facts.entangling) * size, HUGE),
        "pairs": min(facts.entangling * size, HUGE),
        "draw": min(draw, HUGE),
        "bits": float(shots * n),
    }


def _statevector(facts: Facts, shots: int) -> tuple[float, float]:
    size = power(facts.qubits)
    return facts.gates * size, size + shots * facts.qubits


def _stabilizer(facts: Facts, shots: int) -> tuple[float, float]:
    n = facts.qubits
    return facts.gates * n, n * n * n / 64 + shots * n * n / 64


def _near_clifford(facts: Facts, shots: int) -> tuple[float, float]:
    return facts.gates * facts.qubits * power(0.5 * facts.non_clifford), shots * facts.qubits


def _mps(facts: Facts, shots: int) -> tuple[float, float]:
    return facts.bond_work, shots * facts.qubits * power(2 * facts.bond)


def _sparse(facts: Facts, shots: int) -> tuple[float, float]:
    return facts.gates * power(min(facts.branching, facts.qubits)), float(shots)


def _diagram(facts: Facts, shots: int) -> tuple[float, float]:
    # Nodes on a level of the diagram are bounded by both sides of the cut there.
    nodes = facts.qubits * power(min(2 * facts.bond, facts.qubits / 2, facts.branching))
    return facts.gates * nodes, shots * facts.qubits


def _pauli(facts: Facts, shots: int) -> tuple[float, float]:
    return facts.gates * power(min(facts.non_clifford, 2 * facts.qubits)), 0.0


_WORK = {
    Method.STATEVECTOR: _statevector,
    Method.STABILIZER: _stabilizer,
    Method.NEAR_CLIFFORD: _near_clifford,
    Method.MPS: _mps,
    Method.SPARSE: _sparse,
    Method.DECISION_DIAGRAM: _diagram,
    Method.PAULI: _pauli,
    Method.AUTOMATIC: _statevector,
}


def predicted_bytes(facts: Facts, method: Method) -> int:
    """Upper bound on the memory of the state and its working copies."""
    n = facts.qubits
    if method in (Method.STATEVECTOR, Method.AUTOMATIC):
        return int(2 * AMPLITUDE * power(n))
    if method is Method.MPS:
        return int(8 * AMPLITUDE * n * power(2 * facts.bond))
    if method is Method.SPARSE:
        return int(4 * (AMPLITUDE + 8 * (n // 64 + 1)) * power(min(facts.branching, n)))
    if method is Method.STABILIZER:
        return 4 * n * n + 1_000_000
    return int(64 * power(min(facts.non_clifford, 2 * n, 26)))


TERMS = ("call", "gates", "work", "singles", "pairs", "draw", "bits")


@dataclass(frozen=True, slots=True)
class Row:
    """One engine's line of the table: seconds per step of each of TERMS, seconds to import
    the library, and the factor that 9 in 10 fitted runs stayed within."""

    engine: str
    load: float
    spread: float
    seconds: tuple[float, ...]

    def predict(self, steps: dict[str, float]) -> float:
        """Seconds for these steps, without loading."""
        call, gates, work, singles, pairs, draw, bits = self.seconds
        return (
            call * steps["call"]
            + gates * steps["gates"]
            + work * steps["work"]
            + singles * steps["singles"]
            + pairs * steps["pairs"]
            + draw * steps["draw"]
            + bits * steps["bits"]
        )


@cache
def table() -> dict[str, Row]:
    """The shipped table by engine key."""
    text = files(__package__).joinpath("cost_table.toml").read_text("utf-8")
    rows = tomllib.loads(text)["engines"]
    return {
        key: Row(
            key,
            row["load"],
            row["spread"],
            tuple(float(row["seconds"].get(name, 0.0)) for name in TERMS),
        )
        for key, row in rows.items()
    }


def load_seconds(engine: Engine) -> float:
    """Seconds to load the engine's library here; 0 when that has been done."""
    if engine.loaded():
        return 0.0
    return table()[engine.key].load if engine.key in table() else 1.0


def value_terms(facts: Facts, method: Method, paulis: int) -> dict[str, float]:
    """Steps for the expectation values of ``paulis`` strings: the state as for sampling,
    then ``draw`` a pass over it for each string; Pauli propagation starts anew for each."""
    steps = terms(facts, method, 0)
    if method is Method.PAULI:
        steps["work"] = min(steps["work"] * paulis, HUGE)
        return steps
    mps = method is Method.MPS
    passes = facts.qubits * power(3 * facts.bond) if mps else power(facts.qubits)
    steps["draw"] = min(paulis * passes, HUGE)
    return steps


def predicted_seconds(engine: Engine, steps: dict[str, float]) -> float:
    """Predicted seconds for these steps, without loading.

    Where the method's work is only bounded, the table's spread is added on, so that an
    engine that is often far off its line is not preferred for a low line. Engines that the
    table lacks are taken to be ten times slower than a plain implementation.
    """
    row = table().get(engine.key)
    if row is None:
        return 1e-2 + 1e-5 * steps["gates"] + 1e-8 * (steps["work"] + steps["draw"])
    seconds = row.predict(steps)
    return seconds if engine.method in CERTAIN else seconds * row.spread
