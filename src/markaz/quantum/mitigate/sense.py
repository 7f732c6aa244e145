"""Where a level means nothing for a circuit, or cannot be done on it."""

from __future__ import annotations

from markaz.quantum.compile.fabric import Fabric
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.mitigate import cancel
from markaz.quantum.mitigate.decouple import windows
from markaz.quantum.mitigate.errors import refused
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.paulis import is_clifford
from markaz.quantum.mitigate.weave import pair_gates
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import Op

MOST_CANCEL_EDGES = 12  # pairs of qubits whose noise one batch can learn


def check(
    mitigation: Mitigation, circuit: Circuit, counts: bool, model: DeviceModel, fabric: Fabric
) -> None:
    """Raise MitigationError ``refused``, with the reason, unless every part makes sense."""
    level = mitigation.level
    if level == 0:
        return
    if circuit.is_dynamic:
        raise refused(
            f"level {level}: the circuit has resets, control flow or measurements before the "
            "end, and a branch that was taken cannot be corrected afterwards"
        )
    if counts:
        _check_counts(mitigation, circuit)
    pairs = len(pair_gates(circuit))
    if mitigation.factors and pairs == 0:
        raise refused("level 3: the circuit has no two-qubit gate whose noise could be amplified")
    if mitigation.cancel:
        _check_cancel(mitigation, circuit, pairs, fabric)
    if level == 2 and not _does_something(mitigation, circuit, pairs, model, fabric):
        raise refused(f"level 2: the circuit has {_missing(mitigation)}")
    if mitigation.decoupling and "delay" not in model.features:
        raise refused(f"level 2: {model.name} has no waits of a stated length")


def _check_counts(mitigation: Mitigation, circuit: Circuit) -> None:
    if mitigation.level >= 3:
        raise refused(
            f"level {mitigation.level}: counts cannot be extrapolated or cancelled, only "
            "expectation values; ask for observables, or for level 2"
        )
    if not (circuit.op == Op.MEASURE).any():
        raise refused("level 1: the circuit measures nothing")


def _check_cancel(mitigation: Mitigation, circuit: Circuit, pairs: int, fabric: Fabric) -> None:
    if pairs == 0:
        raise refused("level 4: the circuit has no two-qubit gate whose noise could be undone")
    for i in pair_gates(circuit).tolist():
        if not is_clifford(int(circuit.op[i]), tuple(circuit.params[i].tolist())):
            name = Op(int(circuit.op[i])).name.lower()
            raise refused(f"level 4: the noise of {name} by any angle cannot be learned here")
    edges = len(cancel.edges_of(circuit))
    if edges > MOST_CANCEL_EDGES:
        raise refused(
            f"level 4: the circuit uses {edges} couplers; the noise of more than "
            f"{MOST_CANCEL_EDGES} cannot be learned in one batch"
        )
    cost = cancel.overhead(circuit, fabric)
    if cost > mitigation.most_overhead:
        raise refused(
            f"level 4: {pairs} two-qubit gates with the sheet's errors raise the variance "
            f"{cost:.3g} times, more than the {mitigation.most_overhead:g} that are allowed"
        )


def _missing(mitigation: Mitigation) -> str:
    """What of the circuit would be needed for what was asked for."""
    missing = ["no two-qubit gate to twirl"] if mitigation.twirl_gates else []
    if mitigation.decoupling:
        missing.append("no wait that is long enough for an echo")
    return ", and ".join(missing)


def _does_something(
    mitigation: Mitigation, circuit: Circuit, pairs: int, model: DeviceModel, fabric: Fabric
) -> bool:
    explicit = mitigation.twirl_measure and not mitigation.twirl_gates
    if (mitigation.twirl_gates and pairs) or explicit:
        return True
    name = mitigation.decoupling
    return name is not None and bool(windows(circuit, fabric, name))
