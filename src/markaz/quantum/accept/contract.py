"""A contract: what a device must reach to be accepted, as a TOML file.

::

    title = "Delivery of Indus, lot 1"
    device = "indus"
    reference = "Tender 12/2026, annex B"

    [[criteria]]
    measure = "T1"            # a quantity of the sheet, or a benchmark
    statistic = "median"      # of a quantity: median, mean, minimum, maximum
    at_least = 30.0           # or at_most

    [[criteria]]
    measure = "ghz_fidelity"  # ghz_fidelity, mirror_polarisation, quantum_volume,
    qubits = 8                # layers_per_second
    at_least = 0.6
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markaz.quantum.devices import fields
from markaz.quantum.devices.errors import DescriptionError
from markaz.quantum.devices.fields import Field, Place
from markaz.quantum.devices.lines import toml_lines
from markaz.quantum.devices.quantities import parse as quantity_of

MOST_BYTES: Final = 1 << 20
MOST_CRITERIA: Final = 200
# Benchmarks: what each is, and the range of its numbers of qubits (None: it takes none).
BENCHMARKS: Final[dict[str, tuple[str, tuple[int, int] | None]]] = {
    "ghz_fidelity": ("fidelity of a GHZ state on connected qubits", (2, 60)),
    "mirror_polarisation": ("polarisation after random mirror circuits", (2, 60)),
    "quantum_volume": ("share of heavy outputs of square random circuits", (2, 10)),
    "layers_per_second": ("layers of gates executed in a second, all shots together", None),
}
STATISTICS: Final = ("median", "mean", "minimum", "maximum")
HEAVY: Final = 2 / 3  # the share of heavy outputs that a quantum volume asks for


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a contract. ``bound`` is the contracted number, the least where
    ``at_least``, else the most; ``statistic`` is that of a quantity of the sheet."""

    measure: str
    bound: float
    at_least: bool
    statistic: str = "median"
    qubits: int = 0
    depth: int = 0

    @property
    def is_benchmark(self) -> bool:
        """Whether it takes programs of its own, and not only the sheet."""
        return self.measure in BENCHMARKS

    @property
    def unit(self) -> str:
        """Of ``bound`` and of what is measured."""
        return "" if self.is_benchmark else quantity_of(self.measure)[0].unit

    @property
    def words(self) -> str:
        """What is asked, without the number."""
        if not self.is_benchmark:
            return f"{self.statistic} {self.measure}"
        size = f", {self.qubits} qubits" if self.qubits else ""
        layers = f", {self.depth} layers" if self.depth else ""
        return f"{self.measure.replace('_', ' ')}{size}{layers}"


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract for the device called ``device``."""

    title: str
    device: str
    reference: str
    criteria: tuple[Criterion, ...]


def _number(value: Any, place: Place) -> float:
    return float(fields.number(-1e18, 1e18)(value, place))


_HEAD: Final = (
    Field("title", "text", fields.text(200), "what is accepted"),
    Field("device", "text", fields.text(40), "short name of the device"),
    Field("reference", "text", fields.text(200), "where the numbers are agreed", default=""),
    Field("criteria", "list of tables", fields.listed, "what must be reached"),
)
_CRITERION: Final = (
    Field("measure", "text", fields.text(60), "a quantity of the sheet, or a benchmark"),
    Field("statistic", "word", fields.one_of(STATISTICS), "of a quantity", default="median"),
    Field("at_least", "number", _number, "the least allowed value", default=False),
    Field("at_most", "number", _number, "the largest allowed value", default=False),
    Field("qubits", "whole number", fields.whole(1, 1000), "width of a benchmark", default=0),
    Field("depth", "whole number", fields.whole(1, 10_000), "layers of a benchmark", default=0),
)


def parse(content: bytes, what: str = "contract") -> Contract:
    """The contract in a file's content.

    Raises DescriptionError, which names the field and line.
    """
    if len(content) > MOST_BYTES:
        raise DescriptionError(what, "", None, f"has more than {MOST_BYTES} bytes")
    try:
        text = content.decode()
        document = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DescriptionError(what, "", None, f"is not TOML: {error}") from error
    place = Place(what, (), toml_lines(text))
    head = fields.read(document, _HEAD, place)
    rows, here = head.pop("criteria"), place.at("criteria")
    if not 1 <= len(rows) <= MOST_CRITERIA:
        raise here.fail(f"must be 1 to {MOST_CRITERIA}, not {len(rows)}")
    criteria = tuple(_criterion(row, here.at(i)) for i, row in enumerate(rows))
    return Contract(**head, criteria=criteria)


def _criterion(row: Any, place: Place) -> Criterion:
    if not isinstance(row, Mapping):
        raise place.fail("must be a table")
    values = fields.read(row, _CRITERION, place)
    measure = values["measure"]
    _check_measure(measure, values, place)
    bounds = [k for k in ("at_least", "at_most") if values[k] is not False]
    if len(bounds) != 1:
        raise place.fail("must have either at_least or at_most")
    return Criterion(
        measure,
        values[bounds[0]],
        bounds[0] == "at_least",
        values["statistic"],
        values["qubits"],
        values["depth"] or (10 if measure in ("mirror_polarisation", "layers_per_second") else 0),
    )


def _check_measure(measure: str, values: Mapping[str, Any], place: Place) -> None:
    if measure not in BENCHMARKS:
        try:
            quantity_of(measure)
        except ValueError as error:
            known = ", ".join(BENCHMARKS)
            raise place.at("measure").fail(f"{error}, and no benchmark: {known}") from error
        return
    size = BENCHMARKS[measure][1]
    if size is not None and not size[0] <= values["qubits"] <= size[1]:
        raise place.at("qubits").fail(f"must be {size[0]} to {size[1]} for {measure}")
