"""Drivers of clouds against stubs that keep their protocols: protocol-tested, no more."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from markaz.interfaces.agent.drivers import registry
from markaz.interfaces.agent.drivers.base import (
    Driver,
    DriverError,
    NotNow,
    Phase,
    Progress,
    Refused,
    Submission,
    Uncertain,
)
from markaz.quantum.devices.status import Status
from tests.agent_tools import LAB

Answer = tuple[int, Any]


class Stub(BaseHTTPRequestHandler):
    """Answers by ``table``; writes down who asked what."""

    table: dict[str, Callable[[Any, dict[str, str]], Answer]]
    asked: list[tuple[str, Any, dict[str, str]]]

    def do_GET(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length", "0")))
        kind = self.headers.get("content-type", "")
        body: Any = None
        if data:
            form = "form" in kind
            body = {k: v[0] for k, v in parse_qs(data.decode(), keep_blank_values=True).items()} \
                if form else json.loads(data)  # fmt: skip
        headers = {k.lower(): v for k, v in self.headers.items()}
        what = f"{self.command} {self.path}"
        self.asked.append((what, body, headers))
        code, said = self.table[what](body, headers) if what in self.table else (404, {})
        text = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Cloud:
    """A stub, and the driver that speaks to it."""

    def __init__(self, url: str, table: Any, asked: Any, folder: Path) -> None:
        self.url, self.table, self.asked = url, table, asked
        self.folder = folder

    def driver(self, name: str, **options: Any) -> Driver:
        token = self.folder / "token"
        token.write_text("t0ken")
        token.chmod(0o600)
        known = {"url": self.url, "enabled": True, "token_file": str(token), "seconds": 2.0}
        return registry.make(name, LAB, known | options)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    table: dict[str, Any] = {}
    asked: list[Any] = []
    handler = type("Chosen", (Stub,), {"table": table, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Cloud(f"http://127.0.0.1:{server.server_address[1]}", table, asked, tmp_path)
    server.shutdown()
    server.server_close()
    thread.join()


PROGRAM = Submission("j1.1.0", "X2P Q3\nX2P Q3\nM Q3 Q1\n", 3, 2, (3, 1))

# Tianyan.

LOGIN = "POST /qccp-auth/oauth2/sdk/opnId"
MACHINES = "GET /qccp-quantum/sdk/quantumComputer/list"
SUBMIT = "POST /qccp-quantum/sdk/experiment/submit"
QUERY = "POST /qccp-quantum/sdk/experiment/result/find"


@pytest.fixture
def tianyan(cloud: Cloud) -> Iterator[tuple[Cloud, Driver]]:
    cloud.table[LOGIN] = lambda body, _: (200, {"code": 0, "data": {"access_token": "a1"}})
    driver = cloud.driver("tianyan", machine="lab176")
    yield cloud, driver
    driver.close()


def test_tianyan_logs_in_and_hands_qcis_over(tianyan: tuple[Cloud, Driver]) -> None:
    cloud, driver = tianyan
    cloud.table[SUBMIT] = lambda body, _: (200, {"code": 0, "data": {"query_ids": ["q7"]}})
    assert driver.format == "qcis"
    assert driver.submit(PROGRAM) == "q7"
    (login, form, _), (what, body, headers) = cloud.asked
    assert (login, what) == (LOGIN, SUBMIT)
    assert form == {"grant_type": "openId", "openId": "t0ken", "account_type": "member"}
    assert (headers["authorization"], headers["basictoken"]) == ("Bearer a1", "a1")
    assert body == {
        "circuit": ["X2P Q3\nX2P Q3\nM Q3 Q1"], "language": "qcis", "name": "j1.1.0",
        "lab_id": None, "lab_name": None, "shots": 3, "computerCode": "lab176",
        "is_verify": True,
    }  # fmt: skip


def test_tianyan_outcomes_are_put_in_the_order_of_the_program(
    tianyan: tuple[Cloud, Driver],
) -> None:
    cloud, driver = tianyan
    results: list[Any] = []
    cloud.table[QUERY] = lambda body, _: (
        200, {"code": 0, "data": {"experimentResultModelList": results}}
    )  # fmt: skip
    assert driver.poll("q7", PROGRAM) == Progress(Phase.QUEUED)
    assert cloud.asked[-1][1] == {"query_ids": ["q7"]}
    results.append({"resultStatus": [[1, 3], [0, 1], [0, 1], [1, 1]], "probability": {}})
    found = driver.poll("q7", PROGRAM)  # bit 0 is that of Q3, bit 1 that of Q1
    assert (found.phase, found.counts) == (Phase.COMPLETED, {"01": 2, "11": 1})


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "no table"),
        ([[1, 2], [0, 1]], "measured qubits"),
        ([[1, 3], [0, 2]], "not all of the same bits"),
        ([[1, 3], [0]], "not all of the same bits"),
    ],
)
def test_tianyan_outcomes_that_are_none_are_named(
    tianyan: tuple[Cloud, Driver], rows: Any, words: str
) -> None:
    cloud, driver = tianyan
    found = {"experimentResultModelList": [{"resultStatus": rows}]}
    cloud.table[QUERY] = lambda body, _: (200, {"code": 0, "data": found})
    with pytest.raises(DriverError, match=words):
        driver.poll("q7", PROGRAM)


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, Status.IDLE), (1, Status.CALIBRATION), (2, Status.MAINTENANCE), (3, Status.OFFLINE)],
)
def test_tianyan_machines_and_their_states(
    tianyan: tuple[Cloud, Driver], code: int, status: Status
) -> None:
    cloud, driver = tianyan
    rows = [{"code": "other", "status": 3}, {"code": "lab176", "status": code, "isToll": 1}]
    cloud.table[MACHINES] = lambda body, _: (200, {"code": 0, "data": rows})
    assert driver.status() is status
    rows.pop()
    with pytest.raises(DriverError, match="no machine lab176"):
        driver.status()


def test_tianyan_logs_in_again_when_the_token_is_over(tianyan: tuple[Cloud, Driver]) -> None:
    cloud, driver = tianyan
    tokens = iter(("old", "new"))
    cloud.table[LOGIN] = lambda body, _: (
        200, {"code": 0, "data": {"access_token": next(tokens)}}
    )  # fmt: skip
    cloud.table[QUERY] = lambda body, headers: (
        (401, {}) if headers["basictoken"] == "old" else (200, {"code": 0, "data": {}})
    )
    assert driver.poll("q7", PROGRAM).phase is Phase.QUEUED
    assert [what for what, _, _ in cloud.asked] == [LOGIN, QUERY, LOGIN, QUERY]


def test_tianyan_refusals(tianyan: tuple[Cloud, Driver]) -> None:
    cloud, driver = tianyan
    cloud.table[SUBMIT] = lambda body, _: (200, {"code": 500, "msg": "line 3 is wrong"})
    with pytest.raises(Refused, match="line 3"):
        driver.submit(PROGRAM)
    cloud.table[SUBMIT] = lambda body, _: (503, {})
    with pytest.raises(Uncertain, match="503"):
        driver.submit(PROGRAM)
    cloud.table[LOGIN] = lambda body, _: (200, {"code": 1})
    fresh = cloud.driver("tianyan", machine="lab176")
    with contextlib.closing(fresh), pytest.raises(DriverError, match="refuses the key"):
        fresh.status()


# Origin.

TASK = "POST /api/taskApi/submitTask.json"
DETAIL = "POST /api/taskApi/getTaskDetail.json"
CHIP = "GET /api/taskApi/getFullConfig.json?chipId=72"
IR = Submission("job-1k0wqtsb00ebt88db57g.1.12-of-the-day", "QINIT 5\n", 1000, 2, (3, 1))


@pytest.fixture
def origin(cloud: Cloud) -> Iterator[tuple[Cloud, Driver]]:
    driver = cloud.driver("origin", chip_id=72)
    yield cloud, driver
    driver.close()


def task(**record: Any) -> Any:
    """The cloud's answer about a task."""
    obj = {"qcodeTaskNewVo": {"taskResultList": [{"rTaskId": "A1", **record}]}}
    made = {"success": True, "code": 10000, "message": "success", "obj": obj}
    return lambda body, _: (200, made)


