"""What is compiled is what was handed in, on every device that comes with Markaz."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.compiling import invented_sheet
from markaz.quantum import api
from markaz.quantum.compile.compiler import compile, compile_key
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.fabric import fabric_of
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.compile.schedule import schedule
from markaz.quantum.devices.fields import FEATURES
from markaz.quantum.devices.model import load_shipped, shipped
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.programs.transform import remove_measurements
from tests.compile_check import (
    CLIFFORD,
    measured_all,
    random_circuit,
    runs_on,
    same_distribution,
    same_state,
    stabilisers,
)

MODELS = {name: load_shipped(name) for name in shipped()}
SHEETS = {name: invented_sheet(model, 1) for name, model in MODELS.items()}
PARAMETRIC = """OPENQASM 3.0; include "stdgates.inc"; input float a; input float b; qubit[4] q;
h q[0]; cx q[0], q[1]; ry(a) q[2]; crz(2*a) q[1], q[3]; cp(a-b) q[3], q[0]; rz(b) q[1];
rx(sin(b)) q[3]; cx q[3], q[2];"""


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_random_circuits_keep_their_state(name: str, level: int) -> None:
    for seed in range(3):
        circuit = random_circuit(5, 25, 100 * level + seed)
        options = CompileOptions(level=level, seed=seed)
        compiled = compile(circuit, MODELS[name], SHEETS[name], options)
        assert runs_on(compiled, MODELS[name])
        assert same_state(circuit, compiled) == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_measured_bits_keep_their_probabilities(name: str) -> None:
    for seed in range(3):
        circuit = measured_all(random_circuit(5, 20, seed), seed)
        compiled = compile(circuit, MODELS[name], SHEETS[name])
        assert compiled.circuit.cregs == circuit.cregs
        assert same_distribution(circuit, compiled)


@pytest.mark.parametrize(("name", "qubits"), [("indus", 20), ("karakoram", 50), ("hunza", 80)])
def test_large_clifford_circuits_keep_their_stabilisers(name: str, qubits: int) -> None:
    model = MODELS[name]
    circuit = random_circuit(qubits, 4 * qubits, 7, CLIFFORD)
    compiled = compile(circuit, model, SHEETS[name])
    assert runs_on(compiled, model)
    n = model.num_qubits
    places = list(compiled.end)
    free = iter(sorted(set(range(n)) - set(places)))
    places = [p if p >= 0 else next(free) for p in places]
    assert stabilisers(compiled.circuit, None, n) == stabilisers(circuit, places, n)


def test_parameters_stay_and_bind_after_compiling() -> None:
    circuit = remove_measurements(load(PARAMETRIC))
    compiled = compile(circuit, MODELS["indus"], SHEETS["indus"])
    assert compiled.circuit.parameters == circuit.parameters == ("a", "b")
    for a, b in ((0.3, -1.1), (2.0, 0.4)):
        bound = compiled.bind({"a": a, "b": b})
        assert runs_on(bound, MODELS["indus"])
        assert same_state(bind(circuit, {"a": a, "b": b}), bound) == pytest.approx(1, abs=1e-7)


def test_a_parameter_that_has_no_effect_can_still_be_bound() -> None:
    circuit = load('OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit c; '
                   "h q; rz(a) q; c = measure q;")  # fmt: skip
    compiled = compile(circuit, MODELS["indus"])
    assert compiled.bind({"a": 0.2}).circuit.parameters == ()


DYNAMIC = """OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit[4] c;
x q[0]; cx q[0], q[3]; c[0] = measure q[3];
if (c[0]) { x q[1]; cx q[1], q[2]; } else { x q[3]; }
reset q[0]; c[1] = measure q[1]; c[2] = measure q[2];
while (c[1]) { x q[1]; cx q[1], q[0]; c[1] = measure q[1]; } c[3] = measure q[0];"""


def test_dynamic_circuits_compile_where_the_device_has_the_features() -> None:
    circuit = load(DYNAMIC)
    with pytest.raises(CompileError) as refused:
        compile(circuit, replace(MODELS["indus"], features=("delay",)))
    assert refused.value.kind == "unsupported"
    assert refused.value.message == "indus has no resets within a circuit"
    model = replace(MODELS["indus"], features=tuple(FEATURES))
    compiled = compile(circuit, model, SHEETS["indus"])
    # Every outcome is certain, so one shot says all.
    wanted = api.run(circuit, shots=5, seed=1).counts
    assert api.run(compiled.circuit, shots=5, seed=1).counts == wanted == {"0101": 5}


def test_dead_couplers_are_never_used() -> None:
    model = MODELS["indus"]
    dead = {frozenset(pair) for pair in model.dead_couplers}
    for seed in range(4):
        compiled = compile(random_circuit(12, 60, seed), model, options=CompileOptions(seed=seed))
        pairs = compiled.circuit.qubits[compiled.circuit.op == Op.CZ, :2].tolist()
        assert not dead & {frozenset(p) for p in pairs}


def test_a_bad_coupler_is_avoided() -> None:
    """A pair of qubits goes where the sheet's error is least."""
    model, sheet = MODELS["karakoram"], SHEETS["karakoram"]
    circuit = random_circuit(2, 1, 1, [Op.CX])
    compiled = compile(circuit, model, sheet)
    error = {p: sheet.value("gate_error:cz", *p) or 1.0 for p in model.live_couplers}
    (used,) = {tuple(sorted(p)) for p in
               compiled.circuit.qubits[compiled.circuit.op == Op.CZ, :2].tolist()}  # fmt: skip
    assert error[used] <= sorted(error.values())[2]  # pulses count a little too


