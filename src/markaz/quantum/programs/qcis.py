"""Read QCIS, the instruction set of the USTC, QuantumCTek and China Telecom machines.

One instruction a line, ``NAME Q0 [Q1 …] [number …]``, in upper or lower case; ``//`` and
``#`` start comments. Angles are radians: numbers, or multiples of pi such as ``-3*pi/4``.

- Native: ``X2P X2M Y2P Y2M`` (±π/2 about x and y), ``XY2P q φ``, ``XY2M q φ`` (±π/2 about
  cos φ x + sin φ y), ``RZ q θ``, ``CZ q q``, ``B q …`` (barrier), ``M q …`` (measurement),
  ``I q [t]`` (wait t half nanoseconds)
- Composed: ``H X Y Z S SD T TD``, ``RX q θ``, ``RY q θ``, ``RXY q φ θ``

Qubit ``Qk`` is qubit ``k`` of the circuit, which has as many qubits as the highest number
says. Measurements fill the classical register ``c`` in the order in which they are written.
Definitions: https://qc.zdxlz.com/mkdocs/zh/cqlib/02-circuit.html, tables 1 and 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NoReturn

from markaz.quantum.programs.circuit import Builder, Circuit
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.gates import NANOSECONDS, Op
from markaz.quantum.programs.limits import DEFAULT, Limits

_HALF = math.pi / 2
QCIS_STEP = 0.5  # ns
_Angles = Callable[..., tuple[float, ...]]

# name: (operation, number of angles, angles of the operation from those written)
_ONE: dict[str, tuple[Op, int, _Angles]] = {
    "X2P": (Op.RX, 0, lambda: (_HALF,)),
    "X2M": (Op.RX, 0, lambda: (-_HALF,)),
    "Y2P": (Op.RY, 0, lambda: (_HALF,)),
    "Y2M": (Op.RY, 0, lambda: (-_HALF,)),
    "XY2P": (Op.U, 1, lambda phi: (_HALF, phi - _HALF, _HALF - phi)),
    "XY2M": (Op.U, 1, lambda phi: (-_HALF, phi - _HALF, _HALF - phi)),
    "RXY": (Op.U, 2, lambda phi, theta: (theta, phi - _HALF, _HALF - phi)),
    "RX": (Op.RX, 1, lambda theta: (theta,)),
    "RY": (Op.RY, 1, lambda theta: (theta,)),
    "RZ": (Op.RZ, 1, lambda theta: (theta,)),
    "H": (Op.H, 0, lambda: ()),
    "X": (Op.X, 0, lambda: ()),
    "Y": (Op.Y, 0, lambda: ()),
    "Z": (Op.Z, 0, lambda: ()),
    "S": (Op.S, 0, lambda: ()),
    "SD": (Op.SDG, 0, lambda: ()),
    "T": (Op.T, 0, lambda: ()),
    "TD": (Op.TDG, 0, lambda: ()),
}
_COMMENT = re.compile(r"//|#")
_WORD = re.compile(r"\S+")
_NUMBER = r"(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?"
_REAL = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_PI = re.compile(rf"([+-]?)(?:({_NUMBER})\*)?(?:pi|π)(?:\*({_NUMBER}))?(?:/({_NUMBER}))?", re.ASCII)
_COUPLER_WORDS = frozenset({"FSIM", "G"})


def read_qcis(text: str, limits: Limits = DEFAULT) -> Circuit:
    """The circuit of a QCIS program.

    Raises ProgramError with line and column: ``parse`` for what is not QCIS,
    ``unsupported`` for couplers, pulses and free parameters, ``limit-size``.
    """
    if len(text) > limits.source_bytes:
        raise ProgramError("limit-size", f"more than {limits.source_bytes} bytes of program text")
    reader = _Reader(limits)
    for number, line in enumerate(text.splitlines(), 1):
        words = (
            _COMMENT.split(line, maxsplit=1)[0] if "#" in line or "/" in line else line
        ).split()
        if words:
            reader.line, reader.text = number, line
            reader.instruction(words)
    return reader.circuit()


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self.limits, self.line, self.text = limits, 0, ""
        self._builder = Builder()
        self._qubits, self._measured = 0, 0
        self._names: dict[str, int] = {}

    def instruction(self, words: list[str]) -> None:
        name = words[0].upper()
        if len(self._builder.ops) >= self.limits.gates:
            self._fail("limit-size", f"more than {self.limits.gates} operations", 0)
        if name in _ONE:
            self._single(name, words)
        elif name in ("CZ", "B", "M"):
            self._many(name, words)
        elif name == "I":
            self._idle(words)
        else:
            self._unknown(name)

    def _single(self, name: str, words: list[str]) -> None:
        op, angles, build = _ONE[name]
        if len(words) != 2 + angles:
            self._expect(words, 2 + angles, f"{name} takes one qubit and {angles} angle(s)")
        values = [self._angle(words, k) for k in range(2, 2 + angles)] if angles else ()
        buffers = self._builder  # filled directly: a call of gate() costs more than the rest
        buffers.qs.extend((self._qubit(words, 1), -1, -1))
        buffers.ps.extend((*build(*values), 0.0, 0.0, 0.0, 0.0)[:4])
        buffers.ops.append(op)
        buffers.aux.append(-1)

    def _many(self, name: str, words: list[str]) -> None:
        if len(words) < 2:
            self._fail("parse", f"{name} names no qubit", 0)
        qubits = [self._qubit(words, k) for k in range(1, len(words))]
        if name == "CZ":
            self._expect(words, 3, "CZ takes two qubits")
        if len(set(qubits)) < len(qubits):
            self._fail("parse", f"{name} names a qubit twice", 0)
        if name == "CZ":
            self._builder.gate(Op.CZ, qubits)
        elif name == "B":
            self._builder.barrier(qubits)
        else:
            self._measure(qubits)

    def _measure(self, qubits: list[int]) -> None:
        for qubit in qubits:
            self._builder.measure(qubit, self._measured)
            self._measured += 1
        if self._measured > self.limits.clbits:
            self._fail("limit-size", f"more than {self.limits.clbits} measurements", 0)

    def _idle(self, words: list[str]) -> None:
        if len(words) not in (2, 3):
            self._fail("parse", "I takes one qubit and at most one time", 0)
        self._qubit(words, 1)
        if len(words) == 3:
            if not _REAL.fullmatch(words[2]) or not 0 <= float(words[2]) < math.inf:
                self._fail("parse", f"{words[2][:40]!r} is not a time", 2)
            self._builder.delay(self._qubit(words, 1), QCIS_STEP * float(words[2]), NANOSECONDS)

    def _unknown(self, name: str) -> None:
        if name in _COUPLER_WORDS or re.search(r"\sG\d", self.text.upper()):
            self._fail(
                "unsupported", f"{name[:40]!r} acts on a coupler; only qubits are simulated", 0
            )
        self._fail("parse", f"{name[:40]!r} is not a QCIS instruction", 0)

    def _expect(self, words: list[str], count: int, message: str) -> None:
        if len(words) != count:
            self._fail(
                "parse", f"{message}, not {len(words) - 1} operands", min(count, len(words) - 1)
            )

    def _qubit(self, words: list[str], k: int) -> int:
        word = words[k]
        known = self._names.get(word)
        if known is not None:
            return known
        upper = word.upper()
        if re.fullmatch(r"G\d+", upper, re.ASCII):
            self._fail("unsupported", f"{word[:40]} is a coupler; only qubits are simulated", k)
        if not re.fullmatch(r"Q\d+", upper, re.ASCII):
            self._fail("parse", f"{word[:40]!r} is not a qubit such as Q0", k)
        if len(word) > 12 or int(word[1:]) >= self.limits.qubits:
            self._fail("limit-size", f"{word[:40]}: more than {self.limits.qubits} qubits", k)
        index = self._names[word] = int(word[1:])
        self._qubits = max(self._qubits, index + 1)
        return index

    def _angle(self, words: list[str], k: int) -> float:
        word = words[k]
        if _REAL.fullmatch(word):
            value = float(word)
        elif found := _PI.fullmatch(word):
            sign, before, after, divisor = found.groups()
            factor = float(before or 1) * float(after or 1)
            value = (
                (-factor if sign == "-" else factor) * math.pi / (float(divisor or 1) or math.nan)
            )
        elif re.fullmatch(r"[^\W\d]\w*", word):
            self._fail("unsupported", f"{word[:40]!r} has no value; angles must be numbers", k)
        else:
            self._fail("parse", f"{word[:40]!r} is not an angle", k)
        if not math.isfinite(value):
            self._fail("parse", f"{word[:40]!r} is not finite", k)
        return value

    def _fail(self, kind: str, message: str, word: int) -> NoReturn:
        starts = [m.start() + 1 for m in _WORD.finditer(self.text)]
        raise ProgramError(kind, message, self.line, starts[min(word, len(starts) - 1)])

    def circuit(self) -> Circuit:
        if self._qubits:
            self._builder.qreg("Q", self._qubits)
        if self._measured:
            self._builder.creg("c", self._measured)
        return self._builder.build()
