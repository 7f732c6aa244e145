"""Markaz's own way with dynamic circuits: branches of shots instead of single shots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.classical import evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Method
from markaz.quantum.simulate.engines.dense import ALL_GATES
from markaz.quantum.simulate.samples import Samples
from markaz.quantum.simulate.states_branch import Amplitudes, BranchState, Tableau

UNLIMITED: Final = 1 << 62
LEAF_STEPS: Final = 10  # what sampling the end of a branch counts for
_SMALL: Final = 6  # qubits up to which a Clifford circuit does not repay importing Stim


class BranchEngine(Engine):
    """Follows groups of shots that share their outcomes so far.

    Each measurement splits a group's shots by a binomial draw, so the cost is the number
    of different histories that occur, at most the number of shots. Exact up to floating
    point. The smaller group of a split goes first: at most log2(shots) + 1 states are
    held. States are stabiliser tableaux where all gates are Clifford gates (with Stim),
    else a few amplitudes, else all of them.
    """

    key = "markaz:branch"
    package = ""
    method = Method.AUTOMATIC
    licence = "Apache-2.0"
    established = True
    ops = ALL_GATES | {int(op) for op in Op}
    dynamic = True
    self_limiting = True

    def __init__(
        self, max_iterations: int = DEFAULT.iterations, max_steps: int = UNLIMITED
    ) -> None:
        self.max_iterations, self.max_steps = max_iterations, max_steps

    def limited(self, steps: int) -> BranchEngine:
        """This engine, refusing dynamic circuits after so many operations (a run of gates
        counts as one) on all branches together."""
        return BranchEngine(self.max_iterations, steps)

    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Sample ``qubits`` after a circuit of gates."""
        kind = _kind_of_state(circuit)
        state = kind(circuit.num_qubits)
        state.run(kind.prepare(circuit))
        return Samples(*state.sample(qubits, shots, np.random.default_rng(seed)))

    def sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int = 1) -> Samples:
        """Run a circuit with measurements and control flow; a row for each result.

        Raises ProgramError ``limit-size`` when loops run more than ``max_iterations``
        times in all branches together, EngineRefusal when a state grows too large or after
        ``max_steps`` operations.
        """
        run = _Run(circuit, self.max_iterations, np.random.default_rng(seed), self.max_steps)
        counts = run.count(shots)
        rows = b"".join(counts)
        bits = np.frombuffer(rows, np.uint8).reshape(len(counts), circuit.num_clbits)
        return Samples(bits, np.fromiter(counts.values(), np.int64, len(counts)))


def _kind_of_state(circuit: Circuit) -> type[Amplitudes] | type[Tableau]:
    if circuit.num_qubits > _SMALL and Tableau.takes(circuit) and find_spec("stim"):
        return Tableau
    return Amplitudes


@dataclass(slots=True)
class _Branch:
    at: int
    state: Any
    bits: bytearray
    shots: int


