"""Compiled circuits that are kept."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.compiling import invented_sheet
from markaz.quantum.compile.cache import Cache, size_of
from markaz.quantum.compile.compiler import compile, compile_key
from markaz.quantum.compile.options import CompileOptions
from markaz.quantum.devices.model import load_shipped
from tests.compile_check import random_circuit

INDUS = load_shipped("indus")


def test_the_key_depends_on_program_sheet_options_and_device() -> None:
    circuit, other = random_circuit(3, 8, 1), random_circuit(3, 8, 2)
    sheet, newer = invented_sheet(INDUS, 1), invented_sheet(INDUS, 2)
    options = CompileOptions()
    keys = [
        compile_key(circuit, INDUS, sheet, options),
        compile_key(other, INDUS, sheet, options),
        compile_key(circuit, INDUS, newer, options),
        compile_key(circuit, INDUS, None, options),
        compile_key(circuit, INDUS, sheet, replace(options, level=3)),
        compile_key(circuit, INDUS, sheet, replace(options, seed=1)),
        compile_key(circuit, INDUS, sheet, replace(options, compiled=True)),
        compile_key(circuit, replace(INDUS, version="2.0.0"), sheet, options),
    ]
    assert len(set(keys)) == len(keys)
    assert compile_key(circuit, INDUS, invented_sheet(INDUS, 1), options) == keys[0]
    assert all(k.startswith("sha256:") and len(k) == 71 for k in keys)


def test_the_least_used_goes_first_and_the_bound_holds() -> None:
    made = [compile(random_circuit(3, 8, seed), INDUS) for seed in range(3)]
    cache = Cache(limit=size_of(made[0]) + max(size_of(made[1]), size_of(made[2])))
    cache.put("a", made[0])
    cache.put("b", made[1])
    assert cache.get("a") is made[0]
    cache.put("c", made[2])
    assert [cache.get(k) is not None for k in "abc"] == [True, False, True]
    assert cache.bytes <= cache.limit
    assert (cache.hits, cache.misses, len(cache)) == (3, 1, 2)


def test_one_that_is_too_large_is_not_kept_and_replacing_counts_once() -> None:
    made = compile(random_circuit(3, 8, 1), INDUS)
    small = Cache(limit=size_of(made) - 1)
    small.put("a", made)
    assert (len(small), small.bytes) == (0, 0)
    cache = Cache()
    cache.put("a", made)
    cache.put("a", made)
    assert (len(cache), cache.bytes) == (1, size_of(made))


def test_get_or_makes_once() -> None:
    cache, calls = Cache(), []

    def make():  # type: ignore[no-untyped-def]
        calls.append(1)
        return compile(random_circuit(2, 4, 1), INDUS)

    first = cache.get_or("k", make)
    assert cache.get_or("k", make) is first
    assert len(calls) == 1
