"""Messy files, each with the operations that it must become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from markaz.quantum.programs.limits import DEFAULT
from markaz.quantum.programs.openqasm import read_openqasm
from markaz.quantum.programs.validate import validate
from tests.circuit_listing import listing

GOLDEN = Path(__file__).parents[3] / "golden" / "openqasm"
FILES = sorted(GOLDEN.glob("*.qasm"))


def test_there_are_golden_files() -> None:
    assert [f.stem for f in FILES] == [
        "late_header",
        "many_controls",
        "mid_circuit",
        "modern",
        "no_header",
        "redefined",
        "windows",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_messy_file_becomes_the_expected_operations(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    circuit = read_openqasm(text)
    validate(circuit, DEFAULT)
    assert listing(circuit) == path.with_suffix(".ops").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_layout_of_the_text_does_not_matter(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    spread = (
        re.sub(r"//.*", "", text)
        .replace(";", " ; // a remark\n\n /* and ; another */\t")
        .replace(",", "\n ,\r\n ")
    )
    if path.stem == "modern":
        spread = spread.replace("#pragma layout trivial", "\n#pragma layout trivial\n")
    assert listing(read_openqasm(spread)) == path.with_suffix(".ops").read_text()
