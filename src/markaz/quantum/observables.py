"""Observables: real sums of Pauli strings, read from text, files or Qiskit objects.

Text is a sum of terms, each a coefficient and a label: ``"ZZ + 0.5*XI - 2 IZY"``. A dense
label has one letter a qubit, the highest qubit on the left (Qiskit's order); the sparse
form names qubits: ``"0.5*Z0 Z3"``. Beside ``I X Y Z`` the projector letters of Qiskit's
``SparseObservable`` are read and expanded: ``0 1 + - r l`` project on the eigenstates of
Z, X and Y. In text ``+`` and ``-`` are signs unless the label stands in square brackets,
``"0.5*[+-0]"``; brackets also make ``[Z1]`` a dense label, which bare is Z on qubit 1.
"""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markaz.quantum.simulate.engines.base import Pauli

LETTERS: Final = frozenset("IXYZ01+-rl")
MAX_TERMS: Final = 1 << 20
SHOWN_TERMS: Final = 20
SHOWN_LETTERS: Final = 60  # of a term, in messages
QUBIT_DIGITS: Final = 9

# letter -> (Pauli letter, sign) of (I + sign * Pauli) / 2
_PROJECTORS: Final[dict[str, tuple[str, float]]] = {
    "0": ("Z", 1.0),
    "1": ("Z", -1.0),
    "+": ("X", 1.0),
    "-": ("X", -1.0),
    "r": ("Y", 1.0),
    "l": ("Y", -1.0),
}
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z0-9.\[]))"
    r"|\[(?P<label>[^\[\]\s]*)\]"
    r"|(?P<sign>[+\-\N{MINUS SIGN}])"
    r"|(?P<times>\*)"
    r"|(?P<word>[A-Za-z0-9.]+))"
)
_SPARSE: Final = re.compile(r"([A-Za-z])(\d+)\Z")

Factors = tuple[tuple[int, str], ...]
Token = tuple[str, str]


class ObservableError(ValueError):
    """An observable could not be read; the message names the term."""


@dataclass(frozen=True, slots=True)
class PauliSum:
    """``sum(coefficient * Pauli)`` over ``terms``; every Pauli occurs once.

    ``num_qubits`` is the width of the dense labels that it was read from, None where only
    the sparse form was used (it then fits every circuit that has its qubits).
    """

    terms: tuple[tuple[float, Pauli], ...]
    num_qubits: int | None = None

    @property
    def coefficients(self) -> tuple[float, ...]:
        """Coefficients in order of the terms."""
        return tuple(c for c, _ in self.terms)

    @property
    def paulis(self) -> tuple[Pauli, ...]:
        """Pauli strings in order of the terms."""
        return tuple(p for _, p in self.terms)

    def __str__(self) -> str:
        text = "".join(_signed(c, p.factors) for c, p in self.terms[:SHOWN_TERMS])
        text += f" + … ({len(self.terms)} terms)" if len(self.terms) > SHOWN_TERMS else ""
        return ("-" if text[1] == "-" else "") + text[3:]

    def check_width(self, num_qubits: int) -> None:
        """Raise ObservableError unless it fits a circuit of ``num_qubits`` qubits."""
        if self.num_qubits is not None and self.num_qubits != num_qubits:
            raise ObservableError(
                f"observable {self} has {self.num_qubits} letters a label, "
                f"but the circuit has {num_qubits} qubits"
            )
        for _, pauli in self.terms:
            for qubit, letter in pauli.factors:
                if qubit >= num_qubits:
                    raise ObservableError(
                        f"term {letter}{qubit}: the circuit has only {num_qubits} qubits"
                    )

    @staticmethod
    def of(value: Any) -> PauliSum:
        """From text, a PauliSum, a Qiskit operator, ``{label: coefficient}``, or a list of
        ``(label, coefficient)`` or ``(letters, qubits, coefficient)``.

        Raises ObservableError (a ValueError) naming the offending term, and TypeError for
        other kinds of values.
        """
        if isinstance(value, PauliSum):
            return value
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, Mapping):
            return _from_labels(value.items())
        if type(value).__module__.startswith("qiskit."):
            return _from_qiskit(value)
        if isinstance(value, Iterable):
            return _from_list(list(value))
        raise TypeError(f"cannot read a {type(value).__name__} as an observable")