def test_origin_takes_a_compiled_program_as_it_is(origin: tuple[Cloud, Driver]) -> None:
    cloud, driver = origin
    cloud.table[TASK] = lambda body, _: (200, {"success": True, "obj": {"taskId": "A1"}})
    assert driver.format == "originir"
    assert driver.submit(IR) == "A1"
    [(_, body, headers)] = cloud.asked
    assert headers["authorization"] == "oqcs_auth=t0ken"
    assert body == {
        "apiKey": "t0ken", "code": "QINIT 5\n", "codeLen": 8, "taskFrom": 4, "qubitNum": 5,
        "classicalbitNum": 2, "taskName": IR.name[-31:], "chipId": 72,
        "isAmend": False, "mappingFlag": False, "circuitOptimization": False,
        "measureType": 1, "QMachineType": 5, "shot": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "phase", "message"),
    [
        ("1", Phase.QUEUED, ""), ("2", Phase.RUNNING, ""), ("5", Phase.QUEUED, ""),
        ("6", Phase.QUEUED, ""), ("9", Phase.RUNNING, ""), ("4", Phase.FAILED, "lost"),
        ("7", Phase.FAILED, "lost"), ("8", Phase.FAILED, "lost"), (35, Phase.FAILED, "lost"),
    ],
)  # fmt: skip
def test_origin_tasks(origin: tuple[Cloud, Driver], state: Any, phase: Phase, message: str) -> None:
    cloud, driver = origin
    cloud.table[DETAIL] = task(taskState=state, errorMessage="lost")
    assert driver.poll("A1", IR) == Progress(phase, message=message)
    assert cloud.asked[-1][1] == {"taskId": "A1", "apiKey": "t0ken"}


