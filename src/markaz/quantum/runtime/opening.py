"""Bodies of the programs sampler and estimator, opened: for the guarded child."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.runtime import options as known
from markaz.quantum.runtime.body import (
    Inflater,
    at,
    parse,
    real,
    sequence,
    too_large,
    tree,
    whole,
)
from markaz.quantum.runtime.bundle import Bundle, Pub
from markaz.quantum.runtime.circuits import Circuits
from markaz.quantum.runtime.observables import Observables

MAX_PUBS: Final = 10_000
MAX_RESULTS: Final = 4_000_000  # expectation values of all pubs
MAX_RESULT_BYTES: Final = 160 << 20  # packed outcomes of all pubs
MAX_POINT_BITS: Final = 128 << 20  # classical bits times shots of one point
_PARAMS: Final = frozenset({"pubs", "options", "version", "support_qiskit", "shots"})
_KNOWN: Final = {"sampler": _PARAMS, "estimator": _PARAMS | {"resilience_level", "precision"}}


@dataclass(frozen=True, slots=True)
class Asked:
    """What holds for all pubs of a body."""

    options: Mapping[str, Any]
    max_shots: int
    shots: int
    precision: float


def open_pubs(
    kind: str, data: bytes, *, seed: int | None, max_shots: int, device_kind: str = "simulator"
) -> Bundle:
    """The bundle in ``data``, the JSON of ``params`` for the program ``kind`` on a device of
    ``device_kind``.

    ``seed`` is taken where the body names none; ``max_shots`` bounds each point of a pub.
    Raises BodyError; a stranger's circuit can still make Qiskit's reader abort the process.
    """
    params = tree(data)
    if params.get("version", 2) != 2:
        with at("version"):
            parse("only version 2 of the pubs is read")
    options = known.known(params.get("options"), kind)
    if kind == "estimator" and params.get("resilience_level") is not None:
        options.setdefault("resilience_level", params["resilience_level"])
    asked = _asked(kind, params, options, max_shots)
    notes = _notes(kind, params, options, device_kind)
    circuits = Circuits(Inflater())
    pubs = _pubs(kind, params, asked, circuits)
    bundle_seed = known.seed_of(options, seed)
    return Bundle(kind, tuple(circuits.programs), pubs, bundle_seed, notes)


def _asked(
    kind: str, params: Mapping[str, Any], options: Mapping[str, Any], max_shots: int
) -> Asked:
    shots = known.default_shots(options, max_shots)
    if params.get("shots") is not None and kind == "sampler":
        with at("shots"):
            shots = whole(params["shots"], "shots", 1, max_shots)
    precision = known.default_precision(options, max_shots)
    if params.get("precision") is not None:
        with at("precision"):
            precision = real(params["precision"], "precision", 0.0, 1e3)
    return Asked(options, max_shots, shots or known.DEFAULT_SHOTS, precision)


def _notes(
    kind: str, params: Mapping[str, Any], options: Mapping[str, Any], device_kind: str
) -> dict[str, Any]:
    """What the result's metadata say of the options. Raises BodyError for refused ones."""
    known.check_measured(options)
    mitigation = known.mitigation_of(options, device_kind, kind)
    reasons = {**mitigation.not_applied, **known.not_applied(options, device_kind)}
    ignored = sorted(str(name)[:60] for name in set(params) - _KNOWN[kind])
    # What of it was applied, a result says of each pub.
    notes = {"asked": mitigation.applied, "not_applied": reasons, "ignored": ignored[:20],
             "mitigation": mitigation.parts}  # fmt: skip
    return {name: value for name, value in notes.items() if value}


def _pubs(
    kind: str, params: Mapping[str, Any], asked: Asked, circuits: Circuits
) -> tuple[Pub, ...]:
    with at("pubs"):
        rows = sequence(params.get("pubs"), "pubs", MAX_PUBS)
        if not rows:
            parse("there is no pub")
    reader = _Reader(asked, circuits)
    read = reader.sampler if kind == "sampler" else reader.estimator
    found = []
    for number, row in enumerate(rows):
        with at(f"pubs[{number}]"):
            found.append(read(row))
    return tuple(found)


class _Reader:
    """Reads pubs, and counts what they give together."""

    def __init__(self, asked: Asked, circuits: Circuits) -> None:
        self._asked, self._circuits = asked, circuits
        self._results = self._bytes = 0
        self._observables = Observables()

    def sampler(self, row: Any) -> Pub:
        """``[circuit, values, shots]``; what is missing or null takes its default."""
        circuit, values, shots = _filled(row, 1, 3)
        number = self._circuits.number(circuit)
        points, shape = self._values(values, number)
        asked = self._asked
        if shots is not None:
            shots = whole(shots, "shots", 1, asked.max_shots)
        pub = Pub(number, points, shape, shots=shots or asked.shots)
        self._count_results(pub)
        self._count_bytes(pub)
        return pub

    def estimator(self, row: Any) -> Pub:
        """``[circuit, observables, values, precision]``, likewise."""
        circuit, observables, values, precision = _filled(row, 2, 4)
        number = self._circuits.number(circuit)
        sums, layout = self._observables.read(observables, self._flat(number).num_qubits)
        points, shape = self._values(values, number)
        wanted = self._asked.precision
        if precision is not None:
            wanted = real(precision, "precision", 0.0, 1e3)
        pub = Pub(number, points, shape, 0, sums, layout, wanted)
        self._count_results(pub)
        return pub

    def _flat(self, number: int) -> Circuit:
        return self._circuits.programs[number].circuit

    def _values(self, value: Any, number: int) -> tuple[NDArray[np.float64], tuple[int, ...]]:
        """Values (points, parameters), and the shape of the points."""
        names = self._flat(number).parameters
        found = np.zeros(0) if value is None else self._circuits.inflater.array(value)
        if found.ndim == 0 or found.shape[-1] != len(names):
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            given = found.shape[-1] if found.ndim else 1
            parse(f"{given} values a point for {len(names)} parameters ({shown or 'none'})")
        shape = found.shape[:-1]
        if math.prod(shape) > MAX_RESULTS:
            too_large(f"{math.prod(shape)} points; at most {MAX_RESULTS}")
        return found.reshape(math.prod(shape), len(names)), shape

    def _count_results(self, pub: Pub) -> None:
        try:
            shape = pub.result_shape
        except ValueError:
            parse(
                f"values of shape {pub.shape} and observables of shape "
                f"{pub.observables_shape} do not go together"
            )
        self._results += math.prod(shape)
        if self._results > MAX_RESULTS:
            too_large(f"more than {MAX_RESULTS} points and values in one job")

    def _count_bytes(self, pub: Pub) -> None:
        program = self._circuits.programs[pub.program]
        if pub.shots * program.circuit.num_clbits > MAX_POINT_BITS:
            bits = program.circuit.num_clbits
            too_large(f"{pub.shots} shots of {bits} bits; at most {MAX_POINT_BITS} bits a point")
        width = sum(-(-len(bits) // 8) for _, bits in program.registers)
        self._bytes += len(pub.values) * pub.shots * width
        if self._bytes > MAX_RESULT_BYTES:
            too_large(f"results of more than {MAX_RESULT_BYTES >> 20} MiB in one job")


def _filled(row: Any, least: int, most: int) -> list[Any]:
    items = sequence(row, "parts of a pub", most)
    if len(items) < least:
        parse(f"a pub has at least {least} parts, not {len(items)}")
    return items + [None] * (most - len(items))
