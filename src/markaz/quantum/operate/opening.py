"""A station from what a centre says of it, and the bytes in which it says so."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from markaz.quantum.devices.model import DeviceModel, load_shipped, parse
from markaz.quantum.devices.sheet import Sheet, from_json
from markaz.quantum.operate.driver import Driver, Emulated
from markaz.quantum.operate.station import Station

EMULATOR: Final = "emulate"
_MOST: Final = 256 << 20


def packed(model: str, sheet: str | None) -> bytes:
    """The text of a device file and the JSON of its sheet, as ``station`` takes them."""
    return zlib.compress(json.dumps([model, sheet]).encode(), 6)


def station(
    about: Mapping[str, Any],
    body: bytes,
    *,
    seconds: float,
    memory: int,
    threads: int | None = None,
    passing: bool = False,
) -> Station:
    """The station in ``body``, emulated as ``about`` says.

    ``about``: ``seed`` of the hidden truth, ``at`` and ``tuned`` in device time and ``born``
    in UTC (µs). Limits as of ``Emulated``.
    """
    model, sheet = _unpacked(body)
    driver = Emulated(
        model, about["seed"], about["at"], about["tuned"], about["born"], seconds=seconds,
        memory=memory, threads=threads, passing=passing,
    )  # fmt: skip
    return Station(model, sheet, driver)


def around(driver: Driver, body: bytes) -> Station:
    """The station in ``body``, whose circuits ``driver`` executes."""
    model, sheet = _unpacked(body)
    return Station(model, sheet, driver)


@lru_cache(maxsize=8)
def _unpacked(body: bytes) -> tuple[DeviceModel, Sheet | None]:
    text, sheet = json.loads(zlib.decompressobj().decompress(body, _MOST))
    return parse(text, "device file"), None if sheet is None else from_json(sheet)


def prepare() -> None:
    """Load what stations need, for a process that forks. Qiskit is imported and not called:
    a thread that it starts would be missing in the children."""
    from markaz.quantum.calibrate import circuits  # noqa: PLC0415
    from markaz.quantum.compile import qiskit_passes  # noqa: F401, PLC0415 - loads Qiskit
    from markaz.quantum.programs import qiskit_bridge  # noqa: F401, PLC0415 - loads Qiskit

    model = load_shipped("indus")
    one = circuits.ramsey(model, [0], [1.0], 0.0)[0].circuit
    Emulated(model, 1, 0, 0, threads=1).execute(one, 16, 1)
