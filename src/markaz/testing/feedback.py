"""Random programs with measurements, resets and conditions, and what became of them."""

from __future__ import annotations

import numpy as np

from markaz.quantum.programs.circuit import Builder, Circuit, Expr
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.reference import amplitudes, distribution
from markaz.quantum.simulate.defer import Static, deferred

BITS = 3
UNDER = (Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.T, Op.TDG, Op.SX, Op.SXDG, Op.P, Op.RX,
         Op.RY, Op.RZ, Op.U, Op.CX, Op.CZ, Op.SWAP, Op.ID)  # fmt: skip
FREELY = (*UNDER, Op.CY, Op.CH, Op.CSX, Op.CP, Op.CRX, Op.CU, Op.ISWAP, Op.ECR, Op.DCX, Op.RXX,
          Op.RZZ, Op.RZX, Op.CCX, Op.CCZ, Op.CSWAP, Op.RCCX, Op.MCX, Op.MCP)  # fmt: skip
CONDITIONS: tuple[Expr, ...] = (
    ("bits", 0, 1),
    ("not", ("bits", 1, 1)),
    ("eq", ("bits", 2, 1), ("const", 0)),
    ("ne", ("const", 0), ("bits", 2, 1)),
    ("eq", ("bits", 0, 2), ("const", 2)),
    ("eq", ("bits", 0, 3), ("const", 5)),
    ("land", ("bits", 0, 1), ("not", ("bits", 2, 1))),
    ("eq", ("xor", ("bits", 0, 1), ("bits", 1, 1)), ("const", 1)),
    ("ne", ("xor", ("bits", 0, 1), ("xor", ("bits", 1, 1), ("bits", 2, 1))), ("const", 1)),
    ("not", ("xor", ("bits", 1, 1), ("not", ("bits", 2, 1)))),
)


def random_gate(b: Builder, op: Op, rng: np.random.Generator) -> None:
    """A gate on random qubits, if there are enough of them."""
    gate = TABLE[op]
    size = gate.num_qubits or int(rng.integers(1, b.num_qubits + 1))
    if size <= b.num_qubits:
        qubits = rng.permutation(b.num_qubits)[:size].tolist()
        b.gate(op, qubits, rng.uniform(-7, 7, gate.num_params).tolist())


def random_feedback(
    rng: np.random.Generator, qubits: int, steps: int, *, pooled: bool = False
) -> Circuit:
    """Gates, measurements, resets and gates under conditions; ``pooled`` for many gates on
    any number of qubits and conditions on three bits, which are measured first."""
    freely = (Op.MCX, Op.MCP, Op.H, Op.RY) if pooled else FREELY
    conditions = CONDITIONS[5:6] if pooled else CONDITIONS
    b = Builder()
    b.qreg("q", qubits)
    b.creg("c", BITS)
    for q in range(BITS if pooled else 0):
        b.gate(Op.H, [q])
        b.measure(q, q)
    for _ in range(steps):
        kind = int(rng.choice(4, p=[0.5, 0.2, 0.1, 0.2]))
        if kind == 0:
            random_gate(b, freely[rng.integers(len(freely))], rng)
        elif kind == 1:
            b.measure(int(rng.integers(qubits)), int(rng.integers(BITS)))
        elif kind == 2:
            b.reset(int(rng.integers(qubits)))
        else:
            b.control(Op.IF, conditions[rng.integers(len(conditions))])
            for _ in range(int(rng.integers(1, 3))):
                random_gate(b, UNDER[rng.integers(len(UNDER))], rng)
            if rng.random() < 0.3:
                b.control(Op.ELSE)
                random_gate(b, UNDER[rng.integers(len(UNDER))], rng)
            b.control(Op.END)
    b.measure(0, int(rng.integers(BITS)))
    return b.build()


def outcomes(static: Static, clbits: int) -> dict[str, float]:
    """Distribution of the original's bits from the amplitudes of the static circuit."""
    found: dict[str, float] = {}
    for state, amplitude in enumerate(amplitudes(static.circuit).tolist()):
        bits = ["0"] * clbits
        for wire, bit in zip(static.wires.tolist(), static.bits.tolist(), strict=True):
            bits[bit] = str(state >> wire & 1)
        key = "".join(reversed(bits))
        found[key] = found.get(key, 0.0) + abs(amplitude) ** 2
    return found


def difference(circuit: Circuit) -> float:
    """Largest error of a probability after all results were moved to the end."""
    static = deferred(circuit)
    assert static is not None
    left, right = distribution(circuit), outcomes(static, circuit.num_clbits)
    return max(abs(left.get(k, 0.0) - right.get(k, 0.0)) for k in left.keys() | right.keys())


def small_feedback(rng: np.random.Generator, *, pooled: bool = False) -> Circuit:
    """One whose static circuit has few enough wires to be held twice over."""
    while True:
        size = int(rng.integers(3, 5)), int(rng.integers(4, 16))
        circuit = random_feedback(rng, *size, pooled=pooled)
        static = deferred(circuit)
        if static is not None and static.circuit.num_qubits <= 10:
            return circuit
