"""The circuits of a body: QPY or OpenQASM, each different one read once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from markaz.quantum.programs import readers
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.validate import InvalidCircuitError, validate
from markaz.quantum.runtime.body import Inflater, parse, too_large, typed
from markaz.quantum.runtime.bundle import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MAX_METADATA: Final = 1 << 20  # characters of JSON, of all circuits together


class Circuits:
    """Reads circuits and numbers them; ``programs`` in the order of their numbers."""

    def __init__(self, inflater: Inflater) -> None:
        self.programs: list[Program] = []
        self.inflater = inflater
        self._numbers: dict[str, int] = {}
        self._gates = self._metadata = 0

    def number(self, value: Any) -> int:
        """The number of a circuit: a typed QuantumCircuit, or OpenQASM text.

        Raises ProgramError for what is no circuit, or too large together with the others.
        """
        text = value if isinstance(value, str) else typed(value, "QuantumCircuit")
        if not isinstance(text, str):
            parse("the contents of a QuantumCircuit must be base64 text")
        if text not in self._numbers:
            found = text_program(text) if text is value else self._qpy(text)
            self.add(found)
            self._numbers[text] = len(self.programs) - 1
        return self._numbers[text]

    def add(self, program: Program) -> None:
        """One more circuit."""
        self._gates += len(program.circuit)
        self._metadata += len(json.dumps(program.metadata)) if program.metadata else 0
        if self._gates > DEFAULT.gates:
            too_large(f"the circuits together have more than {DEFAULT.gates} operations")
        if self._metadata > MAX_METADATA:
            too_large(f"the metadata of the circuits have more than {MAX_METADATA} characters")
        self.programs.append(program)

    def _qpy(self, text: str) -> Program:
        # Qiskit, which only a body with a QuantumCircuit needs
        from markaz.quantum.programs import qpy  # noqa: PLC0415

        (found,) = qpy.load_qpy(self.inflater.inflate(text), DEFAULT)
        return program_of(found)


def text_program(text: str) -> Program:
    """A circuit in OpenQASM, with its registers. Raises ProgramError."""
    circuit = readers.read(text.encode("utf-8", "surrogatepass"), "openqasm", DEFAULT)
    shown = [r for r in circuit.cregs if not r.hidden]
    return Program(
        circuit, tuple((r.name, tuple(range(r.offset, r.offset + r.size))) for r in shown)
    )


def program_of(circuit: QuantumCircuit) -> Program:
    """A Qiskit circuit with its registers, which may share bits. Raises ProgramError, also for
    what Qiskit lets through and a worker would not."""
    from markaz.quantum.programs.qiskit_bridge import from_qiskit  # noqa: PLC0415 - Qiskit

    flat: Circuit = from_qiskit(circuit, DEFAULT)
    try:
        validate(flat, DEFAULT)
    except InvalidCircuitError as error:
        parse(f"this is not a circuit: {error}")
    place = {bit: i for i, bit in enumerate(circuit.clbits)}
    registers = tuple((r.name, tuple(place[bit] for bit in r)) for r in circuit.cregs)
    return Program(flat, registers, dict(circuit.metadata or {}))
