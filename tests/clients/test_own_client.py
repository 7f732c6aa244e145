"""markaz-client against a real centre, in this interpreter and in old ones."""

from __future__ import annotations

import contextlib
import copy
import pickle
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markaz_client import Markaz, MarkazBackend, MarkazError
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import JobStatus
from qiskit.quantum_info import SparsePauliOp

from markaz.interfaces.rest_api.client import Client
from tests.clients.conftest import DEVICE, SECOND_PROJECT
from tests.clients.guests import Place, fresh, guest

Close = Callable[[float, int, float], bool]


@pytest.fixture(scope="module")
def centre_of(place: Place) -> Markaz:
    return Markaz(place.url, place.key, project=SECOND_PROJECT)


@pytest.fixture(scope="module")
def backend(centre_of: Markaz) -> MarkazBackend:
    return centre_of.get_backend(DEVICE)


def bell(metadata: dict[str, Any] | None = None) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="bell", metadata=metadata)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def flagged() -> QuantumCircuit:
    """A circuit with two registers, feed-forward and a certain outcome."""
    two, one = ClassicalRegister(2, "two"), ClassicalRegister(1, "one")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), two, one)
    circuit.x(1)
    circuit.measure([0, 1], two)
    with circuit.if_test((two, 2)):
        circuit.x(2)
    circuit.measure(2, one)
    return circuit


def test_devices(centre_of: Markaz, backend: MarkazBackend) -> None:
    names = [one.name for one in centre_of.backends()]
    assert sorted(names) == ["hunza", "indus", "karakoram", DEVICE]
    assert centre_of.get_backend().name == DEVICE
    assert backend.document["device"] == DEVICE
    assert (backend.num_qubits, backend.max_circuits) == (1000, 100)
    gates = set(backend.target.operation_names)
    assert {"cx", "ccx", "u", "measure", "reset", "delay", "if_else", "while_loop"} <= gates
    with pytest.raises(MarkazError, match=f"no device 'nothing'; there are: .*{DEVICE}") as caught:
        centre_of.get_backend("nothing")
    assert caught.value.kind == "not-found"


def test_counts_registers_and_metadata(backend: MarkazBackend, close: Close) -> None:
    circuits = transpile([bell({"mine": 1 + 2j}), flagged()], backend)
    job = backend.run(circuits, shots=1000, memory=True, seed_simulator=4, name="n", tags=["t"])
    result = job.result(timeout=30)
    assert job.status() == JobStatus.DONE
    assert set(result.get_counts(0)) == {"00", "11"}
    assert close(result.get_counts(0)["11"], 1000, 0.5)
    assert result.get_counts(1) == {"1 10": 1000}
    assert result.get_memory(1) == ["1 10"] * 1000
    assert [r.header["name"] for r in result.results] == ["bell", circuits[1].name]
    assert result.results[0].header["metadata"] == {"mine": 1 + 2j}
    for document in job.documents():
        assert (document["name"], document["tags"], document["shots"]) == ("n", ["t"], 1000)
        assert document["provenance"]["seed"] == 4


def test_a_job_of_earlier(centre_of: Markaz, backend: MarkazBackend) -> None:
    job = backend.run([bell(), flagged()], shots=30)
    counts = job.result().get_counts()
    again = centre_of.job(job.job_id())
    assert again.backend().name == DEVICE
    assert again.result().get_counts() == counts
    assert again.job_id() == job.job_id()
    assert not again.cancel()


def test_primitives_of_qiskit(backend: MarkazBackend) -> None:
    (pub,) = BackendSamplerV2(backend=backend).run([flagged()], shots=20).result()
    assert pub.data.two.get_counts() == {"10": 20}
    assert pub.data.one.get_counts() == {"1": 20}
    pair = bell()
    pair.remove_final_measurements()
    estimator = BackendEstimatorV2(backend=backend)
    values = estimator.run([(pair, ["ZZ", "XX", "YY"])], precision=0.05).result()[0].data.evs
    assert values.tolist() == [1.0, 1.0, -1.0]
    total = estimator.run([(pair, SparsePauliOp(["ZZ", "XX"], [2, 3]))], precision=0.05)
    assert total.result()[0].data.evs == 5.0


