"""Reference pages printed from the tables of ``quantum.devices``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markaz.quantum.devices.emulator.fields import FIELDS as PHYSICS
from markaz.quantum.devices.fields import FEATURES, FIELDS, Field
from markaz.quantum.devices.gates import NATIVE
from markaz.quantum.devices.quantities import QUANTITIES
from tools.pages import page, section, table


def field_rows(fields: Iterable[Field]) -> Iterable[tuple[str, ...]]:
    """One row a field."""
    for f in fields:
        if f.default is None:
            default = "must be given"
        else:
            empty = f.default in ("", (), {})
            shown = str(f.default).lower() if isinstance(f.default, bool) else f"{f.default}"
            default = "none" if empty else f"`{shown}`"
        yield f"`{f.key}`", f.holds, f.unit or "–", default, f.doc


def device_file_page() -> str:
    """What a device file holds."""
    head = ("field", "holds", "unit", "if absent", "meaning")
    gates = (
        (f"`{g.name}`", str(g.qubits), f"`{g.qiskit}`" if g.qiskit else "–", g.doc)
        for g in NATIVE.values()
    )
    return page(
        "Device files",
        "A device is described in one TOML file; adding one needs no code. An error in it is\n"
        "reported with the file, the line and the field. `src/markaz/quantum/devices/shipped` has\n"
        "examples.",
        section("Fields", table(head, field_rows(FIELDS))),
        section(
            "Features",
            table(("word", "the device can do"), ((f"`{w}`", d) for w, d in FEATURES.items())),
        ),
        section(
            "Gates that `[gates]` can name",
            "A gate's number is its duration in ns; that of `rz` is 0. `measure` must be there.\n",
            table(("gate", "qubits", "in a Qiskit target", "what it does"), gates),
        ),
        section(
            "The table `[emulator]`",
            "For an emulated device: what its hidden values are drawn from.\n"
            "[The emulator](../explanation/emulator.md) says what is done with them. Lists for\n"
            "couplers follow the order of `couplers`, dead ones included. Emulated two-qubit\n"
            "gates are `cz` and `rzz`.\n",
            table(head, field_rows(PHYSICS)),
        ),
        section("Calibration sheets", SHEETS, table(
            ("quantity", "unit", "of", "gets worse", "meaning"),
            ((f"`{q.name}`", q.unit or "–", q.of, q.worse or "–", q.doc)
             for q in QUANTITIES.values()),
        )),
    )  # fmt: skip


SHEETS = """\
A sheet names its device and the moment it was published, and has rows of target (one qubit, or
the two of a coupler), quantity, value, unit, uncertainty (half of a 68 % interval), moment
and method. A value that was not measured is a dash (`null` in JSON, `-` in CSV). The sheet's id is
the SHA-256 of its JSON text. A quantity of a gate is written with the gate, as in
`gate_error:cz`; `[tolerances]` uses the same names.
"""

BUILDERS: dict[str, Callable[[], str]] = {"device-file.md": device_file_page}
