"""What a station needs of whatever executes circuits, and the emulator as one such thing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from markaz.quantum.devices.emulator import MODEL_VERSION
from markaz.quantum.devices.emulator.execute import EMULATED, EmulatedResult, execute_under
from markaz.quantum.devices.emulator.truth import Truth, commitment, truth_at
from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate.result import Result

REST_NS: Final = 200_000.0  # between two shots: qubits return to their ground state
_SECOND_US: Final = 1_000_000
_DEFAULT_MEMORY: Final = 4 << 30


class Driver(Protocol):
    """Executes circuits in native gates on physical qubits."""

    def execute(self, circuit: Circuit, shots: int, seed: int, *, memory: bool = False) -> Result:
        """Run a circuit. Raises ProgramError."""

    @property
    def busy(self) -> float:
        """Seconds for which the device was taken by the last run."""

    def now(self) -> int:
        """The device's time, µs UTC."""

    def facts(self) -> dict[str, Any]:
        """What every result says of who executed it."""


@dataclass(slots=True)
class Emulated:
    """The emulator of one device, from one moment on.

    ``at_us`` and ``tuned_us`` are device times (µs; 0 is when the device came into being) of
    the start and of the last retuning; ``born_us`` is 0 of that clock in µs UTC. ``seconds``
    bounds all runs together. With ``passing`` time goes on by what the runs would take on a
    device that waits ``REST_NS`` between shots, in steps of a second; else everything meets
    the same truth.
    """

    model: DeviceModel
    seed: int
    at_us: int
    tuned_us: int
    born_us: int = 0
    seconds: float = 3600.0
    memory: int = _DEFAULT_MEMORY
    threads: int | None = None
    passing: bool = False
    busy: float = 0.0
    started: float = field(default_factory=time.monotonic)
    _elapsed_us: float = 0.0
    _truth: tuple[int, Truth] | None = None
    _bond: str = ""
    _accuracy: set[str] = field(default_factory=set)

    def execute(
        self, circuit: Circuit, shots: int, seed: int, *, memory: bool = False
    ) -> EmulatedResult:
        """Run a circuit. Raises ProgramError."""
        left = self.seconds - (time.monotonic() - self.started)
        if left <= 0:
            raise ProgramError("limit-time", f"the job did not end within {self.seconds:g} s")
        found = execute_under(
            self.model, self._now_true(), circuit, shots=shots, run_seed=seed, time_limit=left,
            memory_limit=self.memory, memory=memory, threads=self.threads, bond=self.bond,
        )  # fmt: skip
        self._accuracy.add(found.accuracy)
        self.busy = shots * (found.duration_ns + REST_NS) * 1e-9
        self._elapsed_us += self.busy * 1e6
        return found

    def now(self) -> int:
        """The device's time, µs UTC."""
        return self.born_us + self.at_us + round(self._elapsed_us)

    @property
    def bond(self) -> str:
        """Commitment to the hidden truth that the job met at its start."""
        if not self._bond:
            truth = truth_at(self.model, self.seed, self.at_us, self.tuned_us)
            self._truth = self._truth or (self.at_us, truth)
            self._bond = commitment(self.model, self.seed, truth)
        return self._bond

    def facts(self) -> dict[str, Any]:
        """That it is emulated, by which model, the commitment, the accuracy, the moment."""
        return {
            "emulated": EMULATED,
            "model_version": MODEL_VERSION,
            "truth": self.bond,
            "accuracy": "; ".join(sorted(self._accuracy)),
            "at": self.born_us + self.at_us,
            "tuned_at": self.born_us + self.tuned_us,
        }

    def _now_true(self) -> Truth:
        steps = int(self._elapsed_us) // _SECOND_US if self.passing else 0
        moment = self.at_us + steps * _SECOND_US
        if self._truth is None or self._truth[0] != moment:
            truth = truth_at(self.model, self.seed, moment, self.tuned_us)
            self._truth = moment, truth
        return self._truth[1]
