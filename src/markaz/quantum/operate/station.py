"""A station: a device with its sheet and whatever executes circuits on it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from markaz.quantum.compile.cache import Cache
from markaz.quantum.compile.compiled import Compiled
from markaz.quantum.compile.compiler import compile, compile_key
from markaz.quantum.compile.errors import CompileError
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.compile.physical import violations
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.sheet import Sheet
from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.evaluate import Mitigated, evaluate
from markaz.quantum.mitigate.observe import without_final_measurements
from markaz.quantum.mitigate.options import Mitigation
from markaz.quantum.mitigate.plan import plan
from markaz.quantum.mitigate.sampled import Sampling, sampling
from markaz.quantum.observables import PauliSum
from markaz.quantum.operate.driver import Driver
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.result import Result

CACHE: Final = Cache()  # of this process; what it holds depends on its keys alone


def unmeasured(circuit: Circuit) -> Circuit:
    """The circuit without its final measurements, as expectation values need it.

    Raises ProgramError ``unsupported`` where there are others.
    """
    if circuit.is_dynamic:
        text = "expectation values need a circuit without resets, control flow and measurements"
        raise ProgramError("unsupported", f"{text} before the end")
    return without_final_measurements(circuit)


@dataclass(slots=True)
class Station:
    """Runs circuits on ``model`` under ``sheet``; ``compiling`` counts seconds."""

    model: DeviceModel
    sheet: Sheet | None
    driver: Driver
    cache: Cache = field(default_factory=lambda: CACHE)
    compiling: float = 0.0
    cached: bool = True
    last: Result | None = None

    def compiled(self, circuit: Circuit, options: CompileOptions) -> Compiled:
        """The circuit fitted to the device, from the cache where it was fitted before.

        Raises ProgramError ``unsupported`` for one that does not fit.
        """
        key = compile_key(circuit, self.model, self.sheet, options)
        began, found = time.monotonic(), self.cache.get(key)
        if found is None:
            self.cached = False
            try:
                found = compile(circuit, self.model, self.sheet, options)
            except CompileError as error:
                raise ProgramError("unsupported", error.message) from error
            self.cache.put(key, found)
        self.compiling += time.monotonic() - began
        return found

    def is_native(self, circuit: Circuit) -> bool:
        """Whether the device can run the circuit as it is, its qubits taken as physical."""
        return next(violations(circuit, self.model), None) is None

    def execute(self, compiled: Compiled, shots: int, seed: int, *, memory: bool = False) -> Result:
        """Run a compiled circuit whose parameters have values. Raises ProgramError."""
        self.check_shots(shots)
        return self.run(compiled.circuit, shots, seed, memory=memory)

    def run(self, circuit: Circuit, shots: int, seed: int, *, memory: bool = False) -> Result:
        """Run a circuit in native gates. Raises ProgramError."""
        self.last = self.driver.execute(circuit, shots, seed, memory=memory)
        return self.last

    def sampling(self, compiled: Compiled, wanted: Mitigation, shots: int, seed: int) -> Sampling:
        """Copies to run for twirled and decoupled samples.

        Raises ProgramError ``unsupported`` with the reason where they are refused.
        """
        self.check_shots(shots)
        try:
            return sampling(wanted, compiled.circuit, shots, self.model, self.sheet, seed)
        except MitigationError as error:
            raise ProgramError("unsupported", f"mitigation: {error.message}") from error

    def check_shots(self, shots: int) -> None:
        """Raise ProgramError ``unsupported`` for more than the device takes at once."""
        if shots > self.model.max_shots:
            most = self.model.max_shots
            text = f"{self.model.name} runs at most {most} shots of a circuit, not {shots}"
            raise ProgramError("unsupported", text)

    def mitigated(
        self,
        compiled: Compiled,
        wanted: Mitigation | int,
        observables: Sequence[PauliSum] | None,
        shots: int,
        seed: int,
    ) -> Mitigated:
        """Values of ``observables``, or for None counts, as ``mitigate`` says.

        Raises ProgramError ``unsupported`` with the reason where a level is refused.
        """
        self.check_shots(shots)
        try:
            made = plan(wanted, compiled, observables, shots, self.model, self.sheet, seed)
            seeds = np.random.default_rng([seed, 1]).integers(1 << 62, size=len(made.runs))
            counts: list[Mapping[str, int]] = []
            for one, drawn in zip(made.runs, seeds.tolist(), strict=True):
                self.last = self.driver.execute(one.circuit, one.shots, drawn)
                counts.append(self.last.counts or {})
            return evaluate(made, counts)
        except MitigationError as error:
            raise ProgramError("unsupported", f"mitigation: {error.message}") from error

    def facts(self) -> dict[str, Any]:
        """What a result says of the device that it ran on."""
        return {
            "name": self.model.name,
            "version": self.model.version,
            "digest": self.model.digest,
            "sheet": None if self.sheet is None else self.sheet.id,
            **self.driver.facts(),
        }
