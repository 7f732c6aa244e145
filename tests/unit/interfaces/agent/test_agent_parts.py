"""Counts, spool, requests, formats and the table of drivers, each by itself."""

from __future__ import annotations

import math
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from markaz.centre.workers.agent_child import shuffled
from markaz.centre.workers.messages import Assign, Finished
from markaz.interfaces.agent import counts
from markaz.interfaces.agent.drivers import registry, wire
from markaz.interfaces.agent.drivers.base import (
    DriverError,
    NotNow,
    Phase,
    Progress,
    Refused,
    Submission,
    Uncertain,
    Unreachable,
)
from markaz.interfaces.agent.drivers.registry import OptionError
from markaz.interfaces.agent.executing import Executor, Pace, Stop, Stopped
from markaz.interfaces.agent.spool import Spool, SpoolError
from markaz.quantum.compile.compiler import compile
from markaz.quantum.devices.model import load_shipped
from markaz.quantum.devices.status import Status
from markaz.quantum.operate import native
from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.reference import unitary as unitary_of
from tests.agent_tools import LAB

# Counts.


def test_good_counts_are_taken_without_zeros() -> None:
    assert counts.checked({"00": 3, "11": 0, "01": 7}, 2, 10) == {"00": 3, "01": 7}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "no object"),
        ([["00", 10]], "no object"),
        ({"0": 10}, "not 2 bits"),
        ({"0 0": 10}, "not 2 bits"),
        ({"٠٠": 10}, "not 2 bits"),
        ({"00": 10.0}, "is 10.0"),
        ({"00": True, "01": 9}, "is True"),
        ({"00": 11, "01": -1}, "is -1"),
        ({"00": 9}, "9 shots; 10 were asked for"),
        ({"00": 10**30}, "were asked for"),
        ({f"{n:02b}": 1 for n in range(4)}, "4 shots; 10"),
        ({f"{n}": 1 for n in range(11)}, "11 different outcomes of 10 shots"),
    ],
)
def test_bad_counts_are_named(raw: Any, words: str) -> None:
    with pytest.raises(DriverError, match=words):
        counts.checked(raw, 2, 10)


def test_shots_are_laid_out_from_counts_in_a_drawn_order() -> None:
    made = shuffled({"01": 3, "10": 2}, 5)
    assert sorted(made) == ["01", "01", "01", "10", "10"]
    assert made == shuffled({"10": 2, "01": 3}, 5)
    assert made != sorted(made)


# The spool.


def assigned(job: str = "j1", attempt: int = 1, **more: Any) -> Assign:
    return Assign(job, attempt, "p/u", "run", "sha256:0", 60.0, {"shots": 10}, "lab",
                  **{"blob": b"wire", **more})  # fmt: skip


def test_a_spool_remembers_everything(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", "lab")
    spool.note_worker("w1")
    entry = spool.take(assigned(tail=2, about={"at": 5}))
    run = spool.note_run(entry, "what", 17)
    spool.note_key(entry, run, "k9")
    spool.note_counts(entry, run, {"0": 10}, 0.25)
    spool.note_run(entry, "next", 18)
    done = spool.take(assigned("j2", 3))
    spool.note_outcome(done, Finished("j2", 3, "completed", 1.5, blob=b"result"))
    spool.close()
    again = Spool(tmp_path / "s", "lab")
    assert again.worker == "w1"
    assert list(again.entries) == ["j1.1", "j2.3"]
    assert again.entries["j1.1"] == entry
    assert again.entries["j1.1"].seconds == 0.25
    assert again.entries["j2.3"].outcome == Finished("j2", 3, "completed", 1.5, blob=b"result")
    again.drop(again.entries["j1.1"])
    again.drop(again.entries["j2.3"])
    again.close()
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "device.json", "lock", "sheets", "worker.json",
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_power_cut_short_is_as_if_never_written(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, "lab")
    entry = spool.take(assigned())
    run = spool.note_run(entry, "what", 17)
    path = tmp_path / "j1.1.journal"
    whole = path.stat().st_size
    spool.note_counts(entry, run, {"0": 10}, 0.25)
    os.truncate(path, whole + cut)
    (tmp_path / "lost.1.wire").write_bytes(b"without a journal")
    (tmp_path / "j3.1.journal.new").write_bytes(b"half")
    spool.close()
    again = Spool(tmp_path, "lab")
    [found] = again.entries.values()
    assert [r.counts for r in found.runs] == [None]
    again.note_counts(found, found.runs[0], {"1": 10}, 0.5)
    again.close()
    last = Spool(tmp_path, "lab")
    assert last.entries["j1.1"].runs[0].counts == {"1": 10}
    last.close()
    assert not (tmp_path / "lost.1.wire").exists()
    assert not (tmp_path / "j3.1.journal.new").exists()


def test_a_spool_is_one_agents_and_one_devices(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "lab")
    with pytest.raises(SpoolError, match="another agent"):
        Spool(tmp_path, "lab")
    spool.close()
    with pytest.raises(SpoolError, match="is the spool of device lab, not of other"):
        Spool(tmp_path, "other")


def test_a_damaged_spool_is_named_and_not_guessed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "lab")
    spool.take(assigned())
    spool.close()
    with (tmp_path / "j1.1.journal").open("ab") as file:
        file.write(b"{nonsense}\n")
    with pytest.raises(SpoolError, match=r"j1\.1\.journal is damaged"):
        Spool(tmp_path, "lab")


