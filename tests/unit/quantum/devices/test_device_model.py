"""Device files: what they must say, and what is said about a wrong one."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path

import pytest

from markaz.quantum.devices import model as models
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.gates import NATIVE, names_of
from markaz.quantum.devices.model import DeviceModel, load, load_shipped, shipped
from markaz.quantum.programs.gates import TABLE, Op

SMALL = """\
name = "small"
title = "Small"
kind = "qpu"
version = "1.0.0"
max_shots = 1000
sites = [[0, 0], [1, 0],
  [2, 0]]
couplers = [[0, 1], [1, 2]]
[gates]
sx = 30.0
rz = 0.0
cz = 60
measure = 500.0
"""


def text_of(name: str) -> str:
    return (files("markaz.quantum.devices") / "shipped" / f"{name}.toml").read_text()


def test_three_devices_are_shipped() -> None:
    found = {n: load_shipped(n) for n in shipped()}
    assert {n: (m.num_qubits, len(m.couplers), m.kind) for n, m in found.items()} == {
        "hunza": (156, 176, "emulated"),
        "indus": (20, 31, "emulated"),
        "karakoram": (66, 110, "emulated"),
    }


@pytest.mark.parametrize(
    ("name", "pieces"), [("hunza", [153, 1, 1, 1]), ("indus", [20]), ("karakoram", [66])]
)
def test_working_couplers_join_all_qubits_that_can_be_joined(name: str, pieces: list[int]) -> None:
    device = load_shipped(name)
    left, found = set(range(device.num_qubits)), []
    while left:
        reached, waiting = {min(left)}, [min(left)]
        while waiting:
            new = set(device.neighbours[waiting.pop()]) - reached
            reached |= new
            waiting += new
        left -= reached
        found.append(len(reached))
    assert found == pieces


def test_no_other_device_is_shipped() -> None:
    with pytest.raises(KeyError):
        load_shipped("../indus")


def test_file_and_text_give_the_same_device(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    assert load(path) == load(str(path)) == load(SMALL)
    assert load(SMALL.replace("\n", "\r\n")).digest == load(SMALL).digest


def test_defaults_of_absent_fields() -> None:
    device = load(SMALL)
    assert (device.dt, device.tunable, device.features, device.dead_couplers) == (
        1.0,
        False,
        (),
        (),
    )
    assert device.two_qubit_gates() == ("cz",)


# What is replaced by what, and the line, field and message that come of it.
WRONG = [
    ('kind = "qpu"\n', "", None, "kind", "is missing"),
    ('kind = "qpu"', 'kind = "toy"', 3, "kind", "must be one of emulated, qpu"),
    ('kind = "qpu"', 'kind = "emulated"', None, "emulator", "is missing"),
    ("max_shots = 1000", "max_shots = 0", 5, "max_shots", "whole number from 1"),
    ("max_shots = 1000", "max_shots = true", 5, "max_shots", "whole number from 1"),
    ("[2, 0]", "[1, 0]", 7, "sites[2]", "is the place of qubit 1 too"),
    ("[2, 0]", "[2, nan]", 7, "sites[2]", "must be a number"),
    ("[2, 0]", "[2]", 7, "sites[2]", "must be [x, y]"),
    ("[1, 2]", "[3, 2]", 8, "couplers[1]", "names qubit 3 of 3"),
    ("[1, 2]", "[1, 1]", 8, "couplers[1]", "joins qubit 1 with itself"),
    ("[1, 2]", "[1, 0]", 8, "couplers[1]", "a second time"),
    ("[gates]", "dead_couplers = [[0, 2]]\n[gates]", 9, "dead_couplers[0]", "have no coupler"),
    ("[gates]", "features = ['fly']\n[gates]", 9, "features[0]", "must be one of delay"),
    ("sx = 30.0", "sy = 30.0", 10, "gates.sy", "is no known gate"),
    ("sx = 30.0", "sx = -30", 10, "gates.sx", "must be above 0"),
    ("rz = 0.0", "rz = 5.0", 11, "gates.rz", "must be at least 0 and at most 0"),
    ("cz = 60", "", 9, "gates", "lacks a two-qubit gate"),
    ("cz = 60", "cz = = 60", 12, "", "is not TOML"),
    ("measure = 500.0", "", 9, "gates", "lacks measure"),
    (
        "measure = 500.0\n", "measure = 500.0\n[tolerances]\nfrequency = 1\n",
        15, "tolerances.frequency", "has no better and no worse",
    ),
    ("version", "versoin", 4, "versoin", "is not a field"),
    ('"1.0.0"', '"1.0"', 4, "version", "does not look like"),
    ('name = "small"', 'name = "Small"', 1, "name", "does not look like"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "message"), WRONG)
def test_error_names_field_and_line(
    old: str, new: str, line: int | None, field: str, message: str
) -> None:
    assert old in SMALL
    with pytest.raises(DescriptionError) as caught:
        load(SMALL.replace(old, new, 1))
    error = caught.value
    assert (error.field, error.line, message in error.message) == (field, line, True), str(error)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"name = '\xff'\n")
    with pytest.raises(DescriptionError, match=r"^x\.toml: is not UTF-8 text$"):
        load(path)


def test_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MOST_BYTES", 10)
    path = tmp_path / "x.toml"
    path.write_text(SMALL)
    with pytest.raises(DescriptionError, match="more than 10 bytes"):
        load(path)


HALF = math.pi / 2


@pytest.mark.parametrize(
    ("op", "params", "name"),
    [
        (Op.SX, (), "x2p"),
        (Op.RX, (HALF,), "x2p"),
        (Op.RX, (HALF - 2 * math.pi,), "x2p"),
        (Op.RX, (-HALF,), "x2m"),
        (Op.RY, (HALF,), "y2p"),
        (Op.U, (HALF, 0.3 - HALF, HALF - 0.3), "xy2p"),
        (Op.U, (-HALF, 0.3 - HALF, HALF - 0.3), "xy2m"),
        (Op.U, (HALF, 0.3, 0.3), None),
        (Op.RX, (0.3,), None),
        (Op.T, (), "rz"),
        (Op.P, (0.1,), "rz"),
        (Op.CZ, (), "cz"),
        (Op.H, (), None),
        (Op.X, (), None),
    ],
)
def test_operation_is_recognised_as_a_native_gate(
    op: Op, params: tuple[float, ...], name: str | None
) -> None:
    assert load_shipped("indus").native(op, params) == name


def test_every_gate_that_is_recognised_is_in_the_table() -> None:
    for op in TABLE:
        assert set(names_of(op, (HALF, 0.0, 0.0, 0.0))) <= set(NATIVE)


def test_neighbours_follow_working_couplers() -> None:
    device = load_shipped("indus")
    assert device.neighbours[8] == (7, 9, 13)
    assert isinstance(device, DeviceModel)
