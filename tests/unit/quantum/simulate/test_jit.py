"""Kernels in both forms, and when which one is chosen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from markaz.quantum.simulate import jit
from markaz.quantum.simulate.jit import Kernel, as_arg, lazy_jit


@lazy_jit
def _doubled(x):  # type: ignore[no-untyped-def]
    return 2 * x


@lazy_jit(signatures=("int64(int64[::1])",))
def _total(values):  # type: ignore[no-untyped-def]
    """Twice the sum."""
    total = 0
    for i in range(len(values)):
        total += _doubled(values[i])
    return total


def fresh(kernel: Kernel[Any, Any]) -> Kernel[Any, Any]:
    return Kernel(kernel.function, kernel.signatures)


class FakeStore:
    def __init__(self) -> None:
        self.disabled = False
        self._cache_file: Any = SimpleNamespace()

    def save_overload(self, signature: object, data: object) -> None:
        raise OSError("disk full")

    def disable(self) -> None:
        self.disabled = True


class FakeDispatcher:
    def __init__(self, error: Exception | None = None) -> None:
        self.error, self._cache = error, FakeStore()

    def enable_caching(self) -> None:
        if self.error:
            raise self.error


def test_both_forms_compute_the_same_and_keep_the_docstring() -> None:
    assert _total([1, 2, 3]) == _total.py([1, 2, 3]) == 12
    assert _total.fast(np.arange(4)) == 12
    assert (_total.__name__, _total.__doc__) == ("_total", "Twice the sum.")


def test_warming_compiles_the_declared_types() -> None:
    kernel = fresh(_total)
    kernel.warm()
    fast: Any = kernel.fast
    assert [str(types[0]) for types in fast.signatures] == ["array(int64, 1d, C)"]
    assert kernel.pick(1) is kernel.fast
    assert kernel.patience() == jit.READY_WORK


@pytest.mark.parametrize(
    ("installed", "loaded", "cached", "expected"),
    [
        (False, False, True, []),
        (True, False, True, ["COLD_WORK", "COMPILE_WORK"]),
        (True, False, False, ["COMPILE_WORK"]),
        (True, True, True, ["LOADED_WORK", "COLD_WORK", "COMPILE_WORK"]),
        (True, True, False, ["COMPILE_WORK"]),
    ],
)
def test_work_that_repays_compiled_code(
    installed: bool,
    loaded: bool,
    cached: bool,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jit, "numba_is_installed", lambda: installed)
    monkeypatch.setattr(jit, "numba_is_loaded", lambda: loaded)
    monkeypatch.setattr(Kernel, "_is_cached", lambda _: cached)
    names = ["READY_WORK", "LOADED_WORK", "COLD_WORK", "COMPILE_WORK"]
    kernel = fresh(_total)
    assert [name for name in names if kernel.worth_it(getattr(jit, name))] == expected


def test_without_numba_everything_runs_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "numba_is_installed", lambda: False)
    kernel = fresh(_total)
    assert kernel.pick(10**12) is kernel.py
    assert kernel.fast is kernel.py
    kernel.warm()
    assert kernel.fast([5]) == 10


def test_an_unusable_numba_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> object:
        raise ImportError(f"{name} needs another NumPy")

    monkeypatch.setattr(jit, "import_module", refuse)
    kernel = fresh(_total)
    assert kernel.fast is kernel.py
    assert not kernel.worth_it(jit.COMPILE_WORK)


def test_a_cache_that_cannot_be_written_costs_the_cache_only() -> None:
    jit._enable_cache(FakeDispatcher(RuntimeError("no locator available")))
    full = FakeDispatcher()
    jit._enable_cache(full)
    full._cache.save_overload("signature", "code")
    assert full._cache.disabled


def test_arguments_become_what_kernels_are_compiled_for() -> None:
    frozen = np.frombuffer(b"\1\2", np.uint8)
    made = as_arg(frozen, np.uint8)
    assert made.tolist() == [1, 2]
    assert made.flags.writeable
    assert as_arg(made, np.uint8) is made
    assert as_arg(np.arange(6)[::2], np.int64).flags.c_contiguous


def test_small_work_imports_no_engine_and_no_numba() -> None:
    code = """
import sys
import numpy
from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.engines.base import Pauli
from markaz.quantum.simulate.engines.branch import BranchEngine
from markaz.quantum.simulate.engines.dense import DenseEngine
from markaz.quantum.simulate.engines.pauli import PauliEngine
from markaz.quantum.simulate.engines.sparse import SparseEngine
b = Builder()
b.qreg("q", 2)
b.gate(Op.H, [0])
b.gate(Op.CX, [0, 1])
bell = b.build()
for engine in (DenseEngine(), SparseEngine(), BranchEngine()):
    engine.sample(bell, [0, 1], 100, seed=1)
PauliEngine().expectations(bell, [Pauli(((0, "Z"), (1, "Z")))])
slow = ("numba", "scipy", "qiskit", "stim")
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_kernel_knows_the_files_of_all_that_it_calls() -> None:
    from markaz.quantum.simulate.simplify.kernel_round import one_round

    names = {path.rpartition("/")[2] for path in one_round.files()}

    passes = ("round", "forward", "backward")
    helpers = ("emit", "gates", "known", "many")
    assert names == {f"kernel_{name}.py" for name in (*passes, *helpers)}


def test_the_cache_is_stamped_with_every_file(tmp_path: Path) -> None:
    source = tmp_path / "called.py"
    stamps = []
    for text in ("a", "ab"):
        source.write_text(text)
        compiled = FakeDispatcher()
        compiled._cache._cache_file._source_stamp = "own"
        jit._enable_cache(compiled, [str(source)])
        stamps.append(compiled._cache._cache_file._source_stamp)

    assert all(stamp[:2] == ("own", jit.FORM) and len(stamp) == 3 for stamp in stamps)
    assert stamps[0] != stamps[1]


def test_kernels_that_make_arrays_count_references() -> None:
    assert _makes.allocates()
    assert _calls.allocates()
    assert not _fills.allocates()
    values = np.zeros(4)
    assert _fills.fast(values) == 4
    assert values.tolist() == [1.0] * 4
    assert _calls.fast(3) == 3


@lazy_jit
def _fills(values: Any) -> int:
    for i in range(len(values)):
        values[i] = 1.0
    return len(values)


@lazy_jit
def _makes(count: int) -> Any:
    return np.zeros(count)


@lazy_jit
def _calls(count: int) -> int:
    return int(_fills(_makes(count)))


@lazy_jit(interpreted=lambda count: [0] * count)
def _room(count: int) -> Any:
    return np.zeros(count, np.int64)


@lazy_jit
def _squares(count: int) -> Any:
    found = _room(count)
    for i in range(count):
        found[i] = i * i
    return found


def test_a_kernel_may_have_another_interpreted_form() -> None:
    assert _squares.py(4) == [0, 1, 4, 9]
    assert isinstance(_squares.fast(4), np.ndarray)
    assert _squares.fast(4).tolist() == [0, 1, 4, 9]