def test_sheets_wait_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "lab")
    names = [f"sha256:{c * 64}" for c in "fa"]
    for n, name in enumerate(names):
        spool.take_sheet(name, f"sheet {n}")
        os.utime(tmp_path / "sheets" / f"{name.replace(':', '-')}.json", (n, n))
    assert spool.sheets() == {names[0]: b"sheet 0", names[1]: b"sheet 1"}
    spool.drop_sheet(names[0])
    spool.drop_sheet("../worker")
    assert list(spool.sheets()) == names[1:]
    spool.close()


# Executing.


class Played:
    """A driver that does what it is told, once for each word."""

    format, names = "qcis", False

    def __init__(self, *script: Any, names: bool = False) -> None:
        self.script, self.names, self.said = list(script), names, list[str]()

    def _next(self, what: str) -> Any:
        self.said.append(what)
        found = self.script.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def status(self) -> Status:
        return Status.IDLE

    def submit(self, program: Submission) -> str:
        return str(self._next("submit"))

    def poll(self, key: str, program: Submission) -> Progress:
        return self._next(f"poll {key}")  # type: ignore[no-any-return]

    def cancel(self, key: str) -> None:
        self.said.append(f"cancel {key}")

    def sheet(self) -> str | None:
        return None

    def close(self) -> None:
        pass


PROGRAM = Submission("j1.1.0", "M Q0", 10, 1, (0,))
GOOD = Progress(Phase.COMPLETED, {"0": 10}, 0.5)


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    spool = Spool(tmp_path, "lab")
    entry = spool.take(assigned())

    def run(driver: Played, stop: Stop | None = None, n: int = 0, what: str = "what") -> Any:
        pace = Pace(timeout=1.0, poll=0.001)
        clock = iter(range(0, 10**9, 1000)).__next__
        stop = stop or Stop(threading.Event())
        program = Submission(f"j1.1.{n}", "M Q0", 10, 1, (0,))
        return Executor(driver, spool, pace, clock).execute(entry, n, what, program, stop)

    run.entry = entry  # type: ignore[attr-defined]
    yield run
    spool.close()


def test_a_program_is_handed_over_once_and_asked_for(execute: Any) -> None:
    driver = Played("k1", Progress(Phase.QUEUED), Progress(Phase.RUNNING), GOOD)
    run = execute(driver)
    assert (run.key, run.counts, run.seconds) == ("k1", {"0": 10}, 0.5)
    assert driver.said == ["submit", "poll k1", "poll k1", "poll k1"]
    assert execute(Played()) is run  # from the journal
    with pytest.raises(DriverError, match="compiled in another way"):
        execute(Played(), what="other")


def test_without_a_statement_the_seconds_are_those_that_were_seen(execute: Any) -> None:
    run = execute(Played("k", Progress(Phase.RUNNING), Progress(Phase.COMPLETED, {"0": 10})))
    assert 0 < run.seconds < 0.1


