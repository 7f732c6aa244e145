"""Who asks: principals, their roles and scopes; and the registry of verbs and queries.

A verb changes something, a query only looks. Each declares a rule; there is no way to
define one without. The rule loads what the verb is about and refuses whoever may not, and
the body gets what the rule loaded, so that nothing can act on a row that was not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from markaz.centre.errors import CentreError, forbidden

if TYPE_CHECKING:
    from markaz.centre.work import Work


class CentreRole(StrEnum):
    """What a person is to the whole centre."""

    OPERATOR = "operator"
    DIRECTOR = "director"
    ALLOCATOR = "resource allocator"
    REVIEWER = "reviewer"
    TRAINER = "trainer"


class ProjectRole(StrEnum):
    """What a person is in one project, most powerful first."""

    PI = "pi"
    CO_PI = "co-pi"
    ALLOCATOR = "resource allocator"
    TRAINER = "trainer"
    MEMBER = "member"


LEADS: Final = frozenset({ProjectRole.PI, ProjectRole.CO_PI})

# scope -> what a key that has it may do
SCOPES: Final[dict[str, str]] = {
    "jobs:read": "see jobs and results",
    "jobs:write": "submit and cancel jobs, open sessions",
    "projects:read": "see projects, members and credits",
    "projects:write": "change projects and members",
    "devices:read": "see devices, calendars and rates",
    "account": "see and change the own account and its keys",
    "operate": "whatever the person's roles at the centre allow",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. ``scopes`` None means all (a login); a key may have fewer.

    ``project`` is set for a key that is bound to one project.
    """

    id: str
    kind: str  # anonymous, user, worker, system
    roles: frozenset[CentreRole] = frozenset()
    scopes: frozenset[str] | None = None
    key: str | None = None
    project: str | None = None

    @property
    def known(self) -> bool:
        """Whether this is a person who has proved who they are."""
        return self.kind == "user"

    def has(self, *roles: CentreRole) -> bool:
        """Whether one of ``roles`` is held at the centre, by a login or key that may use it."""
        usable = self.scopes is None or "operate" in self.scopes
        return usable and not self.roles.isdisjoint(roles)


ANONYMOUS: Final = Principal("anonymous", "anonymous")
SYSTEM: Final = Principal("system", "system")

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Act:
    """A verb or a query: its name, the scope that a key needs, its rule and its body.

    ``ahead(work, **arguments)`` may ask for what rule and body will read, so that it travels
    together (``db.line``); it refuses nothing.
    """

    name: str
    rule: Rule
    scope: str | None
    body: Callable[..., Any] = field(repr=False)
    changes: bool = True
    ahead: Callable[..., None] | None = None

    def __call__(self, work: Work, **arguments: Any) -> Any:
        """Check scope and rule, then do it.

        Raises CentreError: ``unauthenticated``, ``forbidden`` or ``not-found`` from the
        rule, and what the body raises.
        """
        check_scope(work.actor, self.scope)
        subject = self.rule(work, **arguments)
        if not self.changes:
            return self.body(work, subject, **arguments)
        with work.doing(self.name):
            return self.body(work, subject, **arguments)


VERBS: Final[dict[str, Act]] = {}
QUERIES: Final[dict[str, Act]] = {}


def verb(
    name: str, *, rule: Rule, scope: str | None, ahead: Callable[..., None] | None = None
) -> Callable[[Callable[..., Any]], Act]:
    """Register a function ``(work, subject, **arguments)`` that changes something.

    ``subject`` is what ``rule(work, **arguments)`` returned. The body says what changed
    with ``work.record``, once for each thing, or ``work.nothing_changed()``.
    """

    def register(body: Callable[..., Any]) -> Act:
        assert name not in VERBS, name
        VERBS[name] = act = Act(name, rule, scope, body, ahead=ahead)
        return act

    return register


def query(name: str, *, rule: Rule, scope: str | None) -> Callable[[Callable[..., Any]], Act]:
    """Register a function ``(work, subject, **arguments)`` that only looks."""

    def register(body: Callable[..., Any]) -> Act:
        assert name not in QUERIES, name
        QUERIES[name] = act = Act(name, rule, scope, body, changes=False)
        return act

    return register


def check_scope(actor: Principal, scope: str | None) -> None:
    """Raise ``forbidden`` if the actor's key does not have ``scope``."""
    if scope is not None and actor.scopes is not None and scope not in actor.scopes:
        raise CentreError("forbidden", f"this key lacks the scope {scope!r}", scope=scope)


# Rules that need nothing but the actor; the features' own rules call them.


def anyone(work: Work, **_: Any) -> None:
    """Whoever asks."""


def person(work: Work, **_: Any) -> None:
    """Whoever is logged in."""
    if not work.actor.known:
        raise CentreError("unauthenticated", "log in first, or send a key")


def system(work: Work, **_: Any) -> None:
    """The centre itself."""
    if work.actor.kind != "system":
        raise forbidden("only the centre itself does this")


def holder_of(*roles: CentreRole) -> Rule:
    """The rule that one of ``roles`` at the centre is needed."""

    def rule(work: Work, **_: Any) -> None:
        person(work)
        if not work.actor.has(*roles):
            raise forbidden(f"this needs the role {' or '.join(roles)}")

    return rule


operator: Final = holder_of(CentreRole.OPERATOR)