def test_origin_outcomes_are_counts_by_hexadecimal_keys(origin: tuple[Cloud, Driver]) -> None:
    cloud, driver = origin
    mitigated = '{"key": ["0x0", "0x3"], "value": [0.51234, 0.48766]}'
    counted = '{"key": ["0x0", "0x2"], "value": [600, 400]}'
    cloud.table[DETAIL] = task(taskState="3", taskResult=mitigated, probCount=counted)
    assert driver.poll("A1", IR) == Progress(Phase.COMPLETED, {"00": 600, "10": 400})
    shares = '{"key": ["0x0", "0x1", "0x3"], "value": [0.614, 0.0, 0.386]}'
    cloud.table[DETAIL] = task(taskState="3", taskResult=shares)
    assert driver.poll("A1", IR).counts == {"00": 614, "11": 386}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"taskResult": '{"key": ["0x0"], "value": [0.51234]}'}, "no count"),
        ({"probCount": '{"key": ["0x4"], "value": [1000]}'}, "more than 2 bits"),
        ({"probCount": '{"key": ["up"], "value": [1000]}'}, "not hexadecimal"),
        ({"probCount": '{"key": ["0x0", "0x0"], "value": [1, 2]}'}, "no table"),
        ({"probCount": '{"key": ["0x0"], "value": []}'}, "no table"),
        ({"probCount": '{"key": ["0x0"], "value": [true]}'}, "no table"),
        ({"probCount": "{'0x0': 1}"}, "no JSON"),
        ({}, "no table"),
    ],
)
def test_origin_outcomes_that_are_none_are_named(
    origin: tuple[Cloud, Driver], record: dict[str, Any], words: str
) -> None:
    cloud, driver = origin
    cloud.table[DETAIL] = task(taskState="3", **record)
    with pytest.raises(DriverError, match=words):
        driver.poll("A1", IR)


def test_origin_answers_that_are_of_no_task_are_named(origin: tuple[Cloud, Driver]) -> None:
    cloud, driver = origin
    for said, words in (
        ({"success": True, "obj": {}}, "not of one task"),
        ({"success": False, "code": 1, "message": "no such task"}, "no such task"),
        ({"success": False, "code": 401}, "refuses the key"),
        ([1], "answered 200"),
    ):
        cloud.table[DETAIL] = lambda body, _, said=said: (200, said)
        with pytest.raises(DriverError, match=words):
            driver.poll("A1", IR)
    cloud.table[DETAIL] = task(taskState="12")
    with pytest.raises(DriverError, match="state '12' of task A1"):
        driver.poll("A1", IR)


