"""Circuits with measurements in the middle, resets and control flow, as scripts.

Operations between two decisions are a block, which is scheduled as late as possible; all
qubits wait for its end, and after it for the decision. What follows depends on what was read, so
blocks are laid out only along the ways that shots take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.emulator.fields import Physics
from markaz.quantum.devices.emulator.lower import Lowering, moment_of
from markaz.quantum.devices.emulator.schedule import Timed, check, timed
from markaz.quantum.devices.emulator.truth import Truth
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.classical import bits_of, evaluate
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import POOLED, Op
from markaz.quantum.simulate.engines.branch import jumps_of
from markaz.quantum.simulate.noisy.script import Bits, Collapse, Ints, Place, Script, Segment

MOST_DECISIONS: Final = 10_000  # on one way through a circuit
_CONTROL: Final = int(Op.IF)
_READS: Final = ("measure", "reset")
_PASSIVE: Final = ("rz", "id", "delay")


def course_of(circuit: Circuit, model: DeviceModel, truth: Truth) -> Course:
    """The ways through a circuit in native gates.

    Raises ProgramError ``unsupported`` for what the device cannot execute.
    """
    check(circuit, model)
    return Course(circuit, model, truth, Physics(model).number("feedback_ns"))


@dataclass(eq=False)
class Course:
    """All ways through one circuit; ``longest``: ns of the longest that a shot took."""

    circuit: Circuit
    model: DeviceModel
    truth: Truth
    feedback: float
    longest: float = 0.0
    lock: Lock = field(default_factory=Lock)

    @cached_property
    def script(self) -> Script:
        """What the noisy engines run."""
        lowering = Lowering(self.model, self.truth, self.used)
        block = Block(self, 0, lowering, 0.0, 0)
        nothing = np.zeros((1, self.circuit.num_clbits), np.uint8)
        begin = block.begin(nothing, np.zeros(1, np.int64))
        first = begin[0][0] if begin else None
        likely: list[Segment] = []
        place: Place | None = first
        while place is not None and len(likely) < MOST_DECISIONS:
            likely.append(place.segment)
            place = next((p for p, _ in place.follow(nothing)), None)
        self.longest = 0.0
        return Script(first, len(self.used), self.circuit.num_clbits, tuple(likely))

    @cached_property
    def used(self) -> list[int]:
        """Physical qubits that some operation but a barrier acts on."""
        plain = ~np.isin(self.circuit.op, [int(op) for op in POOLED])
        on = self.circuit.qubits[plain & (self.circuit.op < _CONTROL)]
        return sorted({int(q) for q in on.ravel() if q >= 0})

    @cached_property
    def jumps(self) -> dict[int, int]:
        """Where control goes, of each operation that says so."""
        return jumps_of(self.circuit.op.tolist())

    def straight(self, at: int) -> int:
        """Where the block that begins at operation ``at`` ends."""
        later = np.flatnonzero(self.circuit.op[at:] >= _CONTROL)
        return at + int(later[0]) if len(later) else len(self.circuit)

    def rows(self, begin: int, end: int) -> list[Timed]:
        """A block's operations in the order of time, from 0 on."""
        c = self.circuit
        part = slice(begin, end)
        found = timed(
            c.with_arrays(op=c.op[part], qubits=c.qubits[part], params=c.params[part],
                          aux=c.aux[part], exprs=()),
            self.model,
        )  # fmt: skip
        order = sorted(range(len(found)), key=lambda i: (moment_of(found[i]), i))
        return [found[i] for i in order]