@pytest.mark.parametrize("error", [Unreachable("x"), Uncertain("x")])
def test_a_named_program_is_handed_over_again_until_it_arrived(
    execute: Any, error: DriverError
) -> None:
    driver = Played(error, "j1.1.0", Uncertain("y"), GOOD, names=True)
    assert execute(driver).counts == {"0": 10}
    assert driver.said == ["submit", "submit", "poll j1.1.0", "poll j1.1.0"]


def test_one_without_a_name_is_not_if_it_may_have_arrived(execute: Any) -> None:
    driver = Played(Uncertain("lost"), "k")
    with pytest.raises(DriverError, match="lost"):
        execute(driver)
    assert driver.said == ["submit"]
    entry = execute.entry
    with pytest.raises(DriverError, match="whether it ran is not known"):
        execute(Played())  # after a restart
    assert (len(entry.runs), entry.runs[0].key) == (1, None)


def test_after_a_restart_the_device_is_asked_by_the_programs_own_name(execute: Any) -> None:
    with pytest.raises(DriverError):
        execute(Played(DriverError("crashed here"), names=True))
    driver = Played(GOOD, names=True)
    assert execute(driver).counts == {"0": 10}
    assert driver.said == ["poll j1.1.0"]


def test_not_now_gives_a_fresh_job_back_and_lets_a_begun_one_wait(execute: Any) -> None:
    with pytest.raises(NotNow):
        execute(Played(NotNow("cold", Status.CALIBRATION)))
    assert execute.entry.runs == []
    execute(Played("k0", GOOD))
    driver = Played(NotNow("cold", Status.CALIBRATION), "k1", GOOD)
    assert execute(driver, n=1).key == "k1"


def test_a_refusal_is_the_programs_fault(execute: Any) -> None:
    with pytest.raises(Refused):
        execute(Played(Refused("too long")))


@pytest.mark.parametrize(("cancelled", "said"), [(True, ["cancel k", "poll k"]), (False, [])])
def test_a_cancel_reaches_the_device_and_an_agents_end_does_not(
    execute: Any, cancelled: bool, said: list[str]
) -> None:
    stop = Stop(threading.Event(), cancelled)
    late = Progress(Phase.CANCELLED, seconds=0.125)

    class Stopping(Played):
        def submit(self, program: Submission) -> str:
            stop.wanted.set()
            return super().submit(program)

    driver = Stopping("k", late)
    with pytest.raises(Stopped):
        execute(driver, stop)
    assert driver.said == ["submit", *said]
    assert execute.entry.seconds == (0.125 if cancelled else 0.0)


