"""What compiling needs to know of a device under a sheet: couplers, errors, durations."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.errors import CompileError
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.devices.target import duration, error

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Number = TypeVar("_Number", np.int64, np.float64)

SWAP_PRICE = 0.5
# Where nothing is measured: without any sheet all are alike; beside measured ones, what has
# a dash counts as this many times the worst.
UNKNOWN_PULSE, UNKNOWN_PAIR, UNKNOWN_READ = 0.0005, 0.008, 0.02
DASH_FACTOR = 3.0
QUARTER_TURNS = ("sx", "x2p", "rx")
HALF_TURNS = ("x",)
MOST_ERROR = 0.75  # an error is read as at most this; -log(1 - error) stays finite


def cost_of(error: Floats | float) -> Floats:
    """-log fidelity of an error probability, elementwise."""
    return -np.log1p(-np.clip(np.asarray(error, np.float64), 0.0, MOST_ERROR))


@dataclass(frozen=True, eq=False)
class Fabric:
    """A device with ``n`` places (physical qubits), as numbers.

    ``pairs`` int64 (m, 2): couplers that may be used, in the direction in which the native
    gate exists; ``pair_error`` and ``pair_ns`` (m,): average gate error and duration;
    ``pulse_error``, ``pulse_ns``, ``read_error``, ``read_ns``, ``t1_ns``, ``t2_ns`` (n,).
    ``usable`` bool (n,): qubits that may be used at all. ``pair_gate`` is the name of the
    native two-qubit gate, ``pulse`` that of the quarter turn about x, ``flips`` says whether
    a half turn is one pulse as well; RZ is virtual.
    """

    n: int
    pairs: Ints
    pair_error: Floats
    pair_ns: Floats
    pulse_error: Floats
    pulse_ns: Floats
    read_error: Floats
    read_ns: Floats
    t1_ns: Floats
    t2_ns: Floats
    usable: NDArray[np.bool_]
    pair_gate: str = "cz"
    pulse: str = "sx"
    flips: bool = False

    @cached_property
    def read_cost(self) -> Floats:
        """-log fidelity of a measurement on each place."""
        return cost_of(self.read_error)

    @cached_property
    def mean_pulse_ns(self) -> float:
        """Duration of a pulse, mean over the places."""
        return float(self.pulse_ns.mean())

    @cached_property
    def pair_cost(self) -> Floats:
        """-log fidelity of the native gate on each pair of places, infinite without one."""
        table = np.full((self.n, self.n), np.inf)
        a, b = self.pairs[:, 0], self.pairs[:, 1]
        cost = cost_of(self.pair_error)
        np.minimum.at(table, (a, b), cost)
        np.minimum.at(table, (b, a), cost)
        return table

    @cached_property
    def pair_time(self) -> Floats:
        """Nanoseconds of the native gate on each pair of places; 0 without one."""
        table = np.zeros((self.n, self.n))
        a, b = self.pairs[:, 0], self.pairs[:, 1]
        table[a, b] = table[b, a] = self.pair_ns
        return table

    @cached_property
    def idle_rate(self) -> Floats:
        """-log fidelity of a nanosecond's waiting (n,), for times short against T1 and T2."""
        return 1 / (3 * self.t2_ns) + 1 / (6 * self.t1_ns)

    @cached_property
    def neighbours(self) -> tuple[Ints, Ints]:
        """(offsets (n + 1,), neighbours): those of place ``p`` are
        ``neighbours[offsets[p]:offsets[p + 1]]``."""
        rows, columns = np.nonzero(np.isfinite(self.pair_cost))
        offsets = np.searchsorted(rows, np.arange(self.n + 1))
        return offsets.astype(np.int64), columns.astype(np.int64)

    @cached_property
    def hops(self) -> Ints:
        """Couplers between any two places; ``n`` where there is no way."""
        linked = np.isfinite(self.pair_cost)
        table = np.where(linked, 1, self.n).astype(np.int64)
        np.fill_diagonal(table, 0)
        return _shortest(table)

    def distance(self, share: float) -> Floats:
        """Length of the best way between any two places, where a coupler's length is
        1 - share plus share times its cost over the mean cost."""
        finite = np.isfinite(self.pair_cost)
        mean = self.pair_cost[finite].mean() if finite.any() else 1.0
        relative = np.where(finite, self.pair_cost, 0.0) / (mean or 1.0)
        table = np.where(finite, 1.0 - share + share * relative, float(self.n) * 4)
        np.fill_diagonal(table, 0.0)
        return _shortest(table)

    def lengths(self, share: float) -> tuple[Floats, Floats]:
        """``distance(share)``, and the price of a swap over each entry of ``neighbours``:
        what its coupler costs beyond the mean, times ``share`` and SWAP_PRICE."""
        found = self._lengths.get(share)
        if found is None:
            offsets, near = self.neighbours
            cost = self.pair_cost[np.repeat(np.arange(self.n), np.diff(offsets)), near]
            mean = (cost.mean() if len(cost) else 0.0) or 1.0
            price = share * SWAP_PRICE * (cost / mean - 1.0)
            found = self._lengths[share] = self.distance(share), price
        return found

    @cached_property
    def _lengths(self) -> dict[float, tuple[Floats, Floats]]:
        return {}

    @cached_property
    def parts(self) -> list[Ints]:
        """The connected parts of usable places, largest first."""
        left = set(np.flatnonzero(self.usable).tolist())
        found = []
        while left:
            reach = np.flatnonzero(self.hops[min(left)] < self.n)
            part = sorted(left.intersection(reach.tolist()))
            left -= set(part)
            found.append(np.array(part, np.int64))
        return sorted(found, key=len, reverse=True)


