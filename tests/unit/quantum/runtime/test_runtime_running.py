"""Bundles run, and what the client is to decode."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter

from markaz.quantum.points import Options
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime import front
from markaz.quantum.runtime.running import Answer
from tests.runtime_tools import CLIENTS, GOLDEN, array, body, circuit, golden, numbers, plain

EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
CHANCES = np.array(EXPECTED["chances"]).reshape(2, 3, 8)
# Six standard deviations of a share or a mean: false alarm below 1e-8 a comparison.
SIGMAS = 6


def ran(kind: str, data: bytes, seed: int | None = 11, **options: Any) -> Answer:
    bundle = front.opened(kind, data, seed=seed, max_shots=10**6)
    return front.run(bundle, Options(threads=1, **options))


def result(kind: str, data: bytes, **more: Any) -> list[Any]:
    """The pubs of a result, each its fields and its metadata."""
    found = plain(json.loads(ran(kind, data, **more).payload))
    assert set(found) == {"pub_results", "metadata"}
    return [(pub["data"], pub["metadata"]) for pub in found["pub_results"]]


def close(outcomes: Any, chances: Any, bits: int = 3) -> bool:
    """Whether outcomes (shots,) can have come from these chances."""
    shares = np.bincount(outcomes, minlength=1 << bits) / len(outcomes)
    allowed = SIGMAS * np.sqrt(chances * (1 - chances) / len(outcomes)) + 1e-9
    return bool(np.all(np.abs(shares - chances) <= allowed))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_sampler_runs(client: str) -> None:
    (first, about), (dynamic, _), (third, _) = result("sampler", golden("sampler", client))
    assert (first["field_names"], first["shape"]) == (["meas"], [2, 3])
    bits = first["fields"]["meas"]
    assert bits["num_bits"] == 3
    assert (bits["array"].dtype, bits["array"].shape) == (np.uint8, (2, 3, 500, 1))
    outcomes = numbers(bits["array"])
    assert all(close(outcomes[i, j], CHANCES[i, j]) for i in range(2) for j in range(3))
    assert about["circuit_metadata"] == {"name": ["ansatz", 1]}
    assert about["shots"] == 500
    assert dynamic["field_names"] == ["a", "b"]
    assert dynamic["fields"]["a"]["array"].tolist() == [[1]] * 40
    assert dynamic["fields"]["b"]["num_bits"] == 10
    assert numbers(dynamic["fields"]["b"]["array"]).tolist() == [512] * 40
    assert third["fields"]["meas"]["array"].shape == (3, 123, 1)


def ticking(*times: float) -> Callable[[], float]:
    moments = iter(times)
    return lambda: next(moments)


def test_a_sampler_says_when_outcomes_were_gained_if_it_has_a_clock() -> None:
    data = golden("sampler", CLIENTS[0])
    bundle = front.opened("sampler", data, seed=11, max_shots=10**6)
    clock = ticking(1e9, 1e9 + 0.5, 1e9 + 1, 1e9 + 0.9, 1e9 + 3, 1e9 + 4)  # once set back
    timed = json.loads(front.run(bundle, Options(threads=1), clock=clock).payload)["__value__"]
    spans = timed["metadata"].pop("execution")["execution_spans"]
    assert spans["__type__"] == "ExecutionSpans"
    slices = [one["__value__"]["data_slices"] for one in spans["__value__"]["spans"]]
    assert slices == [
        {"0": [[2, 3, 500], 0, 6, 0, 500]},
        {"1": [[40], 0, 1, 0, 40]},
        {"2": [[3, 123], 0, 3, 0, 123]},
    ]
    assert {one["__type__"] for one in spans["__value__"]["spans"]} == {"DoubleSliceSpan"}
    second = spans["__value__"]["spans"][1]["__value__"]
    at = {"__type__": "datetime", "__value__": "2001-09-09T01:46:41.000000+00:00"}
    assert (second["start"], second["stop"]) == (at, at)
    # the clock changes nothing else
    plain_ = json.loads(front.run(bundle, Options(threads=1)).payload)["__value__"]
    assert timed == plain_


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_estimator_runs(client: str) -> None:
    (one, about), (table, _), (shaped, _) = result("estimator", golden("estimator", client))
    assert one["field_names"] == ["evs", "stds", "ensemble_standard_error"]
    exact, matrix = EXPECTED["values"]
    assert one["fields"]["evs"].shape == ()
    assert abs(one["fields"]["evs"] - exact) < SIGMAS * 0.015625
    assert one["fields"]["evs"] != exact
    assert one["fields"]["stds"] == one["fields"]["ensemble_standard_error"] == 0.015625
    assert about["target_precision"] == 0.015625
    assert "Gaussian noise" in about["how"]
    assert np.all(np.abs(table["fields"]["evs"] - np.array(matrix)) < SIGMAS * 0.01)
    assert np.array_equal(table["fields"]["stds"], np.full((2, 3), 0.01))
    assert shaped["fields"]["evs"].shape == (2, 3)


def test_a_precision_of_zero_is_exact() -> None:
    found = QuantumCircuit(2)
    found.ry(Parameter("a"), 0)
    found.cx(0, 1)
    angles = np.array([[0.1], [0.7], [2.0]])
    data = body([circuit(found), ["ZI", {"11": 1.0, "XX": 0.5}], angles[:2].tolist(), 0.0],
                [circuit(found), [["ZI"]], array(angles), 0])  # fmt: skip
    (pair, about), (column, _) = result("estimator", data)
    sine, half = np.sin(angles[1, 0]), np.sin(angles[1, 0] / 2) ** 2
    assert pair["fields"]["evs"] == pytest.approx([np.cos(0.1), half + 0.5 * sine], abs=1e-12)
    assert pair["fields"]["stds"].tolist() == [0, 0]
    assert about["how"] == "exact"
    assert column["fields"]["evs"][0] == pytest.approx(np.cos(angles[:, 0]), abs=1e-12)


def test_the_same_seed_gives_the_same_text() -> None:
    for kind in ("sampler", "estimator"):
        data = golden(kind, "0_51").replace(b"seed_", b"Seed_")
        data = data.replace(b'"Seed_estimator": 3', b"").replace(
            b'"simulator": {"Seed_simulator": 7},', b""
        )
        texts = [ran(kind, data, seed=seed).payload for seed in (4, 4, 5)]
        assert texts[0] == texts[1] != texts[2]
    drawn = [ran("sampler", data_of_bell(), seed=None) for _ in range(2)]
    assert drawn[0].document["seed"] != drawn[1].document["seed"]
    again = ran("sampler", data_of_bell(), seed=drawn[0].document["seed"])
    assert again.payload == drawn[0].payload


def data_of_bell(shots: int = 64) -> bytes:
    found = QuantumCircuit(2, 2)
    found.h(0)
    found.cx(0, 1)
    found.measure([0, 1], [0, 1])
    return body([circuit(found), None, shots])


def test_registers_are_those_of_the_circuit() -> None:
    a, b = ClassicalRegister(2, "a"), ClassicalRegister(9, "b")
    shared = ClassicalRegister(name="s", bits=[b[8], a[1]])
    found = QuantumCircuit(QuantumRegister(3), a, b, shared)
    found.x(1)
    found.measure(1, b[8])
    ((data, _),) = result("sampler", body([circuit(found), None, 3]))
    fields = data["fields"]
    assert {name: one["num_bits"] for name, one in fields.items()} == {"a": 2, "b": 9, "s": 2}
    assert [numbers(fields[n]["array"]).tolist() for n in "abs"] == [[0] * 3, [256] * 3, [1] * 3]


def test_a_circuit_that_measures_nothing_gives_zeros_and_one_without_bits_nothing() -> None:
    silent = QuantumCircuit(1, 3)
    silent.h(0)
    bare = QuantumCircuit(1)
    bare.h(0)
    (zeros, _), (nothing, _) = result("sampler", body([circuit(silent), None, 4], [circuit(bare)]))
    assert zeros["fields"]["c"]["array"].tolist() == [[0]] * 4
    assert (nothing["field_names"], nothing["fields"]) == ([], {})


def test_no_point_and_no_observable_give_empty_arrays() -> None:
    found = QuantumCircuit(1)
    found.rx(Parameter("a"), 0)
    found.measure_all()
    ((data, _),) = result("sampler", body([circuit(found), array(np.zeros((0, 1))), 4]))
    assert data["fields"]["meas"]["array"].shape == (0, 4, 1)
    pubs = [[circuit(found), "Z", array(np.zeros((0, 1)))], [circuit(found), [], [0.1]]]
    (none, _), (nothing, _) = result("estimator", body(*pubs))
    assert none["fields"]["evs"].shape == nothing["fields"]["evs"].shape == (0,)


def test_a_sweep_is_one_batch() -> None:
    answer = ran("sampler", golden("sampler", "0_51"))
    batch, dynamic, other = answer.document["plans"]
    assert {batch, other} <= {"panta:statevector", "prism:statevector"}
    assert dynamic != batch


def test_the_document_says_how_it_was_run() -> None:
    found = ran("estimator", golden("estimator", "0_51")).document
    assert json.loads(json.dumps(found)) == found
    wanted = {"ok": True, "kind": "estimator", "pubs": 3, "seed": 3, "fidelity": 1.0, "error": None}
    assert {name: found[name] for name in wanted} == wanted
    assert found["shots"] == 4096 + 60_000 + 6 * 4096
    assert found["plan"]["engine"] in found["plans"]
    assert "markaz" in found["engines"]
    assert found["seconds"]["total"] > 0
    assert found["notes"]["not_applied"] == {"resilience_level": "this simulator has no noise"}


def test_the_result_says_what_was_not_applied() -> None:
    found = plain(json.loads(ran("estimator", golden("estimator", "0_51")).payload))
    assert found["metadata"]["not_applied"] == {"resilience_level": "this simulator has no noise"}
    assert (found["metadata"]["version"], found["metadata"]["seed"]) == (2, 3)


def test_the_time_limit_is_for_all_pubs() -> None:
    with pytest.raises(ProgramError, match=r"0 of 3 pubs ran in 1e-09 s") as caught:
        ran("sampler", golden("sampler", "0_51"), time_limit=1e-9)
    assert caught.value.kind == "limit-time"


def test_a_payload_is_one_line_of_ascii() -> None:
    payload = ran("sampler", data_of_bell()).payload
    assert b"\n" not in payload
    assert payload.isascii()
