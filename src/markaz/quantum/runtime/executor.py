"""Bodies of the program executor, opened: for the guarded child.

Items with a circuit run it at given values; items with a samplex at values that are drawn
here (``samplexes``). The rest of a body is handed back with the results, as it came.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.runtime import samplexes, tensors
from markaz.quantum.runtime.body import (
    Inflater,
    at,
    flag,
    mapping,
    parse,
    sequence,
    shape_of,
    too_large,
    tree,
    whole,
)
from markaz.quantum.runtime.bundle import Bundle, Pub
from markaz.quantum.runtime.circuits import Circuits, program_of, text_program
from markaz.quantum.runtime.opening import MAX_PUBS, MAX_RESULTS
from markaz.quantum.runtime.tensors import SCHEMAS

MAX_ITEM_BITS: Final = 128 << 20  # classical bits that an item gives
MAX_BITS: Final = 1 << 30  # and all together
MAX_ECHO_DEPTH: Final = 60
_OPTIONS: Final = frozenset(
    {"init_qubits", "rep_delay", "scheduler_timing", "stretch_values", "experimental"}
)


def open_executor(data: bytes, *, seed: int | None, max_shots: int) -> Bundle:
    """The bundle in ``data``, the JSON of ``params``. Errors as ``opening.open_pubs``."""
    params = tree(data)
    with at("schema_version"):
        version = params.get("schema_version")
        if not isinstance(version, str) or version not in SCHEMAS:
            known = ", ".join(SCHEMAS)
            text = f"schema {version!r:.20} is not known here; there are {known}"
            raise ProgramError("unsupported", text)
    with at("options"):
        notes = _notes(mapping(params.get("options", {}), "options"))
    with at("quantum_program"):
        program = mapping(params.get("quantum_program"), "quantum_program")
        _check_level(program.get("meas_level", "classified"))
        shots = whole(program.get("shots"), "shots", 1, max_shots)
        items = sequence(program.get("items"), "items", MAX_PUBS)
        if not items:
            parse("there is no item")
    reader = _Items(SCHEMAS[version], shots, seed)
    with at("quantum_program.circuits"):
        reader.read_circuits(program.get("circuits"), len(items))
    pubs = []
    for number, item in enumerate(items):
        with at(f"items[{number}]"):
            pubs.append(reader.item(number, mapping(item, "an item")))
    echo = {"schema_version": version, **_echo(program)}
    return Bundle("executor", tuple(reader.circuits.programs), tuple(pubs), seed, notes, echo)


def _notes(options: Mapping[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in _OPTIONS:
            raise ProgramError("unsupported", f"there is no option {name[:60]!r}")
    ignored = {
        "rep_delay": "a simulator starts every shot afresh, at once",
        "experimental": "there are no experimental options here",
        "scheduler_timing": "a simulator has no schedule",
        "stretch_values": "a simulator has no schedule",
    }
    reasons = {name: why for name, why in ignored.items() if options.get(name)}
    if not flag(options.get("init_qubits", True), "init_qubits"):
        reasons["init_qubits"] = "a simulator starts every shot afresh, at once"
    return {"not_applied": reasons} if reasons else {}


def _check_level(level: Any) -> None:
    if level != "classified":
        shown = f"{level!r:.40}"
        raise ProgramError("unsupported", f"{shown}: only classified results are given")


def _echo(program: Mapping[str, Any]) -> dict[str, Any]:
    """What selects and parametrises the client's post-processing."""
    with at("quantum_program.passthrough_data"):
        _check_tree(program.get("passthrough_data"), MAX_ECHO_DEPTH)
    with at("quantum_program.semantic_role"):
        role = program.get("semantic_role")
        if role is not None and not (isinstance(role, str) and len(role) <= 200):
            parse("semantic_role must be a short text")
    return {"passthrough_data": program.get("passthrough_data"), "semantic_role": role}


