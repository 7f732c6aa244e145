# ruff: noqa: E501 - a mutant is one line, as long as the line that it changes
"""Planted bugs in the walk that moves results to the end are caught by comparing distributions."""

from __future__ import annotations

import inspect
from types import ModuleType

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.simulate import defer, kernel_defer
from markaz.testing.feedback import difference, small_feedback

CIRCUITS = 640

MUTANTS = [
    ("if d.recorded[old] != 0:", "if d.recorded[old] > 1:"),
    ("emit(d, CX, old, d.wire[qubit], -1)", "emit(d, CX, d.wire[qubit], old, -1)"),
    ("if d.holder[known.bit[j]] == d.holder[known.bit[k]]:", "if False:"),
    ("0 if holder < 0 else known.value[before]", "known.value[before]"),
    ("negative += 1 - known.value[k]", "negative += known.value[k]"),
    ("        emit(d, CCX, d.pool[start], d.pool[start + 1], target)", "        emit(d, CX, d.pool[start], target, -1)"),
    ("        d.size[POOL] = at + 1\n", ""),
    ("        return NEVER if known.wanted[e] else FREE", "        return FREE if known.wanted[e] else NEVER"),
    ("if count == 1 and known.wanted[e]:", "if count == 1:"),
    ("    if known.wanted[e] == 0:\n", "    if known.wanted[e] == 1:\n"),
    ("d.wire[a], d.wire[b] = d.wire[b], d.wire[a]", "d.wire[a], d.wire[b] = d.wire[a], d.wire[b]"),
    ("free(d, pool[begin + count - 1])", "free(d, pool[begin])"),
    ("d.pool[start + k] = d.wire[pool[begin + k]]", "d.pool[start + k] = pool[begin + k]"),
    ("if q[3 * i + s] >= 0 and keeps[3 * o + s] == 0:", "if q[3 * i + s] >= 0 and keeps[3 * o] == 0:"),
    ("d.p[4 * at + s] = p[4 * i + s]\n\n\n", "d.p[4 * at + s] = p[4 * i]\n\n\n"),
    ("if o == X and d.wire[q[3 * i]] == control:", "if d.wire[q[3 * i]] == control:"),
    ("(keeps[3 * o + s] == 0 or d.wire[qubit] == control)", "keeps[3 * o + s] == 0"),
    ("        d.p[4 * at] = angle[o]\n", "        d.p[4 * at] = -angle[o]\n"),
    ("return FREE + NEVER - control", "return control"),
    ("    emit(d, X, target, -1, -1)\n    return target\n\n\n@lazy_jit\ndef defer_gates", "    return target\n\n\n@lazy_jit\ndef defer_gates"),
    ("if o == ID or d.size[CONTROL] == NEVER:", "if o == ID:"),
    ("            d.recorded[d.wire[q[3 * i]]] = 1\n", ""),
    ("            d.wire[q[3 * i]] = fresh(d)\n        elif o == IF", "            pass\n        elif o == IF"),
    ("            d.size[CONTROL] = FREE\n", ""),
]  # fmt: skip


def load_mutant(old: str, new: str) -> ModuleType:
    source = inspect.getsource(kernel_defer)
    assert source.count(old) >= 1, f"{old!r} is not in the kernel"
    mutant = ModuleType("mutant_defer")
    exec(compile(source.replace(old, new, 1), "<mutant>", "exec"), mutant.__dict__)
    return mutant


@pytest.fixture(scope="module")
def cases() -> list[Circuit]:
    rng = np.random.default_rng(47)
    return [small_feedback(rng, pooled=i % 4 == 3) for i in range(CIRCUITS)]


def is_caught(cases: list[Circuit]) -> bool:
    for circuit in cases:
        try:
            if difference(circuit) > 1e-9:
                return True
        except Exception:
            return True
    return False


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=range(len(MUTANTS)))
def test_planted_bug_is_caught(
    old: str, new: str, cases: list[Circuit], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = load_mutant(old, new)
    monkeypatch.setattr(mutant.defer_gates, "worth_it", lambda work: False)
    monkeypatch.setattr(defer, "defer_gates", mutant.defer_gates)

    assert is_caught(cases)


def test_the_unchanged_walk_is_not_caught(cases: list[Circuit]) -> None:
    assert not is_caught(cases[:150])
