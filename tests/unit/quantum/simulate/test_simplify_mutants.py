# ruff: noqa: E501 - a mutant is one line, as long as the line that it changes
"""Planted bugs in the passes are caught by comparing distributions.

Each mutant changes one line of a kernel; the same random circuits that the passes must
survive have to tell it from the original.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from markaz.quantum.programs.gates import TABLE, Op
from markaz.testing.circuits import (
    exact_probabilities,
    random_circuit,
    simplified_probabilities,
)

PACKAGE = "markaz.quantum.simulate.simplify"
KERNELS = (
    "gates",
    "emit",
    "known",
    "many",
    "forward",
    "backward",
    "round",
    "divide",
    "whole",
    "networks",
)
MODULES = (*(f"kernel_{name}" for name in KERNELS), "outcome", "networks", "driver")
CIRCUITS = 1500

MUTANTS = [
    ("kernel_gates", "return -math.pi / 2", "return math.pi / 2"),
    ("kernel_gates", "    if op == T:\n        return math.pi / 4", "    if op == T:\n        return math.pi / 2"),
    ("kernel_gates", "return int(k) % 8", "return int(k) % 4"),
    ("kernel_gates", "    if op == CY:\n        return Y", "    if op == CY:\n        return X"),
    ("kernel_gates", "complex(0.0, -math.sin(a / 2))", "complex(0.0, math.sin(a / 2))"),
    ("kernel_gates", "m[0] * n[1] + m[1] * n[3]", "m[0] * n[2] + m[1] * n[3]"),
    ("kernel_gates", "if op == P or op == RZ or op == CP:\n        return angle", "if op == P or op == RZ or op == CP:\n        return -angle"),
    ("kernel_emit", "    elif k == 6:\n        op = SDG", "    elif k == 6:\n        op = S"),
    ("kernel_emit", "emit_phase(w, q, lam + math.pi)", "emit_phase(w, q, lam)"),
    ("kernel_emit", "emit_phase(w, q, cmath.phase(m[1]) - cmath.phase(m[2]))", "emit_phase(w, q, cmath.phase(m[2]) - cmath.phase(m[1]))"),
    ("kernel_emit", "return op == X or op == Y or op == H", "return op == X or op == Y or op == H or op == SX"),
    ("kernel_emit", "m = product(m, matrix_one(w.op[k], w.p[j], w.p[j + 1], w.p[j + 2]))", "m = product(matrix_one(w.op[k], w.p[j], w.p[j + 1], w.p[j + 2]), m)"),
    ("kernel_emit", "angle = w.p[4 * k] + p0", "angle = w.p[4 * k] - p0"),
    ("kernel_emit", "if is_fixed_involution(op) and same:", "if is_fixed_involution(op):"),
    ("kernel_emit", "if adds_up(op) and (same or", "if adds_up(op) and (True or same or"),
    ("kernel_emit", "if abs(math.sin(total / 4)) < EPS:", "if abs(math.sin(total / 2)) < EPS:"),
    ("kernel_emit", "paired = k >= 0 and k == w.last[b] and", "paired = k >= 0 and"),
    ("kernel_emit", "if k >= 0 and k == w.last[b] and k == w.last[c] and", "if k >= 0 and k == w.last[b] and"),
    ("kernel_emit", "angle = cmath.phase(x1) - cmath.phase(x0)", "angle = cmath.phase(x1)"),
    ("kernel_emit", "    if x0 == 0:\n        append(w, X", "    if x0 == 0:\n        append(w, Z"),
    ("kernel_known", "w.a1[q] = snapped(m[2] * x0 + m[3] * x1)", "w.a1[q] = snapped(m[1] * x0 + m[3] * x1)"),
    ("kernel_known", "apply_one(w, c, P, phase + p3, 0.0, 0.0)", "apply_one(w, c, P, phase, 0.0, 0.0)"),
    ("kernel_known", "if abs(y0 * x1 - y1 * x0) > EPS:", "if abs(y0 * x0 - y1 * x1) > EPS:"),
    ("kernel_known", "apply_one(w, c, P, -p0 / 2, 0.0, 0.0)", "apply_one(w, c, P, p0 / 2, 0.0, 0.0)"),
    ("kernel_known", "angle if va == 0 else -angle", "angle"),
    ("kernel_known", "return 1 if abs(phase) < 1.0 else -1", "return 1"),
    ("kernel_known", "apply_pauli_rotation(w, op, a, b, Z, X, p0)", "apply_pauli_rotation(w, op, a, b, X, Z, p0)"),
    ("kernel_known", "apply_one(w, b, S, 0.0, 0.0, 0.0)\n        apply_controlled(w, CZ", "apply_controlled(w, CZ"),
    ("kernel_known", "apply_controlled(w, CX, b, a, 0.0, 0.0, 0.0, 0.0)\n    elif op == RZZ", "pass\n    elif op == RZZ"),
    ("kernel_many", "apply_controlled(w, CX, b, t, 0.0, 0.0, 0.0, 0.0)\n        return", "apply_controlled(w, CX, a, t, 0.0, 0.0, 0.0, 0.0)\n        return"),
    ("kernel_many", "if value == 0 or parallel(w, a, b):", "if value == 0 or value < 0 and w.free[a] == 1:"),
    ("kernel_many", "apply_controlled(w, CY, a, t, 0.0", "apply_controlled(w, CX, a, t, 0.0"),
    ("kernel_many", "        apply_one(w, t, Z, 0.0, 0.0, 0.0)\n", ""),
    ("kernel_many", "        elif left == 1:\n            apply_controlled(w, CX", "        elif left == 1:\n            apply_controlled(w, CZ"),
    ("kernel_many", "finish_mcp(w, start, math.pi)", "finish_mcp(w, start, 0.5)"),
    ("kernel_backward", "return DROP if top <= 1 else KEEP", "return DROP"),
    ("kernel_backward", "if need[target] == 0 and level[target] == 0 and top <= 1:", "if need[target] == 0 and level[target] == 0:"),
    ("kernel_backward", "if top == 0 and is_permutation(op):", "if top <= 1 and is_permutation(op):"),
    ("kernel_backward", "passive = diagonal or (slot >= 0 and s != slot)", "passive = diagonal or slot >= 0"),
    ("kernel_backward", "        elif level[wire] == 0:\n            level[wire] = 1", "        elif False:\n            level[wire] = 1"),
    ("kernel_backward", "                need[operand(q, pool, i, s, pooled)] = 1", "                need[operand(q, pool, i, 0, pooled)] = 1"),
    ("kernel_backward", "        parent[w] = parent[parent[w]]\n        w = parent[w]\n    return w", "        return parent[w]\n    return w"),
    ("outcome", "move = bits[a] & (bits[b] ^ bits[c])", "move = bits[b] ^ bits[c]"),
    ("outcome", "axis=0)", "axis=0) ^ 1"),
    ("kernel_round", "i = ends.post[posted - 1 - r]", "i = ends.post[r]"),
    ("kernel_round", "        w.op[i] = DEAD\n", ""),
    ("kernel_round", "ends.need[w.wire[j]] = ends.asked[j]", "ends.need[j] = ends.asked[j]"),
    ("kernel_round", "w.p[4 * left + s] = w.p[4 * i + s]", "w.p[4 * i + s] = w.p[4 * left + s]"),
    ("kernel_round", "        if w.op[i] == DEAD:\n            continue\n        if left", "        if w.op[i] == DEAD:\n            left += 1\n            continue\n        if left"),
    ("kernel_divide", "wire if pooled or wire < 0 else s.local[wire]", "wire if wire < 0 else s.local[wire]"),
    ("kernel_divide", "s.ones[wire] = one * one /", "s.ones[wire] = zero * zero /"),
    ("kernel_divide", "s.wire_at[parts] + s.sizes[root]", "s.wire_at[parts] + 2"),
    ("kernel_divide", "s.gates[k] = j + 1", "s.gates[k] = j"),
    ("networks", "return steps[::-1]", "return steps"),
    ("networks", "rows[place[target]] ^= rows[place[control]]", "rows[place[control]] ^= rows[place[target]]"),
    ("networks", "[[wires[control], wires[target]] for", "[[wires[target], wires[control]] for"),
    ("networks", "steps.append((pivot, column))", "steps.append((column, pivot))"),
    ("networks", "keep[stop:end] = False", "keep[stop - 1 : end] = False"),
    ("kernel_networks", "            place[i] += 1\n", "            place[i] += 0\n"),
    ("kernel_networks", "at[wire] = top if o == CX else top + 1", "at[wire] = top"),
    ("kernel_networks", "top = max(top, at[operand(q, pool, i, s, pooled)])", "top = at[operand(q, pool, i, 0, pooled)]"),
    ("kernel_whole", "wire[i] = second.wire[first.wire[i]]", "wire[i] = second.wire[i]"),
    ("kernel_whole", "first.logic_pool,\n        second.wire,", "first.logic_pool,\n        first.wire,"),
]  # fmt: skip


def load_mutant(module: str, old: str, new: str) -> ModuleType:
    """The driver over kernels of which one has ``new`` in the place of ``old``."""
    saved = {name: sys.modules.pop(f"{PACKAGE}.{name}") for name in MODULES}
    try:
        for name in MODULES:
            source = inspect.getsource(saved[name])
            if name == module:
                assert source.count(old) >= 1, f"{old!r} is not in {module}"
                source = source.replace(old, new, 1)
            mutant = ModuleType(f"{PACKAGE}.{name}")
            sys.modules[mutant.__name__] = mutant
            exec(compile(source, f"<{name}>", "exec"), mutant.__dict__)
        driver = sys.modules[f"{PACKAGE}.driver"]
        whole = sys.modules[f"{PACKAGE}.kernel_whole"]
        whole.FUSE_ABOVE = 4  # type: ignore[attr-defined]  # small circuits must fuse too
        every_run = {"LONG": 0, "LEAST": 1, "WORTH": 9.0, "MOST_ELIMINATION": 1000}
        vars(sys.modules[f"{PACKAGE}.networks"]).update(every_run)
        return driver
    finally:
        for name, original in saved.items():
            sys.modules[f"{PACKAGE}.{name}"] = original


def circuits() -> Iterator[tuple[object, np.ndarray]]:
    """Small circuits over few kinds of gates, so that rules meet each other often."""
    rng = np.random.default_rng(41)
    multi = [op for op in TABLE if op >= Op.CX]
    for i in range(CIRCUITS):
        some = rng.choice(multi, 1 + i % 3, replace=False)
        ops = [*(Op(o) for o in some), Op.X, Op.H, *((Op.SX, Op.RY, Op.T, Op.U)[i % 4 :])]
        style = "any" if i % 4 == 0 else "discrete"
        size = int(rng.integers(3, 30))
        circuit = random_circuit(rng, int(rng.integers(2, 5)), size, style, ops=ops, basis=True)
        yield circuit, exact_probabilities(circuit)


@pytest.fixture(scope="module")
def cases() -> list[tuple[object, np.ndarray]]:
    importlib.import_module(f"{PACKAGE}.driver")
    return list(circuits())


def is_caught(driver: ModuleType, cases: list[tuple[object, np.ndarray]]) -> bool:
    for circuit, exact in cases:
        try:
            done = driver.simplify(circuit)
            found = simplified_probabilities(done, circuit.num_clbits)  # type: ignore[attr-defined]
        except Exception:
            return True
        if np.abs(found - exact).max() > 1e-9:
            return True
    return False


@pytest.mark.parametrize(("module", "old", "new"), MUTANTS, ids=range(len(MUTANTS)))
def test_planted_bug_is_caught(
    module: str, old: str, new: str, cases: list[tuple[object, np.ndarray]]
) -> None:
    assert is_caught(load_mutant(module, old, new), cases)


def test_the_unchanged_passes_are_not_caught(cases: list[tuple[object, np.ndarray]]) -> None:
    unchanged = load_mutant("kernel_whole", "GROWTH: Final = 3", "GROWTH: Final = 3")

    assert not is_caught(unchanged, cases[:300])
