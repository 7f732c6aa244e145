"""The contract of an engine, as checks that anyone can run.

In pytest::

    from markaz.testing.engine_contract import check_engine

    def test_my_engine_keeps_the_contract():
        check_engine(MyEngine()).raise_for_failures()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.gates import LAST_GATE, POOLED, TABLE, Op
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.reference import distribution
from markaz.quantum.simulate.engines.base import Engine, EngineRefusal, Pauli
from markaz.quantum.simulate.samples import Samples
from markaz.testing.comparisons import SHOTS, Broken, compare, compare_distribution
from markaz.testing.dynamic_circuits import dynamic_circuits

QUBITS = 4  # of the circuits that try one operation each

# Angles that are tried in turn until an engine takes a circuit.
STYLES: tuple[float | None, ...] = (None, math.pi / 4, math.pi / 2)


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken clause: ``check`` names it, ``detail`` says what was seen."""

    check: str
    detail: str


@dataclass(slots=True)
class Report:
    """What a check of one engine found: names of ``passed`` checks, ``refused`` ones
    (allowed by the contract) and failures."""

    key: str
    passed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def raise_for_failures(self) -> None:
        """AssertionError that lists every failure, if there is one."""
        lines = [f"{self.key}: {f.check}: {f.detail}" for f in self.failures]
        if lines:
            raise AssertionError("\n".join(lines))


def check_engine(engine: Engine, *, circuits: Sequence[Circuit] = (), seed: int = 0) -> Report:
    """Check an engine: orders, every declared operation with random parameters, seeds,
    shots, threads, refusals, expectation values, amplitudes.

    ``circuits`` are further circuits of gates on up to 12 qubits that it must get right or
    refuse. The same seed makes the same circuits and draws.
    """
    report = Report(engine.key)
    for name, check in (*_clauses(engine, seed), *_own(engine, circuits, seed)):
        try:
            check()
        except EngineRefusal as refusal:
            report.refused.append(name)
            if name in MUST_RUN:
                report.failures.append(Failure(name, f"refused: {refusal}"))
        except Broken as broken:
            report.failures.append(Failure(name, str(broken)))
        except Exception as error:  # an engine may raise anything
            report.failures.append(Failure(name, f"{type(error).__name__}: {error}"))
        else:
            report.passed.append(name)
    return report


Clause = tuple[str, Callable[[], None]]
MUST_RUN = frozenset(
    {"declaration", "refusals", "bit order", "seed", "shots", "unmeasured", "dynamic measure"}
)


def _clauses(engine: Engine, seed: int) -> Iterator[Clause]:
    yield "declaration", lambda: _declaration(engine)
    yield "refusals", lambda: _refusals(engine)
    if _samples(engine):
        yield "bit order", lambda: _bit_order(engine)
        yield "seed", lambda: _seed(engine)
        yield "shots", lambda: _shots(engine)
        yield "unmeasured", lambda: _unmeasured(engine)
        yield "wide", lambda: _wide(engine)
    for op in sorted(engine.ops):
        if op <= LAST_GATE:
            yield f"op {TABLE[Op(op)].name}", lambda op=op: _operation(engine, Op(op), seed)  # type: ignore[misc]
    for k in range(8):
        yield f"random {k}", lambda k=k: _random(engine, seed + k)  # type: ignore[misc]
    yield "global phase", lambda: _global_phase(engine)
    if engine.dynamic:
        for name, circuit in dynamic_circuits():
            yield f"dynamic {name}", lambda c=circuit: _dynamic(engine, c)  # type: ignore[misc]


def _own(engine: Engine, circuits: Sequence[Circuit], seed: int) -> Iterator[Clause]:
    for k, circuit in enumerate(circuits):
        yield f"circuit {k}", lambda c=circuit: compare(engine, c, seed)  # type: ignore[misc]


def _samples(engine: Engine) -> bool:
    """Whether the engine draws samples at all (some compute expectation values only)."""
    try:
        engine.sample(_circuit(1, [(Op.X, [0])]), [0], 1, 1)
    except EngineRefusal:
        return not engine.can_expect
    except Exception:  # the checks of sampling will say what
        return True
    return True


AnyGate = tuple[Op, list[int]] | tuple[Op, list[int], list[float]]


def _circuit(n: int, gates: Sequence[AnyGate]) -> Circuit:
    builder = Builder()
    builder.qreg("q", n)
    for op, qubits, *params in gates:
        builder.gate(op, qubits, params[0] if params else ())
    return builder.build()


