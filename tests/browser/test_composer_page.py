"""The composer as people use it: keys, mouse, finger, text, files and links."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.composer_tools import (
    BELL,
    EMPTY,
    TEXT,
    cell,
    gate,
    opened,
    press,
    problems,
    program,
    said,
    write,
)
from tests.portal_tools import Site

Window = Callable[..., Any]


@pytest.fixture
def composer(window: Window, served: tuple[Site, str]) -> Callable[..., Any]:
    """Opens the composer: ``composer("ur", width=320)``."""
    return functools.partial(opened, window, served)


# Keys.


def test_keys_place_change_move_and_delete(composer: Callable[..., Any]) -> None:
    page = composer()
    cell(page, 0, 0).focus()
    press(page, "h")
    assert said(page) == "Placed: H, Hadamard gate on q[0], column 1"
    press(page, "c")
    assert said(page) == "Placed: CX, controlled NOT on q[1], column 2; if q[0] is 1"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "q[0], column 2: control of CX, controlled NOT"
    )
    assert program(page) == ["h q[0];", "cx q[0], q[1];"]
    press(page, "ArrowDown", "m", "End", "Shift+S")
    assert program(page) == ["h q[0];", "cx q[0], q[1];", "c[1] = measure q[1];", "sdg q[1];"]
    press(page, "Delete")
    assert said(page) == "Deleted: S†, quarter turn about Z, backwards"
    press(page, "Home", "Shift+ArrowUp", "p", "Enter")
    assert page.evaluate("document.activeElement.id") == "cq-angle-0"
    press(page, "Control+a")
    page.keyboard.type("-pi/8")
    press(page, "Enter", "Escape")
    assert program(page) == [
        "p(-pi/8) q[1];", "h q[0];", "cx q[0], q[1];", "c[1] = measure q[1];",
    ]  # fmt: skip
    assert page.evaluate("document.activeElement.getAttribute('role')") == "gridcell"


def test_a_gate_is_moved_turned_and_controlled_by_keys(composer: Callable[..., Any]) -> None:
    page = composer(program=EMPTY.replace("qubit[2]", "qubit[3]") + "h q[0];\nx q[0];\n")
    cell(page, 0, 0).focus()
    press(page, "Shift+ArrowRight")
    assert program(page) == ["x q[0];", "h q[0];"]
    press(page, "Shift+ArrowDown")
    assert program(page) == ["x q[0];", "h q[1];"]
    assert said(page) == "Moved: H, Hadamard gate on q[1], column 1"
    press(page, "+")
    assert program(page) == ["x q[0];", "ch q[0], q[1];"]
    press(page, "-")
    assert program(page) == ["x q[0];", "h q[1];"]
    press(page, "Shift+ArrowDown", "Shift+ArrowDown")
    assert said(page) == "It can go no further."
    press(page, "Control+z", "Control+z", "Control+z", "Control+z", "Control+z")
    assert program(page) == ["h q[0];", "x q[0];"]
    press(page, "Control+y", "Control+Shift+z")
    assert program(page) == ["x q[0];", "h q[1];"]


def test_the_list_of_gates_is_used_by_keys(composer: Callable[..., Any]) -> None:
    page = composer()
    cell(page, 1, 0).focus()
    press(page, "Enter", "End", "ArrowLeft", "ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.gate") == "measure"
    press(page, "Enter")
    assert program(page) == ["c[1] = measure q[1];"]
    assert page.evaluate("document.activeElement.dataset.gate") == "measure"


def test_details_change_everything_about_a_gate(composer: Callable[..., Any]) -> None:
    page = composer(program=EMPTY.replace("qubit[2]", "qubit[3]") + "crx(pi/2) q[0], q[1];\n")
    cell(page, 1, 0).click()
    page.fill("#cq-angle-0", "2*pi / 3")
    page.keyboard.press("Enter")
    page.select_option("#cq-control-0", label="q[2]")
    page.select_option("#cq-when-0", "0")
    page.select_option("#cq-condition", label="c")
    page.fill("#cq-value", "≠ 3")
    page.keyboard.press("Enter")
    wanted = ["if (c != 3) {", "  negctrl @ rx(2*pi/3) q[2], q[1];", "}"]
    assert program(page) == wanted
    page.fill("#cq-angle-0", "pi/")
    page.keyboard.press("Enter")
    assert page.inner_text("#cq-angle-0-problem").endswith("is expected.")
    assert page.get_attribute("#cq-angle-0", "aria-invalid") == "true"
    assert program(page) == wanted
    page.click("#cq-remove-control")
    assert program(page)[1] == "  rx(2*pi/3) q[1];"
    page.click("#cq-delete")
    assert program(page) == []


def test_registers_grow_and_shrink(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    page.get_by_role("button", name="Add a qubit to q").click()
    page.get_by_role("button", name="Add a classical bit to c").click()
    page.click("#composer-measure")
    lines = page.input_value(TEXT).splitlines()
    assert lines[2:4] == ["qubit[3] q;", "bit[3] c;"]
    assert lines[-1] == "c = measure q;"
    assert page.locator("#composer-sheet [role=row]").count() == 3
    for _ in range(3):
        page.get_by_role("button", name="Remove the last qubit of q").click()
    assert said(page) == "It can go no further."
    assert page.input_value(TEXT).splitlines()[2] == "qubit[1] q;"


# Pointers.


def drag(page: Any, start: Any, end: Any) -> None:
    a, b = start.bounding_box(), end.bounding_box()
    page.mouse.move(a["x"] + 20, a["y"] + 20)
    page.mouse.down()
    page.mouse.move(a["x"] + 40, a["y"] + 40, steps=3)
    page.mouse.move(b["x"] + 24, b["y"] + 24, steps=4)
    assert page.locator(".over").count() == 1
    page.mouse.up()


def test_gates_are_dragged_from_the_list_and_in_the_circuit(composer: Callable[..., Any]) -> None:
    page = composer()
    drag(page, gate(page, "h"), cell(page, 0, 0))
    drag(page, gate(page, "cx"), cell(page, 0, 1))
    assert program(page) == ["h q[0];", "cx q[0], q[1];"]
    drag(page, cell(page, 0, 0), cell(page, 1, 3))
    assert program(page) == ["cx q[0], q[1];", "h q[1];"]
    assert page.locator(".cq-ghost").count() == 0
    gate(page, "x").click()
    assert program(page) == ["cx q[0], q[1];", "h q[1];", "x q[1];"]


def test_a_drag_that_ends_nowhere_changes_nothing(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    a = gate(page, "x").bounding_box()
    page.mouse.move(a["x"] + 9, a["y"] + 9)
    page.mouse.down()
    page.mouse.move(5, 5, steps=3)
    page.mouse.up()
    assert page.input_value(TEXT) == BELL
    assert page.locator(".cq-ghost").count() == 0


def test_a_finger_drags_and_taps(composer: Callable[..., Any]) -> None:
    page = composer(width=360, has_touch=True, is_mobile=True)
    send = page.context.new_cdp_session(page).send
    page.locator("#composer-palette").scroll_into_view_if_needed()

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    a, b = gate(page, "h").bounding_box(), cell(page, 1, 0).bounding_box()
    touch("touchStart", a["x"] + 20, a["y"] + 20)
    for k in range(1, 6):
        share = k / 5
        touch("touchMove", a["x"] + 20 + share * (b["x"] - a["x"]),
              a["y"] + 20 + share * (b["y"] - a["y"]))  # fmt: skip
    touch("touchEnd")
    assert program(page) == ["h q[1];"]
    cell(page, 0, 1).tap()
    gate(page, "cz").tap()
    assert program(page) == ["h q[1];", "cz q[0], q[1];"]


# Text.


def test_the_circuit_follows_the_text_and_says_what_is_wrong(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    assert cell(page, 1, 1).get_attribute("aria-label") == (
        "q[1], column 2: CX, controlled NOT on q[1], column 2; if q[0] is 1"
    )
    write(page, BELL.replace("h q[0]", "h q[7]"))
    assert page.inner_text("#composer-problem-text") == (
        "Line 5, column 5: q has 2 elements; there is no number 7. "
        "Mend it, and the circuit follows."
    )
    expect(page.locator("#composer-sheet")).to_be_hidden()
    assert problems(page) == []
    page.click("#composer-go")
    assert page.evaluate("document.activeElement.selectionStart") == BELL.index("0]")
    write(page, "OPENQASM 3.0;\nqubit q;\nfor int i in [0:3] { U(0, 0, 0) q; }\n")
    assert page.inner_text("#composer-problem-text") == (
        "Line 3, column 1: The circuit view cannot show “for”. Edit it as text; it runs as it is."
    )
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    page.click("#composer-undo")
    page.click("#composer-undo")
    expect(page.locator("#composer-sheet")).to_be_visible()


def test_states_are_shown_and_followed_column_by_column(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    shown = page.locator("#composer-probabilities svg")
    assert shown.get_attribute("aria-label") == "Probabilities: |00⟩ 50.00%, |11⟩ 50.00%"
    assert page.locator("#composer-outcomes svg").get_attribute("aria-label") == (
        "Outcomes to expect: 00 50.00%, 11 50.00%"
    )
    rows = page.locator("#composer-amplitudes tbody tr").all_inner_texts()
    assert rows[0].split("\t") == ["|00⟩", "0.7071 + 0.0000i", "50.00%", "0.0000 π"]
    page.locator("#composer-step").fill("1")
    assert shown.get_attribute("aria-label") == "Probabilities: |00⟩ 50.00%, |01⟩ 50.00%"
    assert page.locator("#composer-bloch svg").first.get_attribute("aria-label") == (
        "q[0]: x 1.0000, y 0.0000, z 0.0000"
    )
    write(
        page, BELL.replace("qubit[2]", "qubit[13]").replace("c = measure q", "c[0] = measure q[0]")
    )
    assert page.inner_text("#composer-note") == (
        "States are computed here for up to 12 qubits. Run it instead."
    )
    expect(page.locator("#composer-states")).to_be_hidden()


# Files and links.


def test_what_is_imported_is_exported(composer: Callable[..., Any], tmp_path: Path) -> None:
    page = composer()
    older = (
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
        "h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n"
    )
    page.set_input_files("#composer-file", {"name": "old.qasm", "mimeType": "text/plain",
                                            "buffer": older.encode()})  # fmt: skip
    expect(page.locator("#composer-said")).to_have_text(
        "old.qasm is loaded. Undo brings back what was there."
    )
    assert page.input_value(TEXT) == BELL
    kept = {}
    for name in ("qasm", "python", "svg"):
        with page.expect_download() as download:
            page.click(f"#composer-{name}")
        kept[download.value.suggested_filename] = Path(download.value.path()).read_text()
    assert kept["circuit.qasm"] == BELL
    assert "circuit.cx(q[0], q[1])" in kept["circuit.py"]
    svg = kept["circuit.svg"]
    assert svg.startswith('<svg xmlns="') and "style=" not in svg and ">H</text>" in svg


def test_a_link_opens_the_circuit_elsewhere(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.click("#composer-share")
    expect(page.locator("#composer-link")).to_be_visible()
    link = page.input_value("#composer-link")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/composer#c=[\w-]+", link)
    assert asked == []
    other = composer(program=None, role="", at=link[link.index("/composer"):])  # fmt: skip
    assert other.input_value(TEXT) == BELL
    assert "#" not in other.url
    other.click("#composer-undo")
    assert other.input_value(TEXT) == BELL  # the page's own example is the same


def test_the_circuit_is_kept_in_the_browser(composer: Callable[..., Any]) -> None:
    page = composer(program=BELL.replace("h q[0]", "y q[1]"))
    page.reload()
    page.wait_for_selector("#composer[data-ready]")
    assert program(page)[0] == "y q[1];"