def test_origin_refusals_and_states(origin: tuple[Cloud, Driver]) -> None:
    cloud, driver = origin
    cloud.table[TASK] = lambda body, _: (200, {"success": False, "code": 9, "message": "line 3"})
    with pytest.raises(Refused, match="line 3"):
        driver.submit(IR)
    repair = {"success": False, "code": 20045, "message": "in maintenance"}
    cloud.table[TASK] = lambda body, _: (200, repair)
    with pytest.raises(NotNow, match="in maintenance") as caught:
        driver.submit(IR)
    assert caught.value.status is Status.MAINTENANCE
    cloud.table[TASK] = lambda body, _: (502, {})
    with pytest.raises(Uncertain, match="502"):
        driver.submit(IR)
    cloud.table[TASK] = lambda body, _: (200, {"success": True, "obj": {}})
    with pytest.raises(DriverError, match="no task id"):
        driver.submit(IR)
    for said, status in (
        ({"success": True, "obj": {"status": 7}}, Status.IDLE), (repair, Status.MAINTENANCE),
        ({"success": False, "code": 3}, Status.OFFLINE),
    ):  # fmt: skip
        cloud.table[CHIP] = lambda body, _, said=said: (200, said)
        assert driver.status() is status


# Quafu.


@pytest.fixture
def quafu(cloud: Cloud) -> Iterator[tuple[Cloud, Driver]]:
    driver = cloud.driver("quafu", machine="ScQ-P18", system_id=5)
    yield cloud, driver
    driver.close()


def test_quafu_takes_forms_and_gives_a_task(quafu: tuple[Cloud, Driver]) -> None:
    cloud, driver = quafu
    cloud.table["POST /qbackend/scq_kit_asyc/"] = lambda body, _: (
        200, {"task_id": "T1", "status": 0, "res": "{}", "openqasm": "", "task_name": ""}
    )  # fmt: skip
    assert driver.format == "openqasm2"
    assert driver.submit(Submission("j1.1.0", "OPENQASM 2.0;", 3, 2, (3, 1))) == "T1"
    [(_, form, headers)] = cloud.asked
    assert headers["api_token"] == "t0ken"
    assert form == {
        "qtasm": "OPENQASM 2.0;", "shots": "3", "qubits": "5", "scan": "0", "tomo": "0",
        "selected_server": "5", "compile": "0", "priority": "2", "task_name": "j1.1.0",
        "runtime_job_id": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (0, Phase.QUEUED), (5, Phase.QUEUED), (1, Phase.RUNNING), (2, Phase.COMPLETED),
        (3, Phase.CANCELLED), (4, Phase.FAILED),
    ],
)  # fmt: skip
def test_quafu_tasks(quafu: tuple[Cloud, Driver], status: int, phase: Phase) -> None:
    cloud, driver = quafu
    cloud.table["POST /qbackend/scq_task_recall/"] = lambda body, _: (
        200, {"task_id": body["task_id"], "status": status, "res": "{'10': 2, '00': 1}"}
    )  # fmt: skip
    found = driver.poll("T1", PROGRAM)
    counts = {"01": 2, "00": 1} if phase is Phase.COMPLETED else None  # lowest bit left there
    assert (found.phase, found.counts) == (phase, counts)


@pytest.mark.parametrize(
    "said", ["__import__('os').system('true')", "{1: 2}", "[1]", "{'0'", None, "9" * 10_000]
)
def test_quafu_counts_are_read_and_never_run(quafu: tuple[Cloud, Driver], said: Any) -> None:
    cloud, driver = quafu
    cloud.table["POST /qbackend/scq_task_recall/"] = lambda body, _: (
        200, {"task_id": "T1", "status": 2, "res": said}
    )  # fmt: skip
    with pytest.raises(DriverError, match="counts"):
        driver.poll("T1", PROGRAM)


def test_quafu_refusals_and_states(quafu: tuple[Cloud, Driver]) -> None:
    cloud, driver = quafu
    for code in (201, 205, 400, 5001, 5004):
        cloud.table["POST /qbackend/scq_kit_asyc/"] = lambda body, _, code=code: (
            200, {"status": code, "message": "no such gate"}
        )  # fmt: skip
        with pytest.raises(Refused, match="no such gate"):
            driver.submit(PROGRAM)
    cloud.table["POST /qbackend/scq_kit_asyc/"] = lambda body, _: (200, {"status": 5003})
    with pytest.raises(DriverError):
        driver.submit(PROGRAM)
    for word, status in (("Online", Status.IDLE), ("Maintenance", Status.MAINTENANCE),
                         ("None Service", Status.OFFLINE)):  # fmt: skip
        row = {"system_name": "ScQ-P18", "status": word}
        cloud.table["POST /qbackend/get_backends/"] = lambda body, _, row=row: (
            200, {"status": 200, "data": [row]}
        )  # fmt: skip
        assert driver.status() is status


