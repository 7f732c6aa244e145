"""Print the reference pages whose facts stand in tables of the code.

``make reference`` rewrites them in ``docs/reference``; tests compare the committed pages
with what this would write, or for licences with the lock file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from markaz.quantum.programs.gates import TABLE, Flag, Gate
from markaz.quantum.programs.limits import DEFAULT
from tools import reference_centre, reference_devices, reference_interfaces
from tools.pages import NOTE, PAGES, table

# What a licence's text or classifier says -> how the page names it; the first match counts.
LICENCES: tuple[tuple[str, str], ...] = (
    (r"lgpl-3\.0", "LGPL-3.0"),
    (r"mpl-2\.0 and mit", "MPL-2.0 and MIT"),
    (r"mozilla|mpl-2\.0", "MPL-2.0"),
    (r"kiwi", "BSD-3-Clause"),
    (r"apache-2\.0 with llvm", "BSD-2-Clause and Apache-2.0 with LLVM exception"),
    (r"0bsd and mit", "BSD-3-Clause, with parts under 0BSD, MIT, Zlib and CC0-1.0"),
    (r"apache.* or .*bsd", "Apache-2.0 or BSD-2-Clause"),
    (r"mit or apache|apache.* or .*mit", "MIT or Apache-2.0"),
    (r"for matplotlib|psf|python software foundation", "PSF-2.0"),
    (r"apache", "Apache-2.0"),
    (r"mit-cmu|hpnd", "MIT-CMU"),
    (r"0bsd", "0BSD"),
    (r"bsd-2|bsd 2|simplified", "BSD-2-Clause"),
    (r"bsd", "BSD-3-Clause"),
    (r"\bisc\b", "ISC"),
    (r"\bmit\b", "MIT"),
)


def limits_page() -> str:
    """The size limits of a program."""
    rows = ((f"`{name}`", f"{value:,}", text) for name, value, text in DEFAULT.table())
    return (
        f"# Limits\n\n{NOTE}\n"
        "Every program is opened under these limits; one that is larger is refused with kind\n"
        "`limit-size`, and the message names the limit.\n\n"
        + table(("limit", "value", "of what"), rows)
        + "\nAngles must be finite numbers, and only the standard files can be included.\n"
        "Time and memory have limits of their own: `--time-limit` (60 s a file unless told\n"
        "otherwise) and `--memory-limit` (by default what leaves the machine usable).\n"
    )


def gate_row(gate: Gate) -> tuple[str, ...]:
    """Cells of one gate."""
    flags = [flag.name.lower().replace("_", "-") for flag in Flag if flag in gate.flags]  # type: ignore[union-attr]
    inverse = "by its definition" if gate.inverse is None else f"`{gate.inverse.name.lower()}`"
    width = str(gate.num_qubits) if gate.num_qubits else "any"
    return f"`{gate.name}`", width, str(gate.num_params), ", ".join(flags) or "–", inverse


def gates_page() -> str:
    """The gates of the flat circuit."""
    return (
        f"# Gates\n\n{NOTE}\n"
        "The gates of a checked circuit. Readers reduce every other gate to them, and engines\n"
        "that lack one of them get it decomposed. Definitions are Qiskit's: qubit 0 is the least\n"
        "significant bit of a matrix index. An inverse takes the negated parameters.\n\n"
        + table(
            ("gate", "qubits", "parameters", "properties", "inverse"),
            map(gate_row, TABLE.values()),
        )
    )


def normal(name: str) -> str:
    """A package's name as lock files write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path) -> set[str]:
    """Names of the packages in a lock file."""
    return {normal(m) for m in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.M)}


def licence(package: Distribution) -> str:
    """Licence of an installed package; raises ValueError for one that is not known here."""
    meta = package.metadata
    classifiers = [c for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    stated = meta.get_all("License-Expression") or meta.get_all("License") or [""]
    text = str(stated[0])[:200] or (package.read_text("licenses/LICENSE") or "")[:200]
    claim = " ".join([text, *classifiers]).lower()
    for pattern, name in LICENCES:
        if re.search(pattern, claim):
            return name
    raise ValueError(f"{meta['Name']}: unknown licence {claim!r}")


def parents(lock: Path) -> dict[str, set[str]]:
    """For each package of a lock file, which packages brought it in (its ``# via`` notes)."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in lock.read_text().splitlines():
        if start := re.match(r"([A-Za-z0-9._-]+)==", line):
            current = normal(start[1])
            found.setdefault(current, set())
        elif note := re.match(r"    #(?: via|  ) +(\S+)", line):
            found[current].add(normal(note[1]))
    return found


def brought_by(name: str, lock: dict[str, set[str]]) -> set[str]:
    """Packages that ``name`` brings in, directly or not."""
    found: set[str] = set()
    layer = {name}
    while layer:
        layer = {child for child, by in lock.items() if by & layer} - found
        found |= layer
    return found - {name}


def licences_page() -> str:
    """Licences of all locked packages, and what each direct requirement pulls in."""
    installed = {normal(d.metadata["Name"]): d for d in distributions()}
    root = PAGES.parent.parent / "requirements"
    run, everything = locked(root / "lock.txt"), locked(root / "bench.txt")
    missing = sorted(everything - set(installed))
    if missing:
        raise SystemExit(f"not installed, so not known: {', '.join(missing)} (make bench)")
    brought = parents(root / "lock.txt")
    direct = sorted(name for name, by in brought.items() if "markaz" in by)
    pulled = ((f"`{n}`", ", ".join(sorted(brought_by(n, brought))) or "–") for n in direct)
    rows = (
        (f"`{n}`", licence(installed[n]), "to run" if n in run else "to develop or measure")
        for n in sorted(everything)
    )
    return (
        f"# Licences\n\n{NOTE}\n"
        "Markaz is under Apache-2.0 and imports libraries under permissive licences; a few that\n"
        "come with others are under the MPL, which asks only that changes to their own files\n"
        "stay open, and the driver of PostgreSQL and the writer of PDF files are under the LGPL,\n"
        "which asks the same of the library and lets it be replaced. None is changed here, and\n"
        "none is copied.\n\n"
        "## What each requirement pulls in\n\n"
        + table(("requirement", "with it"), pulled)
        + "\n## All packages of the lock files\n\n"
        + table(("package", "licence", "needed"), rows)
    )


BUILDERS: dict[str, Callable[[], str]] = {
    "limits.md": limits_page,
    "gates.md": gates_page,
    **reference_devices.BUILDERS,
    **reference_centre.BUILDERS,
    **reference_interfaces.BUILDERS,
    "licences.md": licences_page,  # last: it needs all packages that are ever measured
}


def main() -> None:
    """Write every printed page."""
    for name, build in BUILDERS.items():
        (PAGES / name).write_text(build())


if __name__ == "__main__":
    main()
