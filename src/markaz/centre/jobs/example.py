"""The worked example of fair share; the explanation quotes its numbers and tests compute them.

Two institutions with 60 and 40 shares. The first has two projects, with 2 shares and 1; the
larger of them has three members, of whom two have used the same. The second institution has
one project with one member, and has used more than its part.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from markaz.centre.jobs.fairtree import Floats, Tree, fair_tree

INSTITUTIONS: Final = {"North University": 60, "Coast Institute": 40}
PROJECTS: Final = {
    "materials": ("North University", 2),
    "chemistry": ("North University", 1),
    "sensing": ("Coast Institute", 1),
}
# person -> project, shares, decayed usage in QPU-seconds
PERSONS: Final = {
    "Amal": ("materials", 1, 100.0),
    "Bina": ("materials", 1, 100.0),
    "Celik": ("materials", 2, 40.0),
    "Dara": ("chemistry", 1, 180.0),
    "Esra": ("sensing", 1, 580.0),
}


def fair_share() -> list[dict[str, Any]]:
    """Every node with its shares S and usage U among its siblings, LF = S / U, and for
    persons rank and factor; the order of the walk, first who is served first."""
    names = list(INSTITUTIONS), list(PROJECTS), list(PERSONS)
    levels = fair_tree(_tree(*names), np.array([used for _, _, used in PERSONS.values()]))
    rows = _rows("institution", names[0], levels.institutions)
    rows += _rows("project", names[1], levels.projects)
    persons = _rows("person", names[2], levels.persons)
    for row, rank, factor in zip(persons, levels.ranks, levels.factors, strict=True):
        row |= {"rank": int(rank), "factor": float(factor)}
    return rows + sorted(persons, key=lambda row: -row["rank"])


def _tree(institutions: list[str], projects: list[str], persons: list[str]) -> Tree:
    return Tree(
        institutions=np.array([INSTITUTIONS[name] for name in institutions], float),
        projects=np.array([PROJECTS[name][1] for name in projects], float),
        institution_of=np.array([institutions.index(PROJECTS[n][0]) for n in projects], np.int64),
        persons=np.array([PERSONS[name][1] for name in persons], float),
        project_of=np.array([projects.index(PERSONS[n][0]) for n in persons], np.int64),
    )


def _rows(
    level: str, names: list[str], found: tuple[Floats, Floats, Floats]
) -> list[dict[str, Any]]:
    return [
        {"level": level, "name": name, "S": float(s), "U": float(u), "LF": float(lf)}
        for name, s, u, lf in zip(names, *found, strict=True)
    ]
