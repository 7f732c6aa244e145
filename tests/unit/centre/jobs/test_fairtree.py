from __future__ import annotations

import numpy as np
import pytest

from markaz.centre.jobs.fairtree import Tree, decayed, fair_tree


def tree(shares: dict[str, tuple[int, dict[str, tuple[int, dict[str, int]]]]]) -> Tree:
    """A tree from nested {institution: (shares, {project: (shares, {person: shares})})}."""
    institutions, projects, institution_of, persons, project_of = [], [], [], [], []
    for own, children in shares.values():
        institutions.append(own)
        for share, people in children.values():
            institution_of.append(len(institutions) - 1)
            projects.append(share)
            for person in people.values():
                project_of.append(len(projects) - 1)
                persons.append(person)
    return Tree(
        np.array(institutions, float),
        np.array(projects, float),
        np.array(institution_of, np.int64),
        np.array(persons, float),
        np.array(project_of, np.int64),
    )


ONE_EACH = {"i": (1, {"p": (1, {"a": 1, "b": 1, "c": 1})})}


def test_the_less_one_used_the_earlier_one_comes() -> None:
    levels = fair_tree(tree(ONE_EACH), np.array([5.0, 0.0, 1.0]))
    assert levels.ranks.tolist() == [1, 3, 2]
    assert levels.factors.tolist() == pytest.approx([1 / 3, 1.0, 2 / 3])


def test_persons_who_tie_share_a_rank_and_the_next_one_skips() -> None:
    levels = fair_tree(tree(ONE_EACH), np.array([2.0, 2.0, 7.0]))
    assert levels.ranks.tolist() == [3, 3, 1]


def test_shares_without_usage_come_first_and_no_shares_last() -> None:
    shape = {"i": (1, {"p": (1, {"a": 1, "b": 0, "c": 1})})}
    levels = fair_tree(tree(shape), np.array([0.0, 0.0, 9.0]))
    assert levels.ranks.tolist() == [3, 1, 2]
    assert levels.persons[2].tolist() == [np.inf, 0.0, 0.5]  # (1/2) / (9/9)


def test_everybody_of_the_under_served_institution_precedes_everybody_of_the_other() -> None:
    shape = {
        "heavy": (1, {"p": (1, {"a": 1, "b": 1})}),
        "light": (1, {"q": (1, {"c": 1, "d": 1})}),
    }
    levels = fair_tree(tree(shape), np.array([100.0, 0.0, 30.0, 1.0]))
    # b has used nothing and still comes after both of the other institution
    assert levels.ranks.tolist() == [1, 2, 3, 4]


def test_projects_that_tie_have_their_members_merged_into_one_list() -> None:
    shape = {
        "i": (1, {"p": (1, {"a": 1, "b": 1}), "q": (1, {"c": 1, "d": 1})}),
    }
    # both projects used 10; without merging a and b would precede c and d, or follow them
    levels = fair_tree(tree(shape), np.array([9.0, 1.0, 2.0, 8.0]))
    assert levels.projects[2].tolist() == [1.0, 1.0]
    assert levels.ranks.tolist() == [1, 4, 3, 2]


def test_institutions_that_tie_have_their_projects_merged() -> None:
    shape = {
        "i": (2, {"p": (1, {"a": 1}), "q": (1, {"b": 1})}),
        "j": (2, {"r": (1, {"c": 1}), "s": (1, {"d": 1})}),
    }
    levels = fair_tree(tree(shape), np.array([4.0, 6.0, 1.0, 9.0]))
    assert levels.ranks.tolist() == [3, 2, 4, 1]


def test_nobody_at_all() -> None:
    levels = fair_tree(tree({}), np.zeros(0))
    assert levels.ranks.tolist() == []


def test_usage_counts_half_after_a_half_life() -> None:
    week = 7 * 86400.0
    assert decayed(8.0, 0, int(week * 1e6), week) == pytest.approx(4.0)
    assert decayed(8.0, 0, int(3 * week * 1e6), week) == pytest.approx(1.0)


def test_ranks_do_not_depend_on_when_one_looks() -> None:
    rng = np.random.default_rng(3)
    shape = tree({"i": (3, {"p": (1, {"a": 1, "b": 2}), "q": (2, {"c": 1})}), "j": (1, {})})
    usage = rng.exponential(10, 3)
    later = np.array([decayed(u, 0, 10**12, 604800.0) for u in usage])
    assert fair_tree(shape, usage).ranks.tolist() == fair_tree(shape, later).ranks.tolist()


def test_sums_in_another_order_still_tie() -> None:
    shape = {
        "i": (1, {"p": (1, {"a": 1, "b": 1, "c": 1}), "q": (1, {"d": 1, "e": 1, "f": 1})}),
    }
    levels = fair_tree(tree(shape), np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]))
    assert levels.ranks.tolist() == [6, 4, 2, 2, 4, 6]