@dataclass(eq=False)
class Block:
    """Operations from ``begin`` to the next decision, reached at ``time`` ns after
    ``decisions`` decisions, in the state that ``lowering`` is in."""

    course: Course
    begin_at: int
    lowering: Lowering
    time: float
    decisions: int
    segments: list[Segment] = field(default_factory=list)
    children: dict[tuple[bool, ...], Block] = field(default_factory=dict)
    _open: dict[int, Collapse] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end = self.course.straight(self.begin_at)
        rows = self.course.rows(self.begin_at, self.end)
        for row in rows:
            self._add(replace(row, start=row.start + self.time))
        self._close(last=self.end == len(self.course.circuit))
        self.time += max((row.start + row.duration for row in rows), default=0.0)

    def _add(self, row: Timed) -> None:
        acts = row.gate not in (*_READS, *_PASSIVE)
        if self._open and (acts or set(row.qubits) & set(self._open)):
            self._close(last=False)
        if row.gate not in _READS:
            self.lowering.add(row)
            return
        qubit = row.qubits[0]
        self.lowering.rest(qubit, row.start)
        self.lowering.touch(qubit, row.start)
        place = self.lowering.place[qubit]
        read1, read0 = (float(x[0]) for x in self.lowering.reading(np.array([place])))
        if row.gate == "reset":
            self.lowering.pulses[place] = 0
        clbit = row.clbit if row.gate == "measure" else -1
        self._open[qubit] = Collapse(place, clbit, read1, read0)

    def _close(self, *, last: bool) -> None:
        if self._open:
            made = tuple(self._open.values())
            if last:
                made = tuple(c for c in made if c.clbit >= 0)
            self.segments.append(Segment(self.lowering.cut(), made, last))
            self._open = {}

    def begin(self, bits: Bits, idx: Ints) -> list[tuple[Place | None, Ints]]:
        """The first place of the block, or where shots go that find none in it."""
        return [(Spot(self, 0), idx)] if self.segments else self.leave(bits, idx)

    def leave(self, bits: Bits, idx: Ints) -> list[tuple[Place | None, Ints]]:
        """Where shots ``idx`` go from the end of the block."""
        found: list[tuple[Place | None, Ints]] = []
        for at, key, mine in self._decided(bits, idx):
            if at == len(self.course.circuit):
                self._note(self.time + self.course.feedback * len(key))
                found.append((None, mine))
            else:
                found += self._child(at, key).begin(bits, mine)
        return found

    def _note(self, time: float) -> None:
        with self.course.lock:
            self.course.longest = max(self.course.longest, time)

    def _child(self, at: int, key: tuple[bool, ...]) -> Block:
        with self.course.lock:
            found = self.children.get(key)
        if found is None:
            time = self.time + self.course.feedback * len(key)
            count = self.decisions + len(key)
            found = Block(self.course, at, self.lowering.copy(), time, count)
            with self.course.lock:
                found = self.children.setdefault(key, found)
        return found

    def _decided(self, bits: Bits, idx: Ints) -> Iterator[tuple[int, tuple[bool, ...], Ints]]:
        """Shots by the decisions up to the next block, and where that begins."""
        ops, jumps = self.course.circuit.op, self.course.jumps
        todo: list[tuple[int, tuple[bool, ...], Ints]] = [(self.end, (), idx)]
        while todo:
            at, key, mine = todo.pop()
            if self.decisions + len(key) > MOST_DECISIONS:
                text = f"more than {MOST_DECISIONS} decisions on one way through the circuit"
                raise ProgramError("limit-size", text)
            if at == len(ops) or ops[at] < _CONTROL:
                yield at, key, mine
            elif ops[at] in (Op.IF, Op.WHILE):
                true = self._values(at, bits, mine) != 0
                for value, goes in ((False, jumps.get(at, at + 1)), (True, at + 1)):
                    if np.any(true == value):
                        todo.append((goes, (*key, value), mine[true == value]))
            else:
                if ops[at] == Op.ASSIGN:
                    self._assign(at, bits, mine)
                todo.append((jumps.get(at, at + 1), key, mine))

    def _values(self, at: int, bits: Bits, idx: Ints) -> NDArray[np.object_]:
        """What an expression is for each shot; worked out once for equal bits."""
        circuit = self.course.circuit
        expr = circuit.exprs[circuit.aux[at]]
        needed = sorted(bits_of(expr))
        rows, which = np.unique(bits[idx][:, needed], axis=0, return_inverse=True)
        full = np.zeros(circuit.num_clbits, np.uint8)
        found = np.empty(len(rows), object)
        for k, row in enumerate(rows):
            full[needed] = row
            found[k] = evaluate(expr, full.tolist())
        return np.asarray(found[which.reshape(-1)])

    def _assign(self, at: int, bits: Bits, idx: Ints) -> None:
        circuit = self.course.circuit
        start = int(circuit.qubits[at, 0])
        offset, size = circuit.pool[start : start + 2].tolist()
        values = self._values(at, bits, idx)
        for k in range(size):
            bits[idx, offset + k] = [(value >> k) & 1 for value in values]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a script: segment ``index`` of a block."""

    block: Block
    index: int

    @property
    def segment(self) -> Segment:
        """What happens here."""
        return self.block.segments[self.index]

    def follow(self, bits: Bits) -> list[tuple[Place | None, Ints]]:
        """As ``script.Place`` says."""
        everyone = np.arange(len(bits))
        if self.index + 1 < len(self.block.segments):
            return [(Spot(self.block, self.index + 1), everyone)]
        return self.block.leave(bits, everyone)
