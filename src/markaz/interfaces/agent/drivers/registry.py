"""The table of drivers, and how one is made from a table of options."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, cast

from markaz.interfaces.agent.drivers.base import About, Driver, Make
from markaz.quantum.devices.model import DeviceModel

HARDWARE: Final = "contract-tested, against the reference device"
PROTOCOL: Final = "protocol-tested, not hardware-tested"
ENABLE: Final = "enabled"  # a driver of a cloud speaks to others' servers only when told to

_HTTP: Final = {
    "url": "Address of the device or cloud, such as http://10.0.0.7:8060.",
    "seconds": "How long one request may take in all, 30 unless given.",
    "ca_file": "PEM file with the authority that signed the server's certificate.",
}
_TOKEN: Final = {"token_file": "File that holds the token, readable by the agent alone."}
_CLOUD: Final = {ENABLE: "true: this driver may speak to the cloud at url."}
# What every driver's table may hold besides: how the agent uses the device.
COMMON: Final = {
    "timeout_seconds": "How long a program may take on the device, its queue included: 3600.",
    "poll_seconds": "How often to ask for its end: 0.5.",
    "status_seconds": "How often to ask how the device is: 10.",
    "patience_days": "How long the centre should wait for an agent that is away: 7.",
    "slots": "Programs on the device at once: 1.",
}
_LIMITS: Final = {"timeout_seconds": 1e7, "poll_seconds": 3600, "status_seconds": 3600,
                  "patience_days": 365, "slots": 256, "seconds": 3600}  # fmt: skip

TABLE: Final[dict[str, About]] = {
    row.name: row
    for row in (
        About("http", "Any device that keeps Markaz's local contract", "http", HARDWARE,
              options=_HTTP | _TOKEN | {"format": "qcis or openqasm3; else what the device "
                                        "says first."}),
        About("tianyan", "Tianyan cloud (China Telecom Quantum), QCIS", "tianyan", PROTOCOL, ENABLE,
              _HTTP | _TOKEN | _CLOUD | {"machine": "The machine's code, such as tianyan176."}),
        About("origin", "Origin Quantum cloud, OriginIR", "origin", PROTOCOL, ENABLE,
              _HTTP | _TOKEN | _CLOUD | {"chip_id": "The chip's number there, such as 72."}),
        About("quafu", "Quafu cloud (BAQIS), OpenQASM 2", "quafu", PROTOCOL, ENABLE,
              _HTTP | _TOKEN | _CLOUD | {"machine": "The system's name, such as ScQ-P18.",
                                         "system_id": "Its number there."}),
        About("aqt", "AQT-style clouds (Arnica), RZ, R and RXX gates", "aqt", PROTOCOL, ENABLE,
              _HTTP | _TOKEN | _CLOUD | {"workspace": "The workspace's id.",
                                         "resource": "The resource's id."}),
    )
}  # fmt: skip


class OptionError(ValueError):
    """An option that a driver does not have, or a value that it cannot take."""


def make(name: str, model: DeviceModel, options: Mapping[str, Any]) -> Driver:
    """The driver ``name`` for a device. Raises OptionError that names the option."""
    about = TABLE.get(name)
    if about is None:
        raise OptionError(f"there is no driver {name!r}; there are {', '.join(TABLE)}")
    for key in options:
        if key not in about.options and key not in COMMON:
            raise OptionError(f"driver {name} has no option {key!r}")
    if about.enabled_by and options.get(about.enabled_by) is not True:
        raise OptionError(
            f"driver {name} is {about.tested} and off: set {about.enabled_by} = true to use it"
        )
    for key in _LIMITS:
        number(options, key, 1.0)
    module = import_module(f"markaz.interfaces.agent.drivers.{about.module}")
    return cast("Make", module.make)(model, options)


def number(options: Mapping[str, Any], name: str, default: float) -> float:
    """A positive number. Raises OptionError."""
    value, most = options.get(name, default), _LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise OptionError(f"{name} must be a number above 0 and up to {most:g}, not {value!r}")
    return float(value)


def text(options: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text that is not empty. Raises OptionError."""
    value = options.get(name, default)
    if not isinstance(value, str) or not value:
        raise OptionError(f"{name} is missing" if value is None else f"{name} must be a text")
    return value
