"""The hidden truth: what an emulated device is like at one moment.

Only the emulator and its tests read it. It is a pure function of the device model, a seed
and two moments; nothing is replayed to find it.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.decay import dephasing_rate, t2_echo, t2_star
from markaz.quantum.devices.emulator.fields import Physics
from markaz.quantum.devices.emulator.processes import (
    DAY_US,
    HOUR_US,
    flicker,
    stream,
    telegraph,
    wandering,
)
from markaz.quantum.devices.model import DeviceModel

Array = NDArray[np.float64]

MODEL_VERSION: Final = "markaz-e1 1.0.0"
_MONTH_US: Final = 30 * DAY_US
_READOUT_MEMORY_US: Final = 24 * HOUR_US
_T1_IN_EVENT, _READOUT_IN_EVENT, _DETUNING_IN_EVENT = 0.5, 2.0, 5.0
_MOST_READOUT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """Hidden values: arrays over qubits, or over the couplers of the device file.

    ``t1``, ``t_phi`` µs (``t_phi``: fast pure dephasing); ``slow`` kHz, standard deviation
    of a frequency that is constant in a shot; ``detuning`` kHz since the last retuning;
    ``rotation`` relative error of pulse angles; ``pulse_error`` and ``cz_error``
    probabilities of a Pauli error; ``cz_phase`` rad; ``zz`` kHz; ``leakage`` a pulse;
    ``read1`` and ``read0`` chances to read 1 for 0 and 0 for 1; ``frequency`` GHz.
    """

    t1: Array
    t_phi: Array
    slow: Array
    detuning: Array
    rotation: Array
    pulse_error: Array
    cz_error: Array
    cz_phase: Array
    zz: Array
    leakage: Array
    read1: Array
    read0: Array
    frequency: Array

    def t2_echo(self) -> Array:
        """1/e times of an echo, µs."""
        return np.array([t2_echo(a, b) for a, b in zip(self.t1, self.t_phi, strict=True)])

    def t2_star(self) -> Array:
        """1/e times of a Ramsey fringe, µs."""
        echo = self.t2_echo()
        return np.array(
            [t2_star(a, dephasing_rate(b)) for a, b in zip(echo, self.slow, strict=True)]
        )


def truth_at(model: DeviceModel, seed: int, at_us: int, recalibrated_us: int) -> Truth:
    """The truth at a moment (µs UTC), for a device last retuned at another, not later one.

    Retuning moves the references of frequency and pulse amplitude to what they are then,
    up to a residue that is drawn anew each time; nothing else can be tuned away.
    Raises DescriptionError for a malformed ``[emulator]`` table, ValueError for moments in
    the wrong order.
    """
    if not 0 <= recalibrated_us <= at_us:
        raise ValueError(f"retuned at {recalibrated_us}, asked for {at_us}")
    return _Drawing(model, seed, at_us, recalibrated_us).truth()


def commitment(model: DeviceModel, seed: int, truth: Truth) -> str:
    """``sha256:`` and 64 hexadecimal digits that bind to a truth without telling it.

    Who knows the seed can show later that results came from this truth; the seed is part of
    what is hashed, so that values cannot be found by trying.
    """
    digest = hashlib.sha256(f"{MODEL_VERSION}\n{model.digest}\n{seed}\n".encode())
    for field in fields(truth):
        digest.update(field.name.encode())
        digest.update(np.ascontiguousarray(getattr(truth, field.name), "<f8").tobytes())
    return f"sha256:{digest.hexdigest()}"


class _Drawing:
    def __init__(self, model: DeviceModel, seed: int, at_us: int, recalibrated_us: int) -> None:
        self.physics, self.seed = Physics(model), seed
        self.at_us, self.recalibrated_us = at_us, recalibrated_us
        self.qubits = model.num_qubits
        self.event = bool(self._event())

    def truth(self) -> Truth:
        number = self.physics.number
        fixed, drift = number("pulse_error_spread"), number("readout_drift")
        drawn = self._scattered
        return Truth(
            t1=self._t1(),
            t_phi=drawn("t_phi_us", number("t_phi_spread")) * self._wander("phi"),
            slow=self.physics.array("slow_khz"),
            detuning=self._detuning(),
            rotation=self._rotation(),
            pulse_error=np.minimum(drawn("pulse_error", fixed), 0.5),
            cz_error=np.minimum(drawn("cz_error", number("cz_error_spread")), 0.5),
            cz_phase=self._residue("cz_phase"),
            zz=drawn("zz_khz", 0.3),
            leakage=self.physics.array("leakage"),
            read1=self._readout("prob_meas1_prep0", drift),
            read0=self._readout("prob_meas0_prep1", drift),
            frequency=self._frequency(),
        )

    def _scattered(self, key: str, spread: float) -> Array:
        """Typical values times a lognormal factor that never changes."""
        typical = self.physics.array(key)
        factor = np.exp(spread * stream(self.seed, "fixed", key).standard_normal(len(typical)))
        return np.asarray(typical * factor)

    def _wander(self, name: str) -> Array:
        memory = round(self.physics.number("t1_drift_hours") * HOUR_US)
        moved = wandering(self.seed, name, self.qubits, self.at_us, memory)
        return np.asarray(np.exp(self.physics.number("t1_drift") * moved))

    def _t1(self) -> Array:
        number = self.physics.number
        t1 = self._scattered("t1_us", number("t1_spread")) * self._wander("t1")
        hit = telegraph(
            self.seed, "tls", self.qubits, self.at_us,
            number("tls_per_day"), DAY_US, number("tls_minutes") * 60e6,
        )  # fmt: skip
        t1 = np.where(hit, t1 * number("tls_factor"), t1)
        return np.asarray(t1 * (_T1_IN_EVENT if self.event else 1.0))

    def _event(self) -> np.bool_:
        per_month = self.physics.number("events_per_year") * 30 / 365.25
        hours = self.physics.number("event_hours") * HOUR_US
        on = telegraph(self.seed, "event", 1, self.at_us, per_month, _MONTH_US, hours)
        return np.bool_(on[0])

    def _since_retuned(self, name: str, size: int) -> Array:
        now = flicker(self.seed, name, size, self.at_us)
        return now - flicker(self.seed, name, size, self.recalibrated_us)

    def _residue(self, key: str) -> Array:
        """What the last retuning left behind."""
        width = self.physics.array(key)
        rng = stream(self.seed, "residue", key, self.recalibrated_us)
        return np.asarray(width * rng.standard_normal(len(width)))

    def _detuning(self) -> Array:
        width = self.physics.array("frequency_drift_khz")
        drifted = width * self._since_retuned("frequency", self.qubits)
        return np.asarray(drifted * (_DETUNING_IN_EVENT if self.event else 1.0))

    def _rotation(self) -> Array:
        drifted = self.physics.number("pulse_drift") * self._since_retuned("pulse", self.qubits)
        return np.asarray(self._residue("over_rotation") + drifted)

    def _readout(self, key: str, drift: float) -> Array:
        usual = self._scattered(key, self.physics.number("readout_spread"))
        moved = wandering(self.seed, key, self.qubits, self.at_us, _READOUT_MEMORY_US)
        factor = np.exp(drift * moved) * (_READOUT_IN_EVENT if self.event else 1.0)
        return np.minimum(usual * factor, _MOST_READOUT)

    def _frequency(self) -> Array:
        typical = self.physics.array("frequency_ghz")
        spread = self.physics.number("frequency_spread_ghz")
        fixed = typical + spread * stream(self.seed, "fixed", "f").standard_normal(self.qubits)
        drift = self.physics.array("frequency_drift_khz") * 1e-6
        moved = flicker(self.seed, "frequency", self.qubits, self.at_us)
        return np.asarray(fixed + drift * moved)


def pulse_infidelity(truth: Truth, qubit: int, angle: float, duration_ns: float) -> float:
    """Average infidelity of one pulse: depolarising, relaxation in its duration,
    over-rotation and detuning, each to first order in its process infidelity."""
    process = truth.pulse_error[qubit] + 0.75 * truth.leakage[qubit]
    process += _decay(truth, qubit, duration_ns)
    process += math.sin(truth.rotation[qubit] * angle / 2) ** 2
    detuned = truth.detuning[qubit] ** 2 + truth.slow[qubit] ** 2
    process += detuned * (math.pi * duration_ns * 1e-6) ** 2 / 3
    return float(process * 2 / 3)


def cz_infidelity(truth: Truth, coupler: int, pair: tuple[int, int], duration_ns: float) -> float:
    """Average infidelity of one two-qubit gate, in the same approximation."""
    process = truth.cz_error[coupler] + 3 / 16 * truth.cz_phase[coupler] ** 2
    process += sum(_decay(truth, qubit, duration_ns) for qubit in pair)
    return float(process * 4 / 5)


def _decay(truth: Truth, qubit: int, duration_ns: float) -> float:
    """Process infidelity of relaxation and dephasing in a short time."""
    rate = 1 / truth.t1[qubit] + 2 * (0.5 / truth.t1[qubit] + 1 / truth.t_phi[qubit])
    return float(duration_ns * 1e-3 / 4 * rate)
