"""The programs of the runtime client; ``front`` opens and runs them."""

from __future__ import annotations

from typing import Final

KINDS: Final = ("sampler", "estimator", "executor")
