"""Kernels written once: interpreted for small inputs, compiled by Numba for large ones.

Importing Numba costs more than most programs take to run, so it is imported only when a
kernel has enough work to repay it, or when something else has imported it already.
Without Numba everything runs interpreted.

    @lazy_jit(signatures=("int64(int64[::1])",))
    def total(values): ...

    total.py(values)            interpreted; accepts lists, which are faster there
    total.fast(arrays)          compiled (interpreted where Numba is missing)
    total.pick(work)(arrays)    whichever is expected to finish first

A kernel may call other kernels by name, those of other files too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

# Interpreted inner steps (about 0.3 us each) that repay compiling a kernel that is not in
# the disk cache; importing Numba; loading a cached kernel when Numba is there already;
# calling a kernel that is ready.
COMPILE_WORK: Final = 60_000_000
COLD_WORK: Final = 3_000_000
LOADED_WORK: Final = 200_000
READY_WORK: Final = 50
NEVER: Final = 1 << 62

# Functions and methods by which kernels make arrays.
ALLOCATING: Final = frozenset(
    ("arange", "array", "astype", "copy", "empty", "full", "ones", "searchsorted", "zeros")
)
FORM: Final = 2  # of compiled code, counted up when the options of the compiler change

# Modules whose kernels ``warm_all`` compiles.
KERNEL_MODULES: Final = (
    "markaz.quantum.simulate.kernels_lower",
    "markaz.quantum.simulate.kernels_fuse",
    "markaz.quantum.simulate.kernels_dense",
    "markaz.quantum.simulate.kernels_sparse",
    "markaz.quantum.simulate.kernels_pauli",
    "markaz.quantum.simulate.kernels_route",
    "markaz.quantum.simulate.kernel_facts",
    "markaz.quantum.simulate.kernel_draws",
    "markaz.quantum.simulate.kernel_defer",
    "markaz.quantum.simulate.simplify.kernel_backward",
    "markaz.quantum.simulate.simplify.kernel_divide",
    "markaz.quantum.simulate.simplify.kernel_round",
    "markaz.quantum.simulate.simplify.kernel_networks",
    "markaz.quantum.simulate.simplify.kernel_whole",
)

_ALL: list[Kernel[..., Any]] = []


class Kernel(Generic[P, R]):
    """A function of numbers and arrays in its interpreted and its compiled form."""

    def __init__(
        self,
        function: Callable[P, R],
        signatures: tuple[str, ...] = (),
        interpreted: Callable[P, R] | None = None,
    ) -> None:
        self.function = cast(FunctionType, function)
        self.signatures = signatures
        self.__name__ = self.function.__name__
        self.__doc__ = function.__doc__
        self._py: Callable[P, R] | None = interpreted
        self._fast: Callable[P, R] | None = None
        self._ready = False
        _ALL.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run interpreted, as kernels that are called by interpreted ones do."""
        run = self.py
        return run(*args, **kwargs)

    @property
    def py(self) -> Callable[P, R]:
        """The interpreted form; accepts lists, which it indexes faster than arrays."""
        form = self._py
        if form is None:
            form = self._py = self._bound(lambda kernel: kernel.py)
        return form

    @property
    def fast(self) -> Callable[P, R]:
        """The compiled form, loaded or compiled at its first call for given types."""
        form = self._fast
        if form is None:
            form = self._fast = self._compiled()
        return form

    @property
    def ready(self) -> bool:
        """Whether the compiled form is loaded, for some types at least."""
        if not self._ready:
            self._ready = bool(getattr(self._fast, "signatures", ()))
        return self._ready

    def worth_it(self, work: int) -> bool:
        """Whether the compiled form pays for ``work`` inner steps, loading included."""
        if self.ready:
            return True
        if work < self.patience() or self.fast is self.py:
            return False
        return work >= COMPILE_WORK or self._is_cached()

    def patience(self) -> int:
        """Interpreted inner steps below which ``worth_it`` is False, whatever it costs."""
        if self.ready:
            return READY_WORK
        if not numba_is_installed():
            return NEVER
        return LOADED_WORK if numba_is_loaded() else COLD_WORK

    def pick(self, work: int) -> Callable[P, R]:
        """The form to use for ``work`` inner steps."""
        return self.fast if self.worth_it(work) else self.py

    def warm(self) -> None:
        """Compile the declared signatures, into the disk cache where that is possible."""
        fast: Any = self.fast
        if hasattr(fast, "compile"):
            for signature in self.signatures:
                fast.compile(signature)

    def files(self) -> set[str]:
        """Source files of the function and of the kernels that it calls."""
        called = (self.function.__globals__.get(n) for n in self.function.__code__.co_names)
        kernels = (k for k in called if isinstance(k, Kernel) and k is not self)
        own = {self.function.__code__.co_filename}
        return own.union(*(k.files() for k in kernels))

    def allocates(self) -> bool:
        """Whether it makes arrays, or calls a kernel that does."""
        names = self.function.__code__.co_names
        if not ALLOCATING.isdisjoint(names):
            return True
        called = (self.function.__globals__.get(n) for n in names)
        return any(k.allocates() for k in called if isinstance(k, Kernel) and k is not self)

    def _is_cached(self) -> bool:
        """Whether the disk cache holds a compiled form (not necessarily for all types)."""
        store: Any = getattr(self.fast, "_cache", None)
        try:
            return bool(store._cache_file._load_index())
        except (AttributeError, OSError):  # no cache, or one that this Numba keeps otherwise
            return False

    def _bound(self, form: Callable[[Kernel[..., Any]], object]) -> Callable[P, R]:
        """The function with every kernel that it calls replaced by ``form`` of it."""
        function = self.function
        names = function.__globals__
        used = {n: names[n] for n in function.__code__.co_names if n in names}
        called = {n: form(k) for n, k in used.items() if isinstance(k, Kernel)}
        if not called:
            return cast("Callable[P, R]", function)
        rebound = FunctionType(
            function.__code__, {**names, **called}, function.__name__, function.__defaults__
        )
        rebound.__module__, rebound.__qualname__ = function.__module__, function.__qualname__
        return cast("Callable[P, R]", rebound)

    def _compiled(self) -> Callable[P, R]:
        numba = _numba()
        if numba is None:
            return self.py
        function = self._bound(lambda kernel: kernel.fast)
        # Counting the references to every array that a kernel hands on takes half of its time;
        # one that makes none needs no count, for its caller holds them all.
        options = {} if self.allocates() else {"_nrt": False}
        compiled = numba.njit(nogil=True, **options)(function)
        _enable_cache(compiled, self.files())
        return cast("Callable[P, R]", compiled)


