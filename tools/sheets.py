"""Measure the sheets that the shipped devices come with: ``python -m tools.sheets [NAME…]``.

Each is what a calibration of the emulated device finds at device time 0, right after it was
tuned, with the seed that a new centre gives it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from markaz.quantum import devices
from markaz.quantum.calibrate import parts
from markaz.quantum.devices.model import DeviceModel, load_shipped
from markaz.quantum.devices.model import shipped as names
from markaz.quantum.devices.sheet import Row, Sheet, from_document
from markaz.quantum.operate.driver import Emulated
from markaz.quantum.operate.measuring import calibrate
from markaz.quantum.operate.shipped import SEED, file_name, packed
from markaz.quantum.operate.station import Station

FOLDER = Path(devices.__path__[0]) / "shipped"
RUN_SEED = 20261122


def part_of(model: DeviceModel, part: str, at_us: int) -> tuple[list[Row], int]:
    """The rows of one part, begun at a device time, and when it was done."""
    driver = Emulated(model, SEED, at_us, 0, passing=True)
    document = calibrate(Station(model, None, driver), part, RUN_SEED)
    return list(from_document(document["sheet"]).rows), driver.now()


def measured(model: DeviceModel) -> Sheet:
    """The sheet of a whole calibration, its parts one after the other."""
    rows: list[Row] = []
    at = 0
    for part in parts.plan(model):
        began = time.monotonic()
        found, at = part_of(model, part, at)
        rows += found
        print(f"{model.name} {part}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    return parts.sheet(model, rows, at)


def main(wanted: Iterable[str]) -> None:
    """Write the sheets of these devices."""
    for name in wanted:
        sheet = measured(load_shipped(name))
        (FOLDER / file_name(name)).write_bytes(packed(sheet))


if __name__ == "__main__":
    main(sys.argv[1:] or names())
