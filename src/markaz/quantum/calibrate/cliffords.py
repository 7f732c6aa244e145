"""Random elements of the Clifford group, as native pulses.

One-qubit elements are at most two quarter turns between rotations about z (24 elements).
Two-qubit elements are built as in E. Knill et al., Phys. Rev. A 77, 012307 (2008) and
A. D. Córcoles et al., Phys. Rev. A 87, 030301 (2013): one of four classes with no, one, two
or three CZ gates, between one-qubit elements (11,520 elements).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.gates import Op

Matrix = NDArray[np.complex128]
Step = tuple[Op, tuple[int, ...], float]  # operation, qubits 0 and 1 of the pair, angle

_HALF: Final = math.pi / 2
_SX: Final = np.array([[1, -1j], [-1j, 1]]) / math.sqrt(2)
_CZ: Final = np.diag([1, 1, 1, -1]).astype(complex)


@dataclass(frozen=True, eq=False)
class Element:
    """A group element: its unitary (up to a phase) and the steps that make it."""

    unitary: Matrix
    steps: tuple[Step, ...]

    @property
    def pulses(self) -> int:
        """Quarter turns, on all qubits together."""
        return sum(op == Op.SX for op, _, _ in self.steps)

    @property
    def couplings(self) -> int:
        """CZ gates."""
        return sum(op == Op.CZ for op, _, _ in self.steps)


def rz(angle: float) -> Matrix:
    """A rotation about z."""
    return np.diag([np.exp(-0.5j * angle), np.exp(0.5j * angle)])


def key(unitary: Matrix) -> bytes:
    """The same bytes for unitaries of the group that differ by a phase."""
    flat = unitary.ravel()
    first = flat[np.argmax(np.abs(flat) > 0.1)]
    rounded = np.round(flat * (abs(first) / first) * 4)
    return bytes((rounded + 0.0).tobytes())


@cache
def one_qubit() -> tuple[Element, ...]:
    """The 24 one-qubit elements, each with as few pulses as it takes."""
    found: dict[bytes, Element] = {}
    for pulses in range(3):
        for turns in product(range(4), repeat=pulses + 1):
            element = _turned(turns)
            found.setdefault(key(element.unitary), element)
    return tuple(found.values())


def _turned(turns: tuple[int, ...]) -> Element:
    """RZ by quarters, with a quarter turn about x between them."""
    unitary: Matrix = np.eye(2, dtype=np.complex128)
    steps: list[Step] = []
    for k, quarter in enumerate(turns):
        if k:
            unitary = _SX @ unitary
            steps.append((Op.SX, (0,), 0.0))
        if quarter:
            unitary = rz(quarter * _HALF) @ unitary
            steps.append((Op.RZ, (0,), quarter * _HALF))
    return Element(unitary, tuple(steps))


@cache
def pulses_per_element() -> float:
    """Mean number of quarter turns in a random one-qubit element."""
    return float(np.mean([element.pulses for element in one_qubit()]))


def couplings_per_element() -> float:
    """Mean number of CZ gates in a random two-qubit element: 1.5."""
    return sum(count * weight for count, weight in enumerate(_WEIGHTS)) / sum(_WEIGHTS)


_WEIGHTS: Final = (576, 5184, 5184, 576)  # elements with no, one, two, three CZ gates


@cache
def flip() -> Element:
    """The X gate, as a pulse of its own."""
    return Element(np.array([[0, 1], [1, 0]], np.complex128), ((Op.X, (0,), 0.0),))


def flips(*ends: int) -> Matrix:
    """X on the qubits whose end is 1; the first qubit is the least significant."""
    made: Matrix = np.eye(1, dtype=np.complex128)
    for end in ends:
        one = flip().unitary if end else np.eye(2)
        made = np.asarray(np.kron(one, made), np.complex128)
    return made


@cache
def coupling() -> Element:
    """The CZ gate."""
    return Element(_CZ, ((Op.CZ, (0, 1), 0.0),))


def random_pair(rng: np.random.Generator) -> Element:
    """A random two-qubit element; qubit 0 is the least significant."""
    kind = int(rng.choice(4, p=np.array(_WEIGHTS) / sum(_WEIGHTS)))
    parts = [_side_by_side(*rng.choice(24, 2))]
    for k in range(kind):
        parts.append(coupling())
        if k < kind - 1:
            parts.append(_side_by_side(_hadamard_like(), _hadamard_like()))
    if kind in (1, 2):
        parts.append(_side_by_side(*(_axes()[k] for k in rng.integers(0, 3, 2))))
    return joined(parts)


def joined(parts: list[Element]) -> Element:
    """Elements one after the other."""
    unitary: Matrix = np.eye(len(parts[0].unitary), dtype=np.complex128)
    steps: list[Step] = []
    for part in parts:
        unitary = part.unitary @ unitary
        steps += part.steps
    return Element(unitary, tuple(steps))


def _side_by_side(first: int, second: int) -> Element:
    """One-qubit elements (by number) on qubits 0 and 1."""
    a, b = one_qubit()[first], one_qubit()[second]
    moved = tuple((op, (1,), angle) for op, _, angle in b.steps)
    unitary = np.asarray(np.kron(b.unitary, a.unitary), np.complex128)
    return Element(unitary, a.steps + moved)


@cache
def _numbers() -> dict[bytes, int]:
    return {key(element.unitary): k for k, element in enumerate(one_qubit())}


@cache
def _hadamard_like() -> int:
    """The element that exchanges the axes x and z."""
    return _numbers()[key(np.array([[1, 1], [1, -1]], np.complex128) / math.sqrt(2))]


@cache
def _axes() -> tuple[int, int, int]:
    """The elements that permute the three axes cyclically."""
    turn = np.array([[1, -1j], [1, 1j]]) * np.exp(0.25j * math.pi) / math.sqrt(2)
    powers = (np.eye(2, dtype=np.complex128), turn, turn @ turn)
    return tuple(_numbers()[key(p)] for p in powers)  # type: ignore[return-value]


@cache
def _pairs() -> dict[bytes, Element]:
    """Every two-qubit element by its unitary; takes about a second the first time."""
    found: dict[bytes, Element] = {}
    for cores in _cores():
        for a, b in product(range(24), repeat=2):
            element = joined([_side_by_side(a, b), cores])
            found.setdefault(key(element.unitary), element)
    return found


def _cores() -> list[Element]:
    """What follows the first layer of one-qubit elements, for each of the classes."""
    cz = coupling()
    swap = _side_by_side(_hadamard_like(), _hadamard_like())
    ends = [_side_by_side(_axes()[i], _axes()[j]) for i, j in product(range(3), repeat=2)]
    nothing = Element(np.eye(4, dtype=np.complex128), ())
    cores = [nothing, joined([cz, swap, cz, swap, cz])]
    return cores + [joined([cz, e]) for e in ends] + [joined([cz, swap, cz, e]) for e in ends]


def inverse_pair(unitary: Matrix) -> Element:
    """The element that undoes a product of two-qubit elements. KeyError for anything else."""
    return _pairs()[key(unitary.conj().T)]


def inverse_one(unitary: Matrix) -> Element:
    """The element that undoes a product of one-qubit elements. KeyError for anything else."""
    return one_qubit()[_numbers()[key(unitary.conj().T)]]
