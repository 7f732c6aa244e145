"""The emulator: devices with a hidden truth that drifts.

What calibrates, compiles or mitigates may not import this package: it would read the answers.
"""

from __future__ import annotations

from markaz.quantum.devices.emulator.execute import EmulatedResult, execute
from markaz.quantum.devices.emulator.truth import MODEL_VERSION

__all__ = ["MODEL_VERSION", "EmulatedResult", "execute"]
