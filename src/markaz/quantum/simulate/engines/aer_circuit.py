"""Circuits in Aer's compiled module, with control flow as its jumps and marks."""

from __future__ import annotations

from typing import Any

from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.gates import POOLED, TABLE, Op
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.feed import rows, segments
from markaz.quantum.simulate.engines.native import load_extension

CLIFFORD = frozenset(
    {
        *(Op.ID, Op.X, Op.Y, Op.Z, Op.H, Op.S, Op.SDG, Op.SX, Op.SXDG),
        *(Op.CX, Op.CY, Op.CZ, Op.SWAP, Op.ECR),
    }
)
SMALL = frozenset(
    {
        *CLIFFORD,
        *(Op.T, Op.TDG, Op.P, Op.RX, Op.RY, Op.RZ, Op.U, Op.CP),
        *(Op.RXX, Op.RYY, Op.RZZ, Op.RZX, Op.CSX, Op.CCX, Op.CSWAP),
    }
) - {Op.ECR}
LARGE = frozenset(SMALL | {Op.ECR, Op.CCZ, Op.CRX, Op.CRY, Op.CRZ, Op.CU, Op.MCX, Op.MCP})

_WORD = 64  # bits of the widest classical value
_COMPARISONS = {
    **{"eq": "Equal", "ne": "NotEqual", "lt": "Less", "le": "LessEqual"},
    **{"gt": "Greater", "ge": "GreaterEqual"},
}
_LOGIC = {"land": "LogicAnd", "lor": "LogicOr"}
_BITWISE = {"and": "BitAnd", "or": "BitOr", "xor": "BitXor"}
_BOOLEAN = frozenset({*_COMPARISONS, *_LOGIC, "not"})


def new_circuit(qubits: int, clbits: int) -> Any:
    """An empty ``AerCircuit``; without a header, because setting one imports Qiskit."""
    target = library().AerCircuit()
    target.num_qubits, target.num_memory, target.global_phase_angle = qubits, clbits, 0.0
    return target


def append_gates(circuit: Circuit, target: Any) -> None:
    """All operations of a circuit of gates."""
    pool, gate = circuit.pool, target.gate
    for op, qubits, params in rows(circuit):
        name, count = _NAMES[op]
        if op in POOLED:
            operands = pool[qubits[0] : qubits[0] + qubits[1]].tolist()
        else:
            operands = [x for x in qubits if x >= 0]
        gate(name, operands, params[:count], [], -1, None, name)


_NAMES = {int(op): (TABLE[op].name, TABLE[op].num_params) for op in LARGE}


def append_dynamic(circuit: Circuit, target: Any) -> None:
    """All operations of a circuit with measurements, resets and control flow."""
    flow = _Flow(circuit, target)
    for i, gates in segments(circuit):
        if gates is not None:
            append_gates(gates, target)
        else:
            flow.append(Op(int(circuit.op[i])), i)