def test_refused_circuit_refuses_all(centre_of: Markaz, backend: MarkazBackend) -> None:
    with pytest.raises(MarkazError, match="circuit 1: 200000 qubits") as caught:
        backend.run([bell(), QuantumCircuit(200_000)], name="refused-together")
    assert (caught.value.kind, caught.value.status) == ("program", 422)
    (good,) = centre_of.connection.get("/jobs", name="refused-together")["items"]
    with contextlib.suppress(MarkazError):  # it was cancelled, unless it had ended before
        centre_of.job(good["job"]).result(timeout=20)


def test_what_cannot_be_sent(backend: MarkazBackend) -> None:
    free = QuantumCircuit(1, name="free")
    free.rx(Parameter("angle"), 0)
    with pytest.raises(ValueError, match="'free' has free parameters: angle"):
        backend.run(free)
    with pytest.raises(ValueError, match="1 to 100 circuits, not 0"):
        backend.run([])
    with pytest.raises(ValueError, match="unknown options: shot;"):
        backend.run(bell(), shot=3)


def test_cancelled_job(backend: MarkazBackend) -> None:
    from tests.running_centre import long_program

    job = backend.run(QuantumCircuit.from_qasm_str(long_program(400)), shots=10)
    assert job.status() in (JobStatus.QUEUED, JobStatus.RUNNING)
    assert job.cancel()
    with pytest.raises(MarkazError, match="cancelled") as caught:
        job.result(timeout=30)
    assert caught.value.kind == "cancelled"
    assert job.status() == JobStatus.CANCELLED


def test_copies_are_connections_of_their_own(backend: MarkazBackend) -> None:
    other = pickle.loads(pickle.dumps(backend._markaz.connection))
    assert other.get("/devices/" + DEVICE)["device"] == DEVICE
    assert copy.deepcopy(backend).run(flagged(), shots=3).result().get_counts() == {"1 10": 3}


@pytest.mark.parametrize("kind", [str, Path, ssl.SSLContext])
def test_https(tls_place: Place, kind: Any) -> None:
    authority = tls_place.trust["SSL_CERT_FILE"]
    context = ssl.create_default_context(cafile=authority)
    ca = context if kind is ssl.SSLContext else kind(authority)
    trusted = Markaz(tls_place.url, tls_place.key, project=SECOND_PROJECT, ca=ca)
    backend = copy.deepcopy(trusted.get_backend())
    assert backend.run(flagged(), shots=5).result().get_counts() == {"1 10": 5}
    with Client(tls_place.url, tls_place.key, verify=ca) as rest:
        assert rest.get(f"/devices/{DEVICE}")["device"] == DEVICE


def test_https_of_an_unknown_authority(tls_place: Place) -> None:
    with pytest.raises(MarkazError, match="certificate verify failed") as caught:
        Markaz(tls_place.url, tls_place.key).backends()
    assert caught.value.kind == "unreachable"


def test_key_and_address(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MARKAZ_URL", "MARKAZ_KEY", "MARKAZ_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="give url=…, or set MARKAZ_URL"):
        Markaz()
    with pytest.raises(ValueError, match="'ftp://x' is not the address of a centre"):
        Markaz("ftp://x", "k")
    with pytest.raises(MarkazError) as caught:
        Markaz(place.url, place.key[:-1]).backends()
    assert (caught.value.status, caught.value.kind) == (401, "unauthenticated")
    monkeypatch.setenv("MARKAZ_URL", place.url)
    monkeypatch.setenv("MARKAZ_KEY", place.key)
    assert Markaz().get_backend().name == DEVICE


@pytest.mark.parametrize(
    "environment", ["pennylane", pytest.param("qiskit14", marks=pytest.mark.nightly)]
)
def test_with_other_versions_of_qiskit(
    place: Place, environment: str, tmp_path: Path, close: Close
) -> None:
    settings = {"MARKAZ_URL": place.url, "MARKAZ_KEY": place.key, "MARKAZ_PROJECT": SECOND_PROJECT}
    with guest(environment, fresh(tmp_path, **settings), tmp_path / "log", place) as found:
        answer = found.call("own_client.all_at_once", shots=1000)
    assert answer["qiskit"].startswith({"pennylane": "2.3", "qiskit14": "1.4"}[environment])
    assert close(answer["bell"]["11"], 1000, 0.5)
    assert answer["certain"] == {"1 10": 1000}
    assert answer["again"] == answer["bell"]
    assert answer["status"] == "DONE"
    assert answer["estimated"] == [1.0, 1.0, -1.0]
