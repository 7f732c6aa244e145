"""What a circuit asks of a device besides gates, and whether the device's file names it."""

from __future__ import annotations

import numpy as np

from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

_LOOPS = [int(op) for op in (Op.WHILE, Op.BREAK, Op.CONTINUE)]


def missing_feature(circuit: Circuit, model: DeviceModel) -> str | None:
    """What the circuit does that the device, by its file, cannot; None if nothing."""
    if np.any(circuit.op == Op.RESET) and "reset" not in model.features:
        return f"{model.name} has no resets within a circuit"
    if circuit.is_dynamic and "mid-circuit-measurement" not in model.features:
        return f"{model.name} measures at the end of a circuit only"
    if np.any(circuit.op >= Op.IF) and "feed-forward" not in model.features:
        return f"{model.name} has no operations that depend on measured bits"
    if np.any(np.isin(circuit.op, _LOOPS)) and "loops" not in model.features:
        return f"{model.name} has no loops"
    return None