class _Flow:
    """Writes one circuit's other operations; ``opened`` are the blocks around the place,
    as (name, is a loop, has an else-part)."""

    def __init__(self, circuit: Circuit, target: Any) -> None:
        self.circuit, self.target = circuit, target
        self.library = library()
        self.everything = list(range(circuit.num_qubits))
        self.opened: list[tuple[str, bool, bool]] = []

    def append(self, op: Op, i: int) -> None:
        """Operation ``i``, which is not a gate."""
        qubit, bit = int(self.circuit.qubits[i, 0]), int(self.circuit.aux[i])
        match op:
            case Op.MEASURE:
                self.target.measure([qubit], [bit], [bit])
            case Op.RESET:
                self.target.reset([qubit], -1)
            case Op.IF | Op.WHILE:
                self._open(op is Op.WHILE, i)
            case Op.ELSE:
                name, _, _ = self.opened.pop()
                self._jump(f"{name} end")
                self._mark(f"{name} else")
                self.opened.append((name, False, True))
            case Op.END:
                self._close()
            case Op.BREAK | Op.CONTINUE:
                loop = next(name for name, is_loop, _ in reversed(self.opened) if is_loop)
                self._jump(f"{loop} {'end' if op is Op.BREAK else 'start'}")
            case Op.ASSIGN:
                self._assign(i)

    def _open(self, is_loop: bool, i: int) -> None:
        name = f"block {i}"
        condition = boolean(self.library, self.circuit.exprs[self.circuit.aux[i]])
        self._mark(f"{name} start")
        self._jump(f"{name} body", condition)
        self._jump(f"{name} {'end' if is_loop else 'else'}")
        self._mark(f"{name} body")
        self.opened.append((name, is_loop, False))

    def _close(self) -> None:
        name, is_loop, has_else = self.opened.pop()
        if is_loop:
            self._jump(f"{name} start")
        elif not has_else:
            self._mark(f"{name} else")
        self._mark(f"{name} end")

    def _assign(self, i: int) -> None:
        start = int(self.circuit.qubits[i, 0])
        offset, size = self.circuit.pool[start : start + 2].tolist()
        value = unsigned(self.library, self.circuit.exprs[self.circuit.aux[i]], size)
        self.target.store(self.everything, list(range(offset, offset + size)), value)

    def _jump(self, label: str, condition: Any = None) -> None:
        self.target.jump(self.everything, [label], -1, condition)

    def _mark(self, label: str) -> None:
        self.target.mark(self.everything, [label])


def boolean(lib: Any, expr: Any) -> Any:
    """An Aer expression of type bool. EngineRefusal for operators that Aer lacks."""
    name = expr[0]
    if name == "not":
        return lib.AerUnaryExpr(lib.AerUnaryOp.LogicNot, boolean(lib, expr[1]))
    if name in _LOGIC:
        operator = getattr(lib.AerBinaryOp, _LOGIC[name])
        return lib.AerBinaryExpr(operator, boolean(lib, expr[1]), boolean(lib, expr[2]))
    left, right = (expr[1], expr[2]) if name in _COMPARISONS else (expr, ("const", 0))
    width = max(_width(left), _width(right))
    operator = getattr(lib.AerBinaryOp, _COMPARISONS.get(name, "NotEqual"))
    return lib.AerBinaryExpr(operator, unsigned(lib, left, width), unsigned(lib, right, width))


def unsigned(lib: Any, expr: Any, width: int) -> Any:
    """An Aer expression of type uint[width]. EngineRefusal for what Aer lacks."""
    name = expr[0]
    if width > _WORD or (name != "const" and _width(expr) > width):
        raise EngineRefusal(f"aer: a classical value of more than {min(width, _WORD)} bits")
    if name == "const":
        return lib.AerUintValue(width, expr[1] % (1 << width))
    if name == "bits":
        bits = list(range(expr[1], expr[1] + expr[2]))
        return lib.AerVar(lib.AerUint(expr[2]), bits)
    if name in _BITWISE:
        operator = getattr(lib.AerBinaryOp, _BITWISE[name])
        left, right = unsigned(lib, expr[1], width), unsigned(lib, expr[2], width)
        return lib.AerBinaryExpr(operator, left, right)
    if name in _BOOLEAN:
        return lib.AerCast(lib.AerUint(width), boolean(lib, expr))
    raise EngineRefusal(f"aer: classical operator {name}")


def _width(expr: Any) -> int:
    name = expr[0]
    if name == "const":
        if expr[1] < 0:
            raise EngineRefusal("aer: a negative classical value")
        return max(1, int(expr[1]).bit_length())
    if name == "bits":
        return int(expr[2])
    if name in _BITWISE:
        return max(_width(expr[1]), _width(expr[2]))
    if name in _BOOLEAN:
        return 1
    raise EngineRefusal(f"aer: classical operator {name}")


def library() -> Any:
    """Aer's compiled module."""
    return load_extension("qiskit_aer.backends.controller_wrappers")