@overload
def lazy_jit(function: Callable[P, R]) -> Kernel[P, R]: ...
@overload
def lazy_jit(
    *, signatures: tuple[str, ...] = (), interpreted: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Kernel[P, R]]: ...
def lazy_jit(
    function: Callable[P, R] | None = None,
    *,
    signatures: tuple[str, ...] = (),
    interpreted: Callable[..., Any] | None = None,
) -> Kernel[P, R] | Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a kernel, as a decorator, plain or with ``signatures`` (Numba's notation) or a
    function of its own to be ``interpreted``."""
    if function is not None:
        return Kernel(function)
    return lambda f: Kernel(f, signatures, interpreted)


def numba_is_loaded() -> bool:
    """Whether Numba has been imported in this process."""
    return "numba" in sys.modules


@cache
def numba_is_installed() -> bool:
    """Whether Numba can be found (without importing it)."""
    return numba_is_loaded() or find_spec("numba") is not None


def as_arg(values: object, dtype: DTypeLike) -> NDArray[Any]:
    """``values`` as a writable C-ordered array, the only layout that kernels are compiled
    for; copies where it is not one already."""
    if isinstance(values, np.ndarray) and values.dtype == dtype:
        flags = values.flags
        if flags.c_contiguous and flags.writeable:
            return values
    return np.require(values, dtype, ["C", "W"])


def warm_all(modules: tuple[str, ...] = KERNEL_MODULES) -> int:
    """Compile every declared kernel; returns how many there are."""
    for name in modules:
        import_module(name)
    for kernel in list(_ALL):
        kernel.warm()
    return len(_ALL)


def _numba() -> Any:
    if not numba_is_installed():
        return None
    try:
        return import_module("numba")
    except ImportError:  # installed but unusable, for example beside a too new NumPy
        return None


def _enable_cache(compiled: Any, files: Iterable[str] = ()) -> None:
    """Turn on the disk cache unless no directory can be written; what is in it holds only
    while none of the ``files`` changes."""
    try:
        compiled.enable_caching()
    except (RuntimeError, OSError):
        return
    store = compiled._cache
    with suppress(AttributeError, OSError):  # Numba itself looks at one file only
        stamps = [(s.st_mtime, s.st_size) for s in map(os.stat, sorted(files))]
        store._cache_file._source_stamp = (store._cache_file._source_stamp, FORM, *stamps)
    save = store.save_overload

    def save_if_possible(signature: object, data: object) -> None:
        try:
            save(signature, data)
        except OSError:  # a full or read-only disk costs the cache, not the run
            store.disable()

    store.save_overload = save_if_possible
