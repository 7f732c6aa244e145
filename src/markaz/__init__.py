"""Markaz, the software of a national quantum computing centre.

Importing this package imports nothing else: ``markaz --help`` and a small program must
not pay for libraries that they do not use.
"""

from __future__ import annotations

__version__ = "0.1.0"