def _declaration(engine: Engine) -> None:
    library, _, method = engine.key.partition(":")
    if not library or not method:
        raise Broken(f"key {engine.key!r} is not library:method")
    if not engine.available():
        raise Broken(f"package {engine.package!r} is not importable")
    unknown = [op for op in engine.ops if op not in Op.__members__.values()]
    if unknown:
        raise Broken(f"ops {unknown} do not exist")


def _refusals(engine: Engine) -> None:
    """What is no circuit of gates, is too wide, or has a parameter that is unbound or not
    finite is refused."""
    measured = Builder()
    measured.qreg("q", 1)
    measured.creg("c", 1)
    measured.gate(Op.X, [0])
    measured.measure(0, 0)
    unbound = _circuit(1, [(Op.RZ, [0], [math.nan]), (Op.H, [0])]).with_arrays(
        parameters=("a",), symbolic=((0, 0, ("param", "a")),)
    )
    _expect(engine, "unbound parameter", unbound)
    for angle in (math.nan, math.inf):
        odd = _circuit(1, [(Op.H, [0]), (Op.RZ, [0], [angle]), (Op.H, [0])])
        _expect(engine, f"the angle {angle}", odd)
    if engine.max_qubits < DEFAULT.qubits:  # no circuit is wider than that
        _expect(engine, "width", _circuit(engine.max_qubits + 1, [(Op.X, [0])]))
    if not engine.dynamic:
        _expect(engine, "measurement", measured.build())


def _expect(engine: Engine, what: str, circuit: Circuit) -> None:
    """EngineRefusal, and nothing else, for samples and for expectation values."""
    for kind, call in (
        ("samples", lambda: engine.sample(circuit, [0], 10, 1)),
        ("values", lambda: engine.expectations(circuit, [Pauli(((0, "X"),))])),
    ):
        try:
            call()
        except EngineRefusal:
            continue
        except Exception as error:
            raise Broken(f"{what}, {kind}: {type(error).__name__}, not a refusal") from error
        raise Broken(f"{what}, {kind}: not refused")


def _bit_order(engine: Engine) -> None:
    n = 5
    for qubit in range(n):
        circuit = _circuit(n, [(Op.X, [qubit])])
        for asked in ([0, 1, 2, 3, 4], [3, 0, 4], [qubit], [4, 1, 3, 2, 0]):
            rows = _rows(engine.sample(circuit, asked, 3, 1))
            if rows != [tuple(int(q == qubit) for q in asked)] * 3:
                raise Broken(f"x on qubit {qubit}, asked {asked}: {rows}")


def _rows(samples: Samples) -> list[tuple[int, ...]]:
    bits = samples.expanded(np.random.default_rng(0))
    return [tuple(row) for row in bits.tolist()]


def _seed(engine: Engine) -> None:
    circuit = _circuit(10, [(Op.H, [q]) for q in range(10)])
    draws = [engine.sample(circuit, range(10), 1000, s) for s in (7, 7, 8, 2**62 + 7)]
    first, again, *others = (_rows(d) for d in draws)
    if first != again:
        raise Broken("the same seed gives other samples")
    if any(sorted(first) == sorted(other) for other in others):
        raise Broken("another seed gives the same samples")


def _shots(engine: Engine) -> None:
    bell = _circuit(2, [(Op.H, [0]), (Op.CX, [0, 1])])
    for shots in (0, 1, 1000):
        samples = engine.sample(bell, [1, 0], shots, 3)
        if samples.shots != shots or samples.bits.shape[1:] != (2,):
            raise Broken(f"{shots} shots: {samples.shots} in bits {samples.bits.shape}")
    nothing = engine.sample(bell, [], 5, 3)
    if nothing.shots != 5 or nothing.bits.shape[1:] != (0,):
        raise Broken(f"no qubits asked: bits {nothing.bits.shape}")
    for threads in (1, 2):
        samples = engine.sample(bell, [1, 0], SHOTS, 3, threads=threads)
        compare_distribution(samples, np.array([0.5, 0, 0, 0.5]))


def _unmeasured(engine: Engine) -> None:
    ghz = _circuit(6, [(Op.H, [5]), *((Op.CX, [q + 1, q]) for q in reversed(range(5)))])
    samples = engine.sample(ghz, [4, 1], SHOTS, 5)
    compare_distribution(samples, np.array([0.5, 0, 0, 0.5]))
    idle = engine.sample(_circuit(6, [(Op.X, [2])]), [5, 2, 0], 4, 5)
    if _rows(idle) != [(0, 1, 0)] * 4:
        raise Broken(f"idle qubits: {_rows(idle)}")


