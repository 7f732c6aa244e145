"""What all adapters to simulation libraries share: checks before, errors after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.decompose import to_ops
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import LAST_GATE, Op
from markaz.quantum.simulate.engines.base import (
    Engine,
    EngineFault,
    EngineRefusal,
    Expectation,
    Pauli,
    refuse_unbound,
)
from markaz.quantum.simulate.engines.native import load_extension
from markaz.quantum.simulate.samples import Samples

# Above this a double-precision statevector needs more than 64 GiB.
STATEVECTOR_QUBITS = 32


class Adapter(Engine):
    """An Engine over a library: subclasses implement the underscored methods, which get
    circuits that hold only gates in ``ops`` and at least one shot and one qubit."""

    refusals: ClassVar[tuple[str, ...]] = ()  # texts of the library's own refusals
    bare: ClassVar[bool] = False  # whether its compiled module loads without its package

    @classmethod
    def load(cls) -> None:
        """Load the library; ImportError where it is not installed."""
        for name in cls.modules:
            load_extension(name) if cls.bare else import_module(name)

    @classmethod
    def available(cls) -> bool:
        """Whether the library can be imported here (without importing it)."""
        try:
            return find_spec(cls.package) is not None
        except ModuleNotFoundError:  # its parent package is missing
            return False

    def sample(
        self, circuit: Circuit, qubits: Sequence[int], shots: int, seed: int, threads: int = 1
    ) -> Samples:
        """Sample ``qubits`` after the circuit. EngineRefusal, EngineFault."""
        with self._guarded():
            ready = self._ready(circuit)
            if shots == 0 or len(qubits) == 0:
                return Samples(np.zeros((shots, len(qubits)), np.uint8))
            return self._sample(ready, [int(q) for q in qubits], shots, seed, threads)

    def sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int = 1) -> Samples:
        """Run a circuit with measurements and control flow. EngineRefusal, EngineFault."""
        if not self.dynamic:
            return super().sample_dynamic(circuit, shots, seed, threads)
        with self._guarded():
            ready = self._bound(circuit)
            if shots == 0 or circuit.num_clbits == 0:
                return Samples(np.zeros((shots, circuit.num_clbits), np.uint8))
            return self._sample_dynamic(ready, shots, seed, threads)

    def expectations(
        self, circuit: Circuit, paulis: Sequence[Pauli], threads: int = 1
    ) -> Expectation:
        """Expectation values of Pauli strings. EngineRefusal, EngineFault."""
        if not self.can_expect:
            return super().expectations(circuit, paulis, threads)
        with self._guarded():
            return self._expectations(self._ready(circuit), paulis, threads)

    def statevector(self, circuit: Circuit, threads: int = 1) -> NDArray[np.complex128]:
        """Amplitudes, shape (2**n,). EngineRefusal, EngineFault."""
        if not self.can_state:
            return super().statevector(circuit, threads)
        with self._guarded():
            ready = self._ready(circuit)
            state = self._statevector(ready, threads)
            return state * np.exp(1j * ready.global_phase) if ready.global_phase else state

    @abstractmethod
    def _sample(
        self, circuit: Circuit, qubits: list[int], shots: int, seed: int, threads: int
    ) -> Samples: ...

    def _sample_dynamic(self, circuit: Circuit, shots: int, seed: int, threads: int) -> Samples:
        raise EngineRefusal(f"{self.key} does not run dynamic circuits")

    def _expectations(self, circuit: Circuit, paulis: Sequence[Pauli], threads: int) -> Expectation:
        raise EngineRefusal(f"{self.key} does not compute expectation values")

    def _statevector(self, circuit: Circuit, threads: int) -> NDArray[np.complex128]:
        raise EngineRefusal(f"{self.key} does not return amplitudes")

    def _ready(self, circuit: Circuit) -> Circuit:
        """The circuit of gates in ``ops``; EngineRefusal for anything else in it."""
        others = circuit.op[circuit.op > LAST_GATE]
        if len(others):
            raise EngineRefusal(f"{self.key} takes gates only, not {Op(int(others[0])).name}")
        return self._bound(circuit)

    def _bound(self, circuit: Circuit) -> Circuit:
        if not 1 <= circuit.num_qubits <= self.max_qubits:
            raise EngineRefusal(
                f"{self.key} takes 1 to {self.max_qubits} qubits, not {circuit.num_qubits}"
            )
        refuse_unbound(circuit, self.key)
        return self._native(circuit)

    def _native(self, circuit: Circuit) -> Circuit:
        """The circuit rewritten with ``ops``."""
        return to_ops(circuit, self.ops)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever the library raises, as EngineRefusal or EngineFault."""
        try:
            yield
        except (EngineRefusal, EngineFault, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except MemoryError as error:
            raise EngineRefusal(f"{self.key}: not enough memory") from error
        except ProgramError as error:
            raise EngineRefusal(f"{self.key}: {error.message}") from error
        except BaseException as error:  # a Rust panic is no Exception
            text = f"{self.key}: {error}"
            raise (EngineRefusal if self._refuses(text) else EngineFault)(text) from error

    def _refuses(self, text: str) -> bool:
        """Whether an error text of the library is a refusal rather than a fault."""
        return any(part in text for part in self.refusals)


def seed_within(seed: int, bits: int) -> int:
    """``seed`` where it fits into that many bits, else a hash of it that does."""
    if 0 <= seed < 1 << bits:
        return seed
    state = np.random.SeedSequence(seed % (1 << 256)).generate_state(2, np.uint32)
    return (int(state[1]) << 32 | int(state[0])) % (1 << bits)


def truncation_bound(fidelity: float) -> float:
    """Largest error of a Pauli expectation value in a state of that fidelity:
    the trace distance of pure states is sqrt(1 - F), a Pauli's norm is 1, so the
    difference is at most 2 sqrt(1 - F)."""
    return 2.0 * float(np.sqrt(max(0.0, 1.0 - fidelity)))
