"""The program executor: circuits at given values, samplexes drawn from, everything else echoed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from markaz.quantum.points import Options
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import bundle as bundles
from markaz.quantum.runtime import executor as module
from markaz.quantum.runtime import front, samplexes
from markaz.quantum.runtime.body import BodyError
from markaz.quantum.runtime.bundle import Bundle
from tests.runtime_tools import CLIENTS, GOLDEN, golden, plain, program, qpy, tensor

EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
CHANCES = np.array(EXPECTED["chances"]).reshape(2, 3, 8)
SIGMAS = 6
WEIGHTS = np.array([1, 2, 4])


def opened(data: bytes, seed: int | None = 3) -> Bundle:
    return front.opened("executor", data, seed=seed, max_shots=10**6)


def ran(data: bytes, seed: int | None = 3) -> dict[str, Any]:
    bundle = bundles.decode(bundles.encode(opened(data, seed)))
    found: dict[str, Any] = json.loads(front.run(bundle, Options(threads=1)).payload)
    return found


def rotated(parameters: int = 1) -> QuantumCircuit:
    found = QuantumCircuit(1, 1)
    for k in range(parameters):
        found.rx(Parameter(f"a{k}"), 0)
    found.measure(0, 0)
    return found


def close(outcomes: Any, chances: Any) -> bool:
    shares = np.bincount(outcomes.ravel(), minlength=8) / outcomes.size
    allowed = SIGMAS * np.sqrt(chances * (1 - chances) / outcomes.size) + 1e-9
    return bool(np.all(np.abs(shares - chances) <= allowed))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_circuits_run(client: str) -> None:
    given = json.loads(golden("executor_circuits", client))["quantum_program"]
    found = ran(golden("executor_circuits", client))
    assert found["schema_version"] == "v2.0"
    assert found["passthrough_data"] == given["passthrough_data"]
    assert found["semantic_role"] == given["semantic_role"] == "sampler_v2"
    sweep, dynamic = (plain(item)["results"] for item in found["data"])
    assert (sweep["meas"].dtype, sweep["meas"].shape) == (np.bool_, (2, 3, 500, 3))
    assert all(
        close(sweep["meas"][i, j] @ WEIGHTS, CHANCES[i, j]) for i in (0, 1) for j in range(3)
    )
    assert dynamic["a"].tolist() == [[True]] * 500
    assert dynamic["b"].tolist() == [[False] * 9 + [True]] * 500
    assert found["data"][0]["metadata"] == {"scheduler_timing": None, "stretch_values": None}
    assert found["metadata"]["chunk_timing"] == []


def test_an_executor_says_when_items_were_run_if_it_has_a_clock() -> None:
    bundle = opened(golden("executor_circuits", CLIENTS[0]))
    clock = iter([1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3.25]).__next__
    found = json.loads(front.run(bundle, Options(threads=1), clock=clock).payload)
    one = {"idx_item": 1, "size": 1, "permutation": [], "element_range": [0, 1, 1]}
    six = {"idx_item": 0, "size": 6, "permutation": [0, 1], "element_range": [0, 6, 1]}
    times = [f"2001-09-09T01:46:4{second}+00:00" for second in
             ("0.000000", "1.000000", "2.000000", "3.250000")]  # fmt: skip
    assert found["metadata"]["chunk_timing"] == [
        {"start": times[0], "stop": times[1], "parts": [six]},
        {"start": times[2], "stop": times[3], "parts": [one]},
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_twirling_is_undone_by_its_flips(client: str) -> None:
    (item,) = plain(ran(golden("executor_twirled", client)))["data"]
    results = item["results"]
    assert set(results) == {"meas", "measurement_flips.meas"}
    flips = results["measurement_flips.meas"]
    assert results["meas"].shape == (32, 3, 2000, 3)
    assert (flips.shape, flips.dtype) == ((32, 3, 1, 3), np.bool_)
    assert 0.3 < flips.mean() < 0.7
    outcomes = (results["meas"] ^ flips) @ WEIGHTS
    assert all(close(outcomes[:, j], CHANCES[0, j]) for j in range(3))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_estimator_measures_in_bases(client: str) -> None:
    """The bases are in the body's own words: ``ZZI`` and ``XXX`` of each of three points."""
    given = json.loads(golden("executor_estimator", client))["quantum_program"]
    found = ran(golden("executor_estimator", client))
    assert found["semantic_role"] == "estimator_v2"
    assert found["passthrough_data"] == given["passthrough_data"]
    names = [set(plain(item)["results"]) for item in found["data"]]
    register = next(name for name in names[0] if "." not in name)
    assert all(found == {register, f"measurement_flips.{register}"} for found in names)


