"""A circuit fitted to a device, and how it can be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from markaz.quantum.programs.circuit import Circuit, Register
from markaz.quantum.programs.drawing import describe, draw
from markaz.quantum.programs.export_openqasm import to_openqasm3
from markaz.quantum.programs.export_qcis import to_qcis
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.program_hash import program_hash

_REGISTER = "physical__qubits"  # no other name in the text begins like this one with "["
_PLACE = re.compile(rf"\b{_REGISTER}\[(\d+)\]")
_FIRST_POOLED = int(Op.MCX)
_ALONE = [int(op) for op in (Op.MEASURE, Op.RESET, Op.DELAY)]


@dataclass(frozen=True)
class Compiled:
    """A circuit on physical qubits in a device's native gates.

    ``start`` and ``end`` hold, for each qubit of the program, its physical qubit before the
    first and after the last operation, -1 for a qubit that the program does not use.
    ``fidelity`` is expected from the sheet (see ``schedule.log_fidelity``); ``gates`` counts
    operations by name; ``depth`` counts layers of pulses and measurements, ``pair_depth``
    layers of two-qubit gates; ``duration_ns`` of one shot. ``key`` names all of the input.
    """

    circuit: Circuit
    start: tuple[int, ...]
    end: tuple[int, ...]
    fidelity: float
    gates: Mapping[str, int]
    depth: int
    pair_depth: int
    duration_ns: float
    device: str
    sheet: str | None
    program: str
    key: str
    options: Mapping[str, Any]
    versions: Mapping[str, str]

    @cached_property
    def hash(self) -> str:
        """Hash of the compiled circuit, as of a program."""
        return program_hash(self.circuit)

    @property
    def qubits(self) -> tuple[int, ...]:
        """The physical qubits in use, ascending."""
        return tuple(used_qubits(self.circuit))

    def bind(self, values: Mapping[str, float]) -> Compiled:
        """The same with every parameter given a value (radians); raises as
        ``parameters.bind``."""
        return replace(self, circuit=bind(self.circuit, values))

    def openqasm3(self) -> str:
        """OpenQASM 3 with physical qubits ``$0``, ``$1``, …"""
        return physical_openqasm3(self.circuit)

    def qcis(self) -> str:
        """QCIS; raises ProgramError as ``to_qcis``."""
        return to_qcis(self.circuit)

    def drawing(self) -> str:
        """A drawing as SVG: the qubits in use, wires from left to right."""
        return draw(self.circuit)

    def text(self) -> str:
        """The drawing in words, an operation a line."""
        return describe(self.circuit)

    def to_json(self) -> dict[str, Any]:
        """Everything but the circuit, as plain values."""
        return {
            "hash": self.hash,
            "key": self.key,
            "program": self.program,
            "device": self.device,
            "sheet": self.sheet,
            "layout": {"start": list(self.start), "end": list(self.end)},
            "fidelity": round(self.fidelity, 12),
            "gates": dict(self.gates),
            "depth": self.depth,
            "pair_depth": self.pair_depth,
            "duration_ns": self.duration_ns,
            "options": dict(self.options),
            "versions": dict(self.versions),
        }


def used_qubits(circuit: Circuit) -> list[int]:
    """Qubits on which something other than a barrier acts, ascending."""
    # numpy's set functions on the columns would need the pool as well; circuits that reach
    # a device have no pooled gates beside barriers and assignments.
    plain = circuit.qubits[circuit.op < _FIRST_POOLED]
    reads = circuit.qubits[np.isin(circuit.op, _ALONE)]
    found = {int(q) for rows in (plain, reads) for q in rows.ravel().tolist() if q >= 0}
    return sorted(found)


def physical_openqasm3(circuit: Circuit) -> str:
    """OpenQASM 3 of a circuit whose qubit ``k`` is the physical qubit ``$k``."""
    named = circuit.with_arrays(qregs=(Register(_REGISTER, circuit.num_qubits, 0),))
    lines = to_openqasm3(named).splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f"qubit[{circuit.num_qubits}] ")]
    return _PLACE.sub(r"$\1", "".join(kept))
