from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.programs.reference import amplitudes
from markaz.quantum.simulate.engines import panta_engine, prism_engine, qevedo_engine, registry
from markaz.quantum.simulate.engines.adapter import (
    Adapter,
    EngineFault,
    seed_within,
    truncation_bound,
)
from markaz.quantum.simulate.engines.base import EngineRefusal, Method, Pauli
from markaz.quantum.simulate.engines.native import load_extension
from markaz.testing.comparisons import compare_distribution
from markaz.testing.engine_contract import _circuit

ENGINES = registry.engines()
MPS = [key for key in ENGINES if key.endswith(":mps")]


def brick(n, depth, seed=0):
    rng = np.random.default_rng(seed)
    builder = Builder()
    builder.qreg("q", n)
    for layer in range(depth):
        for q in range(n):
            builder.gate(Op.U, [q], rng.uniform(-3, 3, 3).tolist())
        for q in range(layer % 2, n - 1, 2):
            builder.gate(Op.CX, [q, q + 1])
    return builder.build()


def needs(key):
    return pytest.mark.skipif(key not in ENGINES, reason=f"{key} is not installed")


def child(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# --- registry and imports


def test_listing_engines_imports_no_library():
    out = child("""
        import sys
        from markaz.quantum.simulate.engines.registry import engines
        engines()
        slow = ("qiskit", "qiskit_aer", "stim", "prism_q", "qevedo.simulator", "panta_sim",
                "mqt.core", "qsimcirq", "cirq", "numba")
        print("loaded", *[m for m in slow if m in sys.modules])
    """)
    assert out == ["loaded"]


def test_engines_without_libraries():
    left = registry.engines(without=("prism", "qevedo", "panta"))
    assert {key.partition(":")[0] for key in ENGINES} - {"prism", "qevedo", "panta"} == {
        key.partition(":")[0] for key in left
    }


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no library 'prysm'"):
        registry.engines(without=["prysm"])
    with pytest.raises(KeyError, match="no engine 'stim:mps'"):
        registry.get("stim:mps")


def test_get_names_the_missing_package(monkeypatch):
    engine = type(registry.get("markaz:dense"))
    monkeypatch.setattr(engine, "available", classmethod(lambda _: False))
    monkeypatch.setattr(engine, "package", "nowhere")
    with pytest.raises(ImportError, match="needs the Python package nowhere"):
        registry.get("markaz:dense")
    registry._installed.cache_clear()
    try:
        assert "markaz:dense" not in registry.engines()
    finally:
        registry._installed.cache_clear()


def test_keys_match_classes():
    assert [engine.key for engine in ENGINES.values()] == list(ENGINES)
    assert len(registry.CLASSES) == len(set(registry.CLASSES))


def test_package_below_a_missing_one_is_not_available():
    class Missing(Adapter):
        package = "nowhere.inside"

        def _sample(self, circuit, qubits, shots, seed, threads):
            raise AssertionError("an engine without its package is never asked")

    assert not Missing.available()


@needs("panta:mps")
def test_compiled_module_is_shared_with_its_package():
    out = child("""
        from markaz.quantum.simulate.engines.native import load_extension
        early = load_extension("panta_sim.qsim_python")
        import panta_sim.circuit
        print(panta_sim.circuit._RustCircuit is early.Circuit)
        print(load_extension("panta_sim.qsim_python") is early)
    """)
    assert out == ["True", "True"]


@needs("aer:statevector")
@needs("ddsim:decision-diagram")
@needs("qsim:statevector")
def test_engines_of_big_packages_run_without_them():
    out = child("""
        import sys
        from markaz.quantum.simulate.engines.registry import get
        from markaz.testing.engine_contract import _circuit, Op
        from markaz.quantum.simulate.engines.base import Pauli
        circuit = _circuit(2, [(Op.H, [0]), (Op.CX, [0, 1])])
        for key in ("aer:statevector", "aer:mps", "ddsim:decision-diagram", "qsim:statevector"):
            get(key).sample(circuit, [0, 1], 10, 1)
        get("aer:statevector").statevector(circuit)
        get("aer:statevector").expectations(circuit, [Pauli(((0, "Z"),))])
        print("loaded", *[m for m in ("qiskit", "cirq", "scipy") if m in sys.modules])
    """)
    assert out == ["loaded"]


def test_extension_falls_back_to_an_import():
    assert load_extension("json.decoder") is sys.modules["json.decoder"]
    with pytest.raises(ImportError):
        load_extension("nowhere.inside")


# --- errors


class Faulty(Adapter):
    key = "faulty:test"
    package = "json"
    method = Method.STATEVECTOR
    ops = frozenset({int(Op.H)})
    max_qubits = 3
    refusals = ("over the cap",)

    def __init__(self, error):
        self.error = error

    def _sample(self, circuit, qubits, shots, seed, threads):
        raise self.error


class Panic(BaseException):
    """As the Rust bindings raise it."""


@pytest.mark.parametrize(
    ("raised", "seen", "text"),
    [
        (ValueError("5 is over the cap"), EngineRefusal, "faulty:test: 5 is over the cap"),
        (ValueError("nonsense"), EngineFault, "faulty:test: nonsense"),
        (Panic("index out of range"), EngineFault, "faulty:test: index out of range"),
        (MemoryError(), EngineRefusal, "faulty:test: not enough memory"),
        (EngineRefusal("own words"), EngineRefusal, "own words"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
    ],
)
def test_library_errors_become_refusals_or_faults(raised, seen, text):
    with pytest.raises(seen) as caught:
        Faulty(raised).sample(_circuit(1, [(Op.H, [0])]), [0], 1, 1)
    assert type(caught.value) is seen
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("circuit", "text"),
    [
        (_circuit(4, []), "takes 1 to 3 qubits, not 4"),
        (_circuit(1, [(Op.RX, [0], [float("inf")])]), "bound, finite parameters"),
        (_circuit(1, [(Op.T, [0])]), "t cannot be written with h"),
    ],
)
def test_unsuitable_circuits_are_refused_before_the_library_sees_them(circuit, text):
    with pytest.raises(EngineRefusal, match=text):
        Faulty(AssertionError("reached")).sample(circuit, [0], 1, 1)


def test_what_an_engine_does_not_offer_is_refused():
    engine = Faulty(AssertionError("reached"))
    circuit = _circuit(1, [(Op.H, [0])])
    for call in (
        lambda: engine.statevector(circuit),
        lambda: engine.expectations(circuit, [Pauli(())]),
        lambda: engine.sample_dynamic(circuit, 1, 1),
    ):
        with pytest.raises(EngineRefusal, match="faulty:test does not"):
            call()


def test_seeds_are_kept_or_hashed():
    assert seed_within(123, 31) == 123
    assert seed_within(2**31 - 1, 31) == 2**31 - 1
    hashed = {seed_within(s, 31) for s in (2**31, 2**31 + 1, 2**63, -1, -2)}
    assert len(hashed) == 5
    assert all(0 <= s < 2**31 for s in hashed)


# --- truncation


@needs("prism:mps")
def test_prism_fidelity_bounds_the_true_one(monkeypatch):
    monkeypatch.setattr(prism_engine, "MAX_BOND", 16)
    engine, circuit = ENGINES["prism:mps"], brick(10, 10)
    state = engine._statevector(circuit, 1)
    exact = amplitudes(circuit)
    true = abs(np.vdot(state, exact)) ** 2 / np.vdot(state, state).real
    claimed = engine.sample(circuit, range(10), 10, 1).fidelity
    assert 0.5 < claimed <= true + 1e-12 < 1.0


@pytest.mark.parametrize(
    ("key", "module"),
    [
        pytest.param("prism:mps", prism_engine, marks=needs("prism:mps")),
        pytest.param("qevedo:mps", qevedo_engine, marks=needs("qevedo:mps")),
        pytest.param("panta:mps", panta_engine, marks=needs("panta:mps")),
    ],
)
def test_truncation_is_reported(key, module, monkeypatch):
    circuit, engine = brick(10, 6), ENGINES[key]
    if key == "qevedo:mps":
        monkeypatch.setitem(engine.settings, "max_bond_dimension", 4)
    else:
        monkeypatch.setattr(module, "MAX_BOND", 4)
    assert engine.sample(circuit, range(10), 10, 1).fidelity < 0.99
    if engine.can_expect:
        result = engine.expectations(circuit, [Pauli(((4, "Z"),)), Pauli(())])
        assert result.bound > 0.1


@pytest.mark.parametrize("key", MPS)
def test_untruncated_mps_claims_fidelity_one(key):
    samples = ENGINES[key].sample(brick(10, 6), range(10), 100, 1)
    assert 1.0 - samples.fidelity < 1e-9


def test_truncation_bound():
    assert truncation_bound(1.0) == truncation_bound(1.0 + 1e-15) == 0.0
    assert truncation_bound(0.75) == pytest.approx(1.0)
    assert truncation_bound(0.0) == 2.0


# --- particular libraries


@needs("qevedo:near-clifford")
def test_too_many_active_qubits_are_refused():
    circuit = _circuit(40, [(Op.T, [q]) for q in range(40)])
    with pytest.raises(EngineRefusal, match="40 non-Clifford gates"):
        ENGINES["qevedo:near-clifford"].sample(circuit, [0], 1, 1)


@needs("prism:auto")
def test_prism_auto_refuses_to_truncate():
    with pytest.raises(EngineRefusal, match="require_exact"):
        ENGINES["prism:auto"].sample(brick(40, 2), [0], 1, 1)


@needs("prism:sparse")
def test_prism_sparse_takes_64_qubits():
    engine = ENGINES["prism:sparse"]
    circuit = _circuit(64, [(Op.H, [0]), (Op.CX, [0, 63])])
    compare_distribution(engine.sample(circuit, [63, 0], 4096, 1), np.array([0.5, 0, 0, 0.5]))


@needs("panta:sparse")
def test_sparse_state_that_fills_up_is_refused(monkeypatch):
    monkeypatch.setattr(panta_engine, "SPARSE_ENTRIES", 16)
    circuit = _circuit(8, [(Op.H, [q]) for q in range(8)])
    with pytest.raises(EngineRefusal):
        ENGINES["panta:sparse"].sample(circuit, [0], 1, 1)


@needs("prism:pauli")
def test_pauli_engine_has_no_samples():
    with pytest.raises(EngineRefusal, match="expectation values only"):
        ENGINES["prism:pauli"].sample(_circuit(1, [(Op.X, [0])]), [0], 1, 1)


@needs("prism:statevector")
def test_prism_pool_is_skipped_where_the_global_one_fits(monkeypatch):
    monkeypatch.setenv("RAYON_NUM_THREADS", "3")
    monkeypatch.setattr(prism_engine, "_pool", lambda *_: pytest.fail("entered a pool"))
    assert prism_engine.limited(lambda: 7, 3) == 7


@pytest.mark.parametrize("key", [k for k in ENGINES if ENGINES[k].can_expect])
def test_no_observables_and_the_identity(key):
    circuit = _circuit(2, [(Op.H, [0])])
    assert ENGINES[key].expectations(circuit, []).values.shape == (0,)
    assert ENGINES[key].expectations(circuit, [Pauli(())]).values == pytest.approx([1.0])


@pytest.mark.parametrize(
    "key", [k for k in ENGINES if ENGINES[k].method in (Method.STATEVECTOR, Method.MPS)]
)
def test_medium_circuit_agrees_with_exact_marginals(key):
    circuit = brick(11, 5, seed=3)
    asked = [10, 0, 5]
    probabilities = np.abs(amplitudes(circuit)) ** 2
    index = np.arange(probabilities.size)
    low = sum(((index >> q) & 1) << j for j, q in enumerate(asked))
    exact = np.bincount(low, probabilities, 8)
    compare_distribution(ENGINES[key].sample(circuit, asked, 4096, 2), exact)
