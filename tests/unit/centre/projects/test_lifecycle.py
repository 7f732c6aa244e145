"""The table of a project's life."""

from __future__ import annotations

from markaz.centre.projects.lifecycle import LIVE, STEPS, State, steps


def test_what_may_be_done_in_each_state() -> None:
    assert {state.value: steps(state) for state in State} == {
        "requested": ["approve", "refuse"],
        "active": ["suspend", "expire", "renew", "close"],
        "suspended": ["resume", "expire", "close"],
        "expired": ["renew", "close"],
        "closed": [],
    }


def test_every_state_is_reached_and_all_but_the_last_left() -> None:
    reached = {State.REQUESTED} | {after for _, after in STEPS.values()}
    assert reached == set(State)
    assert {state for state in State if steps(state)} == LIVE
