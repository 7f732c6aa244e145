"""Kernels of noisy trajectories: eight state vectors side by side.

A state of ``n`` qubits in eight lanes is a float32 array (2, 8 << n), real and imaginary
parts, with amplitude ``x`` of lane ``b`` at ``8 x + b``: every loop runs over neighbouring numbers,
whatever qubit it is about. Lanes share all gates and differ in their errors.

Turns about axes in the plane are reduced to real rotations by turns about z, which the
diagonal pass applies together with ZZ and relaxation without a jump. X, XZ (for Y), Z and
|0><1| are real too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from markaz.quantum.simulate.jit import lazy_jit

Array = NDArray[Any]
LANES = 8
LOW = 10  # qubits of a block of consecutive amplitudes
GROUP = 10  # further qubits that are turned in one pass
CHUNK = 16  # consecutive amplitudes that such a pass takes at once
# SplitMix64: G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@lazy_jit
def uniform(random: Array, shot: int) -> float:
    """The next number in [0, 1) of a shot's own stream."""
    x = random[shot] + GOLDEN
    random[shot] = x
    x = (x ^ (x >> S30)) * MIX1
    x = (x ^ (x >> S27)) * MIX2
    return float((x ^ (x >> S31)) >> S11) * 2.0**-53


@lazy_jit
def turn_stage(part: Array, base: int, count: int, stride: int, t: float) -> None:
    """The real rotation (1, -t; t, 1) of one qubit in ``count`` amplitudes: too long by
    1 / cos, which the diagonal before it makes up for."""
    span = stride * LANES
    for i in range(base * LANES, (base + count) * LANES, 2 * span):
        a = part[i : i + span]
        b = part[i + span : i + 2 * span]
        for k in range(span):
            x = a[k]
            y = b[k]
            a[k] = x - t * y
            b[k] = y + t * x


@lazy_jit
def mixed_stage(part: Array, base: int, count: int, stride: int, m: Array) -> None:
    """A real 2x2 matrix for each lane, ``m`` float32 (4, 8)."""
    span = stride * LANES
    for i in range(base * LANES, (base + count) * LANES, 2 * span):
        a = part[i : i + span]
        b = part[i + span : i + 2 * span]
        for k in range(span):
            b0 = k & (LANES - 1)
            x = a[k]
            y = b[k]
            a[k] = m[0, b0] * x + m[1, b0] * y
            b[k] = m[2, b0] * x + m[3, b0] * y


@lazy_jit
def double_stage(part: Array, base: int, count: int, stride: int, t: float, t1: float) -> None:
    """Two neighbouring qubits at once, as ``turn_stage`` does one: half of the traffic with
    memory."""
    span = stride * LANES
    for i in range(base * LANES, (base + count) * LANES, 4 * span):
        part0 = part[i : i + span]
        part1 = part[i + span : i + 2 * span]
        part2 = part[i + 2 * span : i + 3 * span]
        part3 = part[i + 3 * span : i + 4 * span]
        for k in range(span):
            x = part0[k] - t * part1[k]
            y = part1[k] + t * part0[k]
            z = part2[k] - t * part3[k]
            w = part3[k] + t * part2[k]
            part0[k] = x - t1 * z
            part2[k] = z + t1 * x
            part1[k] = y - t1 * w
            part3[k] = w + t1 * y


@lazy_jit
def stages(
    part: Array, base: int, count: int, stride: int, first: int, last: int, kinds: Array, m: Array
) -> None:
    """Qubits ``first`` to ``last`` - 1, the first of them at ``stride``; ``kinds`` is 1 for
    one rotation (1, -t; t, 1) in all lanes, 2 for different matrices, 0 for none."""
    q = first
    while q < last:
        if q + 1 < last and kinds[q] == 1 and kinds[q + 1] == 1:
            double_stage(part, base, count, stride, m[q, 2, 0], m[q + 1, 2, 0])
            stride *= 2
            q += 1
        elif kinds[q] == 1:
            turn_stage(part, base, count, stride, m[q, 2, 0])
        elif kinds[q] == 2:
            mixed_stage(part, base, count, stride, m[q])
        stride *= 2
        q += 1


@lazy_jit
def turn_all(state: Array, n: int, kinds: Array, m: Array, buffer: Array) -> None:
    """Matrices of all qubits, ``m`` float32 (n, 4, 8)."""
    low = min(n, LOW)
    for part in range(2):
        for base in range(0, 1 << n, 1 << low):
            stages(state[part], base, 1 << low, 1, 0, low, kinds, m)
    turn_high(state, n, kinds, m, buffer)


