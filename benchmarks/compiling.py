"""Compiling against Qiskit's ``transpile``: time, and fidelity expected from one sheet.

    python -m benchmarks.compiling [--device indus] [--qubits 20] [--level 2] [--seeds 5]

For each MQT Bench family: the least time over the seeds of ``compile`` (a circuit not seen
before, libraries and kernels warm) over that of ``transpile`` at the same level and target,
and the expected fidelity over the median of ``transpile``'s seeds, both by
``schedule.log_fidelity``. Processor time, which others on the machine disturb less, is told
beside the wall's; of ``transpile`` it is that of all its threads. Both start with their own
circuit object in memory. The sheet is invented, in the range of published devices; it is
printed how.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.deadline import deadline
from markaz.quantum.compile.cache import Cache
from markaz.quantum.compile.compiler import compile as fit
from markaz.quantum.compile.compiler import compile_key
from markaz.quantum.compile.fabric import fabric_of
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.compile.schedule import log_fidelity
from markaz.quantum.devices.fields import FEATURES
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.devices.sheet import Row, Sheet
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import Op

NOON = 1_790_000_000_000_000
SHRINK = 4  # qubits fewer that a family without a circuit of that size may have
GENERATION_SECONDS = 10
MOST_PAIRS = 4000  # CX gates of a circuit; larger ones take either compiler minutes
SLOW = 1.1  # times Qiskit's: what compiling may take
BASIS = frozenset(int(op) for op in (Op.CX, Op.U, Op.P, Op.H))
WIDTHS = {"pair": (0.008, 0.5), "pulse": (0.0005, 0.4), "read": (0.02, 0.5)}


def invented_sheet(model: DeviceModel, seed: int) -> Sheet:
    """A sheet with log-normal errors (median and spread: WIDTHS), T1 near 45 us, T2 near 30."""
    g = np.random.default_rng(seed)
    rows: list[Row] = []

    def row(quantity: str, target: tuple[int, ...], median: float, spread: float) -> None:
        value = float(np.clip(g.lognormal(math.log(median), spread), 1e-6, 0.5 * max(1, median)))
        more = {"uncertainty": 0.05 * value, "measured_at": NOON, "method": "invented"}
        rows.append(Row.of(quantity, target, value, **more))

    pulses = [name for name in model.gates if name in ("x2p", "sx", "x")]
    for q in range(model.num_qubits):
        row("T1", (q,), 90.0, 0.25)
        row("T2echo", (q,), 60.0, 0.25)
        row("readout_error", (q,), *WIDTHS["read"])
        for name in pulses:
            row(f"gate_error:{name}", (q,), *WIDTHS["pulse"])
    for pair in model.live_couplers:
        for name in model.two_qubit_gates():
            row(f"gate_error:{name}", tuple(pair), *WIDTHS["pair"])
    return Sheet(model.name, NOON, tuple(rows))


def circuits(qubits: int) -> Iterator[tuple[str, Any]]:
    """(family, Qiskit circuit) of every family that has one of nearly that size."""
    from mqt.bench import BenchmarkLevel, get_benchmark
    from mqt.bench.benchmarks import get_available_benchmark_names

    for family in get_available_benchmark_names():
        for size in range(qubits, qubits - SHRINK - 1, -1):
            try:
                with deadline(GENERATION_SECONDS):
                    made = get_benchmark(family, BenchmarkLevel.INDEP, size, opt_level=1)
            except (ValueError, TimeoutError, RuntimeError, AssertionError, ProgramError):
                continue
            if made.num_qubits <= qubits and _pairs(made) <= MOST_PAIRS:
                yield family, made
                break


def _pairs(circuit: Any) -> int:
    """CX gates of the circuit when everything is unrolled."""
    from markaz.quantum.programs.qiskit_bridge import from_qiskit

    plain = to_ops(from_qiskit(circuit), BASIS)
    return int(np.sum(plain.op == Op.CX))


def measure(
    circuit: Any, model: DeviceModel, sheet: Sheet, level: int, seeds: int
) -> dict[str, float]:
    """Milliseconds and log fidelities of both, and milliseconds from the cache."""
    from qiskit import transpile

    from markaz.quantum.compile.qiskit_passes import basis
    from markaz.quantum.programs.qiskit_bridge import from_qiskit

    flat, fabric = from_qiskit(circuit), fabric_of(model, sheet)
    target = basis(fabric, dynamic=flat.is_dynamic)
    theirs, ours, their_fidelity, our_fidelity = [], [], [], []
    for seed in range(seeds):
        started = _clock()
        made = transpile(circuit, target=target, optimization_level=level, seed_transpiler=seed)
        theirs.append(_since(started))
        their_fidelity.append(log_fidelity(from_qiskit(made), fabric))
        started = _clock()
        compiled = fit(flat, model, sheet, CompileOptions(level=level, seed=seed))
        ours.append(_since(started))
        our_fidelity.append(log_fidelity(compiled.circuit, fabric))
    cache, options = Cache(), CompileOptions(level=level)
    cache.put(compile_key(flat, model, sheet, options), compiled)
    looked_up = []
    for _ in range(3):
        started = time.perf_counter()
        kept = cache.get(compile_key(flat, model, sheet, options))
        looked_up.append(time.perf_counter() - started)
        assert kept is compiled
    return {
        "theirs": min(wall for wall, _ in theirs) * 1e3,
        "ours": min(wall for wall, _ in ours) * 1e3,
        "processor": min(used for _, used in ours) / min(used for _, used in theirs),
        "cached": min(looked_up) * 1e3,
        "their_fidelity": statistics.median(their_fidelity),
        "our_fidelity": statistics.median(our_fidelity),
        "gates": float(circuit.size()),
    }


def main() -> None:
    """Print a line a family and the distribution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="indus")
    parser.add_argument("--qubits", type=int, default=20)
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sheet-seed", type=int, default=1)
    options = parser.parse_args()
    # With every feature, so that dynamic circuits can be compared as well.
    model = replace(load_shipped(options.device), features=tuple(FEATURES))
    sheet = invented_sheet(model, options.sheet_seed)
    print(f"{options.device}, level {options.level}, sheet {sheet.id[:15]} "
          f"(medians and spreads {WIDTHS})")  # fmt: skip
    rows = []
    for family, made in circuits(options.qubits):
        circuit = made.copy()
        measure(circuit, model, sheet, options.level, 1)  # warms what this kind of circuit needs
        row = measure(circuit, model, sheet, options.level, options.seeds)
        rows.append(row)
        print(
            f"{family:28s} gates {row['gates']:6.0f}  qiskit {row['theirs']:7.1f} ms  "
            f"markaz {row['ours']:7.1f} ms  ratio {row['ours'] / row['theirs']:5.2f} "
            f"(processor {row['processor']:5.2f})  "
            f"cached {row['cached']:5.2f} ms  log fidelity {row['their_fidelity']:8.3f} "
            f"{row['our_fidelity']:8.3f}",
            flush=True,
        )
    _summary(rows)


