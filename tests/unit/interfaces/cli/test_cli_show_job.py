"""How a job is shown to people."""

from __future__ import annotations

from typing import Any

import pytest

from markaz.interfaces.cli import show_job, tables
from markaz.interfaces.cli.render import Style

PLAIN = Style(width=80)
JOB: dict[str, Any] = {
    "job": "j1", "name": "", "state": "queued", "reason": None, "device": "simulator",
    "charge": None, "error": None, "why": None, "created_at": 0,
}  # fmt: skip
FACTOR = {"name": "age", "factor": 0.5, "weight": 1000.0, "points": 500.0, "words": "waits"}


def test_an_operators_words_and_an_error_are_shown() -> None:
    job = JOB | {"state": "failed", "note": "moved away",
                 "error": {"kind": "limit-time", "message": "too long"}}  # fmt: skip
    assert show_job.shown(job, PLAIN) == [
        "j1: failed on simulator",
        "  operator: moved away",
        "  limit-time: too long",
    ]


def test_emulated_devices_say_so() -> None:
    provenance = {"emulated": "EMULATED", "plan": {"engine": "x"}, "seed": 1, "attempt": 2}
    job = JOB | {"state": "completed", "charge": 1_500_000, "provenance": provenance}
    assert show_job.shown(job, PLAIN)[1:] == [
        "  charged 1.5 credits",
        "  EMULATED",
        "  x, seed 1, attempt 2",
    ]


def test_values_are_named_where_the_observables_are_known() -> None:
    job = JOB | {"state": "completed", "values": [1.0], "standard_errors": [0.0]}
    assert [line.split()[0] for line in show_job.shown(job, PLAIN)[1:]] == ["0"]
    assert [line.split()[0] for line in show_job.shown(job, PLAIN, ["ZZ"])[1:]] == ["ZZ"]


def test_everything_that_keeps_a_job_waiting_is_told_once() -> None:
    why = {
        "position": 12_345, "position_exact": False, "priority": 500.4,
        "wait": {"p50": 30.0, "p90": 7200.0},
        "words": ["about 12344 jobs are before it", "it will probably …", "device is reserved"],
        "factors": [FACTOR],
        "fair_share": [{"level": "project", "words": "has half"}],
        "interventions": [
            {"what": "override", "reason": "a demonstration", "at": 0, "own": False},
            {"what": "hold", "reason": "a look at it", "at": 0, "own": True},
        ],
    }  # fmt: skip
    assert show_job.why_lines(why, PLAIN) == [
        "  position about 12,345",
        "  starts in 30.0 s to 2.0 h (P50 to P90)",
        "  - device is reserved",
        "  - priority 500",
        "  - 500 for age: waits",
        "  - project: has half",
        "  - an operator changed the priority of another job on 1970-01-01 00:00:00: a",
        "    demonstration",
        "  - an operator held on 1970-01-01 00:00:00: a look at it",
    ]


def test_a_held_job_says_why_only() -> None:
    why = {"words": ["its project is not active"], "reason": "project", "interventions": []}
    job = JOB | {"state": "held", "reason": "project", "why": why}
    assert show_job.shown(job, PLAIN) == [
        "j1: held (project) on simulator",
        "  - its project is not active",
    ]


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("queued", None, "j1 queued"),
        ("held", "allocation", "j1 held: the project has no credits left for it"),
        ("held", "dependency", "j1 held: dependency"),
    ],
)
def test_what_was_taken_in(state: str, reason: str | None, said: str) -> None:
    assert show_job.submitted(JOB | {"state": state, "reason": reason}) == said


def test_why_is_an_object_for_programs_also_after_the_end() -> None:
    assert show_job.contracted(JOB)["why"] == {}
    assert show_job.contracted(JOB | {"why": {"words": []}})["why"] == {"words": []}


def test_nothing_that_others_wrote_commands_the_terminal() -> None:
    evil = "\x1b[2Jgone\u202e\r"
    job = JOB | {"state": "failed", "name": evil, "note": evil,
                 "error": {"kind": "parse", "message": evil}}  # fmt: skip
    shown = "".join(show_job.shown(job, PLAIN)) + tables.word(evil)
    assert shown.count("gone") == 4
    assert not set(shown) & set("\x1b\u202e\r")
    urdu = "علی\N{ZERO WIDTH NON-JOINER}محمد"
    assert tables.word(urdu) == urdu