def _shortest(table: NDArray[_Number]) -> NDArray[_Number]:
    """All shortest ways (Floyd and Warshall), in place."""
    for k in range(len(table)):
        np.minimum(table, np.add(table[:, k : k + 1], table[k : k + 1, :]), out=table)
    return table


_KNOWN: OrderedDict[tuple[int, int], tuple[DeviceModel, Sheet | None, Fabric]] = OrderedDict()
_MOST_KNOWN = 16
_LOCK = Lock()


def fabric_of(model: DeviceModel, sheet: Sheet | None) -> Fabric:
    """The device under a sheet, made once for each pair of objects.

    Raises CompileError ``unsupported`` for a device without RZ, a quarter turn about x, or
    (where it has couplers) a two-qubit gate.
    """
    key = id(model), id(sheet)
    with _LOCK:
        if key not in _KNOWN:
            _KNOWN[key] = model, sheet, _made(model, sheet)  # held, so that the ids stay theirs
        _KNOWN.move_to_end(key)
        while len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.popitem(last=False)
        return _KNOWN[key][2]


def _made(model: DeviceModel, sheet: Sheet | None) -> Fabric:
    n = model.num_qubits
    pulse = _first(QUARTER_TURNS, model, "quarter turn about x")
    _first(("rz",), model, "virtual RZ")
    pairs = np.array(model.live_couplers, np.int64).reshape(-1, 2)
    pair_gate = _first(("cz", "ecr", "rzz"), model, "two-qubit gate") if len(pairs) else "cz"
    ones = [(q,) for q in range(n)]
    twos = [(int(a), int(b)) for a, b in pairs]
    reads = "measure" in model.gates

    def errors(gate: str, places: Iterable[tuple[int, ...]], unknown: float) -> Floats:
        return _filled([error(sheet, gate, *p) for p in places], unknown, sheet)

    def lengths(gate: str, places: Iterable[tuple[int, ...]]) -> Floats:
        return np.array([duration(model, sheet, gate, *p) for p in places], np.float64)

    return Fabric(
        n=n,
        pairs=pairs,
        pair_error=errors(pair_gate, twos, UNKNOWN_PAIR),
        pair_ns=lengths(pair_gate, twos),
        pulse_error=errors(pulse, ones, UNKNOWN_PULSE),
        pulse_ns=lengths(pulse, ones),
        read_error=errors("measure", ones, UNKNOWN_READ),
        read_ns=lengths("measure", ones) if reads else np.zeros(n),
        t1_ns=_times(sheet, n, "T1"),
        t2_ns=_times(sheet, n, "T2echo", "T2star"),
        usable=np.ones(n, np.bool_),
        pair_gate=pair_gate,
        pulse=pulse,
        flips=any(name in model.gates for name in HALF_TURNS),
    )


def _first(names: Iterable[str], model: DeviceModel, what: str) -> str:
    found = next((name for name in names if name in model.gates), None)
    if found is None:
        raise CompileError("unsupported", f"device {model.name} has no {what}")
    return found


def _filled(values: list[float | None], unknown: float, sheet: Sheet | None) -> Floats:
    known = [v for v in values if v is not None]
    instead = DASH_FACTOR * max(known) if sheet is not None and known else unknown
    return np.array([instead if v is None else v for v in values], np.float64)


def _times(sheet: Sheet | None, n: int, *quantities: str) -> Floats:
    """Decay times in ns, of the first quantity that is measured; infinite if none is."""

    def read(q: int) -> float:
        if sheet is not None:
            for name in quantities:
                value = sheet.value(name, q)
                if value is not None and value > 0:
                    return value * 1000.0
        return float("inf")

    return np.array([read(q) for q in range(n)])