def test_the_same_seed_draws_the_same() -> None:
    data = golden("executor_twirled", "0_51")
    first, second, third = (opened(data, seed) for seed in (4, 4, 5))
    assert bundles.encode(first) == bundles.encode(second) != bundles.encode(third)
    unseeded = {bundles.bundle_hash(opened(data, None)) for _ in range(2)}
    assert len(unseeded) == 2


def _arguments(values: Any, shape: Any = ()) -> dict[str, Any]:
    return {"item_type": "circuit", "circuit_arguments": tensor(values), "shape": list(shape)}


def test_shapes_of_arguments_and_item_are_broadcast() -> None:
    angles = np.array([[0.0], [np.pi]])
    items = [_arguments(angles), _arguments(angles, (3, 2)), _arguments(angles[0], (2,))]
    found = plain(ran(program(items, qpy(*[rotated()] * 3))))["data"]
    shapes = [item["results"]["c"].shape for item in found]
    assert shapes == [(2, 10, 1), (3, 2, 10, 1), (2, 10, 1)]
    assert found[1]["results"]["c"][:, 0].sum() == 0
    assert found[1]["results"]["c"][:, 1].all()


def test_circuits_may_be_openqasm() -> None:
    text = "OPENQASM 3.0; input float a; qubit q; bit[2] c; U(a,0,0) q; c[1] = measure q;"
    circuits = {"data": [text]}
    given = {"shots": 5, "items": [_arguments(np.array([np.pi]))], "circuits": circuits}
    whole = {"schema_version": "v2.0", "options": {}, "quantum_program": given}
    data = json.dumps(whole).encode()
    (item,) = plain(ran(data))["data"]
    assert item["results"]["c"].tolist() == [[False, True]] * 5


def test_older_schemas_are_not_compressed() -> None:
    import base64

    values = {
        "data": base64.b64encode(np.array([np.pi]).tobytes()).decode(),
        "shape": [1],
        "dtype": "f64",
    }
    circuits = {
        "b64_data": base64.b64encode(qpy(rotated())).decode(),
        "qpy_version": 17,
        "num_programs": 1,
    }
    for version in ("v1.0", "v1.1"):
        given = {"shots": 9, "items": [{"circuit_arguments": values}], "circuits": circuits}
        whole = {"schema_version": version, "options": {}, "quantum_program": given}
        data = json.dumps(whole).encode()
        found = ran(data)
        assert found["schema_version"] == version
        (item,) = found["data"]
        assert item["results"]["c"] == {"data": base64.b64encode(b"\xff\x01").decode(),
                                        "shape": [9, 1], "dtype": "bool"}  # fmt: skip


def test_what_is_not_done_is_noted() -> None:
    data = json.loads(program([_arguments(np.array([0.1]))], qpy(rotated())))
    data["options"] = {
        "init_qubits": False,
        "rep_delay": 1e-4,
        "scheduler_timing": True,
        "experimental": {},
    }
    bundle = opened(json.dumps(data).encode())
    assert set(bundle.notes["not_applied"]) == {"init_qubits", "rep_delay", "scheduler_timing"}


def changed(change: dict[str, Any], *, item: dict[str, Any] | None = None, **more: Any) -> bytes:
    found = json.loads(program([_arguments(np.array([0.1])) | (item or {})], qpy(rotated())))
    found["quantum_program"] |= change
    return json.dumps(found | more).encode()


