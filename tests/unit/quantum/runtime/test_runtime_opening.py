"""Bodies of sampler and estimator become bundles, or are refused where they are wrong."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ParameterVector

from markaz.quantum.programs import wire
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import bundle as bundles
from markaz.quantum.runtime import front, opening
from markaz.quantum.runtime.body import BodyError
from markaz.quantum.runtime.bundle import Bundle
from markaz.quantum.runtime.options import mitigation_of
from tests.runtime_tools import CLIENTS, array, body, circuit, golden, typed

TEXT = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""


def bell() -> QuantumCircuit:
    found = QuantumCircuit(2, metadata={"experiment": [1, None, "x"]})
    found.h(0)
    found.cx(0, 1)
    found.measure_all()
    return found


def rotated(parameters: int = 3) -> QuantumCircuit:
    found = QuantumCircuit(2)
    for k, angle in enumerate(ParameterVector("t", parameters)):
        found.rx(angle, k % 2)
    found.measure_all()
    return found


def opened(kind: str, data: bytes, seed: int | None = None, max_shots: int = 10**6) -> Bundle:
    bundle = front.opened(kind, data, seed=seed, max_shots=max_shots)
    again = bundles.decode(bundles.encode(bundle))
    assert bundles.bundle_hash(again) == bundles.bundle_hash(bundle)
    return again


def refused(kind: str, data: bytes, **more: Any) -> BodyError:
    with pytest.raises(BodyError) as caught:
        opened(kind, data, **more)
    return caught.value


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_sampler(client: str) -> None:
    bundle = opened("sampler", golden("sampler", client))
    first, dynamic, third = bundle.pubs
    assert [p.shots for p in bundle.pubs] == [500, 40, 123]
    assert [p.shape for p in bundle.pubs] == [(2, 3), (), (3,)]
    values = np.random.default_rng(4).uniform(-3, 3, (2, 3, 12))
    program = bundle.programs[first.program]
    # Qiskit sorts t[2] before t[10]; the circuit uses them in another order.
    assert program.circuit.parameters == tuple(f"t[{k}]" for k in range(12))
    assert np.array_equal(first.values, values.reshape(6, 12))
    assert np.array_equal(third.values, values[0])
    assert program.metadata == {"name": ["ansatz", 1]}
    assert program.registers == (("meas", (0, 1, 2)),)
    assert bundle.programs[dynamic.program].circuit.is_dynamic
    assert [r[0] for r in bundle.programs[dynamic.program].registers] == ["a", "b"]
    assert (bundle.seed, bundle.shots) == (7, 6 * 500 + 40 + 3 * 123)
    assert bundle.notes == {"not_applied": {"twirling.enable_gates": "this simulator has no noise"}}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_estimator(client: str) -> None:
    bundle = opened("estimator", golden("estimator", client))
    first, second, third = bundle.pubs
    assert [p.result_shape for p in bundle.pubs] == [(), (2, 3), (2, 3)]
    assert [p.precision for p in bundle.pubs] == [0.015625, 0.01, 0.015625]
    assert {str(p.factors): c for c, p in first.observables[0].terms} == {
        "((1, 'Z'), (2, 'Z'))": 1.0, "((0, 'Y'), (1, 'X'))": 0.5,
    }  # fmt: skip
    assert second.observables_shape == (2, 1)
    assert len(third.observables[0].terms) == 10  # 8 of 0+r, 4 of I1l, two of them in both
    assert bundle.seed == 3
    assert bundle.shots == 4096 + 6 * 10_000 + 6 * 4096


def test_one_circuit_is_read_once() -> None:
    same = circuit(bell())
    pubs = [[same, None, k] for k in (1, 2)]
    bundle = opened("sampler", body(*pubs, [TEXT], [TEXT, None, 3]))
    assert [p.program for p in bundle.pubs] == [0, 0, 1, 1]
    assert [p.shots for p in bundle.pubs] == [1, 2, 4096, 3]
    assert bundle.programs[1].registers == (("c", (0, 1)),)


def test_registers_may_share_bits_and_bits_may_be_in_none() -> None:
    a, loose = ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    shared = ClassicalRegister(name="s", bits=[loose[0], a[0]])
    found = QuantumCircuit(QuantumRegister(2), a, loose, shared)
    found.measure([0, 1], [0, 2])
    bundle = opened("sampler", body([circuit(found)]))
    assert bundle.programs[0].registers == (("a", (0, 1)), ("b", (2,)), ("s", (2, 0)))


@pytest.mark.parametrize(
    ("options", "more", "shots"),
    [
        ({}, {}, 4096),
        ({"default_shots": 9}, {}, 9),
        ({"default_shots": None}, {}, 4096),
        ({"default_shots": 9}, {"shots": 8}, 8),
    ],
)
def test_shots_come_from_the_pub_the_body_the_options_or_the_default(
    options: dict[str, Any], more: dict[str, Any], shots: int
) -> None:
    data = body([circuit(bell())], [circuit(bell()), [], 5], options=options, **more)
    assert [p.shots for p in opened("sampler", data).pubs] == [shots, 5]


@pytest.mark.parametrize(
    ("options", "precision"),
    [
        ({}, 0.015625),
        ({"default_precision": 0.5}, 0.5),
        ({"default_shots": 100}, 0.1),
        ({"default_precision": 0.5, "default_shots": 100}, 0.1),
        ({"default_precision": 0}, 0.0),
    ],
)
def test_precision_likewise(options: dict[str, Any], precision: float) -> None:
    data = body([circuit(bell()), "ZZ"], [circuit(bell()), "ZZ", None, 0.2], options=options)
    assert [p.precision for p in opened("estimator", data).pubs] == [precision, 0.2]


def test_seeds_of_the_body_come_first() -> None:
    pub = [circuit(bell()), "ZZ"]
    assert opened("estimator", body(pub), seed=5).seed == 5
    assert opened("estimator", body(pub, options={"seed_estimator": 6}), seed=5).seed == 6
    simulator = {"simulator": {"seed_simulator": 7}}
    assert opened("estimator", body(pub, options=simulator), seed=5).seed == 7
    assert opened("estimator", body(pub)).seed is None


def test_what_is_not_done_is_said() -> None:
    options = {
        "dynamical_decoupling": {"enable": True},
        "execution": {"rep_delay": 1e-4, "init_qubits": True},
        "resilience": {"measure_mitigation": True}, "experimental": {"x": 1},
        "simulator": {"coupling_map": [[0, 1]], "noise_model": None},
    }  # fmt: skip
    data = body([circuit(bell()), "ZZ"], options=options, resilience_level=1, future=1)
    notes = opened("estimator", data).notes
    assert set(notes["not_applied"]) == {
        "dynamical_decoupling", "execution.rep_delay", "execution.init_qubits", "experimental",
        "resilience.measure_mitigation", "resilience_level", "simulator.coupling_map",
    }  # fmt: skip
    assert notes["ignored"] == ["future"]


def test_nothing_asked_nothing_said() -> None:
    assert mitigation_of({}).not_applied == {}
    assert opened("sampler", body([circuit(bell())], support_qiskit=True)).notes == {}


def test_the_hash_is_of_what_runs() -> None:
    def hashed(kind: str, *pubs: Any, **more: Any) -> str:
        return bundles.bundle_hash(opened(kind, body(*pubs, **more)))

    other = bell()
    other.metadata = {"note": "another"}
    first = hashed("sampler", [circuit(bell()), None, 10])
    assert first == hashed("sampler", [circuit(other, 13), [], 10], options={"experimental": {}})
    different = {
        first,
        hashed("sampler", [circuit(bell()), None, 11]),
        hashed("sampler", [circuit(bell()), np.zeros((1, 0)).tolist(), 10]),
        hashed("sampler", [circuit(rotated()), [1, 2, 3], 10]),
        hashed("sampler", [circuit(rotated()), [1, 2, 4], 10]),
        hashed("estimator", [circuit(bell()), "ZZ"]),
        hashed("estimator", [circuit(bell()), "ZX"]),
        hashed("estimator", [circuit(bell()), {"ZX": 2}]),
        hashed("estimator", [circuit(bell()), ["ZX"]]),
        hashed("estimator", [circuit(bell()), "ZX", None, 0.5]),
    }
    assert len(different) == 10


GOOD = circuit(bell())


@pytest.mark.parametrize(
    ("kind", "pub", "place", "says"),
    [
        ("sampler", 5, "pubs[1]", "must be a list"),
        ("sampler", [], "pubs[1]", "at least 1"),
        ("sampler", [GOOD, None, None, None], "pubs[1]", "at most 3"),
        ("sampler", [GOOD, None, 0], "pubs[1]", "shots must be a whole number from 1 to 1000000"),
        ("sampler", [GOOD, None, True], "pubs[1]", "shots must be"),
        ("sampler", [GOOD, None, 10.0], "pubs[1]", "shots must be"),
        ("sampler", [GOOD, None, 10**7], "pubs[1]", "shots must be"),
        ("sampler", [GOOD, [0.5]], "pubs[1]", "1 values a point for 0 parameters"),
        ("sampler", [circuit(rotated()), [0.5]], "pubs[1]", "1 values a point for 3 parameters"),
        (
            "sampler",
            [circuit(rotated())],
            "pubs[1]",
            "0 values a point for 3 parameters (t[0], t[1], t[2])",
        ),
        ("sampler", [circuit(rotated()), array(3.0)], "pubs[1]", "1 values"),
        ("sampler", ["OPENQASM 3.0; qubit q; nonsense q;"], "pubs[1]", "nonsense"),
        ("sampler", ['include "/etc/passwd";'], "pubs[1]", ""),
        ("sampler", [None], "pubs[1]", "a QuantumCircuit was expected, not null"),
        ("sampler", [typed("QuantumCircuit", None)], "pubs[1]", "base64 text"),
        ("sampler", [typed("settings", {})], "pubs[1]", "not a 'settings'"),
        ("estimator", [GOOD], "pubs[1]", "at least 2"),
        ("estimator", [GOOD, "Z"], "pubs[1]", "1 letters for 2 qubits"),
        ("estimator", [GOOD, "ZQ"], "pubs[1]", "'Q'"),
        ("estimator", [GOOD, {}], "pubs[1]", "at least one term"),
        ("estimator", [GOOD, [["ZZ"], []]], "pubs[1]", "differ in length"),
        ("estimator", [GOOD, {"ZZ": "1"}], "pubs[1]", "finite number"),
        ("estimator", [GOOD, {"ZZ": 1e308}], "pubs[1]", "finite number"),
        ("estimator", [GOOD, {"ZZ": typed("complex", [0, 1])}], "pubs[1]", "not real"),
        ("estimator", [GOOD, "ZZ", None, -1], "pubs[1]", "precision must be"),
        (
            "estimator",
            [circuit(rotated(1)), ["ZZ"] * 3, [[1.0]] * 2],
            "pubs[1]",
            "do not go together",
        ),
    ],
)
def test_a_bad_pub_is_named(kind: str, pub: Any, place: str, says: str) -> None:
    good = [GOOD] if kind == "sampler" else [GOOD, {"ZZ": typed("complex", [1, 0])}]
    error = refused(kind, body(good, pub))
    assert error.place == place
    assert says in str(error)
    assert str(error).startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("kind", "more", "place"),
    [
        ("sampler", {"version": 1}, "version"),
        ("sampler", {"pubs": {}}, "pubs"),
        ("sampler", {"pubs": []}, "pubs"),
        ("sampler", {"shots": "many"}, "shots"),
        ("sampler", {"options": []}, "options"),
        ("sampler", {"options": {"default_shots": 0}}, "options.default_shots"),
        ("sampler", {"options": {"default_precision": 0.1}}, "options.default_precision"),
        ("sampler", {"options": {"resilience": {}}}, "options.resilience"),
        (
            "sampler",
            {"options": {"execution": {"meas_type": "kerneled"}}},
            "options.execution.meas_type",
        ),
        ("sampler", {"options": {"execution": {"speed": 9}}}, "options.execution"),
        (
            "sampler",
            {"options": {"simulator": {"noise_model": {"errors": []}}}},
            "options.simulator.noise_model",
        ),
        (
            "sampler",
            {"options": {"simulator": {"seed_simulator": -1}}},
            "options.simulator.seed_simulator",
        ),
        (
            "estimator",
            {"options": {"resilience": {"zne_mitigation": True}}},
            "options.resilience.zne_mitigation",
        ),
        (
            "estimator",
            {"options": {"resilience": {"pec_mitigation": True}}},
            "options.resilience.pec_mitigation",
        ),
        ("estimator", {"options": {"seed_estimator": 1.5}}, "options.seed_estimator"),
        ("estimator", {"precision": "fine"}, "precision"),
    ],
)
def test_bad_options_are_named(kind: str, more: dict[str, Any], place: str) -> None:
    pub = [GOOD] if kind == "sampler" else [GOOD, "ZZ"]
    data = json.dumps({"pubs": [pub], "version": 2, **more}).encode()
    assert refused(kind, data).place == place


def test_a_job_gives_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_RESULTS", 100)
    monkeypatch.setattr(opening, "MAX_RESULT_BYTES", 1000)
    monkeypatch.setattr(opening, "MAX_POINT_BITS", 1800)
    many = np.zeros((51, 0))
    one = [GOOD, many.tolist(), 1]
    assert opened("sampler", body(one)).pubs[0].shape == (51,)
    assert "100 points" in str(refused("sampler", body(one, one)))
    assert "2 bits" in str(refused("sampler", body([GOOD, None, 901])))
    assert "MiB" in str(refused("sampler", body([GOOD, None, 900], [GOOD, None, 101])))
    wide = [circuit(rotated(1)), [["ZZ"]] * 11, [[1.0]] * 10]
    assert "100 points and values" in str(refused("estimator", body(wide)))


def test_facts_and_prediction() -> None:
    values = np.linspace(0, 1, 60).reshape(20, 3)
    data = body([circuit(rotated()), array(values), 100], [TEXT, None, 50])
    bundle = opened("sampler", data)
    facts = front.described(bundle)
    wanted = {"pubs": 2, "circuits": 2, "points": 21, "shots": 2050, "gates": 5, "dynamic": False}
    assert {name: facts[name] for name in wanted} == wanted
    plan = front.predicted(bundle, 1 << 30)
    assert plan["engine"] in ("panta:statevector", "prism:statevector")
    assert "20 points" in plan["why"]
    assert 0 < plan["seconds"] < 1


def test_pubs_that_are_not_planned_are_taken_as_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    pubs = [[circuit(rotated(k)), array(np.ones((30, k))), 10] for k in (6, 7, 8, 9)]
    bundle = opened("sampler", body(*pubs))
    full = front.predicted(bundle, 1 << 30)
    monkeypatch.setattr(front, "PLANNED_GATES", 1)
    part = front.predicted(bundle, 1 << 30)
    assert part["seconds"] == pytest.approx(full["seconds"], rel=0.6)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), -1),
        (("seed",), True),
        (("notes",), []),
        (("echo",), 1),
        (("runtime",), 5),
        (("pubs", 0, 0), 1),
        (("pubs", 0, 0), -1),
        (("pubs", 0, 1), [2]),
        (("pubs", 0, 1), [1.0]),
        (("pubs", 0, 2), [3]),
        (("pubs", 0, 3), -1),
        (("pubs", 0, 4), float("1e999")),
        (("pubs", 0, 4), 1),
        (("pubs", 0, 5), None),
        (("programs", 0, 0), [["m", [7]]]),
        (("programs", 0, 0), [["m", [0.0]]]),
        (("programs", 0, 1), []),
        (("pubs",), []),
        (("programs",), []),
    ],
)
def test_a_forged_bundle_is_refused(path: tuple[Any, ...], value: Any) -> None:
    header, arrays = wire.unpack(
        bundles.encode(front.opened("estimator", body([GOOD, "ZZ"]), seed=1, max_shots=9)), 1 << 20
    )
    inner: Any = header
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(wire.WireError):
        bundles.decode(wire.pack(header, arrays))


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (2, np.array([2], np.int32)),
        (2, np.array([-1], np.int32)),
        (3, np.array([np.nan])),
        (4, np.array([1], np.int32)),
        (5, np.array([[0, 2], [0, 2]], np.int32)),
        (5, np.array([[0, 2], [2, 2]], np.int32)),
        (5, np.array([[0, 2], [1, 3]], np.int32)),
        (1, np.zeros((2, 0))),
        (1, np.zeros((1, 1))),
        (1, np.zeros(1)),
        (0, np.zeros(3, np.uint8)),
    ],
)
def test_so_are_forged_arrays(number: int, change: Any) -> None:
    header, arrays = wire.unpack(
        bundles.encode(front.opened("estimator", body([GOOD, "ZZ"]), seed=1, max_shots=9)), 1 << 20
    )
    arrays[number] = change
    with pytest.raises(wire.WireError):
        bundles.decode(wire.pack(header, arrays))


def test_on_a_device_an_estimators_mitigation_is_carried_along() -> None:
    asked = {"resilience_level": 2, "twirling": {"num_randomizations": 8}}
    found = mitigation_of(asked, "emulated")
    assert (found.not_applied, found.applied) == ({}, asked)
    assert (found.parts["level"], found.parts["copies"]) == (3, 8)
    assert (
        mitigation_of({}, "emulated").parts["level"] == 2
    )  # the client's default: readout, twirls
    with pytest.raises(ProgramError, match="resilience_level"):
        mitigation_of({"resilience_level": 7}, "emulated")


def test_on_a_device_samples_are_twirled_and_decoupled_as_asked() -> None:
    asked = {"twirling": {"enable_gates": True, "num_randomizations": 6}}
    found = mitigation_of(asked, "emulated", "sampler")
    assert (found.not_applied, found.applied, found.parts["level"]) == ({}, asked, 2)
    assert (found.parts["twirl_gates"], found.parts["copies"]) == (True, 6)
    assert (found.parts["readout"], found.parts["twirl_measure"]) == (False, False)
    assert mitigation_of({}, "emulated", "sampler").parts == {}
    assert mitigation_of({"twirling": {"enable_gates": False}}, "emulated", "sampler").parts == {}
    with pytest.raises(ProgramError, match=r"twirling\.strategy"):
        mitigation_of({"twirling": {"strategy": "all"}}, "emulated", "sampler")