def _check_tree(value: Any, depth: int) -> None:
    """Finite, and not nested so deeply that others cannot read it."""
    if depth == 0:
        too_large(f"the data are nested more than {MAX_ECHO_DEPTH} deep")
    if isinstance(value, float) and not math.isfinite(value):
        parse("a number is not finite")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _check_tree(one, depth - 1)


class _Items:
    """Reads the items of one program, and counts what they give together."""

    def __init__(self, compressed: bool, shots: int, seed: int | None) -> None:
        self.circuits = Circuits(Inflater())
        self._compressed, self._shots = compressed, shots
        self._rng = np.random.default_rng(secrets.randbits(63) if seed is None else seed)
        self._points = self._bits = 0

    def read_circuits(self, value: Any, count: int) -> None:
        """One circuit for each item: a QPY file of them all, or OpenQASM texts."""
        given = mapping(value, "circuits")
        if "b64_data" not in given:
            texts = sequence(given.get("data"), "circuits", count)
            if len(texts) < count or not all(isinstance(text, str) for text in texts):
                parse(f"{count} OpenQASM texts were expected, one for each item")
            for text in texts:
                self.circuits.add(text_program(text))
            return
        # Qiskit, which only QPY needs
        from markaz.quantum.programs import qpy  # noqa: PLC0415

        inflater = self.circuits.inflater
        text = given["b64_data"]
        data = inflater.inflate(text) if self._compressed else inflater.plain(text)
        for found in qpy.load_qpy(data, DEFAULT, count):
            self.circuits.add(program_of(found))

    def item(self, number: int, item: Mapping[str, Any]) -> Pub:
        """An item as a pub."""
        kind = item.get("item_type", "circuit")
        given = sequence(item.get("shape", []), "dimensions", 16)
        shape = shape_of(given)
        if kind == "circuit":
            values, extra = self._arguments(item), dict[str, Any]()
            shape = _joined(shape, values.shape[:-1])
        elif kind == "samplex":
            self._count(number, shape)
            values, extra = self._drawn(item, shape)
        else:
            parse(f"there are no items of type {kind!r:.20}")
        names = self.circuits.programs[number].circuit.parameters
        if values.ndim == 0 or values.shape[-1] != len(names):
            parse(f"values of shape {values.shape} for {len(names)} parameters")
        if kind == "circuit":
            self._count(number, shape)
        if _joined(shape, values.shape[:-1]) != shape:
            parse(f"values of shape {values.shape} for an item of shape {shape}")
        points = np.broadcast_to(values, (*shape, len(names)))
        flat = np.array(points, np.float64).reshape(math.prod(shape), len(names))
        return Pub(number, flat, shape, shots=self._shots, extra=extra)

    def _arguments(self, item: Mapping[str, Any]) -> NDArray[Any]:
        inflater = self.circuits.inflater
        return tensors.tensor(item.get("circuit_arguments"), inflater, compressed=self._compressed)

    def _drawn(
        self, item: Mapping[str, Any], shape: tuple[int, ...]
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Values for the circuit, and what else was drawn, as tensors."""
        found = samplexes.drawn(
            item, shape, self.circuits.inflater, self._rng, compressed=self._compressed
        )
        values = found.pop("parameter_values", np.zeros((*shape, 0)))
        rest = {
            name: tensors.encoded(array, compressed=self._compressed)
            for name, array in found.items()
        }
        return values, rest

    def _count(self, number: int, shape: tuple[int, ...]) -> None:
        points = math.prod(shape)
        self._points += points
        if self._points > MAX_RESULTS:
            too_large(f"more than {MAX_RESULTS} points in one job")
        registers = self.circuits.programs[number].registers
        bits = points * self._shots * sum(len(columns) for _, columns in registers)
        self._bits += bits
        if bits > MAX_ITEM_BITS or self._bits > MAX_BITS:
            too_large(f"an item gives at most {MAX_ITEM_BITS} bits, a job {MAX_BITS}")


def _joined(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(shape, other)
    except ValueError:
        parse(f"shapes {shape} and {other} do not go together")
