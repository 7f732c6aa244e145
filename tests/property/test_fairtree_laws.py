"""Laws of Fair Tree for any tree, and the walk that defines it as an oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from markaz.centre.jobs.fairtree import Floats, Tree, fair_tree

SHARES = st.integers(0, 4)
USED = st.sampled_from([0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 10.0])  # ties are common


@st.composite
def trees(draw: Any) -> tuple[Tree, Floats]:
    """Small trees with zero shares, zero usage and many ties."""
    institutions = draw(st.integers(1, 4))
    projects = draw(st.lists(st.integers(0, institutions - 1), min_size=1, max_size=6))
    persons = draw(st.lists(st.integers(0, len(projects) - 1), min_size=1, max_size=10))

    def shares(count: int) -> Floats:
        return np.array(draw(st.lists(SHARES, min_size=count, max_size=count)), float)

    tree = Tree(
        shares(institutions), shares(len(projects)), np.array(projects, np.int64),
        shares(len(persons)), np.array(persons, np.int64),
    )  # fmt: skip
    used = draw(st.lists(USED, min_size=len(persons), max_size=len(persons)))
    return tree, np.array(used)


def walk(tree: Tree, used: Floats) -> list[int]:
    """Ranks by the definition: walk depth first, merging the children of accounts that tie."""
    by_project = [sum(used[tree.project_of == p]) for p in range(len(tree.projects))]
    by_institution = [
        sum(by_project[p] for p in np.flatnonzero(tree.institution_of == i))
        for i in range(len(tree.institutions))
    ]

    def fairness(shares: Any, usage: Any, siblings: Any, at: int) -> float:
        s = shares[at] / (sum(shares[k] for k in siblings) or 1.0)
        u = usage[at] / (sum(usage[k] for k in siblings) or 1.0)
        if s == 0:
            return 0.0
        return float("inf") if u == 0 else float(round(s / u, 9))

    def classes(nodes: list[int], level: dict[int, float]) -> list[list[int]]:
        ordered = sorted({level[n] for n in nodes}, reverse=True)
        return [[n for n in nodes if level[n] == value] for value in ordered]

    level_i = {
        i: fairness(tree.institutions, by_institution, range(len(tree.institutions)), i)
        for i in range(len(tree.institutions))
    }
    level_p = {
        p: fairness(
            tree.projects, by_project,
            np.flatnonzero(tree.institution_of == tree.institution_of[p]), p,
        )
        for p in range(len(tree.projects))
    }  # fmt: skip
    level_u = {
        u: fairness(tree.persons, used, np.flatnonzero(tree.project_of == tree.project_of[u]), u)
        for u in range(len(used))
    }
    ranks, left = [0] * len(used), len(used)
    for merged_i in classes(list(level_i), level_i):
        children = [p for p in level_p if tree.institution_of[p] in merged_i]
        for merged_p in classes(children, level_p):
            people = [u for u in level_u if tree.project_of[u] in merged_p]
            for tied in classes(people, level_u):
                for person in tied:
                    ranks[person] = left
                left -= len(tied)
    return ranks


@given(trees())
def test_ranks_are_those_of_the_walk(drawn: tuple[Tree, Floats]) -> None:
    tree, used = drawn
    assert fair_tree(tree, used).ranks.tolist() == walk(tree, used)


@given(trees(), st.data())
def test_using_more_never_raises_a_rank(drawn: tuple[Tree, Floats], data: st.DataObject) -> None:
    tree, used = drawn
    who = data.draw(st.integers(0, len(used) - 1))
    more = used.copy()
    more[who] += data.draw(st.sampled_from([0.5, 1.0, 5.0]))
    assert fair_tree(tree, more).ranks[who] <= fair_tree(tree, used).ranks[who]


@given(trees())
def test_ranks_are_positions_with_ties(drawn: tuple[Tree, Floats]) -> None:
    tree, used = drawn
    ranks = sorted(fair_tree(tree, used).ranks.tolist(), reverse=True)
    for position, rank in enumerate(ranks):
        expected = len(ranks) - position
        assert rank == expected or (position and rank == ranks[position - 1])


@given(trees(), st.data())
def test_a_heavy_user_harms_nobody_in_another_institution(
    drawn: tuple[Tree, Floats], data: st.DataObject
) -> None:
    tree, used = drawn
    who = data.draw(st.integers(0, len(used) - 1))
    more = used.copy()
    more[who] += 100.0
    home = tree.institution_of[tree.project_of]
    before, after = fair_tree(tree, used).ranks, fair_tree(tree, more).ranks
    others = np.flatnonzero(home != home[who])
    levels = fair_tree(tree, used).institutions[2], fair_tree(tree, more).institutions[2]
    for other in others:
        # Its own institution's standing has not become worse, and so neither has its place
        # before everybody of the heavy user's institution.
        assert levels[1][home[other]] >= levels[0][home[other]] or levels[0][home[other]] == np.inf
        if before[other] > before[who]:
            assert after[other] > after[who]
