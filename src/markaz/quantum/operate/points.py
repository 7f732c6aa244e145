"""A circuit at many parameter values on a device: what ``points.Points`` is on a simulator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.sampled import Copy, whole
from markaz.quantum.observables import PauliSum
from markaz.quantum.operate.station import Station, unmeasured
from markaz.quantum.points import bits_of
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError

Floats = NDArray[np.float64]
HOW: Final = "measured in groups of commuting observables"


def mitigation_of(notes: Mapping[str, Any]) -> Mitigation:
    """What was asked for against noise; nothing, where ``notes`` do not say."""
    asked = notes.get("mitigation")
    if asked is None:
        return Mitigation()
    known = {f.name for f in fields(Mitigation)}
    given = {k: v for k, v in asked.items() if k in known}
    return Mitigation(**{**given, "factors": tuple(given.get("factors", ()))})


class DevicePoints:
    """A circuit at all parameter values of its pub, on a device.

    ``values`` is float64 (points, parameters), in radians. A circuit that the device can run
    as it is runs as it is, its qubits taken as physical ones; any other is compiled once.
    ``measures``: observables are asked for, and the circuit's own measurements are left out.
    ``notes`` says what was done against noise at the points, if anything was.
    """

    def __init__(
        self,
        station: Station,
        circuit: Circuit,
        values: Floats,
        wanted: Mitigation,
        *,
        measures: bool,
    ) -> None:
        self.circuit, self.values = circuit, values
        self.count = len(values)
        self.plan: dict[str, Any] = {}
        self.engines: dict[str, str] = {}
        self.notes: list[dict[str, Any]] = []
        self._station, self._wanted = station, wanted
        circuit = unmeasured(circuit) if measures else circuit
        self.compiled: Compiled = station.compiled(
            circuit, CompileOptions(compiled=station.is_native(circuit))
        )

    def samples(self, shots: int, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
        """Outcomes (shots, classical bits) of each point in turn. Raises ProgramError."""
        for point in range(self.count):
            compiled, seed = self._bound(point), int(rng.integers(1 << 62))
            if self._wanted.level:
                made = self._station.sampling(compiled, self._wanted, shots, seed)
                self.notes.append(made.to_json())
            else:
                self._station.check_shots(shots)
                made = whole(compiled.circuit, shots)
            yield np.concatenate([self._sampled(c, seed + k) for k, c in enumerate(made.copies)])

    def _sampled(self, copy: Copy, seed: int) -> NDArray[np.uint8]:
        """Outcomes (shots, classical bits) of one copy of the circuit."""
        found = self._station.run(copy.circuit, copy.shots, seed, memory=True)
        self._note()
        return copy.undone(bits_of(found.memory or [], copy.shots, self.circuit.num_clbits))

    def estimate(
        self,
        observables: Sequence[PauliSum],
        which_point: NDArray[np.int64],
        which_observable: NDArray[np.int64],
        rng: np.random.Generator,
        precision: float,
    ) -> tuple[Floats, Floats]:
        """Values and standard errors, one for each (point, observable) asked for.

        Each group of terms is measured 1/``precision``² times. Raises ProgramError.
        """
        if not precision:
            raise ProgramError(
                "unsupported", "a device gives no exact values: ask for a precision above 0"
            )
        shots = math.ceil(precision**-2 * (1 - 1e-9))
        evs, stds = np.zeros((2, len(which_point)))
        for point in range(self.count):
            here = np.flatnonzero(which_point == point)
            wanted = np.unique(which_observable[here])
            found = self._station.mitigated(
                self._bound(point), self._wanted, [observables[k] for k in wanted], shots,
                int(rng.integers(1 << 62)),
            )  # fmt: skip
            self._note()
            if self._wanted.level:
                self.notes.append(found.to_json())
            column = np.searchsorted(wanted, which_observable[here])
            evs[here] = np.array(found.values)[column]
            stds[here] = np.array(found.standard_errors)[column]
        return evs, stds

    def _bound(self, point: int) -> Compiled:
        names = self.circuit.parameters
        if not names:
            return self.compiled
        return self.compiled.bind(dict(zip(names, self.values[point].tolist(), strict=True)))

    def _note(self) -> None:
        last = self._station.last
        assert last is not None
        self.plan = self.plan or last.plan.to_json()
        self.engines |= last.engines
