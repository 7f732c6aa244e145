"""The one interface between Markaz and a simulation library."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate.samples import Samples


class EngineRefusal(Exception):
    """The engine cannot run this circuit (as opposed to a fault); the text says why."""


def refuse_unbound(circuit: Circuit, key: str) -> None:
    """EngineRefusal, in the name of the engine ``key``, for parameters that are unbound,
    not a number or infinite."""
    if circuit.symbolic or not np.isfinite(circuit.params).all():
        raise EngineRefusal(f"{key} takes bound, finite parameters only")


class EngineFault(Exception):
    """The library failed where it should not have (a bug or a crash inside it)."""


class Method(Enum):
    """How a state is held; decides the formula of the cost model."""

    STATEVECTOR = "statevector"
    STABILIZER = "stabilizer"
    NEAR_CLIFFORD = "near-clifford"
    MPS = "mps"
    SPARSE = "sparse"
    DECISION_DIAGRAM = "decision-diagram"
    PAULI = "pauli"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Pauli:
    """A Pauli string: ``factors`` are (qubit, "X" | "Y" | "Z"), each qubit once."""

    factors: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """Values float64 (k,) of k Pauli strings; ``bound`` is the engine's own error bound
    (0.0: exact up to floating point)."""

    values: NDArray[np.float64]
    bound: float = 0.0


class Engine(ABC):
    """One library and one method. Subclasses are stateless; ``key`` is ``library:method``.

    ``sample`` and ``expectations`` get circuits of gates only (no measurement, reset,
    barrier or control flow), all parameters bound and finite, and refuse others. Engines
    with ``dynamic = True`` also take circuits as they were read, through ``sample_dynamic``.
    """

    key: ClassVar[str]
    package: ClassVar[str]  # import name; "" for engines that are part of Markaz
    modules: ClassVar[tuple[str, ...]] = ()  # compiled modules that a run loads first
    method: ClassVar[Method]
    licence: ClassVar[str]
    established: ClassVar[bool]  # False for libraries in their first years
    ops: ClassVar[frozenset[int]]  # operations taken as they are; others are decomposed
    exact: ClassVar[bool] = True
    dynamic: ClassVar[bool] = False
    can_sample: ClassVar[bool] = True
    can_expect: ClassVar[bool] = False
    can_state: ClassVar[bool] = False
    self_limiting: ClassVar[bool] = False
    clifford_t: ClassVar[bool] = False  # no rotations but by multiples of pi/4
    child_only: ClassVar[bool] = False  # its library is unwelcome in this process
    max_qubits: ClassVar[int] = 100_000

    @classmethod
    def available(cls) -> bool:
        """Whether the library can be imported here (without importing it)."""
        return not cls.package or find_spec(cls.package.partition(".")[0]) is not None

    @classmethod
    def loaded(cls) -> bool:
        """Whether a run would find its library loaded in this process."""
        return all(name in sys.modules for name in cls.modules)

    @classmethod
    def load(cls) -> None:
        """Load the library; raises ImportError where it is not installed."""
        for name in cls.modules:
            import_module(name)

    def limited(self, steps: int) -> Engine:
        """This engine, refusing after about ``steps`` elementary steps; for engines with
        ``self_limiting``, which can therefore be tried where an overrun is not wanted."""
        raise EngineRefusal(f"{self.key} does not limit itself")

    @abstractmethod
    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Sample ``qubits`` in the computational basis after the circuit."""

    def sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int = 1) -> Samples:
        """Run a circuit with measurements and control flow; columns are all
        ``circuit.num_clbits`` classical bits."""
        raise EngineRefusal(f"{self.key} does not run dynamic circuits")

    def expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int = 1
    ) -> Expectation:
        """Expectation values of Pauli strings after the circuit."""
        raise EngineRefusal(f"{self.key} does not compute expectation values")

    def statevector(self, circuit: Circuit, threads: int = 1) -> NDArray[np.complex128]:
        """Amplitudes, shape (2**n,), qubit 0 is the least significant bit of the index;
        the circuit's global phase included."""
        raise EngineRefusal(f"{self.key} does not return amplitudes")
