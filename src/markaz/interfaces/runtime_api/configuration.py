"""A device's document as the client's configuration and properties.

The client builds its ``Target`` from these: gates, and for a device with a coupling which
pairs of qubits they join. A simulator joins all pairs, which is said by naming none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markaz.interfaces.runtime_api.job_documents import iso

VERSION: Final = "1.0.0"
# Nanoseconds. Clients then send delays in steps: QPY keeps their lengths and drops other units.
SIMULATOR_STEP: Final = 1.0
OPERATIONAL: Final = {"name": "operational", "unit": "", "value": 1}
ALL: Final = "all-to-all"
DIRECTED: Final = frozenset({"ecr"})
# features of a device's description -> instructions that the client may then send
CONTROL: Final = {
    "feed-forward": ("if_else", "switch_case"),
    "loops": ("for_loop", "while_loop", "break_loop", "continue_loop"),
}
# gate -> its parameters, of those that have any
PARAMETERS: Final = {
    **dict.fromkeys(("p", "rx", "ry", "rz", "cp", "crx", "cry", "crz"), ("theta",)),
    **dict.fromkeys(("rxx", "ryy", "rzz", "rzx"), ("theta",)),
    "u": ("theta", "phi", "lam"),
    "cu": ("theta", "phi", "lam", "gamma"),
}


def qubits(document: Mapping[str, Any], most: int) -> int:
    """How many qubits clients see: of a simulator at most ``most``, since clients build tables
    of that length; a program may have more."""
    count = int(document["qubits"])
    return min(count, most) if document["kind"] == "simulator" else count


def configuration(document: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the client takes for a device, of the document that ``devices.get`` answers.

    ``description`` may have ``basis`` (gate names), ``coupling`` (directed pairs of qubits, or
    "all-to-all"), ``features`` and ``configuration`` (further fields, taken as they are).
    """
    about = document["description"]
    # A device's file has a reset among its gates; to the client it stands beside them.
    basis = [name for name in about.get("basis") or () if name != "reset"]
    pairs = coupling(about)
    simulator = document["kind"] == "simulator"
    count = qubits(document, settings["runtime_qubits"])
    found = {
        "backend_name": document["device"],
        "backend_version": VERSION,
        "n_qubits": count,
        "basis_gates": basis,
        "gates": [_gate(name, pairs, count) for name in basis],
        "supported_instructions": [*basis, *_beside(about, simulator), *_control(about)],
        "supported_features": ["qasm3", *(["dynamic_circuits"] if _control(about) else [])],
        "local": False,
        "simulator": simulator,
        "conditional": bool(_control(about)),
        "open_pulse": False,
        "memory": True,
        "max_shots": int(about.get("max_shots") or settings["max_shots"]),
        "coupling_map": pairs,
        "online_date": iso(document["created_at"]),
        "description": str(about.get("summary") or document["title"]),
    }
    if simulator or "dt_ns" in about:
        found["dt"] = SIMULATOR_STEP if simulator else about["dt_ns"]
    return found | dict(about.get("configuration") or {})


def coupling(about: Mapping[str, Any]) -> list[list[int]] | None:
    """The directed pairs of qubits that a gate may join; None: all.

    A device that a file describes has its couplers there, once each: its gates work in both
    directions, but for those that Qiskit takes as directed.
    """
    given = about.get("coupling")
    if given is None or given == ALL:
        return None
    pairs = [[int(a), int(b)] for a, b in given]
    both = "gates" in about and DIRECTED.isdisjoint(about.get("basis") or ())
    return pairs + [pair[::-1] for pair in pairs] if both else pairs


def _beside(about: Mapping[str, Any], simulator: bool) -> list[str]:
    """Instructions besides gates."""
    features = set(about.get("features") or ())
    resets = simulator or "gates" not in about or "reset" in features
    return ["measure", *(["reset"] if resets else []), "delay", "barrier"]


def _gate(name: str, pairs: list[list[int]] | None, count: int) -> dict[str, Any]:
    gate: dict[str, Any] = {
        "name": name,
        "parameters": list(PARAMETERS.get(name, ())),
        "qasm_def": f"gate {name} q {{ }}",
    }
    if pairs is not None:
        gate["coupling_map"] = pairs if _joins_two(name) else [[q] for q in range(count)]
    return gate


def _joins_two(name: str) -> bool:
    return name in TWO


TWO: Final = frozenset(
    ("cx", "cy", "cz", "ch", "cs", "csdg", "csx", "cp", "crx", "cry", "crz", "cu", "swap", "iswap")
) | frozenset(("ecr", "dcx", "rxx", "ryy", "rzz", "rzx"))


def _control(about: Mapping[str, Any]) -> list[str]:
    features = set(about.get("features") or ())
    return [name for feature, names in CONTROL.items() if feature in features for name in names]


def properties(
    document: Mapping[str, Any], sheet: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What was measured, of a calibration sheet: ``at`` (microseconds UTC), ``qubits`` (for
    each a list of name, unit, value) and ``gates`` (gate, qubits, and such a list).

    Without a sheet, as of every simulator, only that its qubits work: QRMI takes no device
    apart that has no date and no entry for each qubit.
    """
    if sheet is None:
        count = qubits(document, settings["runtime_qubits"])
        return _measured(document, iso(document["created_at"]), [[OPERATIONAL]] * count, [])
    return _measured(document, iso(sheet["at"]), sheet["qubits"], sheet["gates"])


def _measured(
    document: Mapping[str, Any], date: str | None, each: Sequence[Any], gates: Sequence[Any]
) -> dict[str, Any]:
    return {
        "backend_name": document["device"],
        "backend_version": VERSION,
        "last_update_date": date,
        "qubits": [[_value(one, date) for one in values] for values in each],
        "gates": [_measured_gate(gate, date) for gate in gates],
        "general": [],
        "general_qlists": [],
    }


def _measured_gate(gate: Mapping[str, Any], date: str | None) -> dict[str, Any]:
    joined = "_".join(map(str, gate["qubits"]))
    return {
        "gate": gate["gate"],
        "name": f"{gate['gate']}{joined}",
        "qubits": list(gate["qubits"]),
        "parameters": [_value(one, date) for one in gate["values"]],
    }


def _value(one: Mapping[str, Any], date: str | None) -> dict[str, Any]:
    return {"date": date, "name": one["name"], "unit": one["unit"], "value": one["value"]}
