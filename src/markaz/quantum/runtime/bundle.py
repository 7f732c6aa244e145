"""Everything that a job of the runtime client runs, checked, and its form as bytes.

A bundle is one ``wire`` message: circuits and arrays, no typed values, no compression. It is
written in the child that opened the body and checked again by whoever runs it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.observables import PauliSum
from markaz.quantum.programs import wire
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.simulate.engines.base import Pauli

Floats = NDArray[np.float64]
MAX_BYTES: Final = 256 << 20
_LETTERS: Final = "XYZ"
T = TypeVar("T", int, float, str)


@dataclass(frozen=True, slots=True)
class Program:
    """A circuit, its classical registers (name, bits from the lowest), its user's metadata."""

    circuit: Circuit
    registers: tuple[tuple[str, tuple[int, ...]], ...]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pub:
    """Circuit number ``program`` at ``values`` (points, parameters), points of ``shape``.

    A sampler's has ``shots``; an estimator's ``observables``, of ``observables_shape``, and
    the ``precision`` (standard error) asked for, 0: exact. ``extra`` is handed back with the
    results.
    """

    program: int
    values: Floats
    shape: tuple[int, ...]
    shots: int = 0
    observables: tuple[PauliSum, ...] = ()
    observables_shape: tuple[int, ...] = ()
    precision: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape of what the pub gives."""
        return np.broadcast_shapes(self.shape, self.observables_shape)

    @property
    def all_shots(self) -> int:
        """Shots of all points; for an estimator, those that give its precision."""
        if not self.observables_shape and not self.observables:
            return len(self.values) * self.shots
        each = math.ceil(self.precision**-2) if self.precision else 1
        return each * math.prod(self.result_shape)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A job: ``kind`` is the program's name; ``notes`` go into the result's
    metadata, ``echo`` is handed back as it came."""

    kind: str
    programs: tuple[Program, ...]
    pubs: tuple[Pub, ...]
    seed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    echo: dict[str, Any] = field(default_factory=dict)

    @property
    def shots(self) -> int:
        """Of all pubs."""
        return sum(pub.all_shots for pub in self.pubs)


def encode(bundle: Bundle) -> bytes:
    """The bundle as one message. Raises wire.WireError if it is too large for one."""
    header = {
        "runtime": bundle.kind,
        "seed": bundle.seed,
        "notes": bundle.notes,
        "echo": bundle.echo,
        "programs": [[_registers(p), p.metadata] for p in bundle.programs],
        "pubs": [[*_row(pub), pub.extra] for pub in bundle.pubs],
    }
    arrays: list[NDArray[Any]] = []
    for program in bundle.programs:
        arrays.append(np.frombuffer(wire.encode(program.circuit), np.uint8))
    for pub in bundle.pubs:
        arrays += [pub.values, *_sums(pub.observables)]
    return wire.pack(header, arrays)


def _registers(program: Program) -> list[list[Any]]:
    return [[name, list(bits)] for name, bits in program.registers]


def _row(pub: Pub) -> list[Any]:
    shapes = list(pub.shape), list(pub.observables_shape)
    return [pub.program, *shapes, pub.shots, pub.precision]


def _sums(observables: Sequence[PauliSum]) -> list[NDArray[Any]]:
    """Terms of each sum, their coefficients, factors of each term, the factors."""
    terms = [term for each in observables for term in each.terms]
    factors = [(q, _LETTERS.index(c)) for _, pauli in terms for q, c in pauli.factors]
    return [
        np.array([len(each.terms) for each in observables], np.int32),
        np.array([c for c, _ in terms], np.float64),
        np.array([len(pauli.factors) for _, pauli in terms], np.int32),
        np.array(factors, np.int32).reshape(-1, 2),
    ]


def decode(data: bytes) -> Bundle:
    """The bundle in a message, checked. Raises wire.WireError."""
    header, arrays = wire.unpack(data, MAX_BYTES)
    try:
        return _bundle(header, arrays)
    except wire.WireError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
        raise wire.WireError(f"not a bundle: {error!r}") from error