@lazy_jit
def turn_high(state: Array, n: int, kinds: Array, m: Array, buffer: Array) -> None:
    """Matrices of the qubits from LOW on."""
    for part in range(2):
        first = min(n, LOW)
        while first < n:
            last = min(n, first + GROUP)
            turn_group(state[part], n, first, last, kinds, m, buffer)
            first = last


@lazy_jit
def turn_group(
    part: Array, n: int, first: int, last: int, kinds: Array, m: Array, buffer: Array
) -> None:
    """Qubits ``first`` to ``last`` - 1, gathered so that they fit into the second cache; six of
    them at a time fit into the first."""
    busy = False
    for q in range(first, last):
        busy = busy or kinds[q] > 0
    if not busy:
        return
    rows = 1 << (last - first)
    size = CHUNK * LANES
    for high in range(1 << (n - last)):
        for c in range(0, 1 << first, CHUNK):
            start = ((high << last) + c) * LANES
            for r in range(rows):
                source = part[start + (r << first) * LANES : start + (r << first) * LANES + size]
                target = buffer[r * size : (r + 1) * size]
                for k in range(size):
                    target[k] = source[k]
            near = min(last, first + 6)
            for base in range(0, rows * CHUNK, CHUNK << (near - first)):
                stages(buffer, base, CHUNK << (near - first), CHUNK, first, near, kinds, m)
            if last > near:
                stages(buffer, 0, rows * CHUNK, CHUNK << (near - first), near, last, kinds, m)
            for r in range(rows):
                target = part[start + (r << first) * LANES : start + (r << first) * LANES + size]
                source = buffer[r * size : (r + 1) * size]
                for k in range(size):
                    target[k] = source[k]


@lazy_jit
def diagonal(
    state: Array,
    n: int,
    alpha: Array,
    gain: Array,
    pair_a: Array,
    pair_b: Array,
    beta: Array,
    scale: float,
    kinds: Array,
    m: Array,
    turned: bool,
    table: Array,
    fixed: Array,
    wide: Array,
    norms: Array,
) -> None:
    """Phases exp(i alpha) and factors ``gain`` of set bits, exp(i beta) of pairs of set bits,
    and ``scale`` on all; with ``turned`` also the matrices of the qubits below LOW.

    ``norms`` float64 (8,) receives the squared norms of the lanes between both. ``table``
    and ``fixed`` float32 (2, 8 << LOW) and ``wide`` float32 (128,) are for scratch.
    """
    low = min(n, LOW)
    rows = 1 << low
    has_fixed = False
    for k in range(len(pair_a)):
        has_fixed = has_fixed or (pair_a[k] < low and pair_b[k] < low)
    if has_fixed:
        low_pairs(rows, low, pair_a, pair_b, beta, fixed)
    for b in range(LANES):
        norms[b] = 0.0
    for high in range(1 << (n - low)):
        block_table(high, n, low, alpha, gain, pair_a, pair_b, beta, scale, table)
        size = rows * LANES
        tr = table[0, :size]
        ti = table[1, :size]
        if has_fixed:
            multiply(tr, ti, fixed[0, :size], fixed[1, :size], size)
        r = state[0, high * size : (high + 1) * size]
        i = state[1, high * size : (high + 1) * size]
        multiply(r, i, tr, ti, size)
        add_norms(r, i, size, wide, norms)
        if turned:
            stages(r, 0, rows, 1, 0, low, kinds, m)
            stages(i, 0, rows, 1, 0, low, kinds, m)


@lazy_jit
def multiply(ar: Array, ai: Array, br: Array, bi: Array, size: int) -> None:
    """a *= b, for complex numbers in two parts."""
    for k in range(size):
        x = ar[k]
        y = ai[k]
        ar[k] = x * br[k] - y * bi[k]
        ai[k] = x * bi[k] + y * br[k]


@lazy_jit
def add_norms(r: Array, i: Array, size: int, wide: Array, norms: Array) -> None:
    """Add the squared norm of each lane of a block."""
    width = min(size, 128)
    for k in range(width):
        wide[k] = np.float32(0.0)
    for start in range(0, size, width):
        x = r[start : start + width]
        y = i[start : start + width]
        for k in range(width):
            wide[k] += x[k] * x[k] + y[k] * y[k]
    for k in range(width):
        norms[k & (LANES - 1)] += wide[k]


