"""Circuits to and from Qiskit.

Gates of our table are taken over one by one, everything else through the definition that
Qiskit gives it: converted once, then copied as arrays. Qiskit is imported when a function
here is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def from_qiskit(circuit: QuantumCircuit, limits: Limits = DEFAULT) -> Circuit:
    """The flat circuit of a Qiskit circuit.

    Qubits and bits keep their indices. Registers that are runs of neighbouring bits are
    kept; bits in none, or in several, are shown in registers ``loose0``, …. ``for``
    loops are unrolled, and a parametrised global phase, which nothing can
    observe, is left out. Parameters are in Qiskit's order (``circuit.parameters``).

    Raises ProgramError: ``unsupported`` for what has no definition or no counterpart (real
    and duration variables), ``limit-size`` beyond ``limits``, ``parse`` for angles that
    are not finite.
    """
    from markaz.quantum.programs.qiskit_import import Importer  # noqa: PLC0415 - Qiskit

    try:
        result = Importer(circuit, limits).run()
    except RecursionError:
        raise ProgramError("limit-size", "definitions or blocks are nested too deeply") from None
    unbound = np.zeros(result.params.shape, np.bool_)
    for i, slot, _ in result.symbolic:
        unbound[i, slot] = True
    bad = ~np.isfinite(result.params) & ~unbound
    if bool(bad.any()) or not np.isfinite(result.global_phase):
        raise ProgramError("parse", "an angle is not a finite number")
    return result


def to_qiskit(circuit: Circuit) -> QuantumCircuit:
    """The Qiskit circuit of a flat circuit, with the same indices of qubits and bits.

    Hidden registers become classical registers. Raises ProgramError ``unsupported`` for
    classical expressions that Qiskit's unsigned arithmetic cannot hold (negative
    intermediate values, ``mod``, ``pow``).
    """
    from markaz.quantum.programs.qiskit_export import Exporter  # noqa: PLC0415 - Qiskit

    return Exporter(circuit).run()