def _clock() -> tuple[float, float]:
    """Seconds by the wall, and of processor time of all threads."""
    return time.perf_counter(), time.process_time()


def _since(then: tuple[float, float]) -> tuple[float, float]:
    now = _clock()
    return now[0] - then[0], now[1] - then[1]


def _summary(rows: list[dict[str, float]]) -> None:
    times = sorted(r["ours"] / r["theirs"] for r in rows)
    total = sum(r["ours"] for r in rows) / sum(r["theirs"] for r in rows)
    gains = sorted(r["our_fidelity"] - r["their_fidelity"] for r in rows)
    better = sum(g >= -1e-9 for g in gains)
    print(f"time ratio: {_spread(times)}; of the sums {total:.2f}; "
          f"above {SLOW} on {sum(t > SLOW for t in times)} of {len(rows)}")  # fmt: skip
    used = [r["processor"] for r in rows]
    print(f"processor time ratio, all threads: {_spread(used)}; "
          f"above {SLOW} on {sum(t > SLOW for t in used)}")  # fmt: skip
    print(f"log fidelity, ours minus Qiskit's median: {_spread(gains)}")
    print(f"at least Qiskit's median on {better} of {len(rows)} families")
    ours = statistics.median(r["our_fidelity"] for r in rows)
    theirs = statistics.median(r["their_fidelity"] for r in rows)
    print(f"median over the set: ours {math.exp(ours):.4g}, Qiskit's {math.exp(theirs):.4g}")
    print(f"from the cache: at most {max(r['cached'] for r in rows):.2f} ms")


def _spread(values: list[float]) -> str:
    at = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "most": 1.0}
    return ", ".join(f"{name} {float(np.quantile(values, p)):.3f}" for name, p in at.items())


if __name__ == "__main__":
    main()
