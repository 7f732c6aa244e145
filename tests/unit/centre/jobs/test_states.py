from __future__ import annotations

import pytest

from markaz.centre.jobs.states import (
    ACTIVE,
    FINAL,
    MEANINGS,
    TRANSITIONS,
    WAITING,
    Event,
    State,
    after,
    allowed,
)


def test_every_state_is_waiting_active_or_final() -> None:
    assert WAITING | ACTIVE | FINAL == set(State)
    assert len(WAITING) + len(ACTIVE) + len(FINAL) == len(State)
    assert set(MEANINGS) == set(State)


def test_the_table_names_every_event() -> None:
    assert set(TRANSITIONS) == set(Event)


def test_nothing_follows_a_final_state() -> None:
    assert [(e, s) for e in Event for s in FINAL if allowed(e, s)] == []


def test_all_transitions_are_these() -> None:
    found = {(s.value, e.value, after(e, s).value) for e in Event for s in State if allowed(e, s)}
    assert found == {
        ("queued", "hold", "held"),
        ("held", "release", "queued"),
        ("held", "move", "held"),
        ("queued", "move", "queued"),
        ("queued", "claim", "claimed"),
        ("queued", "start", "running"),
        ("claimed", "begin", "running"),
        ("claimed", "complete", "completed"),
        ("running", "complete", "completed"),
        ("claimed", "fail", "failed"),
        ("running", "fail", "failed"),
        ("claimed", "stop", "cancelled"),
        ("running", "stop", "cancelled"),
        ("held", "cancel", "cancelled"),
        ("queued", "cancel", "cancelled"),
        ("claimed", "give back", "queued"),
        ("running", "give back", "queued"),
    }


def test_only_handing_out_raises_the_attempt_and_only_workers_events_are_fenced() -> None:
    raises = {e for e, step in TRANSITIONS.items() if step.raises}
    fenced = {e for e, step in TRANSITIONS.items() if step.fenced}
    assert raises == {Event.CLAIM, Event.START}
    assert fenced == {e for e, step in TRANSITIONS.items() if step.sources <= ACTIVE}


def test_a_forbidden_step_is_refused() -> None:
    with pytest.raises(ValueError, match="claim cannot follow completed"):
        after(Event.CLAIM, State.COMPLETED)
