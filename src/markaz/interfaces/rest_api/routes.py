"""The table of routes: what each does, and who may.

A module for each feature (``routes_*.py``) holds its rows. A row names the verb or query
whose rule decides; ``who`` says in one word what that rule is, for the documentation and
for the tests, which try every row with every role.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from markaz.centre.access import QUERIES, VERBS, Act

if TYPE_CHECKING:
    from markaz.interfaces.rest_api.calls import Call

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@unique
class Who(StrEnum):
    """Who may use a route, in words; the rule of its verb or query decides."""

    ANYONE = "anyone, without a key"
    PERSON = "whoever has logged in"
    SELF = "the person that it belongs to, and operators"
    PROFILE = "the person, operators and directors"
    INSIDER = "members of the project"
    MEMBER = "members of the project, operators, directors and resource allocators"
    ACCOUNT = "those who see the project's account: members, operators, directors, allocators"
    LEAD = "the project's PI and co-PIs, and operators"
    INVITER = "the project's PI, co-PIs and trainers, and operators"
    SHARER = "the project's PI, co-PIs and resource allocator, and operators"
    MANAGER = "operators and resource allocators of the centre; others who see the project may not"
    PROJECT_OPERATOR = "operators; others who see the project may not"
    INVITATION = "the project's PI, co-PIs and trainers, and operators; for others it is not there"
    BOOKER = "the PI and co-PIs of the project that books, and operators"
    RESERVATION = "the PI and co-PIs of the project that booked, and operators"
    SUBMITTER = "members of the project that pays"
    JOB_READER = "whom the project lets see the job, operators and directors"
    JOB_CONTENTS = "whoever may see the job; of a private one its owner only"
    JOB_OWNER = "whoever submitted it, the project's PI and co-PIs, and operators"
    SESSION = "whoever opened it, the project's PI and co-PIs, operators and directors"
    SESSION_CLOSER = "whoever opened it, the project's PI and co-PIs, and operators"
    OPERATOR = "operators"
    ALLOCATOR = "operators and resource allocators of the centre"
    OVERSEER = "operators and directors"
    VIEWER = "operators, directors and resource allocators of the centre"


Handler = Callable[["Call"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address.

    The names in the path, the parameters and the fields of the body are the arguments of
    the verb or query ``does``; ``handler`` stands in where more is to be done. ``once``
    False: a POST that takes no Idempotency-Key, because what it does is not to be had again.
    ``large``: the body may be as large as the settings allow.
    """

    method: str
    path: str
    does: str
    who: Who
    summary: str
    answer: Any
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    once: bool = True
    large: bool = False
    handler: Handler | None = None
    media: str = "application/json"

    @property
    def act(self) -> Act:
        """The verb or query. Raises KeyError if nothing has that name."""
        return VERBS[self.does] if self.does in VERBS else QUERIES[self.does]

    @property
    def takes_key(self) -> bool:
        """Whether it takes an Idempotency-Key; strangers have no name to keep one under."""
        return self.once and self.method == "POST" and self.who is not Who.ANYONE

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return _PARAMETER.findall(self.path)

    @property
    def operation(self) -> str:
        """A name for the OpenAPI document."""
        parts = (p.strip("{}").replace("-", "_") for p in self.path.split("/")[2:])
        return "_".join((self.method.lower(), *parts)).replace(":", "_")
