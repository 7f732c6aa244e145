"""A device as a Qiskit target, with errors and durations from a calibration sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet

if TYPE_CHECKING:
    from qiskit.transpiler import InstructionProperties, QubitProperties, Target


def target(model: DeviceModel, sheet: Sheet | None = None) -> Target:
    """What the device can execute.

    Durations and qubit times are in seconds, errors are average infidelities; None where
    the sheet has none. Dead couplers are absent. Native gates that Qiskit has no word for
    (quarter turns about other axes) are left out: sx, sxdg and rz make all of them.
    """
    # Qiskit takes long to import; who asks for a target has it in hand.
    from qiskit.transpiler import Target

    made = Target(
        num_qubits=model.num_qubits,
        dt=model.dt * 1e-9,
        qubit_properties=[_qubit(sheet, q) for q in range(model.num_qubits)],
        description=model.title,
    )
    listed: set[str] = set()
    for name in model.gates:
        word = NATIVE[name].qiskit
        if word is not None and word not in listed:
            listed.add(word)
            made.add_instruction(_instruction(word), _properties(model, sheet, name), name=word)
    if "delay" in model.features:
        made.add_instruction(*_delay(model), name="delay")
    return made


def duration(model: DeviceModel, sheet: Sheet | None, gate: str, *qubits: int) -> float:
    """Duration of a gate in ns: as measured, else as the device file says."""
    measured = None if sheet is None else sheet.value(f"gate_length:{gate}", *qubits)
    if gate == "measure" and sheet is not None:
        measured = sheet.value("readout_length", *qubits)
    return model.gates[gate] if measured is None else measured


def error(sheet: Sheet | None, gate: str, *qubits: int) -> float | None:
    """Average infidelity of a gate, or error of a measurement; None where unmeasured."""
    if NATIVE[gate].virtual:
        return 0.0
    if sheet is None:
        return None
    if gate == "measure":
        return sheet.value("readout_error", *qubits)
    return sheet.value(f"gate_error:{gate}", *qubits)


def _properties(
    model: DeviceModel, sheet: Sheet | None, gate: str
) -> dict[tuple[int, ...], InstructionProperties]:
    from qiskit.transpiler import InstructionProperties

    places: list[tuple[int, ...]] = [(q,) for q in range(model.num_qubits)]
    if NATIVE[gate].qubits == 2:
        places = [tuple(pair) for pair in model.live_couplers]
        if gate != "ecr":  # the others are symmetric
            places += [pair[::-1] for pair in places]
    return {
        qubits: InstructionProperties(
            duration=duration(model, sheet, gate, *qubits) * 1e-9,
            error=error(sheet, gate, *qubits),
        )
        for qubits in places
    }


def _instruction(word: str) -> Any:
    from qiskit.circuit import Measure, Parameter, Reset, library

    plain = {
        "sx": library.SXGate,
        "sxdg": library.SXdgGate,
        "x": library.XGate,
        "id": library.IGate,
        "cz": library.CZGate,
        "ecr": library.ECRGate,
        "measure": Measure,
        "reset": Reset,
    }
    turning = {"rx": library.RXGate, "rz": library.RZGate, "rzz": library.RZZGate}
    if word in turning:
        return turning[word](Parameter("theta"))
    return plain[word]()


def _delay(model: DeviceModel) -> tuple[Any, dict[tuple[int, ...], None]]:
    from qiskit.circuit import Delay, Parameter

    return Delay(Parameter("t")), {(q,): None for q in range(model.num_qubits)}


def _qubit(sheet: Sheet | None, qubit: int) -> QubitProperties:
    from qiskit.transpiler import QubitProperties

    def scaled(quantity: str, factor: float) -> float | None:
        value = None if sheet is None else sheet.value(quantity, qubit)
        return None if value is None else value * factor

    return QubitProperties(
        t1=scaled("T1", 1e-6), t2=scaled("T2echo", 1e-6), frequency=scaled("frequency", 1e9)
    )
