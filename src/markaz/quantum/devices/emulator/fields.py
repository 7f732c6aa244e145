"""The fields of a device file's ``[emulator]`` table: what hidden values are drawn from.

``docs/reference/device-file.md`` is printed from ``FIELDS``, and
``docs/explanation/emulator.md`` says what is done with them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.devices.fields import Check, Field, Place, listed, number, read
from markaz.quantum.devices.model import DeviceModel

PER_QUBIT: Final = "number, or one for each qubit"
PER_COUPLER: Final = "number, or one for each coupler"


def several(one: Check) -> Check:
    """A number for all, or a list with one for each."""

    def check(value: Any, place: Place) -> float | list[float]:
        if not isinstance(value, list):
            return float(one(value, place))
        return [one(v, place.at(i)) for i, v in enumerate(listed(value, place))]

    return check


_POSITIVE: Final = number(0.0, above=True)
_ANY: Final = number(0.0)
_CHANCE: Final = number(0.0, 0.5)
_SPREAD: Final = number(0.0, 2.0)

FIELDS: Final[tuple[Field, ...]] = (
    Field("t1_us", PER_QUBIT, several(_POSITIVE), "typical T1", unit="us"),
    Field("t1_spread", "number", _SPREAD, "scatter of log T1 from qubit to qubit", default=0.0),
    Field("t_phi_us", PER_QUBIT, several(_POSITIVE), "typical time of pure dephasing", unit="us"),
    Field("t_phi_spread", "number", _SPREAD, "scatter of its logarithm", default=0.0),
    Field("slow_khz", PER_QUBIT, several(_ANY), "width of slow frequency noise", 0.0, "kHz"),
    Field("pulse_error", PER_QUBIT, several(_CHANCE), "typical Pauli error of a pulse"),
    Field("pulse_error_spread", "number", _SPREAD, "scatter of its logarithm", default=0.0),
    Field(
        "over_rotation",
        PER_QUBIT,
        several(number(0.0, 0.5)),
        "width of the relative over-rotation that a retuning leaves behind",
        default=0.0,
    ),
    Field("cz_error", PER_COUPLER, several(_CHANCE), "typical Pauli error of a two-qubit gate",
          default=0.0),
    Field("cz_error_spread", "number", _SPREAD, "scatter of its logarithm", default=0.0),
    Field("cz_phase", PER_COUPLER, several(number(0.0, 1.0)),
          "width of the conditional-phase error that a retuning leaves behind", 0.0, "rad"),
    Field("zz_khz", PER_COUPLER, several(_ANY), "typical ZZ crosstalk", 0.0, "kHz"),
    Field("leakage", PER_QUBIT, several(_CHANCE), "chance to leave 0 and 1, a pulse", default=0.0),
    Field("prob_meas1_prep0", PER_QUBIT, several(_CHANCE), "typical chance to read 1 for 0"),
    Field("prob_meas0_prep1", PER_QUBIT, several(_CHANCE), "typical chance to read 0 for 1"),
    Field("readout_spread", "number", _SPREAD, "scatter of their logarithms", default=0.0),
    Field("frequency_ghz", PER_QUBIT, several(_POSITIVE), "typical frequency", unit="GHz"),
    Field("frequency_spread_ghz", "number", _ANY, "scatter of the frequency", 0.0, "GHz"),
    Field("t1_drift", "number", _SPREAD, "size of the drift of log T1 and log dephasing time",
          default=0.0),
    Field("t1_drift_hours", "number", _POSITIVE, "time after which that drift forgets", 8.0, "h"),
    Field("tls_per_day", "number", _ANY, "hits by two-level systems, a qubit and day", 0.0, "1/d"),
    Field("tls_minutes", "number", _POSITIVE, "mean length of a hit", 60.0, "min"),
    Field("tls_factor", "number", number(0.0, 1.0, above=True), "T1 in a hit over T1 without",
          default=0.25),
    Field("frequency_drift_khz", PER_QUBIT, several(_ANY), "size of the 1/f frequency drift",
          0.0, "kHz"),
    Field("pulse_drift", "number", number(0.0, 0.5), "size of the drift of pulse amplitudes",
          default=0.0),
    Field("readout_drift", "number", _SPREAD, "size of the drift of log readout errors",
          default=0.0),
    Field("events_per_year", "number", _ANY, "events that hit the whole device", 0.0, "1/a"),
    Field("feedback_ns", "number", _ANY, "wait for a decision that depends on measured bits",
          500.0, "ns"),
    Field("event_hours", "number", _POSITIVE, "mean length of such an event", 8.0, "h"),
)  # fmt: skip


class Physics:
    """The checked table: scalars by ``number``, arrays by ``qubits`` and ``couplers``."""

    def __init__(self, model: DeviceModel) -> None:
        """Raises DescriptionError for a table that is malformed, or whose lists have the
        wrong length, and for gates that are not emulated."""
        place = Place(model.file or model.name, ("emulator",), model.lines)
        self._values = read(model.emulator, FIELDS, place)
        self._sizes = {PER_QUBIT: model.num_qubits, PER_COUPLER: len(model.couplers)}
        for field in FIELDS:
            value = self._values[field.key]
            if isinstance(value, list) and len(value) != self._sizes[field.holds]:
                raise place.at(field.key).fail(
                    f"lists {len(value)} values for {self._sizes[field.holds]}"
                )

    def number(self, key: str) -> float:
        """A field that is one number."""
        return float(self._values[key])

    def array(self, key: str) -> NDArray[np.float64]:
        """A field with one value for each qubit or each coupler of the file."""
        holds = next(f.holds for f in FIELDS if f.key == key)
        return np.array(np.broadcast_to(self._values[key], self._sizes[holds]), np.float64)
