"""What to mitigate: our levels, and the runtime client's options in terms of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from markaz.quantum.mitigate.errors import MitigationError

LEVELS: Final = {
    0: "raw: what the device gave",
    1: "readout: errors of the final measurements divided out",
    2: "twirling and dynamical decoupling: coherent errors made random, idle qubits echoed",
    3: "zero-noise extrapolation: noise amplified and extrapolated to none",
    4: "probabilistic error cancellation: the inverse of the learned noise, sampled",
}
SEQUENCES: Final = ("XX", "XpXm", "XY4")
EXTRAPOLATORS: Final = ("auto", "linear", "exponential", "richardson")
MOST_FACTORS: Final = 8


@dataclass(frozen=True, slots=True)
class Mitigation:
    """Which parts are wanted. Raises MitigationError ``option`` for impossible values.

    ``twirl_gates`` and ``twirl_measure`` draw random Paulis around two-qubit gates and before
    measurements; ``copies`` is how many random copies a circuit gets; ``decoupling`` names a
    sequence of SEQUENCES or is None; ``factors`` are noise factors of the extrapolation,
    empty for none; ``cancel`` asks for error cancellation, at most ``most_overhead`` times
    the variance; ``canary`` runs a twin with a known answer beside it.
    """

    readout: bool = False
    twirl_gates: bool = False
    twirl_measure: bool = False
    copies: int = 24
    decoupling: str | None = None
    factors: tuple[float, ...] = ()
    extrapolator: str = "auto"
    cancel: bool = False
    most_overhead: float = 100.0
    canary: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.copies <= 1000:
            raise _option("copies", self.copies, "from 1 to 1000")
        if self.decoupling is not None and self.decoupling not in SEQUENCES:
            raise _option("decoupling", self.decoupling, f"one of {', '.join(SEQUENCES)}")
        if self.extrapolator not in EXTRAPOLATORS:
            raise _option("extrapolator", self.extrapolator, f"one of {', '.join(EXTRAPOLATORS)}")
        if not 1 < self.most_overhead <= 1e6:
            raise _option("most_overhead", self.most_overhead, "above 1 and at most 1e6")
        self._check_factors()
        if self.factors and self.cancel:
            raise MitigationError("option", "extrapolation and cancellation exclude each other")

    def _check_factors(self) -> None:
        rising = all(a < b for a, b in zip(self.factors, self.factors[1:], strict=False))
        fits = all(math.isfinite(f) and 1 <= f <= 15 for f in self.factors)
        if self.factors and not (2 <= len(self.factors) <= MOST_FACTORS and rising and fits):
            message = f"2 to {MOST_FACTORS} rising numbers from 1 to 15"
            raise _option("factors", self.factors, message)

    @property
    def level(self) -> int:
        """The highest of our LEVELS that it has a part of."""
        if self.cancel:
            return 4
        if self.factors:
            return 3
        if self.twirl_gates or self.twirl_measure or self.decoupling:
            return 2
        return int(self.readout)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "factors": list(self.factors), "level": self.level}


def of_level(level: int) -> Mitigation:
    """The parts of one of our LEVELS. Raises MitigationError ``option`` for any other."""
    if isinstance(level, bool) or level not in LEVELS:
        raise _option("level", level, f"one of {', '.join(map(str, LEVELS))}")
    made = Mitigation(readout=level >= 1)
    if level >= 2:
        made = replace(made, twirl_gates=True, twirl_measure=True, decoupling="XY4")
    if level == 3:
        made = replace(made, factors=(1.0, 2.0, 3.0))
    return replace(made, cancel=True, decoupling=None) if level == 4 else made


def _option(name: str, value: object, allowed: str) -> MitigationError:
    return MitigationError("option", f"{name} must be {allowed}, not {value!r}")


# -- the runtime client's options -----------------------------------------------------------

# The client's resilience_level (0 to 2) in our parts; its level 2 holds extrapolation.
CLIENT_LEVELS: Final = {
    0: Mitigation(),
    1: Mitigation(readout=True, twirl_measure=True),
    2: Mitigation(readout=True, twirl_measure=True, twirl_gates=True, factors=(1.0, 3.0, 5.0)),
}
_TWIRLING = frozenset(
    ("enable_gates", "enable_measure", "num_randomizations", "shots_per_randomization", "strategy")
)
_DECOUPLING = frozenset(
    ("enable", "sequence_type", "extra_slack_distribution", "scheduling_method",
     "skip_reset_qubits")
)  # fmt: skip
_RESILIENCE = frozenset(
    ("measure_mitigation", "measure_noise_learning", "zne_mitigation", "zne", "pec_mitigation",
     "pec", "layer_noise_learning", "layer_noise_model")
)  # fmt: skip
_ZNE = frozenset(("amplifier", "noise_factors", "extrapolator", "extrapolated_noise_factors"))


def from_runtime_options(
    options: Mapping[str, Any], *, resilience_level: int | None = None, estimator: bool = True
) -> Mitigation:
    """The runtime client's ``resilience_level``, ``twirling``, ``dynamical_decoupling`` and
    ``resilience`` options in our parts; other options are not looked at.

    Explicit options override the level, as in the client. An estimator without a level has
    1, the client's default; a sampler has none. Raises MitigationError ``option`` that names
    what is unknown or is not done here: nothing is left out in silence.
    """
    level = resilience_level if resilience_level is not None else (1 if estimator else 0)
    if isinstance(level, bool) or level not in CLIENT_LEVELS or (level and not estimator):
        raise _option("resilience_level", level, "0, 1 or 2, and for an estimator only")
    made = CLIENT_LEVELS[level]
    made = _with_twirling(made, _table(options, "twirling", _TWIRLING))
    made = _with_decoupling(made, _table(options, "dynamical_decoupling", _DECOUPLING))
    resilience = _table(options, "resilience", _RESILIENCE)
    if resilience and not estimator:
        raise MitigationError("option", "resilience is an option of an estimator")
    return _with_resilience(made, resilience)


def _table(options: Mapping[str, Any], name: str, known: frozenset[str]) -> Mapping[str, Any]:
    """The options under ``name`` that are set."""
    found = options.get(name)
    found = {} if found is None or found == "Unset" else found
    if not isinstance(found, Mapping):
        raise _option(name, found, "a table")
    for key in found:
        if key not in known:
            raise MitigationError("option", f"{name}.{key} is not a known option")
    return {k: v for k, v in found.items() if v is not None and v != "Unset"}


def _flag(table: Mapping[str, Any], name: str, key: str) -> bool | None:
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise _option(f"{name}.{key}", value, "true or false")
    return value


def _with_twirling(made: Mitigation, table: Mapping[str, Any]) -> Mitigation:
    gates = _flag(table, "twirling", "enable_gates")
    measure = _flag(table, "twirling", "enable_measure")
    if table.get("strategy", "active-accum") not in ("active-accum", "active"):
        raise MitigationError(
            "option", "twirling.strategy: idle qubits are not twirled; use active or active-accum"
        )
    if table.get("shots_per_randomization", "auto") != "auto":
        raise MitigationError(
            "option", "twirling.shots_per_randomization follows from the shots; leave it at auto"
        )
    copies = table.get("num_randomizations", "auto")
    if copies != "auto":
        if isinstance(copies, bool) or not isinstance(copies, int):
            raise _option("twirling.num_randomizations", copies, "auto or a whole number")
        made = replace(made, copies=copies)
    if gates is not None:
        made = replace(made, twirl_gates=gates)
    return made if measure is None else replace(made, twirl_measure=measure)


def _with_decoupling(made: Mitigation, table: Mapping[str, Any]) -> Mitigation:
    if table.get("scheduling_method", "alap") != "alap":
        raise MitigationError("option", "dynamical_decoupling.scheduling_method: only alap")
    if table.get("extra_slack_distribution", "middle") != "middle":
        raise MitigationError(
            "option", "dynamical_decoupling.extra_slack_distribution: only middle"
        )
    if table.get("skip_reset_qubits") not in (None, True, False):
        raise _option(
            "dynamical_decoupling.skip_reset_qubits", table["skip_reset_qubits"], "true or false"
        )
    enabled = _flag(table, "dynamical_decoupling", "enable")
    if enabled is None:
        return made
    return replace(made, decoupling=table.get("sequence_type", "XX") if enabled else None)


def _with_resilience(made: Mitigation, table: Mapping[str, Any]) -> Mitigation:
    for key in ("measure_noise_learning", "layer_noise_learning", "layer_noise_model"):
        if table.get(key):
            raise MitigationError("option", f"resilience.{key}: not adjustable here")
    readout = _flag(table, "resilience", "measure_mitigation")
    if readout is not None:
        made = replace(made, readout=readout)
    zne = _flag(table, "resilience", "zne_mitigation")
    factors, extrapolator = _zne(_table(table, "zne", _ZNE), made)
    if zne is not None or made.factors:
        wanted = bool(made.factors) if zne is None else zne
        made = replace(made, factors=factors if wanted else (), extrapolator=extrapolator)
    cancel = _flag(table, "resilience", "pec_mitigation")
    pec = _table(table, "pec", frozenset(("max_overhead", "noise_gain")))
    if pec.get("noise_gain", "auto") not in ("auto", 0, 0.0):
        raise MitigationError("option", "resilience.pec.noise_gain: only full cancellation")
    if not cancel:
        return made
    overhead = pec.get("max_overhead", 100.0)
    if isinstance(overhead, bool) or not isinstance(overhead, int | float):
        raise _option("resilience.pec.max_overhead", overhead, "a number")
    return replace(made, cancel=True, most_overhead=float(overhead))


def _zne(table: Mapping[str, Any], made: Mitigation) -> tuple[tuple[float, ...], str]:
    if table.get("amplifier", "gate_folding") != "gate_folding":
        raise MitigationError("option", "resilience.zne.amplifier: only gate_folding")
    if table.get("extrapolated_noise_factors") not in (None, 0, 0.0, [0], [0.0]):
        raise MitigationError("option", "resilience.zne.extrapolated_noise_factors: only 0")
    wanted = table.get("extrapolator", made.extrapolator)
    name = wanted
    if isinstance(wanted, list | tuple) and wanted:  # tried in turn; ours in that order is auto
        name = "auto" if list(wanted[:2]) == ["exponential", "linear"] else wanted[0]
    if name not in EXTRAPOLATORS:
        raise _option("resilience.zne.extrapolator", wanted, f"one of {', '.join(EXTRAPOLATORS)}")
    factors = table.get("noise_factors", made.factors or (1.0, 3.0, 5.0))
    try:
        return tuple(float(f) for f in factors), str(name)
    except (TypeError, ValueError):
        raise _option("resilience.zne.noise_factors", factors, "a list of numbers") from None
