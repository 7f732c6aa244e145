"""Devices that every centre has from its first start."""

from __future__ import annotations

from typing import Any, Final

from markaz.quantum.devices import model
from markaz.quantum.programs.limits import DEFAULT

# The simulator runs whatever gate a program may contain, so these are the program's gates.
BASIS: Final = (
    "id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "p", "rx", "ry", "rz", "u",
    "cx", "cy", "cz", "ch", "cs", "csdg", "csx", "cp", "crx", "cry", "crz", "cu",
    "swap", "iswap", "ecr", "dcx", "rxx", "ryy", "rzz", "rzx", "ccx", "ccz", "cswap", "rccx",
)  # fmt: skip

SIMULATOR: Final[dict[str, Any]] = {
    "id": "simulator",
    "title": "Noiseless simulator",
    "kind": "simulator",
    "driver": "simulate",
    "qubits": DEFAULT.qubits,
    "is_default": True,
    "description": {
        "summary": "Exact, without noise; the best engine is chosen for each program.",
        "noise": None,
        "qubits": DEFAULT.qubits,
        "limits": "The number of qubits is what a program may declare. What can be run depends "
        "on the circuit: Clifford circuits of thousands of qubits, sparse or weakly entangled "
        "ones of hundreds, any circuit of about 30, as memory allows. `markaz explain` tells "
        "before a job is submitted; a job that does not fit is refused, never guessed.",
        "basis": list(BASIS),
        "coupling": "all-to-all",
        "features": [
            "mid-circuit measurement",
            "reset",
            "feed-forward",
            "loops",
            "parameters",
            "expectation values",
            "seed",
        ],
    },
}

SHIPPED: Final = (SIMULATOR,)
MICRO: Final = 1_000_000  # micro-credits
# Prices of the first start: (a second, a shot). A QPU-second shall cost about one credit.
RATES: Final[dict[str, tuple[int, int]]] = {
    "simulator": (MICRO // 100, 0),
    **dict.fromkeys(model.shipped(), (MICRO // 20, MICRO // 100_000)),
}


def emulated() -> tuple[str, ...]:
    """Names of the emulated devices that every centre has."""
    return model.shipped()