def _wide(engine: Engine) -> None:
    """100 qubits, nearly all idle: right or refused."""
    gates = [(Op.H, [3]), (Op.CX, [3, 97]), (Op.CX, [97, 64]), (Op.X, [99])]
    samples = engine.sample(_circuit(100, gates), [99, 97, 3, 64, 0], SHOTS, 6)
    exact = np.zeros(32)
    exact[[0b00001, 0b01111]] = 0.5
    compare_distribution(samples, exact)


def _operation(engine: Engine, op: Op, seed: int) -> None:
    """One operation between random layers, in the freest style that the engine takes."""
    refusal = EngineRefusal("never tried")
    for style in STYLES:
        rng = np.random.default_rng((seed, op))
        gates = _layer(rng, style)
        size = int(rng.integers(2, QUBITS + 1)) if op in POOLED else TABLE[op].num_qubits
        qubits = rng.permutation(QUBITS)[:size].tolist()
        gates.append((op, qubits, _angles(rng, TABLE[op].num_params, style)))
        try:
            compare(engine, _circuit(QUBITS, [*gates, *_layer(rng, style)]), seed)
        except EngineRefusal as error:
            refusal = error
        else:
            return
    raise Broken(f"declared, but refused in every style: {refusal}")


def _layer(
    rng: np.random.Generator, style: float | None
) -> list[tuple[Op, list[int], list[float]]]:
    """A product of random single-qubit gates, then entangling gates."""
    gates = [(Op.U, [q], _angles(rng, 3, style)) for q in range(QUBITS)]
    if style is not None:  # few-T engines must be able to follow
        gates = [(Op.RX, [q], _angles(rng, 1, math.pi / 2)) for q in range(QUBITS)]
        gates += [(Op.RZ, [0], _angles(rng, 1, style))]
        gates += [(Op.H, [q], []) for q in range(QUBITS)]
    order = rng.permutation(QUBITS).tolist()
    return gates + [(Op.CX, list(pair), []) for pair in pairwise(order)]


def _angles(rng: np.random.Generator, count: int, style: float | None) -> list[float]:
    if style is None:
        return [float(x) for x in rng.uniform(-3.0, 3.0, count)]
    steps = rng.integers(-4, 5, count)
    return [float(x) * style for x in steps]


def _random(engine: Engine, seed: int) -> None:
    """A random circuit of declared operations: right, or refused in every style."""
    refusal = EngineRefusal("never tried")
    for style in STYLES:
        rng = np.random.default_rng((seed, 1))
        choices = sorted(op for op in engine.ops if op <= LAST_GATE)
        gates = _layer(rng, style)
        for op in (Op(int(x)) for x in rng.choice(choices, 25)):
            size = 3 if op in POOLED else TABLE[op].num_qubits
            qubits = rng.permutation(QUBITS)[:size].tolist()
            gates.append((op, qubits, _angles(rng, TABLE[op].num_params, style)))
        try:
            return compare(engine, _circuit(QUBITS, gates), seed)
        except EngineRefusal as error:
            refusal = error
    raise refusal


def _global_phase(engine: Engine) -> None:
    circuit = _circuit(2, [(Op.H, [0]), (Op.RZ, [0], [0.7]), (Op.CX, [0, 1])])
    compare(engine, circuit.with_arrays(global_phase=1.234), 0)


def _dynamic(engine: Engine, circuit: Circuit) -> None:
    """Right; where refused, right with all angles pi/2."""
    try:
        samples = engine.sample_dynamic(circuit, SHOTS, 9)
    except EngineRefusal:
        quarter = np.where(circuit.params == 0.0, 0.0, math.pi / 2)
        circuit = circuit.with_arrays(params=quarter)
        samples = engine.sample_dynamic(circuit, SHOTS, 9)
    exact = np.zeros(1 << circuit.num_clbits)
    for key, probability in distribution(circuit).items():
        exact[int(key, 2)] = probability
    if samples.shots != SHOTS:
        raise Broken(f"{SHOTS} shots: {samples.shots}")
    compare_distribution(samples, exact)
    again = engine.sample_dynamic(circuit, SHOTS, 9)
    if _rows(samples) != _rows(again):
        raise Broken("the same seed gives other samples")
    if engine.sample_dynamic(circuit, 0, 9).bits.shape != (0, circuit.num_clbits):
        raise Broken("no shots: bits of another shape")
