"""Drawings of circuits."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.drawing import CELL, COLUMNS, LEFT, MOST_OPERATIONS, describe, draw
from markaz.quantum.programs.gates import TABLE, Op
from markaz.quantum.programs.intake import load

SVG = "{http://www.w3.org/2000/svg}"
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '


def texts(svg: str) -> list[str]:
    return [t.text or "" for t in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_bell_pair() -> None:
    circuit = load(HEAD + "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;")
    svg = draw(circuit, "Bell")
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == "Bell"
    assert root.find(f"{SVG}title").text == "Bell"  # type: ignore[union-attr]
    assert texts(svg) == ["q0", "q1", "H", "M", "c[0]", "M", "c[1]"]
    assert len(root.findall(f"{SVG}circle")) == 2  # the control and the target
    assert describe(circuit) == (
        "1. h q0\n2. cx q0, q1\n3. measure q0 into c[0]\n4. measure q1 into c[1]\n"
    )


def test_operations_on_other_wires_share_a_column() -> None:
    svg = draw(load(HEAD + "qubit[3] q; bit c; h q[0]; h q[1]; cx q[0], q[1]; c = measure q[2];"))
    columns = {int(x) for x in re.findall(r'<rect x="(\d+)"', svg)}
    assert columns == {LEFT + CELL // 2 - 22}


def test_an_operation_does_not_cross_another() -> None:
    """CX from 0 to 2 passes over 1, where H needs a column of its own."""
    svg = draw(load(HEAD + "qubit[3] q; bit c; cx q[0], q[2]; h q[1]; c = measure q[0];"))
    (h,) = [int(x) for x, y in re.findall(r'<rect x="(\d+)" y="(\d+)"', svg) if int(y) == 45]
    assert h == LEFT + CELL + CELL // 2 - 22


def test_nothing_comes_from_elsewhere_and_names_are_escaped() -> None:
    circuit = load(HEAD + "qubit[1] q; bit[1] c; rx(0.5) q[0]; c = measure q;")
    svg = draw(circuit, 'a<b>&"c"')
    assert 'aria-label="a&lt;b&gt;&amp;&quot;c&quot;"' in svg
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "<style" not in svg
    assert "<script" not in svg


def test_long_circuits_go_on_in_further_rows_and_say_what_is_left_out() -> None:
    builder = Builder()
    builder.qreg("q", 1)
    for _ in range(MOST_OPERATIONS + 5):
        builder.gate(Op.H, [0])
    svg = draw(builder.build())
    assert texts(svg)[-1] == "and 5 more operations"
    assert texts(svg).count("q0") == MOST_OPERATIONS // COLUMNS
    assert int(ElementTree.fromstring(svg).attrib["width"]) == LEFT + COLUMNS * CELL + 12
    assert describe(builder.build()).splitlines()[-1] == "and 5 more operations"


@pytest.mark.parametrize("op", list(TABLE))
def test_every_gate_can_be_drawn(op: Op) -> None:
    builder = Builder()
    builder.qreg("q", 4)
    size = TABLE[op].num_qubits or 4
    builder.gate(op, list(range(size)), [0.5] * TABLE[op].num_params)
    circuit = builder.build()
    assert len(texts(draw(circuit))) >= size
    assert describe(circuit).startswith(f"1. {TABLE[op].name}")


def test_angles_control_flow_and_parameters() -> None:
    circuit = load(HEAD + "input float a; qubit[2] q; bit[2] c; rz(3*pi/4) q[0]; ry(a) q[1]; "
                   "c[0] = measure q[0]; if (c[0]) { x q[1]; } else { reset q[1]; } "
                   "c[1] = measure q[1];")  # fmt: skip
    shown = texts(draw(circuit))
    assert [t for t in shown if t in ("3π/4", "parameter", "if", "else", "end", "RESET")] == [
        "3π/4", "parameter", "if", "else", "RESET", "end"]  # fmt: skip
    assert "3. measure q0 into c[0]\n4. if\n5. x q1\n6. else\n7. reset q1\n8. end\n" in describe(
        circuit
    )


def test_a_circuit_of_nothing() -> None:
    builder = Builder()
    builder.qreg("q", 3)
    assert texts(draw(builder.build())) == []
    assert describe(builder.build()) == "\n"
