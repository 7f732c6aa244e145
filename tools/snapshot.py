"""Write a device file from a public snapshot of a heavy-hexagon machine.

    python -m tools.snapshot CONFIGURATION.json PROPERTIES.json > …/shipped/hunza.toml

The two files are those that qiskit-ibm-runtime (Apache-2.0) ships for its fake backend of
the machine. Numbers are taken from them, texts are not. What a snapshot lacks (drift,
coherent errors, leakage) is set to one value for all.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Snapshot = dict[str, Any]
DEAD = 0.5  # a gate error from here on means that the gate is not in use
GATE_NS = {"sx": 32.0, "cz": 68.0}

HEAD = '''\
# Hunza: a 156-qubit heavy hexagon, with the numbers of a public snapshot.
# Written by tools/snapshot.py; every field is explained in docs/reference/device-file.md.
name = "hunza"
title = "Hunza: 156 emulated qubits, heavy hexagon"
kind = "emulated"
version = "1.0.0"
description = """
A heavy hexagon of 156 qubits whose typical values are those of a real machine on one day."""
source = """
Snapshot of {machine}, last updated {date}, from the fake backend in
qiskit-ibm-runtime 0.51.0 (Apache-2.0); drift, coherent errors and leakage are invented."""
max_shots = 100000
dt = {dt}
tunable = true
features = ["delay"]
'''
GATES = """
[gates]
sx = 32.0
x = 32.0
rz = 0.0
cz = 68.0
id = 32.0
measure = 2280.0

[tolerances]
T1 = 20.0
T2echo = 8.0
readout_error = 0.15
"gate_error:sx" = 0.01
"gate_error:cz" = 0.05

[emulator]
"""
REST = """\
t1_spread = 0.1
t_phi_spread = 0.1
slow_khz = 1.5
pulse_error_spread = 0.1
over_rotation = 0.004
cz_error_spread = 0.1
cz_phase = 0.015
leakage = 0.00001
readout_spread = 0.1
t1_drift = 0.12
t1_drift_hours = 8.0
tls_per_day = 0.4
tls_minutes = 90.0
tls_factor = 0.25
frequency_drift_khz = 2.0
frequency_ghz = 4.8
frequency_spread_ghz = 0.1
pulse_drift = 0.003
readout_drift = 0.1
events_per_year = 6.0
event_hours = 10.0
"""


def by_qubit(properties: Snapshot, name: str) -> list[float]:
    """A property of every qubit; the worst one where the snapshot has none."""
    found = [next((p["value"] for p in q if p["name"] == name), None)
             for q in properties["qubits"]]  # fmt: skip
    worst = min(v for v in found if v is not None)
    return [worst if v is None else v for v in found]


def by_gate(properties: Snapshot, gate: str) -> dict[tuple[int, ...], float]:
    """Error of a gate wherever it is listed."""
    return {
        tuple(g["qubits"]): p["value"]
        for g in properties["gates"]
        for p in g["parameters"]
        if g["gate"] == gate and p["name"] == "gate_error"
    }


def zz(properties: Snapshot, pair: tuple[int, int]) -> float:
    """Residual ZZ of a coupler in kHz, 0 where the snapshot has none."""
    names = {f"zz_{a}{b}" for a, b in (pair, pair[::-1])}
    found = (abs(p["value"]) * 1e6 for p in properties["general"] if p["name"] in names)
    return next(found, 0.0)


def decay_error(t1: float, t2: float, nanoseconds: float) -> float:
    """Process infidelity of a qubit that relaxes for a short time: t/4 (1/T1 + 2/T2)."""
    return nanoseconds * 1e-3 / 4 * (1 / t1 + 2 / t2)


def stochastic(errors: Iterable[float], decays: Iterable[float], scale: float) -> list[float]:
    """Probability of a Pauli error beyond relaxation: ``scale`` times the average
    infidelity is a process infidelity."""
    plain = list(errors)
    usual = statistics.median(e for e in plain if e < DEAD)
    return [max(scale * (e if e < DEAD else 10 * usual) - decay, 1e-6)
            for e, decay in zip(plain, decays, strict=True)]  # fmt: skip


def listed(key: str, values: Sequence[Any], show: Callable[[Any], str], width: int) -> str:
    """A TOML array, ``width`` elements a line."""
    rows = (values[i : i + width] for i in range(0, len(values), width))
    return f"{key} = [\n" + "".join(f"  {', '.join(map(show, row))},\n" for row in rows) + "]\n"


def number(value: float) -> str:
    """Four significant digits, as a TOML float."""
    text = f"{float(f'{value:.4g}'):.10f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def physics(properties: Snapshot, pairs: Sequence[tuple[int, int]]) -> str:
    """The arrays of the emulator's table."""
    t1, t2 = by_qubit(properties, "T1"), by_qubit(properties, "T2")
    t2 = [min(b, 1.95 * a) for a, b in zip(t1, t2, strict=True)]
    dephasing = [1 / (1 / b - 0.5 / a) for a, b in zip(t1, t2, strict=True)]
    pulses, czs = by_gate(properties, "sx"), by_gate(properties, "cz")
    decay = {g: [decay_error(a, b, GATE_NS[g]) for a, b in zip(t1, t2, strict=True)]
             for g in GATE_NS}  # fmt: skip
    both = [decay["cz"][a] + decay["cz"][b] for a, b in pairs]
    columns = {
        "t1_us": t1,
        "t_phi_us": dephasing,
        "pulse_error": stochastic((pulses[(q,)] for q in range(len(t1))), decay["sx"], 1.5),
        "prob_meas1_prep0": [min(p, 0.3) for p in by_qubit(properties, "prob_meas1_prep0")],
        "prob_meas0_prep1": [min(p, 0.3) for p in by_qubit(properties, "prob_meas0_prep1")],
        "cz_error": stochastic((czs[pair] for pair in pairs), both, 1.25),
        "zz_khz": [zz(properties, pair) for pair in pairs],
    }
    return "".join(listed(key, values, number, 12) for key, values in columns.items())


def main(configuration: str, properties: str) -> None:
    """Print the device file."""
    conf: Snapshot = json.loads(Path(configuration).read_text())
    props: Snapshot = json.loads(Path(properties).read_text())
    pairs = sorted({(min(p), max(p)) for p in conf["coupling_map"]})
    errors = by_gate(props, "cz")
    dead = [p for p in pairs if errors[p] >= DEAD]
    head = HEAD.format(machine=conf["backend_name"], date=props["last_update_date"], dt=conf["dt"])
    shape = "".join(
        listed(key, rows, lambda row: str(list(row)), 10)
        for key, rows in (("sites", conf["coords"]), ("couplers", pairs), ("dead_couplers", dead))
    )
    sys.stdout.write(head + shape + GATES + physics(props, pairs) + REST)


if __name__ == "__main__":
    main(*sys.argv[1:])
