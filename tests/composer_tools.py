"""Random programs of what the composer shows, and a page that runs its modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe

from markaz.interfaces.portal.statics import Statics
from markaz.quantum.programs.circuit import Circuit
from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.readers import read

FIXED = (
    *("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "swap"),
    *("cx", "cy", "cz", "ch", "cs", "csdg", "csx", "ccx", "ccz", "cswap"),
)
TURNING = ("p", "rx", "ry", "rz", "cp", "crx", "cry", "crz", "rxx", "ryy", "rzz", "u", "cu")
WIDTHS = {"swap": 2, "rxx": 2, "ryy": 2, "rzz": 2, "ccx": 3, "ccz": 3, "cswap": 3}
ANGLES = {"u": 3, "cu": 4}
# Gates that OpenQASM 3 has no names for, or others.
WRITTEN = {
    "cs": "ctrl @ s",
    "csdg": "ctrl @ sdg",
    "csx": "ctrl @ sx",
    "ccz": "ctrl(2) @ z",
    "u": "U",
}
HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
MODULES = ("reading", "writing", "simulator", "layout", "edits", "qiskit", "share", "expressions")


@contextmanager
def computing(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """Runs a function of JavaScript with the composer's modules as ``m``."""
    page = browser.new_page()
    page.goto(url + "/composer")
    page.wait_for_selector("#composer[data-ready]")
    at = f"/static/{Statics().version}/composer/"
    load = "async ([at, names]) => { window.m = Object.assign({}, ...await Promise.all(names.map("
    page.evaluate(load + "(name) => import(`${at}${name}.js`)))); }", [at, list(MODULES)])
    yield page.evaluate
    page.close()


def circuit_of(text: str) -> Circuit:
    return read(text.encode(), "openqasm", DEFAULT)


def gate_line(rng: np.random.Generator, qubits: int, name: str) -> str:
    width = WIDTHS.get(name, 2 if name.startswith("c") else 1)
    wires = [f"q[{q}]" for q in rng.permutation(qubits)[:width]]
    count = ANGLES.get(name, 1) if name in TURNING else 0
    angles = ", ".join(repr(float(x)) for x in rng.uniform(-7, 7, count))
    modifier = ""
    if width < qubits and rng.random() < 0.25:
        modifier = str(rng.choice(["ctrl @ ", "negctrl @ "]))
        wires.insert(0, next(f"q[{q}]" for q in range(qubits) if f"q[{q}]" not in wires))
    word = modifier + WRITTEN.get(name, name)
    return f"{word}{f'({angles})' if angles else ''} {', '.join(wires)};"


def random_text(seed: int, *, measured: bool = False) -> str:
    """A random program of everything that the composer shows."""
    rng = np.random.default_rng(seed)
    qubits = int(rng.integers(1, 6))
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', *DEFINITIONS, f"qubit[{qubits}] q;"]
    lines += ["bit[2] a;", "bit[1] b;"] if measured else []
    names = [n for n in FIXED + TURNING if WIDTHS.get(n, 1 + n.startswith("c")) <= qubits]
    for _ in range(int(rng.integers(3, 16))):
        line = gate_line(rng, qubits, str(rng.choice(names)))
        if measured and rng.random() < 0.4:
            bit = str(rng.choice(["a[0]", "a[1]", "b[0]"]))
            wire = f"q[{rng.integers(qubits)}]"
            asked = ["a[0]", "!b[0]", "a == 2", "a != 1", "b[0] == 1"]
            line = str(rng.choice([
                f"{bit} = measure {wire};", f"reset {wire};",
                f"if ({rng.choice(asked)}) {{ {line} x {wire}; }}",
                f"if ({rng.choice(asked)}) {bit} = measure {wire};",
            ]))  # fmt: skip
        lines.append(line)
    if not measured and rng.random() < 0.5:
        lines.append(f"gphase({rng.uniform(-3, 3)!r});")
    return "\n".join(lines)


DEFINITIONS = (
    "gate sxdg a { inv @ sx a; }",
    "gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }",
    "gate ryy(theta) a, b { rx(pi/2) a; rx(pi/2) b; cx a, b; rz(theta) b; cx a, b; "
    "rx(-pi/2) a; rx(-pi/2) b; }",
    "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
)


BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
EMPTY = "".join(BELL.splitlines(keepends=True)[:4])
TEXT = "#submit-program"
AXE = Axe()


def opened(
    window: Callable[..., Any],
    served: tuple[Any, str],
    language: str = "en",
    *,
    program: str | None = EMPTY,
    role: str = "pi",
    at: str = "/composer",
    **more: Any,
) -> Any:
    """The composer in a new window; empty unless a program is given."""
    site, url = served
    context = window(language, **more)
    if role:
        session = site.sessions[role]
        context.add_cookies([{"name": "markaz-session", "value": session, "url": url}])
    page = context.new_page()
    page.goto(url + at)
    page.wait_for_selector("#composer[data-ready]")
    if program is not None:
        write(page, program)
    return page


def write(page: Any, program: str) -> None:
    """Put ``program`` into the text."""
    page.fill(TEXT, program)
    page.dispatch_event(TEXT, "change")  # it is read at once, not when typing rests


def program(page: Any) -> list[str]:
    """The statements that follow the declarations."""
    return [line for line in page.input_value(TEXT).splitlines()[4:] if line]


def cell(page: Any, wire: int, column: int) -> Any:
    """A cell of the circuit."""
    return page.locator(f'[data-wire="{wire}"][data-column="{column}"]')


def gate(page: Any, name: str) -> Any:
    """A button of the list of gates."""
    return page.locator(f'[data-gate="{name}"]')


def said(page: Any) -> str:
    """What a screen reader was told."""
    return str(page.inner_text("#composer-said"))


def problems(page: Any) -> list[str]:
    """What axe finds, each rule with the places."""
    found = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]


def press(page: Any, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)
