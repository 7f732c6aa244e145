"""Fair Tree over institution → project → person, as Slurm's ``fair_tree.c`` defines it.

At every level a node's claim is its level fair share ``LF = S / U``: its shares among its
siblings' over its usage among theirs (no shares: 0; shares but no usage: infinite). The tree
is walked depth first, highest LF first, and the persons are ranked in the order in which they
are met: of N the first has rank N. So whoever belongs to the more under-served institution
comes before everybody of the other one, and a heavy user harms nobody but their own project.

Ties: persons with equal LF under the same parent share a rank, and the next rank skips;
projects (institutions) with equal LF have their children merged into one list before sorting.
LF does not depend on when usage is looked at, since decay takes the same part of all of it:
ranks change only with usage, shares and members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BITS: Final = 40  # of the mantissa; sums of equal usages in another order must still tie


@dataclass(frozen=True, slots=True)
class Tree:
    """Shares of every node, and each node's parent as an index into the level above.

    ``institutions`` (I,), ``projects`` (P,) under ``institution_of`` (P,), ``persons`` (N,)
    under ``project_of`` (N,); a person in two projects is two associations.
    """

    institutions: Floats
    projects: Floats
    institution_of: Ints
    persons: Floats
    project_of: Ints


@dataclass(frozen=True, slots=True)
class Levels:
    """Each level's S, U and LF (I,), (P,), (N,), the rank of every person (N,), and usage
    summed by project (P,) and institution (I,)."""

    institutions: tuple[Floats, Floats, Floats]
    projects: tuple[Floats, Floats, Floats]
    persons: tuple[Floats, Floats, Floats]
    ranks: Ints
    project_usage: Floats
    institution_usage: Floats

    @property
    def factors(self) -> Floats:
        """The fair-share factor of every person, rank / N, in (0, 1]."""
        return self.ranks / max(1, len(self.ranks))


def decayed(amount: Any, as_of: Any, now: int, half_life: float) -> Any:
    """Usage ``amount`` (QPU-seconds) of time ``as_of`` as it counts at ``now`` (microseconds).

    ``amount · 2^(−(now − as_of) / half_life)``, half-life in seconds.
    """
    return amount * np.exp2(-(now - as_of) / (half_life * 1e6))


def fair_tree(tree: Tree, usage: Floats) -> Levels:
    """Level fair shares and ranks for ``usage`` (N,), all of it as of the same moment."""
    by_project = sums(tree.project_of, usage, len(tree.projects))
    by_institution = sums(tree.institution_of, by_project, len(tree.institutions))
    root = np.zeros(len(tree.institutions), np.int64)
    institutions = _level(tree.institutions, by_institution, root, 1)
    projects = _level(tree.projects, by_project, tree.institution_of, len(tree.institutions))
    persons = _level(tree.persons, usage, tree.project_of, len(tree.projects))
    first = _positions(root, institutions[2])
    first = _positions(first[tree.institution_of], projects[2])
    first = _positions(first[tree.project_of], persons[2])
    ranks = len(usage) - first
    return Levels(institutions, projects, persons, ranks, by_project, by_institution)


def sums(of: Ints, values: Floats, count: int) -> Floats:
    """Sum of ``values`` for each of ``count`` parents; ``of``: each value's parent."""
    return np.bincount(of, values, minlength=count).astype(np.float64, copy=False)


def _level(
    shares: Floats, usage: Floats, parent: Ints, parents: int
) -> tuple[Floats, Floats, Floats]:
    """S, U and LF of one level."""
    s = _part(shares, sums(parent, shares, parents)[parent])
    u = _part(usage, sums(parent, usage, parents)[parent])
    lf = np.full(len(s), np.inf)
    np.divide(s, u, out=lf, where=u > 0)
    lf[s == 0] = 0.0
    return s, u, lf


def _part(own: Floats, whole: Floats) -> Floats:
    out = np.zeros(len(own))
    np.divide(own, whole, out=out, where=whole > 0)
    return out


def _positions(above: Ints, lf: Floats) -> Ints:
    """For each node the position of the first node of its class, best first.

    A class is what the walk cannot tell apart: equal class of the parent and equal LF.
    """
    if not len(lf):
        return np.zeros(0, np.int64)
    level = _rounded(lf)
    order = np.lexsort((-level, above))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(above[order]) != 0) | (level[order][1:] != level[order][:-1])
    at = np.arange(len(order))
    first = np.empty(len(order), np.int64)
    first[order] = np.maximum.accumulate(np.where(new, at, 0))
    return first


def _rounded(lf: Floats) -> Floats:
    mantissa, exponent = np.frexp(lf)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS))