def test_the_result_describes_itself_and_repeats() -> None:
    circuit = measured_all(random_circuit(6, 30, 3), 3)
    model, sheet, options = MODELS["indus"], SHEETS["indus"], CompileOptions(seed=4)
    first, second = (compile(circuit, model, sheet, options) for _ in range(2))
    assert first.hash == second.hash
    assert first.program == program_hash(circuit)
    assert first.key == compile_key(circuit, model, sheet, options)
    assert first.sheet == sheet.id
    assert first.gates["cz"] == int(np.sum(first.circuit.op == Op.CZ))
    plan = schedule(first.circuit, fabric_of(model, sheet))
    assert first.duration_ns == plan.total > 0
    assert 0 < first.fidelity < 1
    assert 0 < first.pair_depth < first.depth
    document = first.to_json()
    assert document["layout"]["end"] == list(first.end)
    assert document["versions"].keys() == {"compile", "markaz", "qiskit"}


def test_an_unused_qubit_has_no_place() -> None:
    circuit = load('OPENQASM 2.0; include "qelib1.inc"; qreg q[40]; creg c[1]; '
                   "h q[7]; cx q[7],q[31]; barrier q; measure q[31] -> c[0];")  # fmt: skip
    compiled = compile(circuit, MODELS["indus"])
    assert [q for q, p in enumerate(compiled.end) if p >= 0] == [7, 31]


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(CompileError) as refused:
        compile(random_circuit(21, 200, 1, [Op.CX]), MODELS["indus"])
    assert refused.value.kind == "too-large"
    assert refused.value.message == "the circuit uses 21 qubits; indus has 20"
    model = replace(MODELS["indus"], dead_couplers=tuple(
        p for p in MODELS["indus"].couplers if (p[0] % 5 == 2) != (p[1] % 5 == 2)
        or (p[0] % 5 == 3) != (p[1] % 5 == 3)))  # fmt: skip
    with pytest.raises(CompileError) as refused:
        compile(random_circuit(12, 100, 1, [Op.CX]), model)
    assert refused.value.message == (
        "the circuit uses 12 connected qubits; the largest connected part of the device has 8"
    )


@pytest.mark.parametrize("options", [{"level": 4}, {"level": True}, {"seed": -1}, {"seed": 1.5}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(CompileError) as refused:
        CompileOptions(**options)  # type: ignore[arg-type]
    assert refused.value.kind == "option"


def test_a_circuit_without_gates_compiles() -> None:
    circuit = load('OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; barrier q;')
    empty = circuit.with_arrays(num_clbits=3)
    kept = compile(empty.with_arrays(op=empty.op[:0], qubits=empty.qubits[:0],
                                     params=empty.params[:0], aux=empty.aux[:0]),
                   MODELS["indus"])  # fmt: skip
    assert kept.end == (-1, -1, -1)
    assert kept.fidelity == pytest.approx(1.0)
