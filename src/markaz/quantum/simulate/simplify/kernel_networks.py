"""The kernel of ``networks.py``."""

from __future__ import annotations

from typing import Final

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_backward import arity, operand
from markaz.quantum.simulate.simplify.kernel_gates import CX, MCP, MCX, Ints

LAST: Final = 1 << 30  # for what is no gate, whose place among gates does not matter


@lazy_jit
def gather(
    op: Ints,
    q: Ints,
    pool: Ints,
    count: int,
    at: Ints,
    seen: Ints,
    place: Ints,
    sizes: Ints,
    wires: Ints,
) -> None:
    """Gather CX gates that only CX gates keep apart: ``place`` of each operation in an order
    that does the same.

    Block ``k`` of CX gates has place 2k and other gates between it and the next block 2k + 1.
    ``sizes`` and ``wires``: of each block; ``at`` (0) and ``seen`` (-1) are for each wire.
    """
    for i in range(count):
        o = op[i]
        if o > MCP:
            place[i] = LAST
            continue
        top, width, pooled = 0, arity(o, q, i), o >= MCX
        for s in range(width):
            top = max(top, at[operand(q, pool, i, s, pooled)])
        place[i] = 2 * top
        if o == CX:
            sizes[top] += 1
        else:
            place[i] += 1
        for s in range(width):
            wire = operand(q, pool, i, s, pooled)
            at[wire] = top if o == CX else top + 1
            if o == CX and seen[wire] != top:
                seen[wire] = top
                wires[top] += 1
