"""Jobs that measure the device itself: parts of a calibration, benchmarks of an acceptance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from markaz.quantum.accept import benchmarks
from markaz.quantum.accept.benchmarks import Ran
from markaz.quantum.accept.contract import Criterion
from markaz.quantum.calibrate import parts
from markaz.quantum.calibrate.parts import Bench, Bits
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.operate.station import Station
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError


def bench(station: Station) -> Bench:
    """The station as calibrations see it: circuits in native gates go in, bits come out."""

    def execute(circuits: Sequence[Circuit], shots: int, seed: int) -> list[Bits]:
        return [_bits(station, c, shots, seed + i) for i, c in enumerate(circuits)]

    return Bench(station.model, execute, station.driver.now, station.sheet)


def _bits(station: Station, circuit: Circuit, shots: int, seed: int) -> Bits:
    """Outcomes (shots, classical bits) of a circuit of native gates."""
    found = station.driver.execute(circuit, shots, seed, memory=True)
    text = "".join(found.memory or []).encode("ascii")
    return np.frombuffer(text, np.uint8).reshape(shots, -1)[:, ::-1] - 48


def calibrate(station: Station, part: str, seed: int) -> dict[str, Any]:
    """Run one part; the document has its rows as a sheet of its own.

    Raises ProgramError ``unsupported`` for a part that the device does not have.
    """
    try:
        rows = parts.run(part, bench(station), seed)
    except KeyError:
        raise ProgramError("unsupported", f"{station.model.name} has no part {part!r}") from None
    sheet = Sheet(station.model.name, station.driver.now(), tuple(rows))
    return {
        "ok": True,
        "part": part,
        "seed": seed,
        "device": station.facts(),
        "sheet": sheet.document(),
        "error": None,
    }


def judge(station: Station, asked: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Run the programs of one criterion of a contract, and what they say.

    ``asked``: the fields of a ``Criterion``. Raises ProgramError.
    """
    criterion = Criterion(**asked)
    try:
        trials = benchmarks.trials(criterion, station.model, seed)
    except ValueError as error:
        raise ProgramError("unsupported", str(error)) from error
    ran = []
    for i, trial in enumerate(trials):
        compiled = station.compiled(trial.circuit, CompileOptions(compiled=trial.compiled))
        found = station.driver.execute(compiled.circuit, trial.shots, seed + i)
        ran.append((trial, Ran(found.counts or {}, station.driver.busy)))
    return {
        "ok": True,
        "criterion": dict(asked),
        "seed": seed,
        "device": station.facts(),
        "measured": asdict(benchmarks.judge(criterion, ran)),
        "error": None,
    }


def hash_of(data: bytes) -> str:
    """What stands for the hash of a program in a job that measures."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
