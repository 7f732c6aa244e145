"""Who may see and change the ledger. Another tenant's ledger is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from markaz.centre.access import LEADS, CentreRole, ProjectRole, holder_of, person
from markaz.centre.fields import known_id
from markaz.centre.ledger.entries import find
from markaz.centre.projects.rules import find as find_project
from markaz.centre.projects.rules import viewer
from markaz.centre.work import Work

ALLOTTERS: Final = (CentreRole.OPERATOR, CentreRole.ALLOCATOR)
LOOKERS: Final = (*ALLOTTERS, CentreRole.DIRECTOR)
ACCOUNTANTS: Final = LEADS | {ProjectRole.ALLOCATOR}

allotter: Final = holder_of(*ALLOTTERS)


@dataclass(frozen=True, slots=True)
class Account:
    """A project whose ledger somebody may look at; all its entries, or only their own."""

    project: Any
    all_entries: bool


def account(work: Work, *, project: Any, **_: Any) -> Account:
    """Members of the project, and whoever watches over all credits; by id or short name."""
    found = viewer(work, project)
    everything = work.actor.has(*LOOKERS) or found.role in ACCOUNTANTS
    return Account(found.row, everything or found.row.job_visibility == "all")


def account_if_named(work: Work, *, project: Any = None, **_: Any) -> Account | None:
    """Whoever is logged in; with a project, whoever may see its account."""
    person(work)
    return None if project is None else account(work, project=project)


def granted_project(work: Work, *, project: Any, **_: Any) -> Any:
    """Who allots credits; the project's row."""
    allotter(work)
    return find_project(work, project)


def allotted(work: Work, *, allocation: Any, **_: Any) -> Any:
    """Who allots credits; the allocation's row."""
    allotter(work)
    return find(work, known_id("allocation", allocation))
