"""What a device calls counts, checked before anybody believes it."""

from __future__ import annotations

from typing import Any, Final

from markaz.interfaces.agent.drivers.base import DriverError

_BITS: Final = frozenset("01")
_SHOWN: Final = 40


def checked(raw: Any, bits: int, shots: int) -> dict[str, int]:
    """``raw`` as counts of ``shots`` shots by keys of ``bits`` characters.

    Raises DriverError that names what is wrong.
    """
    if not isinstance(raw, dict):
        raise DriverError(f"the device's counts are no object: {raw!r:.{_SHOWN}}")
    if len(raw) > shots:
        raise DriverError(f"the device gave {len(raw)} different outcomes of {shots} shots")
    total = 0
    for key, count in raw.items():
        if not isinstance(key, str) or len(key) != bits or not _BITS.issuperset(key):
            shown = repr(key)[:_SHOWN]
            raise DriverError(f"the device's outcome {shown} is not {bits} bits, as was measured")
        if type(count) is not int or count < 0:
            shown = repr(count)[:_SHOWN]
            raise DriverError(f"the device's count of {key[:_SHOWN]} is {shown}")
        total += count
    if total != shots:
        raise DriverError(f"the device gave {total} shots; {shots} were asked for")
    return {key: count for key, count in raw.items() if count}