def parse(text: str) -> PauliSum:
    """Read ``"ZZ + 0.5*XI - 2 IZY"`` or ``"0.5*Z0 Z3 - X1"``; see the module's text."""
    terms: list[tuple[float, str | Factors]] = []
    for sign, tokens, shown in _split(text):
        terms.append(_read_term(sign, tokens, shown))
    if not terms:
        raise ObservableError("an observable needs at least one term")
    return _collect(terms, text)


def parse_lines(text: str) -> list[PauliSum]:
    """One observable a line; empty lines and what follows ``#`` are skipped.

    Raises ObservableError with the line's number.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        body = line.partition("#")[0].strip()
        if not body:
            continue
        try:
            found.append(parse(body))
        except ObservableError as error:
            raise ObservableError(f"line {number}: {error}") from None
    return found


def _split(text: str) -> list[tuple[float, list[Token], str]]:
    """(sign, tokens, text) of every term."""
    found: list[tuple[float, list[Token], str]] = []
    sign, tokens, begin = 1.0, list[Token](), 0
    for kind, value, start, _ in _tokens(text):
        if kind == "sign":
            if tokens:
                found.append((sign, tokens, _short(text[begin:start].strip())))
                sign, tokens, begin = 1.0, [], start
            sign = sign if value == "+" else -sign
        else:
            tokens.append((kind, value))
    if not tokens and text[begin:].strip():
        raise ObservableError(
            f"term {_short(text[begin:].strip())!r} has a sign and nothing after it "
            "(projector letters + and - need square brackets: [+-])"
        )
    if tokens:
        found.append((sign, tokens, _short(text[begin:].strip())))
    return found


def _short(term: str) -> str:
    """A term as messages show it."""
    return term if len(term) <= SHOWN_LETTERS else f"{term[:SHOWN_LETTERS]}…"


def _tokens(text: str) -> Iterable[tuple[str, str, int, int]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ObservableError(f"cannot read {text[position:].strip()[:40]!r}")
        kind = str(match.lastgroup)
        yield kind, match.group(kind), match.start(kind), match.end()
        position = match.end()


def _read_term(sign: float, tokens: list[Token], shown: str) -> tuple[float, str | Factors]:
    coefficient, position = sign, 0
    while position < len(tokens) - 1 and tokens[position][0] == "number":
        coefficient *= float(tokens[position][1])
        position += 1 + (tokens[position + 1][0] == "times")
    rest = tokens[position:]
    if not rest or rest[0][0] == "times":
        raise ObservableError(f"term {shown!r} has no Pauli label")
    if not math.isfinite(coefficient):
        raise ObservableError(f"term {shown!r}: the coefficient is not finite")
    if len(rest) == 1 and _is_dense(rest[0]):
        return coefficient, _check_label(rest[0][1], shown)
    if rest[0][0] == "number":
        raise ObservableError(f"term {shown!r} has no Pauli label")
    return coefficient, _sparse_factors(rest, shown)


def _is_dense(token: Token) -> bool:
    kind, value = token
    if kind == "number":
        return set(value) <= {"0", "1"}
    return kind == "label" or (kind == "word" and _SPARSE.match(value) is None)


def _check_label(label: str, shown: str) -> str:
    bad = next((c for c in label if c not in LETTERS), None)
    if not label:
        raise ObservableError(f"term {shown!r} has an empty label")
    if bad is None:
        return label
    hint = ""
    if label[0].isdigit():
        hint = " (write * between a coefficient and its label)"
    elif bad.upper() in LETTERS:
        hint = f" (did you mean {_short(label.upper())!r}?)"
    raise ObservableError(f"term {shown!r}: {bad!r} is not one of I X Y Z 0 1 + - r l{hint}")


def _sparse_factors(tokens: list[Token], shown: str) -> Factors:
    factors: list[tuple[int, str]] = []
    for kind, value in (t for t in tokens if t[0] != "times"):
        match = _SPARSE.match(value) if kind == "word" else None
        if match is None:
            raise ObservableError(f"term {shown!r}: {_short(value)!r} is not of the form Z3")
        letter, digits = match.groups()
        _check_label(letter, shown)
        if len(digits) > QUBIT_DIGITS:
            raise ObservableError(f"term {shown!r}: no circuit has a qubit {_short(digits)}")
        if len(digits) > 1 and digits[0] == "0":
            raise ObservableError(
                f"term {shown!r}: write [{value}] for a label of {len(value)} qubits, "
                f"or {letter}{int(digits)} for one qubit"
            )
        factors.append((int(digits), letter))
    qubits = Counter(q for q, _ in factors)
    twice = next((q for q, times in qubits.items() if times > 1), None)
    if twice is not None:
        raise ObservableError(f"term {shown!r} names qubit {twice} twice")
    return tuple(factors)


def _collect(terms: Sequence[tuple[float, str | Factors]], shown: object) -> PauliSum:
    """Expand projectors, check widths and add equal Paulis up."""
    widths = {len(t): t for _, t in terms if isinstance(t, str)}
    if len(widths) > 1:
        first, second = list(widths.values())[:2]
        raise ObservableError(
            f"labels {_short(first)!r} and {_short(second)!r} have {len(first)} and "
            f"{len(second)} letters; all labels of an observable must be as wide as the circuit"
        )
    if widths and len(widths) == 1 and any(not isinstance(t, str) for _, t in terms):
        raise ObservableError(
            f"{_short(str(shown))!r} mixes labels and the form Z3; use one of them"
        )
    total: dict[Factors, float] = {}
    for coefficient, term in terms:
        factors = _dense_factors(term) if isinstance(term, str) else term
        for value, paulis in _expand(coefficient, factors):
            total[paulis] = total.get(paulis, 0.0) + value
        if len(total) > MAX_TERMS:
            raise ObservableError(f"more than {MAX_TERMS} terms after expanding projectors")
    endless = next((f for f, c in total.items() if not math.isfinite(c)), None)
    if endless is not None:
        raise ObservableError(f"term {_short(_show(endless))}: the coefficients add up to infinity")
    return PauliSum(tuple((c, Pauli(f)) for f, c in total.items()), next(iter(widths), None))


def _dense_factors(label: str) -> Factors:
    return tuple((q, c) for q, c in enumerate(reversed(label)) if c != "I")


def _expand(coefficient: float, factors: Factors) -> Iterable[tuple[float, Factors]]:
    """Terms with letters X, Y, Z only; 2**k of them for k projectors."""
    fixed = [(q, c) for q, c in factors if c in "XYZ"]
    projectors = [(q, *_PROJECTORS[c]) for q, c in factors if c in _PROJECTORS]
    if 1 << len(projectors) > MAX_TERMS:
        raise ObservableError(
            f"term {_short(_show(factors))} has {len(projectors)} projector letters; "
            f"their expansion would have 2^{len(projectors)} terms"
        )
    scale = coefficient / (1 << len(projectors))
    for chosen in itertools.product((False, True), repeat=len(projectors)):
        kept = [p for p, yes in zip(projectors, chosen, strict=True) if yes]
        sign = math.prod(s for _, _, s in kept)
        yield scale * sign, tuple(sorted([*fixed, *((q, c) for q, c, _ in kept)]))


def _signed(coefficient: float, factors: Factors) -> str:
    size = "" if abs(coefficient) == 1 else f"{abs(coefficient):g}*"
    return f" {'-' if coefficient < 0 else '+'} {size}{_show(factors)}"


def _show(factors: Factors) -> str:
    return " ".join(f"{c}{q}" for q, c in factors) or "I"


def _real(value: Any, shown: object) -> float:
    try:
        number = complex(value)
    except OverflowError:
        raise ObservableError(f"term {shown}: the coefficient is not finite") from None
    except (TypeError, ValueError):
        told = _short(repr(value))
        raise ObservableError(f"term {shown}: coefficient {told} is no number") from None
    if abs(number.imag) > 1e-12 * max(1.0, abs(number.real)):
        raise ObservableError(f"term {shown}: coefficient {number} is not real")
    if not math.isfinite(number.real):
        raise ObservableError(f"term {shown}: the coefficient is not finite")
    return number.real


def _from_labels(items: Iterable[tuple[Any, Any]]) -> PauliSum:
    terms: list[tuple[float, str | Factors]] = []
    for label, coefficient in items:
        text = label if isinstance(label, str) else _pauli_label(label)
        terms.append((_real(coefficient, _short(text)), _check_label(text, _short(text))))
    if not terms:
        raise ObservableError("an observable needs at least one term")
    return _collect(terms, "the observable")


def _pauli_label(value: Any) -> str:
    if not hasattr(value, "to_label"):
        raise ObservableError(f"{value!r} is not a Pauli label")
    return str(value.to_label())


def _from_list(items: list[Any]) -> PauliSum:
    if not items:
        raise ObservableError("an observable needs at least one term")
    if any(not isinstance(item, (tuple, list)) or len(item) not in (2, 3) for item in items):
        raise ObservableError(
            "a list must hold (label, coefficient) or (letters, qubits, coefficient)"
        )
    if all(len(item) == 2 for item in items):
        return _from_labels((item[0], item[1]) for item in items)
    terms: list[tuple[float, str | Factors]] = []
    for letters, qubits, coefficient in items:
        terms.append((_real(coefficient, letters), _indexed(letters, qubits)))
    return _collect(terms, "the observable")


def _indexed(letters: str, qubits: Sequence[int]) -> Factors:
    shown = _short(letters)
    if letters:
        _check_label(letters, shown)
    try:
        numbers = [operator.index(q) for q in qubits]
    except TypeError:
        told = _short(repr(qubits))
        raise ObservableError(f"term {shown!r}: {told} is no list of qubits") from None
    if (
        len(letters) != len(numbers)
        or len(set(numbers)) != len(numbers)
        or min(numbers, default=0) < 0
    ):
        raise ObservableError(f"term {shown!r} needs {len(letters)} different qubits")
    return tuple((q, c) for c, q in zip(letters, numbers, strict=True) if c != "I")


def _from_qiskit(value: Any) -> PauliSum:
    """From SparsePauliOp, Pauli, PauliList-like and SparseObservable, by their methods."""
    name = type(value).__name__
    if name == "SparseObservable":
        items = value.as_paulis().to_sparse_list()
        terms = [(_real(c, letters), _indexed(letters, qubits)) for letters, qubits, c in items]
        return PauliSum(_collect(terms or [(0.0, ())], name).terms, value.num_qubits)
    if name == "SparsePauliOp":
        found = value.to_sparse_list()
        sparse = [(_real(c, letters), _indexed(letters, qubits)) for letters, qubits, c in found]
        return PauliSum(_collect(sparse, name).terms, value.num_qubits)
    if name == "Pauli":
        label = value.to_label()
        bare = label.lstrip("-i")
        phase = {"": 1, "-": -1, "i": 1j, "-i": -1j}[label[: len(label) - len(bare)]]
        return _from_labels([(bare, phase)])
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return _from_labels(value.items())
    raise TypeError(f"cannot read a {name} as an observable")
