"""A Markaz centre as a Qiskit backend, for programs whose runtime client cannot be redirected.

``Markaz(url, key).get_backend()`` is a ``BackendV2``: ``backend.run(circuits, shots=1000)``
gives a job whose ``result()`` is Qiskit's ``Result``. PennyLane takes the same object:
``qml.device("qiskit.remote", wires=2, backend=backend)``.
"""

from __future__ import annotations

from markaz_client.backend import MarkazBackend
from markaz_client.connection import MarkazError
from markaz_client.job import MarkazJob
from markaz_client.provider import Markaz

__all__ = ["Markaz", "MarkazBackend", "MarkazError", "MarkazJob"]
__version__ = "0.1.0"
