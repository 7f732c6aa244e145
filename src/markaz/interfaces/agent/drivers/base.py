"""What an agent needs of a driver, and what a device may answer.

A driver hands programs to a device and fetches counts. It keeps nothing: the agent's spool
does. All waiting is the agent's, so every call here ends within the driver's own time limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from markaz.quantum.devices.model import DeviceModel
from markaz.quantum.devices.status import Status


class DriverError(Exception):
    """The device did what no device should, or says that it cannot; the job is not to blame."""


class Unreachable(DriverError):
    """Nothing arrived there: the same call may be made again."""


class Uncertain(DriverError):
    """The call may have had its effect, or not."""


class NotNow(DriverError):
    """The device takes no programs now; ``status`` is what it says of itself."""

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status = status


class Refused(Exception):
    """The device cannot run this program: the job is to blame."""


class Phase(StrEnum):
    """Where a program on the device is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # the device has never heard of it, or has forgotten it


@dataclass(frozen=True, slots=True)
class Submission:
    """A program for a device.

    ``name`` is the agent's own and never used twice; ``text`` is in the driver's format;
    ``qubits`` are the physical qubits whose outcomes are wanted: bit ``k`` of a counts key,
    counted from the right, is that of ``qubits[k]``. Empty for programs with measurements
    before their end, whose keys hold all ``bits`` classical bits.
    """

    name: str
    text: str
    shots: int
    bits: int
    qubits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What the device says of a program. ``counts`` as it sent them, unchecked; ``seconds``
    for which the device was taken, if it says so; ``message`` why it failed."""

    phase: Phase
    counts: Any = None
    seconds: float | None = None
    message: str = ""


class Driver(Protocol):
    """Speaks to one device. All methods may raise DriverError."""

    format: str
    """What programs are written in: a key of ``formats.FORMATS``."""

    names: bool
    """Whether programs are known to the device by the agent's names, so that handing the same
    one over twice runs it once, and asking for a name that never arrived gives ``UNKNOWN``."""

    def status(self) -> Status:
        """How the device is."""

    def submit(self, program: Submission) -> str:
        """Hand a program over; by what the device knows it. Raises Refused, NotNow too."""

    def poll(self, key: str, program: Submission) -> Progress:
        """How far it is."""

    def cancel(self, key: str) -> None:
        """Have it stopped, if that can still be."""

    def sheet(self) -> str | None:
        """The device's newest calibration sheet (JSON text); None if it has none."""

    def close(self) -> None:
        """Let connections go."""


@dataclass(frozen=True, slots=True)
class About:
    """A row of the table of drivers.

    ``tested`` is what its tests can vouch for. ``enabled_by``: the option without which the
    agent does not start it; empty for one that is on. ``options``: name to meaning.
    """

    name: str
    title: str
    module: str
    tested: str
    enabled_by: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


class Make(Protocol):
    """What a driver's module has under the name ``make``."""

    def __call__(self, model: DeviceModel, options: Mapping[str, Any]) -> Driver:
        """The driver for a device, with checked options."""
