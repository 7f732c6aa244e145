"""The program reader is compiled once and handed over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.programs.intake import load
from markaz.quantum.programs.openqasm import compiled, kernel_gates, kernel_reader
from markaz.quantum.programs.openqasm.kernel_ground import Ground
from markaz.quantum.programs.openqasm.kernel_layout import AT
from markaz.quantum.simulate import kernels_reading
from markaz.quantum.simulate.jit import Kernel
from markaz.quantum.simulate.kernels_reading import compile_reader, kernels

TEXT = "OPENQASM 2.0;\nqreg q[2];\ncreg c[2];\n" + "rz(0.5) q[0];\ncx q[0],q[1];\n" * 500


@pytest.fixture
def compiled_reader() -> Iterator[None]:
    before = compiled.reader()
    compile_reader()
    yield
    compiled.use(before)


def test_compiled_functions_call_compiled_ones() -> None:
    read, enter = kernels()
    seen = read.function.__globals__
    assert isinstance(seen["define"], Kernel)
    assert isinstance(seen["define"].function.__globals__["parameter"], Kernel)
    assert enter.function.__globals__["slot_of"] is seen["slot_of"]
    assert kernel_reader.read is not read.function  # the plain one stays as it is
    assert not isinstance(kernel_gates.put, Kernel)


def test_a_changed_text_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kernels_reading._version()
    monkeypatch.setattr(kernel_gates, "__file__", __file__)
    assert kernels_reading._version() != before
    assert kernels()[0].function.__qualname__ == f"read_{before}"


def test_programs_are_read_by_it(compiled_reader: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    read = Ground.read

    def watched(ground: Ground) -> int:
        status = read(ground)
        ends.append(int(ground.tables.m[AT]))
        return status

    monkeypatch.setattr(Ground, "read", watched)
    circuit = load(TEXT)
    assert (len(circuit), ends) == (1002, [len(TEXT)])


def test_a_confined_child_reads_with_it_too(compiled_reader: None) -> None:
    assert len(load(TEXT, guarded=True)) == 1002
    with pytest.raises(ProgramError, match="line 1004, column 1: gate 'nosuch' is not defined"):
        load(TEXT + "nosuch q[0];", guarded=True)
