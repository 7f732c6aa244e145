"""What an error says when no engine gave an answer: which limit was met, and what would do."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest

from markaz.quantum.programs.circuit import Builder
from markaz.quantum.programs.errors import ProgramError
from markaz.quantum.simulate import child, execute
from markaz.quantum.simulate.engines.base import EngineRefusal
from markaz.quantum.simulate.engines.registry import get
from markaz.quantum.simulate.execute import Budget, Log, run_task
from markaz.quantum.simulate.result import Candidate
from markaz.quantum.simulate.tasks import DYNAMIC, Task

KEY = "prism:auto"
TRIED = Candidate(KEY, 1e6, 1 << 30, None, certain=False, bounded=False)
NEEDY = Candidate("aer:statevector", math.inf, 0, "needs 256 GiB, the limit is 1 GiB", False)
OTHER = Candidate("aer:stabilizer", math.inf, 0, "3 gates are not Clifford", False)


def end_of(
    monkeypatch: pytest.MonkeyPatch, rows: list[Candidate], failures: list[Exception]
) -> ProgramError:
    """The error after attempts that fail in turn, the last failure again and again."""
    left: Iterator[Exception] = iter(failures)
    last = failures[-1]

    def fail(*_: object) -> None:
        raise next(left, last)

    monkeypatch.setattr(execute, "attempt_once", fail)
    b = Builder()
    b.qreg("q", 34)
    engines = {r.engine: get(r.engine) for r in rows}
    budget = Budget(time.monotonic() + 60, 60.0, 1 << 30)
    with pytest.raises(ProgramError) as caught:
        run_task(engines, rows, b.build(), Task(DYNAMIC, 1, 0, 1), None, budget, Log())
    return caught.value


def test_an_engine_that_paused_and_then_lacked_memory_did_not_lack_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = end_of(monkeypatch, [TRIED], [child.Overrun(None), child.OutOfMemory("out of memory")])

    assert error.kind == "limit-memory"
    assert error.message.startswith("no engine can hold 34 entangled qubits and 0 gates")
    assert error.message.endswith("prism:auto: out of memory)")


def test_an_engine_that_paused_and_then_refused_did_not_lack_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = end_of(monkeypatch, [TRIED], [child.Overrun(None), EngineRefusal("too wide")])

    assert error.kind == "engine"
    assert error.message.endswith("; prism:auto: too wide)")


def test_out_of_time_names_what_the_refused_engine_would_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = end_of(monkeypatch, [TRIED, OTHER, NEEDY], [child.Overrun(None)])

    assert error.kind == "limit-time"
    assert error.message.startswith("no engine finished 34 entangled qubits and 0 gates within 60")
    assert error.message.endswith("; aer:statevector needs 256 GiB, the limit is 1 GiB)")


def test_refusals_for_memory_and_other_reasons_are_a_limit_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = end_of(monkeypatch, [TRIED, OTHER, NEEDY], [EngineRefusal("too wide")])

    assert error.kind == "limit-memory"
    assert error.message.endswith(
        "(prism:auto: too wide; aer:statevector needs 256 GiB, the limit is 1 GiB)"
    )
