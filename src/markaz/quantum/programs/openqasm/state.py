"""What is known about a program while it is carried out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from markaz.quantum.programs.circuit import Expr
from markaz.quantum.programs.openqasm import dynamic
from markaz.quantum.programs.openqasm import syntax as s
from markaz.quantum.programs.openqasm import values as v
from markaz.quantum.programs.openqasm.analysis import Assigned, MeasuredJumps
from markaz.quantum.programs.openqasm.emitter import Emitter
from markaz.quantum.programs.openqasm.evaluate import Evaluator, Host
from markaz.quantum.programs.openqasm.gatedefs import GateTable
from markaz.quantum.programs.openqasm.lexer import Source, clip
from markaz.quantum.programs.openqasm.rows import Budget
from markaz.quantum.programs.openqasm.scopes import Scopes, Variable
from markaz.quantum.programs.openqasm.values import Bits, Value
from markaz.quantum.programs.openqasm.weight import Scales

Result = TypeVar("Result")


class State(Host):
    """Names, gates, the circuit so far, and the bits that variables have taken."""

    def __init__(self, source: Source, version: int) -> None:
        self.source, self.version = source, version
        self.emitter = Emitter(source)
        self.scopes = Scopes()
        budget = Budget(self.emitter.builder)
        self.values = Evaluator(source, version, self, budget)
        self.gates = GateTable(source, version, self.values)
        self.scales = Scales(self.gates, self.scopes, self.values.value)
        self.assigned, self.jumps = Assigned(), MeasuredJumps()
        self.iterations = 0
        self.dynamic = 0  # depth of blocks that may or may not be passed
        self.loops: list[Any] = []
        self.physical = self.wrapped = self.in_function = False
        self._hidden: dict[tuple[str, int, int], int] = {}

    def guarded(self, offset: int, function: Callable[[], Result]) -> Result:
        """``function()``, its ValueProblem reported at ``offset``."""
        try:
            return function()
        except v.ValueProblem as problem:
            self.source.fail(problem.kind, problem.message, offset)

    # -- classical bits -----------------------------------------------------------------

    def new_bits(self, name: str, size: int, offset: int, *, hidden: bool) -> int:
        """Declare classical bits; returns the number of the first."""
        builder = self.emitter.builder
        if builder.num_clbits + size > self.source.limits.clbits:
            self.source.limit(
                f"more than {self.source.limits.clbits} classical bits are declared", offset
            )
        return builder.creg(name, size, hidden=hidden).offset

    def hidden(self, purpose: str, name: str, size: int, offset: int) -> int:
        """Bits for what stands at ``offset``, the same ones each time it is reached."""
        key = (purpose, offset, size)
        if key not in self._hidden:
            self._hidden[key] = self.new_bits(name, size, offset, hidden=True)
        return self._hidden[key]

    def assign_bits(self, start: int, size: int, expr: Expr, offset: int) -> None:
        """Append an ASSIGN."""
        self.emitter.room(1, offset)
        self.emitter.builder.assign(start, size, expr)

    def materialise(self, variable: Variable, offset: int, *, keep: bool = True) -> None:
        """Move a variable into bits, with its value unless it is about to be replaced."""
        if variable.bits is not None:
            return
        if variable.kind in ("float", "angle"):
            self.source.unsupported(
                f"the value of '{clip(variable.name)}' depends on a measurement; "
                f"that is not possible for a {variable.kind}",
                offset,
            )
        size = variable.size
        start = self.hidden("variable", variable.name, size, variable.offset)
        variable.bits = Bits(range(start, start + size))
        value, variable.value = variable.value, None
        if keep and value is not None:
            whole = value.value if isinstance(value, v.BitString) else value
            assert isinstance(whole, int)
            if whole.bit_length() > size:
                self.source.limit(f"{clip(str(whole))} does not fit in {size} bits", offset)
            self.assign_bits(start, size, ("const", int(whole) & ((1 << size) - 1)), offset)

    def read(self, variable: Variable, offset: int) -> Value:
        """The value of a variable."""
        if variable.bits is not None:
            if variable.kind in ("bit", "bool"):
                return variable.bits
            whole = dynamic.as_runtime(variable.bits)
            if variable.kind == "int":
                return self.guarded(offset, lambda: dynamic.cast(whole, variable.size, True))
            return whole
        if variable.value is None:
            self.source.parse(f"'{clip(variable.name)}' has no value yet", offset)
        return variable.value

    # -- limits -------------------------------------------------------------------------

    def check_weight(self, block: s.Block, offset: int) -> None:
        """Refuse a block that is bound to exceed the limits."""
        weight = self.scales.block(block, frozenset())
        self.emitter.room(weight.gates, offset)
        self.check_iterations(weight.iterations, offset)

    def check_iterations(self, more: int, offset: int) -> None:
        """Refuse ``more`` iterations where they would be too many."""
        most = self.source.limits.iterations
        if self.iterations + more > most * 2:
            self.source.limit(f"loops run more than {most} times", offset)

    # -- statements, carried out by the classes above --------------------------------------

    @abstractmethod
    def execute(self, statement: s.Statement) -> str:
        """Carry out a statement; returns how it leaves its block ("" for normally)."""

    @abstractmethod
    def width(self, type_: s.Type, most: int) -> int | None:
        """The width that a type gives."""

    @abstractmethod
    def set_variable(self, variable: Variable, value: Value, offset: int) -> None:
        """Assign to a variable."""

    @abstractmethod
    def store_value(self, target: Bits, value: Value, offset: int) -> None:
        """Assign to bits."""

    @abstractmethod
    def declare(self, name: str, entry: Any, offset: int) -> None:
        """Give ``name`` a meaning."""