class _Run:
    """One call: the circuit as lists, its prepared segments, and the branches to do."""

    def __init__(
        self, circuit: Circuit, max_iterations: int, rng: np.random.Generator, max_steps: int
    ) -> None:
        kept = circuit.op != Op.BARRIER
        self.circuit = circuit = circuit.with_arrays(
            op=circuit.op[kept],
            qubits=circuit.qubits[kept],
            params=circuit.params[kept],
            aux=circuit.aux[kept],
            global_phase=0.0,  # has no effect on outcomes
        )
        self.rng = rng
        self.max_iterations, self.iterations = max_iterations, 0
        self.steps_left = max_steps
        self.ops = circuit.op.tolist()
        self.first = circuit.qubits[:, 0].tolist()
        self.aux = circuit.aux.tolist()
        self.jumps = jumps_of(self.ops)
        self.kind = _kind_of_state(circuit)
        self.segments: dict[int, tuple[int, Any]] = {}
        self.last_state = self._last_use_of_state()

    def count(self, shots: int) -> Counter[bytes]:
        """Shots by final classical bits (a byte each)."""
        start: BranchState = self.kind(self.circuit.num_qubits)
        self.todo = [_Branch(0, start, bytearray(self.circuit.num_clbits), shots)]
        counts: Counter[bytes] = Counter()
        while self.todo:
            branch = self.todo.pop()
            while branch.at < len(self.ops) and branch.shots:
                self._step(branch)
            if branch.shots:
                counts[bytes(branch.bits)] += branch.shots
        return counts

    def _step(self, branch: _Branch) -> None:
        at = branch.at
        op = self.ops[at]
        self.steps_left -= 1
        if self.steps_left < 0:
            raise EngineRefusal("more histories than a short try follows")
        if op <= LAST_GATE:
            branch.at, segment = self.segments.get(at) or self._prepare(at)
            branch.state.run(segment)
        elif op == Op.MEASURE:
            self._measure(branch)
        elif op == Op.RESET:
            self._reset(branch)
        else:
            self._classical(branch, op)

    def _prepare(self, at: int) -> tuple[int, Any]:
        """The run of gates that begins at ``at``, and where it ends."""
        end = at
        while end < len(self.ops) and self.ops[end] <= LAST_GATE:
            end += 1
        gates = self.circuit.with_arrays(
            op=self.circuit.op[at:end],
            qubits=self.circuit.qubits[at:end],
            params=self.circuit.params[at:end],
            aux=self.circuit.aux[at:end],
        )
        self.segments[at] = end, self.kind.prepare(gates)
        return self.segments[at]

    def _measure(self, branch: _Branch) -> None:
        end = branch.at
        while end < len(self.ops) and self.ops[end] == Op.MEASURE:
            end += 1
        if end >= self.last_state:
            self._measure_last(branch, end)
            return
        qubit, clbit = self.first[branch.at], self.aux[branch.at]
        branch.at += 1
        value, other = self._split(branch, qubit)
        branch.bits[clbit] = value
        if other is not None:
            other.bits[clbit] = 1 - value

    def _measure_last(self, branch: _Branch, end: int) -> None:
        """Sample all remaining measurements at once; the state is not needed again."""
        self.steps_left -= LEAF_STEPS
        qubits, clbits = self.first[branch.at : end], self.aux[branch.at : end]
        rows, weights = branch.state.sample(qubits, branch.shots, self.rng)
        outcomes: Counter[bytes] = Counter()
        for row, weight in zip(rows, weights.tolist(), strict=True):
            outcomes[row.tobytes()] += weight
        for outcome, weight in outcomes.items():
            bits = bytearray(branch.bits)
            for clbit, value in zip(clbits, outcome, strict=True):
                bits[clbit] = value
            self.todo.append(_Branch(end, None, bits, weight))
        branch.shots = 0

    def _reset(self, branch: _Branch) -> None:
        qubit = self.first[branch.at]
        branch.at += 1
        state = branch.state
        one = state.probability(qubit)
        if 0.01 < one < 0.99 and state.is_product(qubit):
            state.project(qubit, 0, 1 - one)
            return
        value, other = self._split(branch, qubit)
        if value:
            state.flip(qubit)
        elif other is not None:
            other.state.flip(qubit)

    def _split(self, branch: _Branch, qubit: int) -> tuple[int, _Branch | None]:
        """Project ``branch`` on one outcome for part of its shots; returns the outcome and,
        if any shot has the other one, the branch with that, which is queued already."""
        one = min(max(branch.state.probability(qubit), 0.0), 1.0)
        ones = int(self.rng.binomial(branch.shots, one))
        value = int(2 * ones > branch.shots)
        chance = (1 - one, one)
        major, minor = (branch.shots - ones, ones)[:: 1 - 2 * value]
        other = None
        if minor:
            # The branch goes on with the smaller part, so that few states wait.
            other = _Branch(branch.at, branch.state.copy(), bytearray(branch.bits), major)
            other.state.project(qubit, value, chance[value])
            self.todo.append(other)
            value, branch.shots = 1 - value, minor
        branch.state.project(qubit, value, chance[value])
        return value, other

    def _classical(self, branch: _Branch, op: int) -> None:
        at = branch.at
        branch.at = self.jumps.get(at, at + 1)
        if op in (Op.IF, Op.WHILE):
            if evaluate(self.circuit.exprs[self.aux[at]], branch.bits):
                branch.at = at + 1
                self._count_iteration(op)
        elif op == Op.ASSIGN:
            offset, size = self.circuit.pool[self.first[at] : self.first[at] + 2].tolist()
            value = evaluate(self.circuit.exprs[self.aux[at]], branch.bits)
            branch.bits[offset : offset + size] = bytes((value >> k) & 1 for k in range(size))

    def _count_iteration(self, op: int) -> None:
        self.iterations += op == Op.WHILE
        if self.iterations > self.max_iterations:
            raise ProgramError(
                "limit-size", f"loops run more than {self.max_iterations} iterations"
            )

    def _last_use_of_state(self) -> int:
        """The first position behind which no quantum operation can follow."""
        for i in range(len(self.ops) - 1, -1, -1):
            op = self.ops[i]
            back = op in (Op.END, Op.CONTINUE) and self.jumps.get(i, i) < i
            if op <= LAST_GATE or op in (Op.MEASURE, Op.RESET) or back:
                return i + 1
        return 0


def jumps_of(ops: Sequence[int]) -> dict[int, int]:
    """Where control goes from IF and WHILE (when false), ELSE (after the first part), the
    END of a WHILE, BREAK and CONTINUE; from elsewhere it goes to the next operation."""
    jumps: dict[int, int] = {}
    blocks: list[int] = []  # the IF, ELSE or WHILE that is open
    loops: list[tuple[int, list[int]]] = []  # a WHILE and its BREAKs
    for i, op in enumerate(ops):
        if op in (Op.IF, Op.WHILE):
            blocks.append(i)
            if op == Op.WHILE:
                loops.append((i, []))
        elif op == Op.ELSE:
            jumps[blocks.pop()] = i + 1
            blocks.append(i)
        elif op == Op.CONTINUE:
            jumps[i] = loops[-1][0]
        elif op == Op.BREAK:
            loops[-1][1].append(i)
        elif op == Op.END:
            start = blocks.pop()
            jumps[start] = i + 1
            if ops[start] == Op.WHILE:
                jumps[i], breaks = loops.pop()
                jumps.update(dict.fromkeys(breaks, i + 1))
    return jumps
