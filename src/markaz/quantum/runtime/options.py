"""The options of the programs sampler and estimator: what is known, and what is done.

Only options that a person set are sent. One that is not in the table is refused by name:
to ignore it could give a wrong result that looks right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from markaz.quantum.mitigate.errors import MitigationError
from markaz.quantum.mitigate.options import from_runtime_options
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.runtime.body import at, mapping, real, whole

MAX_SEED: Final = (1 << 63) - 1
DEFAULT_SHOTS: Final = 4096
DEFAULT_PRECISION: Final = 0.015625  # 1 / sqrt(4096)

_DECOUPLING: Final = frozenset(
    {
        *("enable", "sequence_type", "extra_slack_distribution", "scheduling_method"),
        "skip_reset_qubits",
    }
)
_TWIRLING: Final = frozenset(
    {
        *("enable_gates", "enable_measure", "num_randomizations", "shots_per_randomization"),
        "strategy",
    }
)
_RESILIENCE: Final = frozenset(
    {
        *("measure_mitigation", "measure_noise_learning", "zne_mitigation", "zne"),
        *("pec_mitigation", "pec", "layer_noise_learning", "layer_noise_model"),
    }
)
_SIMULATOR: Final = frozenset({"noise_model", "seed_simulator", "coupling_map", "basis_gates"})
_SHARED: Final[dict[str, frozenset[str] | None]] = {
    "default_shots": None,
    "dynamical_decoupling": _DECOUPLING,
    "twirling": _TWIRLING,
    "simulator": _SIMULATOR,
    "experimental": None,
}
# program -> option -> the names inside it, None: a value or free
KNOWN: Final[dict[str, dict[str, frozenset[str] | None]]] = {
    "sampler": {**_SHARED, "execution": frozenset({"init_qubits", "rep_delay", "meas_type"})},
    "estimator": {
        **_SHARED,
        "execution": frozenset({"init_qubits", "rep_delay"}),
        "default_precision": None,
        "seed_estimator": None,
        "resilience": _RESILIENCE,
        "resilience_level": None,
    },
}
_NOISELESS: Final = "this simulator has no noise"


@dataclass(frozen=True, slots=True)
class Mitigation:
    """What was asked against noise: ``applied`` options, and why others were not.

    ``parts``: on a device, what is to be done (``mitigate.options.Mitigation``) in plain values.
    """

    applied: dict[str, Any] = field(default_factory=dict)
    not_applied: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)


def known(options: Any, program: str) -> dict[str, Any]:
    """``options`` without nulls, if ``program`` knows all their names.

    Raises BodyError that names the option.
    """
    table = KNOWN[program]
    found: dict[str, Any] = {}
    with at("options"):
        given = mapping({} if options is None else options, "options")
    for name, value in given.items():
        with at(f"options.{name[:60]}"):
            if name not in table:
                raise ProgramError("unsupported", f"the {program} here has no such option")
            if value is None:
                continue
            inner = table[name]
            found[name] = value if inner is None else _inner(value, inner)
    return found


def _inner(value: Any, names: frozenset[str]) -> dict[str, Any]:
    given = mapping(value, "this option")
    for name in given:
        if name not in names:
            raise ProgramError("unsupported", f"there is no option {name[:60]!r} in it")
    return {name: one for name, one in given.items() if one is not None}


def mitigation_of(
    options: Mapping[str, Any], device_kind: str = "simulator", program: str = "estimator"
) -> Mitigation:
    """What of the asked mitigation a device of ``device_kind`` applies in ``program``.

    ``options`` as ``known`` gives them. Raises BodyError ``unsupported``
    where not to apply it would give another result than was asked for.
    """
    if device_kind != "simulator":
        return _on_device(options, program)
    resilience = options.get("resilience", {})
    for name in ("zne_mitigation", "pec_mitigation"):
        if resilience.get(name):
            reason = f"{device_kind}s here do not do it yet; {_NOISELESS}, so leave it out"
            with at(f"options.resilience.{name}"):
                raise ProgramError("unsupported", reason)
    asked = [f"resilience.{name}" for name in resilience]
    asked += [name for name in ("resilience_level", "dynamical_decoupling") if options.get(name)]
    asked += [f"twirling.{name}" for name in options.get("twirling", {})]
    return Mitigation({}, dict.fromkeys(sorted(asked), _NOISELESS))


def _on_device(options: Mapping[str, Any], program: str) -> Mitigation:
    """An estimator's values are mitigated as asked, samples twirled and decoupled."""
    asked = {k: v for k, v in options.items() if k in _AGAINST_NOISE}
    level, estimates = asked.get("resilience_level"), program == "estimator"
    with at("options"):
        try:
            made = from_runtime_options(asked, resilience_level=level, estimator=estimates)
        except MitigationError as error:
            raise ProgramError("unsupported", error.message) from None
    return Mitigation(asked, {}, made.to_json() if estimates or made.level else {})


_AGAINST_NOISE: Final = ("resilience_level", "resilience", "twirling", "dynamical_decoupling")


def not_applied(options: Mapping[str, Any], device_kind: str = "simulator") -> dict[str, str]:
    """Options besides mitigation that change nothing here, with the reason."""
    found: dict[str, str] = {}
    reason = "a simulator starts every shot afresh, at once"
    if device_kind != "simulator":
        reason = "the device waits as long between shots as it always does"
    for name in options.get("execution", {}):
        if name != "meas_type":
            found[f"execution.{name}"] = reason
    for name in ("coupling_map", "basis_gates"):
        if name in options.get("simulator", {}):
            found[f"simulator.{name}"] = "circuits run as they were handed in"
    if options.get("experimental"):
        found["experimental"] = "there are no experimental options here"
    return found


def check_measured(options: Mapping[str, Any]) -> None:
    """Refuse noise models and anything but classified measurements."""
    with at("options.simulator.noise_model"):
        if options.get("simulator", {}).get("noise_model") is not None:
            message = "noise models are not taken; choose a device that emulates noise"
            raise ProgramError("unsupported", message)
    with at("options.execution.meas_type"):
        level = options.get("execution", {}).get("meas_type", "classified")
        if level != "classified":
            shown = f"{level!r:.40}"
            raise ProgramError("unsupported", f"{shown}: only classified results are given")


def seed_of(options: Mapping[str, Any], given: int | None) -> int | None:
    """The seed that the body names, else ``given``."""
    for place, value in (
        ("options.seed_estimator", options.get("seed_estimator")),
        ("options.simulator.seed_simulator", options.get("simulator", {}).get("seed_simulator")),
    ):
        if value is not None:
            with at(place):
                return whole(value, "a seed", 0, MAX_SEED)
    return given


def default_shots(options: Mapping[str, Any], most: int) -> int | None:
    """The shots of pubs that name none, as asked."""
    with at("options.default_shots"):
        value = options.get("default_shots")
        return None if value is None else whole(value, "shots", 1, most)


def default_precision(options: Mapping[str, Any], most_shots: int) -> float:
    """The precision of pubs that name none; shots, if asked for, come first."""
    shots = default_shots(options, most_shots)
    if shots is not None:
        return float(shots**-0.5)
    with at("options.default_precision"):
        return real(options.get("default_precision", DEFAULT_PRECISION), "precision", 0.0, 1e3)
