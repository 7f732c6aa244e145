from __future__ import annotations

import numpy as np
import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.gates import Op
from markaz.quantum.simulate.engines import feed
from markaz.testing.engine_contract import _circuit


class Recorder:
    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, *args))


NAMES = {
    **{Op.H: "h", Op.CX: "cx", Op.RZ: "rz", Op.CP: "cphase", Op.U: "u", Op.CCX: "ccx"},
}


def test_parameters_come_before_qubits_in_circuit_order():
    circuit = _circuit(
        4,
        [
            (Op.CP, [3, 1], [0.5]),
            (Op.H, [2]),
            (Op.U, [0], [0.1, 0.2, 0.3]),
            (Op.CCX, [2, 0, 1]),
            (Op.RZ, [1], [0.7]),
            (Op.CX, [1, 3]),
        ],
    )
    recorder = Recorder()
    feed.drive(circuit, recorder, NAMES)
    assert recorder.calls == [
        ("cphase", 0.5, 3, 1),
        ("h", 2),
        ("u", 0.1, 0.2, 0.3, 0),
        ("ccx", 2, 0, 1),
        ("rz", 0.7, 1),
        ("cx", 1, 3),
    ]


def test_special_gates_get_their_operands_and_parameters():
    seen = []
    circuit = _circuit(5, [(Op.MCP, [4, 0, 3], [0.5]), (Op.CSX, [2, 1]), (Op.MCX, [1, 2, 3, 4, 0])])
    special = {
        op: (lambda q, p, op=op: seen.append((op, q, p[0]))) for op in (Op.MCP, Op.CSX, Op.MCX)
    }
    feed.drive(circuit, Recorder(), {}, special)
    assert seen == [
        (Op.MCP, [4, 0, 3], 0.5),
        (Op.CSX, [2, 1], 0.0),
        (Op.MCX, [1, 2, 3, 4, 0], 0.0),
    ]


def test_unlisted_operation_is_an_error():
    with pytest.raises(ValueError, match=r"qubits \[1\]"):
        feed.drive(_circuit(2, [(Op.T, [1])]), Recorder(), NAMES)


def test_chunks_leave_nothing_out(monkeypatch):
    monkeypatch.setattr(feed, "CHUNK", 3)
    circuit = _circuit(9, [(Op.H, [q]) for q in range(8)])
    assert [q[0] for _, q, _ in feed.rows(circuit)] == list(range(8))


def test_segments_cut_at_what_is_no_gate():
    builder = Builder()
    builder.qreg("q", 2)
    builder.creg("c", 1)
    builder.reset(0)
    builder.gate(Op.H, [0])
    builder.gate(Op.MCX, [1, 0])
    builder.measure(0, 0)
    builder.reset(1)
    builder.gate(Op.X, [1])
    parts = list(feed.segments(builder.build()))
    assert [(i, gates if gates is None else len(gates)) for i, gates in parts] == [
        (0, None),
        (1, 2),
        (3, None),
        (4, None),
        (5, 1),
    ]
    assert parts[1][1].operands(1) == [1, 0]


def test_segments_of_nothing():
    assert list(feed.segments(_circuit(1, []))) == []


@pytest.mark.parametrize("width", [1, 7, 8, 9, 63, 64, 65, 200])
def test_bits_of_integers(width):
    values = [0, 1, (1 << width) - 1, 1 << (width - 1)]
    bits = feed.bits_of_integers(values, width)
    assert bits.shape == (4, width)
    assert bits.dtype == np.uint8
    assert [sum(int(b) << k for k, b in enumerate(row)) for row in bits] == values