def _bundle(header: dict[str, Any], arrays: list[NDArray[Any]]) -> Bundle:
    rest = iter(arrays)
    programs = tuple(_program(row, rest) for row in header["programs"])
    pubs = tuple(_pub(row, programs, rest) for row in header["pubs"])
    seed, notes, echo = header["seed"], header["notes"], header["echo"]
    if next(rest, None) is not None or not isinstance(notes, dict) or not isinstance(echo, dict):
        raise wire.WireError("a bundle with parts that nothing names")
    if seed is not None and not 0 <= _is(int, seed) < 1 << 63:
        raise wire.WireError("a seed out of range")
    return Bundle(_is(str, header["runtime"]), programs, pubs, seed, notes, echo)


def _is(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise wire.WireError(f"{value!r:.40} is no {kind.__name__}")
    return value


def _program(row: Any, arrays: Iterator[NDArray[Any]]) -> Program:
    registers, metadata = row
    circuit = wire.decode(_array(arrays, "|u1", 1).tobytes())
    found = tuple((_is(str, name), tuple(bits)) for name, bits in registers)
    for _, bits in found:
        if any(not 0 <= _is(int, bit) < circuit.num_clbits for bit in bits):
            raise wire.WireError("a register of bits that there are not")
    if not isinstance(metadata, dict):
        raise wire.WireError("metadata that is no object")
    return Program(circuit, found, metadata)


def _pub(row: Any, programs: Sequence[Program], arrays: Iterator[NDArray[Any]]) -> Pub:
    number, shape, observables_shape, shots, precision, extra = row
    if not 0 <= _is(int, number) < len(programs) or _is(int, shots) < 0:
        raise wire.WireError("a pub of a circuit that there is not, or of negative shots")
    if not 0 <= _is(float, precision) < math.inf:
        raise wire.WireError("a precision out of range")
    circuit = programs[number].circuit
    values = _array(arrays, "<f8", 2)
    points = tuple(_is(int, n) for n in shape)
    if values.shape != (math.prod(points), len(circuit.parameters)):
        raise wire.WireError("values of another shape than their pub's")
    sums = _read_sums(arrays, circuit.num_qubits)
    layout = tuple(_is(int, n) for n in observables_shape)
    if sums and math.prod(layout) != len(sums):
        raise wire.WireError("observables of another shape than their pub's")
    if not isinstance(extra, dict):
        raise wire.WireError("extra results that are no object")
    return Pub(number, values, points, shots, sums, layout, precision, extra)


def _read_sums(arrays: Iterator[NDArray[Any]], qubits: int) -> tuple[PauliSum, ...]:
    counts = _array(arrays, "<i4", 1).tolist()
    coefficients = _array(arrays, "<f8", 1).tolist()
    widths = _array(arrays, "<i4", 1).tolist()
    pairs = _array(arrays, "<i4", 2).tolist()
    if min([0, *counts, *widths]) < 0 or sum(counts) != len(coefficients):
        raise wire.WireError("observables whose terms do not add up")
    if sum(widths) != len(pairs) or not all(map(math.isfinite, coefficients)):
        raise wire.WireError("terms whose factors do not add up")
    if any(not (0 <= q < qubits and 0 <= letter < 3) for q, letter in pairs):
        raise wire.WireError("a factor on a qubit that there is not")
    factors = iter([(q, _LETTERS[letter]) for q, letter in pairs])
    paulis = [Pauli(tuple(next(factors) for _ in range(width))) for width in widths]
    if any(len({q for q, _ in p.factors}) < len(p.factors) for p in paulis):
        raise wire.WireError("a term that names a qubit twice")
    terms = iter(list(zip(coefficients, paulis, strict=True)))
    return tuple(PauliSum(tuple(next(terms) for _ in range(n)), qubits) for n in counts)


def _array(arrays: Iterator[NDArray[Any]], dtype: str, dimensions: int) -> NDArray[Any]:
    found = next(arrays)
    if found.dtype.str != dtype or found.ndim != dimensions:
        raise wire.WireError("an array of another type than its place's")
    return found


def bundle_hash(bundle: Bundle) -> str:
    """``sha256:`` and 64 hexadecimal digits over what is run: kind, circuits with their
    registers, values, shots, observables and precisions; not seed, notes and metadata."""
    digest = hashlib.sha256(f"markaz {bundle.kind} 1\n".encode())
    hashes = [program_hash(p.circuit) for p in bundle.programs]
    for pub in bundle.pubs:
        about = [hashes[pub.program], _registers(bundle.programs[pub.program]), *_row(pub)[1:]]
        parts = [json.dumps(about).encode(), *map(_bytes, (pub.values, *_sums(pub.observables)))]
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _bytes(values: NDArray[Any]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
