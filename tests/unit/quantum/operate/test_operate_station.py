"""Jobs on an emulated device: what a result says, that it replays, and what is refused."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from markaz.quantum.compile.cache import Cache
from markaz.quantum.devices.emulator.truth import commitment, truth_at
from markaz.quantum.devices.model import DeviceModel, load_shipped, shipped, shipped_text
from markaz.quantum.mitigate.options import Mitigation, of_level
from markaz.quantum.observables import parse
from markaz.quantum.operate import opening, single, stored
from markaz.quantum.operate.driver import Emulated
from markaz.quantum.operate.points import DevicePoints, mitigation_of
from markaz.quantum.operate.shipped import SEED, file_name, moved, packed, shipped_sheet
from markaz.quantum.operate.station import Station
from markaz.quantum.points import Options
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.runtime import front
from markaz.quantum.runtime.bundle import Bundle, Program, Pub

GHZ = load(
    b'OPENQASM 2.0;include "qelib1.inc";qreg q[3];creg c[3];'
    b"h q[0];cx q[0],q[1];cx q[1],q[2];measure q->c;"
)
TURN = load(
    b'OPENQASM 3.0;include "stdgates.inc";input float a;qubit[2] q;bit[2] c;'
    b"rx(a) q[0];cx q[0],q[1];c=measure q;"
)
NATIVE = load(
    b'OPENQASM 3.0;include "stdgates.inc";qubit[20] q;bit[2] c;'
    b"sx q[5];cz q[5],q[6];c[0]=measure q[5];c[1]=measure q[6];"
)
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def indus() -> DeviceModel:
    return load_shipped("indus")


def station(model: DeviceModel, at: int = HOUR, **more: Any) -> Station:
    driver = Emulated(model, SEED, at, 0, born_us=10 * HOUR, threads=1, **more)
    return Station(model, shipped_sheet(model), driver, Cache())


def test_a_result_says_what_it_ran_on(indus: DeviceModel) -> None:
    found = single.run(station(indus), GHZ, {"shots": 500, "seed": 7})
    assert sum(found["counts"].values()) == found["shots"] == 500
    assert found["counts"]["000"] + found["counts"]["111"] > 350
    about = found["device"]
    sheet = shipped_sheet(indus)
    assert sheet is not None
    assert (about["name"], about["version"], about["sheet"]) == ("indus", "1.0.0", sheet.id)
    assert (about["emulated"], about["model_version"]) == ("EMULATED", "markaz-e1 1.0.0")
    truth = truth_at(indus, SEED, HOUR, 0)
    assert about["truth"] == commitment(indus, SEED, truth)
    assert (about["at"], about["tuned_at"]) == (11 * HOUR, 10 * HOUR)
    assert "exact" in about["accuracy"]
    assert 0.5 < about["compile"]["fidelity"] < 1
    assert found["program_hash"] == program_hash(GHZ) != about["compile"]["hash"]
    assert str(SEED) not in json.dumps(found)


def test_the_same_moment_and_seed_give_the_same_bits(indus: DeviceModel) -> None:
    first, again = (
        single.run(station(indus), GHZ, {"shots": 300, "seed": 5, "memory": True}) for _ in "ab"
    )
    assert first["memory"] == again["memory"]
    later = single.run(station(indus, 30 * HOUR), GHZ, {"shots": 300, "seed": 5, "memory": True})
    assert later["device"]["truth"] != first["device"]["truth"]


def test_what_was_run_can_be_written_out(indus: DeviceModel) -> None:
    found = single.run(station(indus), GHZ, {"shots": 10, "seed": 1})
    circuit = stored.circuit_of(found["compiled"][0])
    assert circuit is not None
    assert program_hash(circuit) == found["compiled"][0]["hash"]
    text = stored.written(circuit, "openqasm3")
    places = found["device"]["compile"]["layout"]["start"]
    assert all(f"measure ${q};" in text for q in places)
    assert "CZ" in stored.written(circuit, "qcis")
    assert stored.written(circuit, "svg").startswith("<svg")


def test_large_circuits_are_described_but_not_kept(
    indus: DeviceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MOST_BYTES", 10)
    found = single.run(station(indus), GHZ, {"shots": 10, "seed": 1})
    assert found["compiled"][0]["circuit"] is None
    assert stored.circuit_of(found["compiled"][0]) is None


def test_a_parametric_program_is_compiled_once(indus: DeviceModel) -> None:
    where = station(indus)
    for value, expected in ((0.0, "00"), (np.pi, "11")):
        found = single.run(where, TURN, {"shots": 200, "seed": 1, "parameters": {"a": value}})
        assert max(found["counts"], key=found["counts"].get) == expected
    assert (where.cache.misses, where.cache.hits) == (1, 1)
    with pytest.raises(ProgramError, match="'a'"):
        single.run(where, TURN, {"shots": 200, "seed": 1, "parameters": {}})


def test_observables_are_measured_and_mitigated(indus: DeviceModel) -> None:
    asked = {"shots": 4000, "seed": 3, "observables": ["ZZI", "XXX", "IZI"]}
    raw = single.run(station(indus), GHZ, asked)
    better = single.run(station(indus), GHZ, asked | {"mitigation": 1})
    assert "counts" not in raw
    assert raw["values"][0] == pytest.approx(1.0, abs=0.25)
    assert abs(better["values"][0] - 1) < abs(raw["values"][0] - 1)
    assert all(0 < e < 0.1 for e in raw["standard_errors"])
    assert (raw["mitigation"]["level"], better["mitigation"]["asked"]) == (0, 1)


def test_counts_stay_raw_beside_their_mitigation(indus: DeviceModel) -> None:
    found = single.run(station(indus), GHZ, {"shots": 2000, "seed": 3, "mitigation": 1})
    assert sum(found["counts"].values()) == 2000
    assert sum(found["mitigation"]["quasi"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("program", "asked", "says"),
    [
        (GHZ, {"shots": 100_001}, "at most 100000 shots"),
        (GHZ, {"precompiled": True}, "not compiled for indus"),
        (GHZ, {"mitigation": 1, "memory": True}, "shot by shot"),
        (load(b"OPENQASM 3.0;qubit[21] q;bit[21] c;U(1,0,0) q;c=measure q;"), {}, "21 qubits"),
        (
            load(b"OPENQASM 3.0;qubit q;bit c;c=measure q;if(c){U(1,0,0) q;}"),
            {"mitigation": 1},
            "a branch that was taken",
        ),
    ],
)
def test_what_the_device_cannot_do_is_refused(
    indus: DeviceModel, program: Any, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProgramError, match=says) as caught:
        single.run(station(indus), program, {"shots": 100, "seed": 1, **asked})
    assert caught.value.kind == "unsupported"


def test_all_runs_of_a_job_share_its_time(indus: DeviceModel) -> None:
    with pytest.raises(ProgramError, match="within 0 s") as caught:
        single.run(station(indus, seconds=0), GHZ, {"shots": 100, "seed": 1})
    assert caught.value.kind == "limit-time"


def test_time_passes_on_the_device_by_what_it_does(indus: DeviceModel) -> None:
    driver = Emulated(indus, SEED, HOUR, 0, threads=1, passing=True)
    circuit = station(indus).compiled(NATIVE, single.CompileOptions(compiled=True)).circuit
    driver.execute(circuit, 10_000, 1)
    assert driver.busy == pytest.approx(10_000 * (200_000 + 1570) * 1e-9)
    assert driver.now() == HOUR + round(driver.busy * 1e6)


def test_a_station_travels_as_bytes(indus: DeviceModel) -> None:
    sheet = shipped_sheet(indus)
    assert sheet is not None
    text = shipped_text("indus")
    body = opening.packed(text, sheet.to_json())
    about = {"seed": SEED, "at": HOUR, "tuned": 0, "born": 10 * HOUR}
    there = opening.station(about, body, seconds=60.0, memory=1 << 30, threads=1)
    asked = {"shots": 100, "seed": 9, "memory": True}
    here = single.run(station(indus), GHZ, asked)
    assert single.run(there, GHZ, asked)["memory"] == here["memory"]
    assert (there.model.digest, there.sheet) == (indus.digest, sheet)


@pytest.mark.parametrize("name", shipped())
def test_the_sheet_of_a_shipped_device_is_kept_as_the_tool_writes_it(name: str) -> None:
    sheet = shipped_sheet(load_shipped(name))
    assert sheet is not None
    kept = files("markaz.quantum.devices").joinpath("shipped", file_name(name)).read_bytes()
    assert packed(sheet)[:10] == kept[:10]  # the head has neither a time nor a name
    assert gzip.decompress(packed(sheet)) == gzip.decompress(kept)


def test_times_of_a_sheet_move_together(indus: DeviceModel) -> None:
    sheet = shipped_sheet(indus)
    assert sheet is not None
    later = moved(sheet, HOUR)
    assert later.measured_at == sheet.measured_at + HOUR
    assert later.value("T1", 3) == sheet.value("T1", 3)
    assert later.id != sheet.id
    assert moved(later, -HOUR) == sheet


# The runtime client's programs.


def bundle(kind: str, circuit: Any, *pubs: Pub, **notes: Any) -> Bundle:
    bits = tuple(range(circuit.num_clbits))
    return Bundle(kind, (Program(circuit, (("c", bits),)),), pubs, 11, notes)


def test_a_sampler_runs_on_a_device(indus: DeviceModel) -> None:
    values = np.array([[0.0], [np.pi]])
    found = front.run(
        bundle("sampler", TURN, Pub(0, values, (2,), shots=100)), Options(), None, station(indus)
    )
    about = found.document["device"]
    assert (about["emulated"], about["compile"]["cached"]) == ("EMULATED", False)
    assert len(found.document["compiled"]) == 1
    assert json.loads(found.payload)["__value__"]["metadata"]["seed"] == 11


def test_native_circuits_run_as_they_are(indus: DeviceModel) -> None:
    where = station(indus)
    points = DevicePoints(where, NATIVE, np.zeros((1, 0)), Mitigation(), measures=False)
    assert points.compiled.options["compiled"] is True
    (bits,) = points.samples(50, np.random.default_rng(1))
    assert bits.shape == (50, 2)
    moved_there = DevicePoints(where, GHZ, np.zeros((1, 0)), Mitigation(), measures=False)
    assert moved_there.compiled.options["compiled"] is False


def test_an_estimator_measures_as_precisely_as_asked(indus: DeviceModel) -> None:
    points = DevicePoints(
        station(indus), TURN, np.array([[0.0], [np.pi]]), Mitigation(), measures=True
    )
    sums = [parse("ZZ"), parse("ZI"), parse("IX")]
    which = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    evs, stds = points.estimate(sums, *which, np.random.default_rng(1), 0.02)
    assert evs[[0, 1, 3, 4]] == pytest.approx([1, 1, 1, -1], abs=0.2)
    assert evs[[2, 5]] == pytest.approx([0, 0], abs=0.1)
    assert (stds > 0.001).all() and (stds <= 0.021).all()
    with pytest.raises(ProgramError, match="no exact values"):
        points.estimate(sums, *which, np.random.default_rng(1), 0.0)


def test_mitigation_travels_in_a_bundles_notes() -> None:
    wanted = of_level(3)
    assert mitigation_of({"mitigation": json.loads(json.dumps(wanted.to_json()))}) == wanted
    assert mitigation_of({}) == Mitigation()
