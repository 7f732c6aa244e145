"""A job of one program on a device: its result document, as of a simulation, and more."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.mitigate.evaluate import Mitigated
from markaz.quantum.observables import ObservableError, PauliSum
from markaz.quantum.operate import stored
from markaz.quantum.operate.station import Station, unmeasured
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.parameters import bind
from markaz.quantum.programs.program_hash import program_hash
from markaz.quantum.simulate.result import Result

SEED_BITS: Final = 63


def run(station: Station, circuit: Circuit, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run a program; ``asked`` are a job's options, checked.

    Raises ProgramError.
    """
    seed = asked.get("seed")
    seed = secrets.randbits(SEED_BITS) if seed is None else seed
    shots, level = asked["shots"], asked.get("mitigation") or 0
    observables = _observables(asked.get("observables"), circuit.num_qubits)
    bare = circuit if observables is None else unmeasured(circuit)
    compiled = _compiled(station, bare, asked)
    if observables is None and level == 0:
        result = station.execute(compiled, shots, seed, memory=bool(asked.get("memory")))
        return _document(station, circuit, compiled, result, shots, seed, None)
    if asked.get("memory"):
        raise ProgramError("unsupported", "outcomes shot by shot are given without mitigation only")
    found = station.mitigated(compiled, level, observables, shots, seed)
    assert station.last is not None
    document = _document(station, circuit, compiled, station.last, shots, seed, found)
    if observables is None:
        return document | {"counts": dict(found.counts or {})}
    del document["counts"]
    values = {"values": list(found.values), "standard_errors": list(found.standard_errors)}
    return document | values


def _compiled(station: Station, circuit: Circuit, asked: Mapping[str, Any]) -> Compiled:
    level = asked.get("compile_level")
    options = CompileOptions(
        level=2 if level is None else level, compiled=bool(asked.get("precompiled"))
    )
    values = asked.get("parameters") or {}
    if circuit.parameters:  # fitted once for all values
        bind(circuit, values)  # names what is missing as the user wrote it
        return station.compiled(circuit, options).bind(values)
    return station.compiled(circuit, options)


def _observables(texts: Any, qubits: int) -> list[PauliSum] | None:
    if texts is None:
        return None
    try:
        found = [PauliSum.of(text) for text in texts]
        for each in found:
            each.check_width(qubits)
    except ObservableError as error:
        raise ProgramError("parse", str(error)) from error
    return found


def _document(
    station: Station,
    program: Circuit,
    compiled: Compiled,
    result: Result,
    shots: int,
    seed: int,
    mitigated: Mitigated | None,
) -> dict[str, Any]:
    found = result.to_json() | {
        "shots": shots,
        "seed": seed,
        "qubits": program.num_qubits,
        "program_hash": program_hash(program),
        "measured": program.measured,
        "registers": [list(r) for r in result.registers],
        "device": station.facts() | {"compile": compile_facts(station, compiled)},
        "compiled": stored.kept([compiled]),
    }
    for name in ("emulated", "model_version", "truth", "accuracy", "duration_ns"):
        found.pop(name, None)  # they stand under ``device``
    if mitigated is not None:
        found["mitigation"] = mitigated.to_json()
    return found


def compile_facts(station: Station, compiled: Compiled) -> dict[str, Any]:
    """How a program was fitted: its layout, expected fidelity, gates, time."""
    facts = compiled.to_json()
    names = ("hash", "key", "layout", "fidelity", "gates", "depth", "pair_depth", "duration_ns")
    return {name: facts[name] for name in (*names, "options", "versions")} | {
        "cached": station.cached,
        "seconds": round(station.compiling, 6),
    }
