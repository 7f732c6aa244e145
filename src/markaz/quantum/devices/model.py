"""The device model: what a device is, as its file describes it."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from markaz.quantum.devices import fields, gates
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.lines import Path, toml_lines

MOST_BYTES = 16 << 20
_WHERE = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class DeviceModel:
    """A device.

    ``sites`` are places for drawings; ``couplers`` are all pairs of the design, those of
    ``dead_couplers`` among them; ``gates`` maps native gates to durations in ns; ``dt``
    in ns; ``tolerances`` maps names of quantities to their worst allowed value.
    ``emulator`` is the emulator's own table, which nothing else reads; ``digest`` is the
    SHA-256 of the file, and ``lines`` says where each field stands in it.
    """

    name: str
    title: str
    kind: str
    version: str
    description: str
    source: str
    max_shots: int
    dt: float
    tunable: bool
    features: tuple[str, ...]
    sites: tuple[tuple[float, float], ...]
    couplers: tuple[tuple[int, int], ...]
    dead_couplers: tuple[tuple[int, int], ...]
    gates: Mapping[str, float]
    tolerances: Mapping[str, float]
    emulator: Mapping[str, Any]
    digest: str
    file: str = field(default="", compare=False)
    lines: Mapping[Path, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""
        return len(self.sites)

    @cached_property
    def live_couplers(self) -> tuple[tuple[int, int], ...]:
        """Couplers that work, in the order of the file."""
        dead = {frozenset(pair) for pair in self.dead_couplers}
        return tuple(pair for pair in self.couplers if frozenset(pair) not in dead)

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """For each qubit, those that a working coupler joins to it, ascending."""
        near: list[list[int]] = [[] for _ in self.sites]
        for a, b in self.live_couplers:
            near[a].append(b)
            near[b].append(a)
        return tuple(tuple(sorted(each)) for each in near)

    def native(self, op: int, params: Sequence[float] = ()) -> str | None:
        """The native gate that an operation of the flat circuit is (up to its global
        phase), None if it is none of this device's."""
        return next((name for name in gates.names_of(op, params) if name in self.gates), None)

    def two_qubit_gates(self) -> tuple[str, ...]:
        """Names of the native gates on couplers."""
        return tuple(name for name in self.gates if gates.NATIVE[name].qubits == 2)


def load(source: FilePath | str) -> DeviceModel:
    """The device of a file, given by its path or as its text (which has line ends).

    Raises DescriptionError, which names the field and line; OSError for an unreadable path.
    """
    if isinstance(source, str) and "\n" in source:
        return parse(source, "device file")
    path = os.fspath(source)
    if os.path.getsize(path) > MOST_BYTES:
        raise DescriptionError(path, "", None, f"has more than {MOST_BYTES} bytes")
    return parse(FilePath(path).read_bytes(), os.path.basename(path))


def parse(content: str | bytes, what: str) -> DeviceModel:
    """The device of a file's content; ``what`` names it in errors. Raises as ``load``."""
    document, text = _toml(content, what)
    lines = toml_lines(text)
    place = fields.Place(what, (), lines)
    values = fields.read(document, fields.FIELDS, place)
    _check_pairs(values, place)
    for key in ("gates", "tolerances", "emulator"):
        values[key] = MappingProxyType(values[key])
    if values["kind"] == "emulated" and not values["emulator"]:
        raise place.at("emulator").fail("is missing, and the device is emulated")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return DeviceModel(**values, digest=f"sha256:{digest}", file=what, lines=lines)


def _toml(content: str | bytes, what: str) -> tuple[dict[str, Any], str]:
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return tomllib.loads(text), text.replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DescriptionError(what, "", None, "is not UTF-8 text") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _WHERE.search(str(error))
        line = int(found[1]) if found else None
        raise DescriptionError(what, "", line, f"is not TOML: {error}") from error


def _check_pairs(values: Mapping[str, Any], place: fields.Place) -> None:
    """Couplers join qubits that exist, and only couplers can be dead."""
    count = len(values["sites"])
    for key in ("couplers", "dead_couplers"):
        for i, pair in enumerate(values[key]):
            if max(pair) >= count:
                raise place.at(key, i).fail(f"names qubit {max(pair)} of {count}")
    known = {frozenset(pair) for pair in values["couplers"]}
    for i, pair in enumerate(values["dead_couplers"]):
        if frozenset(pair) not in known:
            raise place.at("dead_couplers", i).fail(f"{pair[0]} and {pair[1]} have no coupler")
    if values["couplers"] and not any(gates.NATIVE[g].qubits == 2 for g in values["gates"]):
        raise place.at("gates").fail("lacks a two-qubit gate for the couplers")


def shipped() -> tuple[str, ...]:
    """Names of the devices that come with Markaz."""
    folder = files("markaz.quantum.devices") / "shipped"
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def shipped_text(name: str) -> str:
    """The file of a device that comes with Markaz. Raises KeyError for any other name."""
    if name not in shipped():
        raise KeyError(name)
    file = files("markaz.quantum.devices") / "shipped" / f"{name}.toml"
    return file.read_text(encoding="utf-8")


def load_shipped(name: str) -> DeviceModel:
    """A device that comes with Markaz. Raises KeyError for any other name."""
    return parse(shipped_text(name), f"{name}.toml")
