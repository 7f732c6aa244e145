"""The first set-up of a centre: an operator, an institution and a project to begin with."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from markaz.centre.access import SCOPES, SYSTEM, CentreRole, ProjectRole, system, verb
from markaz.centre.db.tables import meta
from markaz.centre.db.unique import unique
from markaz.centre.fields import line
from markaz.centre.ids import new_id
from markaz.centre.people import passwords, tokens
from markaz.centre.people.accounts import login_name
from markaz.centre.people.key_verbs import issue
from markaz.centre.people.port import Host
from markaz.centre.people.tables import centre_roles, institutions, users
from markaz.centre.projects.lifecycle import State
from markaz.centre.projects.members import put_member
from markaz.centre.projects.tables import projects
from markaz.centre.work import Work

MARK: Final = "set_up"
# login, name, role in the demo project
DEMO: Final = (
    ("ayesha", "Ayesha (demo researcher)", ProjectRole.PI),
    ("bilal", "Bilal (demo student)", ProjectRole.MEMBER),
)


def set_up_facts(connection: Connection) -> dict[str, Any] | None:
    """What the first set-up made (``operator``, ``login``, ``project`` …); None before it."""
    row = connection.execute(select(meta.c.value).where(meta.c.name == MARK)).first()
    return None if row is None else dict(json.loads(row.value))


def set_up(
    centre: Host, *, login: str = "admin", institution: str | None = None, demo: bool = True
) -> dict[str, Any]:
    """Set an empty centre up; its secrets are in ``secret``, this once.

    ``secret``: ``password`` and ``api_key`` of the operator, ``worker_key``, and with
    ``demo`` the keys of the demo people by login (``people``). Errors: ``conflict`` if it
    was done before.
    """
    password = new_password()
    answer = centre.perform(
        set_up_verb,
        SYSTEM,
        login=login,
        hashed=passwords.hashed(password),
        institution=institution or centre.services.settings["site_name"],
        demo=demo,
    )
    return dict(answer) | {"secret": answer["secret"] | {"password": password}}


def new_password() -> str:
    """A password of 119 random bits, in groups that can be read out."""
    letters = tokens.DIGITS
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@verb("centre.set_up", rule=system, scope=None)
def set_up_verb(
    work: Work, _subject: None, *, login: str, hashed: str, institution: str, demo: bool
) -> dict[str, Any]:
    """Make the first operator with a key, the default institution and project, a worker's key.

    ``set_up`` is its front door. Errors: ``conflict`` if it was done before.
    """
    with unique("this centre was set up before"):
        work.run(insert(meta).values(name=MARK, value="{}"))
    home = _institution(work, institution)
    operator = _person(work, login_name(login), "Operator", home, hashed)
    role = {"user_id": operator, "role": CentreRole.OPERATOR, "granted_at": work.now}
    work.run(insert(centre_roles).values(role))
    project = _project(work, home, "default", "Default project", operator)
    answer: dict[str, Any] = {
        "operator": operator,
        "login": login_name(login),
        "institution": home,
        "project": project,
        "secret": {
            "api_key": _key(work, operator, "first operator", set(SCOPES)),
            "worker_key": issue(work, "w", user_id=None, label="local workers")["secret"],
        },
    }
    if demo:
        answer["demo"], answer["secret"]["people"] = _demo(work)
    facts = json.dumps({k: v for k, v in answer.items() if k != "secret"})
    work.run(update(meta).where(meta.c.name == MARK).values(value=facts))
    work.record(operator, role=CentreRole.OPERATOR, project=project)
    return answer


def _demo(work: Work) -> tuple[dict[str, Any], dict[str, str]]:
    """A demo institution with people and a project of theirs; what was made, and their keys.

    They have no password: their keys, or an operator's one-time code, let them in.
    """
    home = _institution(work, "Demo University")
    ids = {login: _person(work, login, name, home, None) for login, name, _ in DEMO}
    project = _project(work, home, "demo", "Demo project", ids[DEMO[0][0]])
    for login, _, role in DEMO[1:]:
        put_member(work, project, ids[login], role)
    scopes = set(SCOPES) - {"operate", "account"}
    keys = {login: _key(work, user, "demo", scopes) for login, user in ids.items()}
    return {"institution": home, "project": project, "people": ids}, keys


def _institution(work: Work, name: str) -> str:
    now = work.services.clock.now()  # not the transaction's: the first must be the oldest
    row = {"id": new_id(now), "name": line("institution", name), "created_at": now}
    with unique(f"there is already an institution {name!r}"):
        work.run(insert(institutions).values(row))
    return str(row["id"])


def _person(work: Work, login: str, name: str, home: str, hashed: str | None) -> str:
    row = {
        "id": new_id(work.now),
        "login": login,
        "name": name,
        "institution_id": home,
        "state": "active",
        "password_hash": hashed,
        "created_at": work.now,
    }
    with unique(f"the login {login!r} is taken"):
        work.run(insert(users).values(row))
    return str(row["id"])


def _project(work: Work, home: str, slug: str, title: str, pi: str) -> str:
    row = {
        "id": new_id(work.now),
        "slug": slug,
        "title": title,
        "institution_id": home,
        "state": State.ACTIVE,
        "any_device": True,
        "created_at": work.now,
    }
    work.run(insert(projects).values(row))
    put_member(work, str(row["id"]), pi, ProjectRole.PI)
    return str(row["id"])


def _key(work: Work, user: str, label: str, scopes: set[str]) -> str:
    return str(issue(work, "u", user_id=user, label=label, scopes=scopes)["secret"])
