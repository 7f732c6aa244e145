"""Jobs of every kind through an agent's child: what it asks to have executed, and that it asks
for the same again."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from markaz.centre.workers import agent_child, frames, run_child
from markaz.quantum import api
from markaz.quantum.calibrate import parts
from markaz.quantum.devices.model import parse
from markaz.quantum.operate import measuring
from markaz.quantum.operate.opening import packed
from markaz.quantum.programs import wire
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.runtime import bundle as bundles

TEXT = (Path(__file__).parents[4] / "examples/devices/lab.toml").read_text()
LAB = parse(TEXT, "lab.toml")
BELL = load('OPENQASM 2.0;include "qelib1.inc";qreg q[2];creg c[2];h q;cz q[0],q[1];h q[1];'
            "measure q->c;")  # fmt: skip


class Parent:
    """The parent's end: executes without noise, and writes down what was asked."""

    def __init__(self, error: dict[str, str] | None = None) -> None:
        self.asked: list[str] = []
        self.error = error

    def converse(
        self, kind: str, data: bytes, hashed: str, options: dict[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        ours, theirs = socket.socketpair()
        station = packed(TEXT, None)
        header = run_child.request(kind, options, hashed, 60.0, 1 << 31, {"at": 1}, len(station))
        hardware = agent_child.Hardware(
            theirs.fileno(), frames.Incoming(theirs.fileno(), 1 << 30), "lab", "openqasm3"
        )
        thread = threading.Thread(target=self._execute, args=(ours,), daemon=True)
        thread.start()
        found = _answered({**header, "driver": hardware}, data + station)
        theirs.close()
        thread.join(10)
        ours.close()
        return found

    def _execute(self, ours: socket.socket) -> None:
        incoming = frames.Incoming(ours.fileno(), 1 << 30)
        try:
            while True:
                header, body = incoming.next()
                asked = header["execute"]
                self.asked.append(asked["what"])
                if self.error is not None:
                    ours.sendall(frames.pack({"error": self.error}))
                    continue
                result = api.run(load(body.decode()), shots=asked["shots"], seed=len(self.asked))
                counts = json.dumps(result.counts).encode()
                ours.sendall(frames.pack({"seconds": 0.5}, counts))
        except EOFError:
            return


def _answered(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """As in the child, but that this process keeps its limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_child, "limit", lambda request: None)
        return run_child.answered(request, data)


def plain(parent: Parent, **options: Any) -> tuple[dict[str, Any], bytes]:
    asked = {"shots": 200, "seed": 3, **options}
    return parent.converse("run", wire.encode(BELL), program_hash(BELL), asked)


def sampler(parent: Parent) -> tuple[dict[str, Any], bytes]:
    program = bundles.Program(BELL, (("c", (0, 1)),))
    pub = bundles.Pub(0, np.zeros((1, 0)), (), shots=100)
    made = bundles.Bundle("sampler", (program,), (pub,), 1)
    return parent.converse("sampler", bundles.encode(made), bundles.bundle_hash(made),
                           {"shots": made.shots, "seed": 5})  # fmt: skip


def calibration(parent: Parent) -> tuple[dict[str, Any], bytes]:
    part = next(name for name in parts.plan(LAB) if name.startswith("readout"))
    data = json.dumps({"part": part, "seed": 4}).encode()
    return parent.converse("calibration", data, measuring.hash_of(data), {})


Job = Callable[[Parent], tuple[dict[str, Any], bytes]]


@pytest.mark.parametrize(
    "job",
    [
        plain,
        lambda parent: plain(parent, observables=["ZZ", "XX", "0.5*YY"], mitigation=2),
        sampler,
        calibration,
    ],
    ids=["counts", "mitigated values", "sampler", "calibration"],
)
def test_a_job_asks_for_the_same_programs_again(job: Job) -> None:
    first, second = Parent(), Parent()
    header, body = job(first)
    assert header["error"] is None
    assert job(second)[0]["error"] is None
    assert first.asked
    assert first.asked == second.asked
    document = json.loads(body.partition(b"\n")[0])
    about = document["device"]
    assert (about["name"], about["digest"], about["emulated"]) == ("lab", LAB.digest, None)


def test_counts_come_through_unchanged() -> None:
    _, body = plain(Parent(), memory=True)
    document = json.loads(body)
    counts = document["counts"]
    assert set(counts) == {"00", "11"}
    memory = ["00"] * counts["00"] + ["11"] * counts["11"]
    assert sorted(document["memory"]) == memory
    assert document["device"]["shot_order"] == "drawn"
    assert document["seconds"]["run"] == 0.5


def test_a_calibration_measures_a_perfect_device() -> None:
    _, body = calibration(Parent())
    rows = json.loads(body)["sheet"]["rows"]
    errors = {r["value"] for r in rows if r["quantity"] == "readout_error"}
    assert errors
    assert max(errors) < 0.01


def test_what_the_parent_says_went_wrong_ends_the_job() -> None:
    error = {"kind": "engine", "message": "it is warm"}
    parent = Parent(error)
    assert plain(parent)[0] == {"error": error}
    assert len(parent.asked) == 1


def test_bits_that_nothing_writes_are_shown_as_zero() -> None:
    circuit = load('OPENQASM 3.0;include "stdgates.inc";qubit q;bit[2] c;h q;c[0]=measure q;')
    header, body = Parent().converse(
        "run", wire.encode(circuit), program_hash(circuit), {"shots": 50, "seed": 1}
    )
    assert header["error"] is None
    assert set(json.loads(body)["counts"]) == {"00", "01"}
