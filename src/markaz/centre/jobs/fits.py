"""Whether a job fits the device that it is handed in for: refused at once, not when it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from markaz.centre.errors import CentreError, invalid

# Options that mean something on devices only, and their values that ask for nothing.
DEVICE_OPTIONS: Final[dict[str, Any]] = {
    "compile_level": None,
    "precompiled": False,
    "mitigation": None,
}
FIXED_SECONDS: Final = 0.002  # reading, starting and drawing: the median of 25 Bell jobs
MEASURING: Final = frozenset({"calibration", "monitoring", "benchmark"})  # kinds; they are free
_FEATURES: Final = {"reset", "mid-circuit-measurement"}


class Opened(Protocol):
    """A checked program, as far as devices care (``submit.Opened``)."""

    @property
    def qubits(self) -> int:
        """How many it has."""

    @property
    def kind(self) -> str:
        """What runs it."""

    @property
    def predicted_seconds(self) -> float | None:
        """Of a simulation without noise."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Plain facts of the circuit."""


def predicted_seconds(device: Any, opened: Opened) -> float | None:
    """What a job may take; of a device that is no simulator only its own measurements are
    known, from those before."""
    known = device.kind == "simulator" or opened.kind in MEASURING
    return opened.predicted_seconds if known else None


def likely_seconds(kind: str, predicted: float | None, limit: float) -> float:
    """Run time to name before a job is submitted to a device of ``kind``.

    A simulation takes ``predicted`` seconds, which count its gates, and never less than what
    every job takes; where nothing is known it may take all of its ``limit``.
    """
    if kind != "simulator" or predicted is None:
        return limit
    return min(limit, max(predicted, FIXED_SECONDS))


def check(device: Any, opened: Opened, options: Mapping[str, Any]) -> None:
    """Raise CentreError for a job that the device cannot run or an option that it has not."""
    if opened.kind in MEASURING:
        return
    if device.kind == "simulator":
        _check_simulator(device, options)
        return
    about = json.loads(device.description)
    if opened.qubits > device.qubits:
        raise _unfit(f"device {device.id} has {device.qubits} qubits, the program {opened.qubits}")
    most = about.get("max_shots")
    shots = int(opened.facts.get("most_shots") or options.get("shots") or 0)
    if most is not None and shots > most:
        text = f"device {device.id} runs at most {most} shots of a circuit, not {shots}"
        raise CentreError("invalid", text, field="options/shots", most=most)
    if opened.facts.get("dynamic") and not _FEATURES & set(about.get("features", ())):
        text = "has no resets, control flow or measurements before the end of a circuit"
        raise _unfit(f"device {device.id} {text}")
    if options.get("engine", "auto") != "auto":
        raise invalid("options/engine", f"device {device.id} is no simulator: it has no engines")
    if options.get("min_fidelity", 1.0) != 1.0:
        raise invalid("options/min_fidelity", f"device {device.id} is no simulator")


def _check_simulator(device: Any, options: Mapping[str, Any]) -> None:
    for name, nothing in DEVICE_OPTIONS.items():
        if options.get(name, nothing) != nothing and options[name] != 0:
            text = f"{name} means nothing on {device.id}: it has no noise and no topology"
            raise invalid(f"options/{name}", text)


def _unfit(message: str) -> CentreError:
    return CentreError("program", message, field="device", program_kind="unsupported")