# Requests.


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], wire.Wire]]:
    """A wire to a server that says these bytes to whoever comes."""
    listeners: list[socket.socket] = []

    def serve(said: bytes) -> wire.Wire:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def body() -> None:
            try:
                while True:
                    with listener.accept()[0] as stream:
                        stream.recv(1 << 16)
                        stream.sendall(said)
            except OSError:
                return

        threading.Thread(target=body, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return wire.open_wire({"url": url, "seconds": 0.5})

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"


def test_answers_are_read_as_json(answering: Any) -> None:
    assert answering(OK + b"\r\n" + b'{"a": [1, 2.5]}').ask("GET", "/") == (200, {"a": [1, 2.5]})
    assert answering(OK + b"\r\n").ask("GET", "/") == (200, None)
    busy = b"HTTP/1.1 502 Bad\r\nconnection: close\r\n\r\n<html>"
    assert answering(busy).ask("GET", "/") == (502, None)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (OK + b"\r\n" + b'{"a": NaN}', DriverError, "NaN"),
        (OK + b"\r\n" + b'{"a": 1, "b": 2, "a": 1}', DriverError, "'a' is said twice"),
        (OK + b"\r\n" + b"[" * 100_000, DriverError, "JSON"),
        (OK + b"\r\n" + b"\xff", DriverError, "JSON"),
        (OK + b"content-encoding: gzip\r\n\r\n\x1f\x8b", DriverError, "JSON"),
        (OK + b"content-length: 50\r\n\r\n{}", Uncertain, "GET /"),
        (b"", Uncertain, "GET /"),
        (b"SSH-2.0\r\n", Uncertain, "GET /"),
    ],
)
def test_other_answers_are_named(
    answering: Any, said: bytes, error: type[DriverError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        answering(said).ask("GET", "/")
    assert type(caught.value) is error


def test_nobody_there_is_told_from_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        wire.open_wire({"url": f"http://127.0.0.1:{port}"}).ask("GET", "/")


# The table of drivers.


def test_drivers_of_clouds_are_off_and_say_what_they_were_tested_with() -> None:
    tested = {name: (row.tested, row.enabled_by) for name, row in registry.TABLE.items()}
    clouds = ("protocol-tested, not hardware-tested", "enabled")
    assert tested == {
        "http": ("contract-tested, against the reference device", ""),
        "tianyan": clouds,
        "origin": clouds,
        "quafu": clouds,
        "aqt": clouds,
    }


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("laser", {}, "no driver 'laser'; there are http, tianyan, origin, quafu, aqt"),
        ("http", {}, "url is missing"),
        ("http", {"url": "ftp://x"}, "url must begin with http"),
        ("http", {"url": "http://x", "colour": 1}, "no option 'colour'"),
        ("http", {"url": "http://x", "seconds": 0}, "seconds must be a number above 0"),
        ("http", {"url": "http://x", "slots": "two"}, "slots must be a number"),
        ("http", {"url": "http://x", "poll_seconds": math.nan}, "poll_seconds must be"),
        ("http", {"url": "http://x", "format": "qir"}, "format must be one of qcis, openqasm3"),
        ("http", {"url": "http://x", "token_file": "/nowhere"}, "token_file"),
        ("tianyan", {"url": "http://x"}, "is protocol-tested, not hardware-tested and off"),
        ("quafu", {"url": "http://x", "enabled": 1}, "enabled = true"),
        ("aqt", {"url": "http://x", "enabled": True}, "token_file is missing"),
        ("origin", {"url": "http://x"}, "is protocol-tested, not hardware-tested and off"),
        (
            "origin",
            {"url": "http://x", "enabled": True, "chip_id": "72"},
            "chip_id must be a whole",
        ),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        registry.make(name, LAB, options)


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(" s3cret\n")
    path.chmod(0o644)
    with pytest.raises(OptionError, match="chmod 600"):
        wire.token({"token_file": str(path)})
    path.chmod(0o600)
    assert wire.token({"token_file": str(path)}) == "s3cret"


# Formats.


def physical(fill: Callable[[Builder], None], clbits: int = 2) -> Circuit:
    builder = Builder()
    builder.qreg("q", LAB.num_qubits)
    builder.creg("c", clbits)
    fill(builder)
    return builder.build()


@pytest.mark.parametrize("form", ["qcis", "openqasm3", "openqasm2"])
def test_what_is_written_measures_what_was_asked_in_order(form: str) -> None:
    circuit = load(
        'OPENQASM 2.0;include "qelib1.inc";qreg q[3];creg a[2];creg b[2];'
        "h q[0];cx q[0],q[1];measure q[0]->b[1];measure q[1]->a[0];"
    )
    compiled = compile(circuit, LAB)
    made = native.program(compiled.circuit, form)
    again = load(made.text)
    places = dict(again.measurements())
    assert made.bits == again.visible_clbits == 2
    assert [places[q] for q in made.qubits] == [0, 1]
    assert made.qubits == (compiled.end[1], compiled.end[0])
    assert native.visible(compiled.circuit, {"01": 3, "10": 4}) == {"0001": 3, "1000": 4}


def test_measurements_before_the_end_keep_all_bits() -> None:
    def fill(builder: Builder) -> None:
        builder.measure(0, 0)
        builder.gate(Op.SX, [0])
        builder.measure(0, 1)

    circuit = physical(fill, 3)
    made = native.program(circuit, "openqasm3")
    assert (made.bits, made.qubits) == (3, ())
    assert native.visible(circuit, {"011": 5}) == {"011": 5}
    with pytest.raises(ProgramError, match="before the end"):
        native.program(circuit, "qcis")


def aqt_unitary(text: str, qubits: int) -> Any:
    """What AQT's operations do, by their definitions."""
    import json

    from scipy.linalg import expm

    pauli = {"X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]),
             "Z": np.diag([1, -1])}  # fmt: skip

    def on(places: dict[int, Any]) -> Any:
        whole = np.eye(1)
        for q in reversed(range(qubits)):
            whole = np.kron(whole, places.get(q, np.eye(2)))
        return whole

    found = np.eye(1 << qubits)
    *gates, last = json.loads(text)
    assert last == {"operation": "MEASURE"}
    for gate in gates:
        if gate["operation"] == "RZ":
            axis, turn = on({gate["qubit"]: pauli["Z"]}), gate["phi"]
        elif gate["operation"] == "R":
            assert 0 <= gate["theta"] <= 1
            assert 0 <= gate["phi"] < 2
            phi = gate["phi"] * np.pi
            plane = np.cos(phi) * pauli["X"] + np.sin(phi) * pauli["Y"]
            axis, turn = on({gate["qubit"]: plane}), gate["theta"]
        else:
            assert 0 <= gate["theta"] <= 0.5
            axis, turn = on(dict.fromkeys(gate["qubits"], pauli["X"])), gate["theta"]
        found = expm(-0.5j * np.pi * turn * axis) @ found
    return found


@pytest.mark.parametrize("seed", range(6))
def test_aqt_operations_do_what_the_circuit_does(seed: int) -> None:
    chance = np.random.default_rng(seed)

    def fill(builder: Builder) -> None:
        for _ in range(12):
            angle = float(chance.uniform(-7, 7))
            a, b = chance.permutation(3)[:2].tolist()
            which = [Op.RX, Op.RY, Op.RZ, Op.RZZ, Op.CZ, Op.SX][chance.integers(6)]
            builder.gate(which, [a, b] if which in (Op.RZZ, Op.CZ) else [a],
                         [angle] if which not in (Op.CZ, Op.SX) else [])  # fmt: skip

    builder = Builder()
    builder.qreg("q", 3)
    fill(builder)
    circuit = builder.build()
    wanted, found = unitary_of(circuit), aqt_unitary(native.program(circuit, "aqt").text, 3)
    assert abs(np.trace(wanted.conj().T @ found)) == pytest.approx(8)


def origin_unitary(text: str, qubits: int) -> Any:
    """What OriginIR does, read by its grammar."""
    words = {"CNOT": Op.CX, "U3": Op.U}
    builder = Builder()
    builder.qreg("q", qubits)
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(" ")
        places = [int(q) for q in re.findall(r"q\[(\d+)\]", rest)]
        angles = re.findall(r"\((.*)\)", rest)
        values = [float(v) for v in angles[0].split(",")] if angles else []
        builder.gate(words.get(name, getattr(Op, name, None)), places, values)
    return unitary_of(builder.build())


@pytest.mark.parametrize("seed", range(4))
def test_originir_does_what_the_circuit_does(seed: int) -> None:
    chance = np.random.default_rng(seed)
    builder = Builder()
    builder.qreg("q", 3)
    gates = (Op.H, Op.S, Op.SX, Op.RX, Op.RY, Op.RZ, Op.U, Op.CX, Op.CZ, Op.ISWAP, Op.RZZ, Op.CCX)
    for _ in range(15):
        op = gates[chance.integers(len(gates))]
        about = TABLE[op]
        places = chance.permutation(3)[: about.num_qubits].tolist()
        builder.gate(op, places, chance.uniform(-7, 7, about.num_params).tolist())
    circuit = builder.build()
    text = native.program(circuit, "originir").text
    assert text.startswith("QINIT 3\nCREG 0\n")
    made = np.trace(unitary_of(circuit).conj().T @ origin_unitary(text, 3))
    assert abs(made) == pytest.approx(8)


def test_originir_measures_into_bits_by_their_order() -> None:
    builder = Builder()
    builder.qreg("q", 4)
    builder.creg("c", 3)
    builder.gate(Op.RX, [2], [0.5])
    builder.measure(3, 0)
    builder.measure(1, 2)
    made = native.program(builder.build(), "originir")
    assert (made.bits, made.qubits) == (2, (3, 1))
    assert made.text == "QINIT 4\nCREG 2\nRX q[2],(0.5)\nMEASURE q[3],c[0]\nMEASURE q[1],c[1]\n"


def test_waits_are_not_left_out_in_silence() -> None:
    model = load_shipped("indus")
    builder = Builder()
    builder.qreg("q", model.num_qubits)
    builder.creg("c", 1)
    builder.delay(0, 100.0, 0)
    builder.measure(0, 0)
    for form in ("openqasm2", "aqt", "originir"):
        with pytest.raises(ProgramError, match=r"delays|gates and (one )?measurement"):
            native.program(builder.build(), form)