# AQT.


@pytest.fixture
def aqt(cloud: Cloud) -> Iterator[tuple[Cloud, Driver]]:
    driver = cloud.driver("aqt", workspace="w 1", resource="ibex")
    yield cloud, driver
    driver.close()


OPERATIONS = '[{"operation": "R", "qubit": 3, "theta": 1.0, "phi": 0.0}, {"operation": "MEASURE"}]'


def test_aqt_takes_gates_and_gives_a_job(aqt: tuple[Cloud, Driver]) -> None:
    cloud, driver = aqt
    job = {"job_id": "u-1", "job_type": "quantum_circuit"}
    cloud.table["POST /v1/submit/w%201/ibex"] = lambda body, _: (
        200, {"job": job, "response": {"status": "queued"}}
    )  # fmt: skip
    assert driver.submit(Submission("j1.1.0", OPERATIONS, 3, 2, (3, 1))) == "u-1"
    [(_, body, headers)] = cloud.asked
    assert headers["authorization"] == "Bearer t0ken"
    circuit = {"repetitions": 3, "quantum_circuit": json.loads(OPERATIONS),
               "number_of_qubits": 5}  # fmt: skip
    assert body == {"job_type": "quantum_circuit", "label": "j1.1.0",
                    "payload": {"circuits": [circuit]}}  # fmt: skip


@pytest.mark.parametrize(
    ("response", "phase", "counts"),
    [
        ({"status": "queued"}, Phase.QUEUED, None),
        ({"status": "ongoing", "finished_count": 0}, Phase.RUNNING, None),
        ({"status": "cancelled"}, Phase.CANCELLED, None),
        ({"status": "error", "message": "lost ions"}, Phase.FAILED, None),
        (
            {"status": "finished", "result": {"0": [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]}},
            Phase.COMPLETED,
            {"01": 1, "10": 1},
        ),
    ],
)
def test_aqt_jobs(aqt: tuple[Cloud, Driver], response: Any, phase: Phase, counts: Any) -> None:
    cloud, driver = aqt
    cloud.table["GET /v1/result/u-1"] = lambda body, _: (200, {"job": {}, "response": response})
    found = driver.poll("u-1", PROGRAM)
    assert (found.phase, found.counts) == (phase, counts)
    assert found.message == response.get("message", "")
    assert driver.poll("u-2", PROGRAM).phase is Phase.UNKNOWN


@pytest.mark.parametrize(
    "result", [None, {}, {"0": [], "1": []}, {"0": [[0, 1]]}, {"0": [[0, 0, 0, 0, 2]]}]
)
def test_aqt_results_that_are_none_are_named(aqt: tuple[Cloud, Driver], result: Any) -> None:
    cloud, driver = aqt
    response = {"status": "finished", "result": result}
    cloud.table["GET /v1/result/u-1"] = lambda body, _: (200, {"response": response})
    with pytest.raises(DriverError, match="the result"):
        driver.poll("u-1", PROGRAM)


def test_aqt_refusals_and_states(aqt: tuple[Cloud, Driver]) -> None:
    cloud, driver = aqt
    with pytest.raises(Refused, match="at most 2000 shots there, not 2001"):
        driver.submit(Submission("n", OPERATIONS, 2001, 2, (3, 1)))
    cloud.table["POST /v1/submit/w%201/ibex"] = lambda body, _: (422, {"detail": "too deep"})
    with pytest.raises(Refused, match="too deep"):
        driver.submit(Submission("n", OPERATIONS, 3, 2, (3, 1)))
    cloud.table["POST /v1/submit/w%201/ibex"] = lambda body, _: (401, {})
    with pytest.raises(DriverError, match="token is refused"):
        driver.submit(Submission("n", OPERATIONS, 3, 2, (3, 1)))
    for word, status in (("online", Status.IDLE), ("maintenance", Status.MAINTENANCE),
                         ("unavailable", Status.OFFLINE)):  # fmt: skip
        cloud.table["GET /v1/resources/ibex"] = lambda body, _, word=word: (200, {"status": word})
        assert driver.status() is status