@lazy_jit
def low_pairs(rows: int, low: int, pair_a: Array, pair_b: Array, beta: Array, fixed: Array) -> None:
    """Phases of the pairs inside a block."""
    for x in range(rows):
        angle = 0.0
        for k in range(len(pair_a)):
            a = pair_a[k]
            b = pair_b[k]
            if a < low and b < low and (x >> a) & 1 and (x >> b) & 1:
                angle += beta[k]
        c = np.float32(np.cos(angle))
        s = np.float32(np.sin(angle))
        for b in range(LANES):
            fixed[0, x * LANES + b] = c
            fixed[1, x * LANES + b] = s


@lazy_jit
def block_table(
    high: int,
    n: int,
    low: int,
    alpha: Array,
    gain: Array,
    pair_a: Array,
    pair_b: Array,
    beta: Array,
    scale: float,
    table: Array,
) -> None:
    """Factors of one block, apart from pairs inside it."""
    angle = 0.0
    size = scale
    for q in range(low, n):
        if (high >> (q - low)) & 1:
            angle += alpha[q]
            size *= gain[q]
    for k in range(len(pair_a)):
        a = pair_a[k]
        b = pair_b[k]
        if a >= low and b >= low and (high >> (a - low)) & 1 and (high >> (b - low)) & 1:
            angle += beta[k]
    c = np.float32(size * np.cos(angle))
    s = np.float32(size * np.sin(angle))
    for b in range(LANES):
        table[0, b] = c
        table[1, b] = s
    for q in range(low):
        angle = alpha[q]
        for k in range(len(pair_a)):
            a = pair_a[k]
            b = pair_b[k]
            if a == q and b >= low:
                if (high >> (b - low)) & 1:
                    angle += beta[k]
            elif b == q and a >= low and (high >> (a - low)) & 1:
                angle += beta[k]
        double_table(table, LANES << q, gain[q] * np.cos(angle), gain[q] * np.sin(angle))


@lazy_jit
def double_table(table: Array, width: int, c: float, s: float) -> None:
    """The second half of a table is the first half times one number."""
    cr = np.float32(c)
    ci = np.float32(s)
    ar = table[0, :width]
    ai = table[1, :width]
    br = table[0, width : 2 * width]
    bi = table[1, width : 2 * width]
    for k in range(width):
        br[k] = ar[k] * cr - ai[k] * ci
        bi[k] = ar[k] * ci + ai[k] * cr


@lazy_jit
def block_weights(
    state: Array, n: int, factor: Array, offset: float, share: Array, weights: Array
) -> None:
    """Sums over blocks of |amplitude|² (product of ``factor`` over set bits - ``offset``),
    ``weights`` float64 (blocks, 8); ``share`` float64 (1 << LOW,) receives the products of
    the bits inside a block."""
    low = min(n, LOW)
    rows = 1 << low
    share[0] = 1.0
    for q in range(low):
        for x in range(1 << q):
            share[(1 << q) + x] = share[x] * factor[q]
    for high in range(1 << (n - low)):
        head = head_factor(high, n, low, factor)
        for b in range(LANES):
            weights[high, b] = 0.0
        for x in range(rows):
            f = np.float32(head * share[x] - offset)
            at = (high * rows + x) * LANES
            for b in range(LANES):
                x0 = state[0, at + b]
                x1 = state[1, at + b]
                weights[high, b] += f * (x0 * x0 + x1 * x1)


@lazy_jit
def head_factor(high: int, n: int, low: int, factor: Array) -> float:
    """Product of the factors of a block's own bits."""
    head = 1.0
    for q in range(low, n):
        if (high >> (q - low)) & 1:
            head *= factor[q]
    return head


@lazy_jit
def pick(
    state: Array,
    n: int,
    lane: int,
    factor: Array,
    offset: float,
    share: Array,
    weights: Array,
    r: float,
) -> int:
    """The basis state of a lane at the share ``r`` in [0, 1) of the sum of the weights,
    after ``block_weights`` with the same arguments."""
    low = min(n, LOW)
    rows = 1 << low
    total = 0.0
    for high in range(1 << (n - low)):
        total += weights[high, lane]
    left = r * total
    block = 0
    for high in range(1 << (n - low)):
        if weights[high, lane] > 0.0:
            block = high
            if left < weights[high, lane]:
                break
            left -= weights[high, lane]
    head = head_factor(block, n, low, factor)
    last = 0
    for x in range(rows):
        at = (block * rows + x) * LANES + lane
        x0 = state[0, at]
        x1 = state[1, at]
        w = np.float32(head * share[x] - offset) * (x0 * x0 + x1 * x1)
        if w > 0.0:
            last = x
            if left < w:
                break
            left -= w
    return block * rows + last
