"""A centre with its first people, and what tests of accounts and projects need of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import PasswordHasher

from markaz.centre.access import Act, Principal
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people import keys, login, passwords, post
from markaz.centre.people import verbs as people
from markaz.centre.projects import first
from markaz.centre.projects import verbs as projects

# Tests of accounts run on SQLite; those where the database decides run on PostgreSQL too.
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
PASSWORD = "gravel otter nine"
HOUR = 3_600_000_000
DAY = 24 * HOUR


class CountingHasher(PasswordHasher):
    """argon2id with the smallest costs, counting what it is asked to do."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.hashes = self.verifications = 0

    def hash(self, *arguments: Any, **named: Any) -> str:
        self.hashes += 1
        return super().hash(*arguments, **named)

    def verify(self, *arguments: Any, **named: Any) -> Any:
        self.verifications += 1
        return super().verify(*arguments, **named)


def cheap_hashes(patch: pytest.MonkeyPatch) -> CountingHasher:
    """Make hashing cheap and counted until ``patch`` ends."""
    hasher = CountingHasher()
    patch.setattr(passwords, "HASHER", hasher)
    patch.setattr(passwords, "NOBODY", PasswordHasher(1, 8, 1).hash("nobody's password"))
    return hasher


@dataclass
class Mailbox:
    """A mail server that keeps what it is given."""

    available: bool = True
    letters: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, to: str, subject: str, text: str) -> None:
        self.letters.append((to, subject, text))

    def codes(self) -> list[str]:
        """The secrets in the letters so far, oldest first."""
        post.flush()
        words = (word for letter in self.letters for word in letter[2].split())
        return [word for word in words if word.startswith("mkz_")]


@dataclass
class People:
    """A centre that was set up, with short ways to do things to it."""

    centre: Centre
    made: dict[str, Any]

    @property
    def operator(self) -> Principal:
        """The first operator, by their key."""
        return self.who(self.made["secret"]["api_key"])

    def who(self, token: str) -> Principal:
        with self.centre.engine.connect() as connection:
            return keys.authenticate(connection, token, self.centre.services.clock.now())

    def do(self, act: Act, actor: Principal, **arguments: Any) -> Any:
        return self.centre.perform(act, actor, **arguments)

    def ask(self, act: Act, actor: Principal, **arguments: Any) -> Any:
        return self.centre.ask(act, actor, **arguments)

    def join(self, name: str, email: str | None = None) -> Principal:
        """A new person with the password ``PASSWORD``, logged in."""
        mailer, self.centre.services.mailer = self.centre.services.mailer, Mailbox(False)
        made = self.do(people.create, self.operator, login=name, name=name.title(), email=email)
        self.centre.services.mailer = mailer
        login.set_password(self.centre, code=made["secret"], password=PASSWORD)
        return self.log_in(name)

    def log_in(self, name: str, **more: Any) -> Principal:
        opened = login.log_in(self.centre, login=name, password=PASSWORD, **more)
        return self.who(opened["secret"])

    def project(self, slug: str, pi: Principal, **more: Any) -> str:
        """The id of a new active project."""
        asked = self.do(projects.request, pi, slug=slug, title=slug.title(), **more)
        self.do(projects.approve, self.operator, project=slug)
        return str(asked["id"])

    def bring(self, project: str, who: Principal, role: str = "member") -> None:
        """Make a person a member."""
        self.do(projects.add, self.operator, project=project, user=who.id, role=role)

    def later(self, microseconds: int) -> None:
        """Let time pass."""
        self.centre.services.clock._origin += microseconds


def set_up(centre: Centre, *, demo: bool = False) -> People:
    return People(centre, first.set_up(centre, demo=demo))


def refusal(action: Callable[[], Any]) -> CentreError:
    """The error with which ``action`` is refused."""
    with pytest.raises(CentreError) as caught:
        action()
    return caught.value


def told(action: Callable[[], Any]) -> tuple[str, str]:
    """Kind and message of a refusal."""
    error = refusal(action)
    return error.kind, error.message
