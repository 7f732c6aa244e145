"""The forward pass: follow what is known of each wire from |0...0> on.

Each operation is written as what is left of it (see kernel_known and kernel_many).
"""

from __future__ import annotations

from typing import Any

from markaz.quantum.simulate.jit import lazy_jit
from markaz.quantum.simulate.simplify.kernel_emit import Work
from markaz.quantum.simulate.simplify.kernel_gates import CCX, MCP, MCX, Ints, U
from markaz.quantum.simulate.simplify.kernel_known import apply_one, apply_two
from markaz.quantum.simulate.simplify.kernel_many import apply_mcp, apply_mcx, apply_three


@lazy_jit
def forward(w: Work, op: Ints, q: Ints, p: Any, operands: Ints, count: int) -> None:
    """Run the pass over ``count`` operations (flat arrays: q 3 a gate, p 4 a gate)."""
    for i in range(count):
        o = op[i]
        a, j = q[3 * i], 4 * i
        if o <= U:
            apply_one(w, w.wire[a], o, p[j], p[j + 1], p[j + 2])
        elif o < CCX:
            apply_two(w, o, a, q[3 * i + 1], p[j], p[j + 1], p[j + 2], p[j + 3])
        elif o < MCX:
            apply_three(w, o, a, q[3 * i + 1], q[3 * i + 2])
        elif o == MCX:
            apply_mcx(w, operands, a, q[3 * i + 1])
        elif o == MCP:
            apply_mcp(w, operands, a, q[3 * i + 1], p[j])
