"""What the head of every page leads to, by who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markaz.centre.access import CentreRole
from markaz.interfaces.portal.page import N_

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit


@dataclass(frozen=True, slots=True)
class Item:
    """An entry: for everybody (``person`` None), for strangers only (False) or for people;
    with ``roles`` only for those who hold one of them."""

    path: str
    label: str
    person: bool | None = True
    roles: tuple[CentreRole, ...] = ()


MENU: Final[tuple[Item, ...]] = (
    Item("/home", N_("Home")),
    Item("/composer", N_("Composer"), None),
    Item("/submit", N_("Run a program")),
    Item("/jobs", N_("Jobs")),
    Item("/sessions", N_("Sessions")),
    Item("/projects", N_("Projects")),
    Item("/devices", N_("Devices"), None),
    Item("/announcements", N_("Announcements"), None),
    Item("/keys", N_("Keys")),
    Item("/operate", N_("Operation"), roles=(CentreRole.OPERATOR, CentreRole.DIRECTOR)),
    Item("/operate/projects", N_("Projects and credits"), roles=(CentreRole.ALLOCATOR,)),
    Item("/usage", N_("Use"), roles=(CentreRole.OPERATOR, CentreRole.DIRECTOR)),
)


def menu_of(visit: Visit) -> list[tuple[str, str, bool]]:
    """Address, label and whether one is there, for each entry that ``visit`` gets."""
    here = visit.request.url.path
    return [
        (
            item.path,
            visit.gettext(item.label),
            here == item.path or here.startswith(item.path + "/"),
        )
        for item in MENU
        if item.person in (None, visit.actor.known)
        and (not item.roles or visit.actor.has(*item.roles))
    ]