GOOD_ITEM = _arguments(np.array([0.1]))
DEEP: Any = []
for _ in range(61):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("data", "place", "says"),
    [
        (
            changed({}, schema_version="v9.9"),
            "schema_version",
            "'v9.9' is not known here; there are v1.0, v1.1, v2.0",
        ),
        (changed({}, schema_version=["v2.0"]), "schema_version", "not known"),
        (changed({}, options={"speed": 1}), "options", "'speed'"),
        (changed({}, options=[]), "options", "object"),
        (changed({}, options={"init_qubits": 1}), "options", "init_qubits must be true or false"),
        (changed({}, quantum_program=[]), "quantum_program", "object"),
        (changed({"meas_level": "kerneled"}), "quantum_program", "'kerneled': only classified"),
        (changed({"shots": 0}), "quantum_program", "shots"),
        (changed({"shots": 10**9}), "quantum_program", "shots"),
        (changed({"items": []}), "quantum_program", "no item"),
        (changed({"items": [GOOD_ITEM] * 2}), "quantum_program.circuits", "holds 1 circuits; 2"),
        (changed({"circuits": {}}), "quantum_program.circuits", "list"),
        (changed({"circuits": {"data": []}}), "quantum_program.circuits", "1 OpenQASM texts"),
        (changed({"circuits": {"data": [5]}}), "quantum_program.circuits", "1 OpenQASM texts"),
        (changed({"passthrough_data": DEEP}), "quantum_program.passthrough_data", "nested"),
        (
            changed({"passthrough_data": {"x": [float("nan")]}}),
            "quantum_program.passthrough_data",
            "finite",
        ),
        (changed({"semantic_role": 5}), "quantum_program.semantic_role", "text"),
        (changed({}, item={"item_type": "pulse"}), "items[0]", "'pulse'"),
        (changed({}, item={"shape": [2, 2, 2, 2] * 5}), "items[0]", "at most 16"),
        (changed({}, item={"shape": [10**9]}), "items[0]", "points"),
        (changed({}, item={"shape": "all"}), "items[0]", "list"),
        (changed({}, item={"circuit_arguments": tensor([[0.1, 0.2]])}), "items[0]", "1 parameters"),
        (changed({}, item={"circuit_arguments": None}), "items[0]", "tensor"),
        (
            changed({}, item={"circuit_arguments": tensor(np.zeros((3, 1))), "shape": [2]}),
            "items[0]",
            "",
        ),
    ],
)
def test_a_bad_program_is_refused_where_it_is_wrong(data: bytes, place: str, says: str) -> None:
    with pytest.raises(BodyError) as caught:
        opened(data)
    assert caught.value.place == place
    assert says in str(caught.value)


def _samplex(**changes: Any) -> bytes:
    data = json.loads(golden("executor_twirled", "0_51"))
    item = data["quantum_program"]["items"][0]
    samplex = json.loads(item["samplex"]["samplex_json"])
    samplex["attrs"] |= changes.pop("attrs", {})
    samplex |= changes.pop("samplex", {})
    item["samplex"]["samplex_json"] = json.dumps(samplex)
    item["samplex"]["ssv"] = changes.pop("ssv", item["samplex"]["ssv"])
    data["quantum_program"]["items"][0] |= changes
    return json.dumps(data).encode()


def test_a_samplex_is_written_anew_and_still_the_same() -> None:
    assert bundles.encode(opened(_samplex())) == bundles.encode(
        opened(golden("executor_twirled", "0_51"))
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ssv": 9}, "ssv must be"),
        ({"ssv": 3}, "another version"),
        ({"attrs": {"param_table": None}}, "param_table must be text"),
        ({"attrs": {"param_table": '{"circuit_base64": "AAAA"}'}}, "not a QPY file"),
        ({"attrs": {"param_table": '{"circuit_base64": "%%%%"}'}}, "no base64"),
        ({"attrs": {"input_specification": "[["}}, "the samplex cannot be read"),
        (
            {"samplex": {"nodes": [{"id": 0, "data": {"node_type": "X99"}}]}},
            "the samplex cannot be read",
        ),
        ({"samplex": {"nodes": "all"}}, "must be a list"),
        ({"samplex_arguments": {}}, "missing values"),
        ({"samplex_arguments": {"other": 1}}, "samplex"),
        ({"samplex_arguments": []}, "must be an object"),
        ({"samplex": "x"}, "must be an object"),
        ({"shape": [32, 4]}, ""),
        ({"shape": [10**7, 3]}, "points"),
        ({"shape": [100_000, 3]}, "would draw more"),
    ],
)
def test_a_bad_samplex_is_refused(
    changes: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ITEM_BITS", 1 << 40)
    monkeypatch.setattr(module, "MAX_BITS", 1 << 40)
    changes = {**changes}
    if changes.get("samplex") == "x":
        data = json.loads(golden("executor_twirled", "0_51"))
        data["quantum_program"]["items"][0]["samplex"] = "x"
        data = json.dumps(data).encode()
    else:
        data = _samplex(**changes)
    with pytest.raises(ProgramError) as caught:
        opened(data)
    assert says in str(caught.value)


def test_results_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEM_BITS", 100)
    with pytest.raises(BodyError, match="an item gives at most 100 bits") as caught:
        opened(changed({"shots": 101}))
    assert caught.value.place == "items[0]"


def test_drawing_starts_no_thread() -> None:
    import threading

    before = threading.active_count()
    samplexes.prepare()
    opened(golden("executor_twirled", "0_51"))
    assert threading.active_count() == before
